//! Passwords: argon2id, never on an async thread, never more than two at once.
//!
//! One verification takes 19 MiB and tens of milliseconds by intent. Two permits
//! keep a burst of sign-ins from starving everything else; beyond a short queue the
//! answer is "busy", not a growing pile. A name that does not exist is verified
//! against a made-up hash, so that it takes as long as one that does.

use crate::ports::EngineError;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use std::sync::Arc;
use tokio::{sync::Semaphore, task::spawn_blocking};

pub const MIN_CHARS: usize = 10;
pub const MAX_BYTES: usize = 1024;

const AT_ONCE: usize = 2;
/// Verifications that may wait for a permit, beyond those that run.
const WAITING: usize = 32;

/// What one hash costs. The default is OWASP's recommendation for argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    pub memory_kib: u32,
    pub passes: u32,
}

impl Default for PasswordCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2 }
    }
}

impl PasswordCost {
    /// As cheap as argon2 allows, for tests that sign in a hundred times.
    pub const LEAST: PasswordCost = PasswordCost { memory_kib: 8, passes: 1 };

    fn argon2(self) -> Argon2<'static> {
        let params = Params::new(self.memory_kib, self.passes, 1, None).unwrap_or_default();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    }

    /// A hash that no password has, of the same cost as a real one.
    fn nobody(self) -> String {
        let Self { memory_kib, passes } = self;
        let salt = STANDARD_NO_PAD.encode(rand::random::<[u8; 16]>());
        let hash = STANDARD_NO_PAD.encode(rand::random::<[u8; 32]>());
        format!("$argon2id$v=19$m={memory_kib},t={passes},p=1${salt}${hash}")
    }
}

/// Too many sign-ins wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ins at once")]
pub struct Busy;

pub struct Passwords {
    cost: PasswordCost,
    nobody: String,
    /// For those that run and those that wait.
    places: Arc<Semaphore>,
    /// For those that run.
    permits: Arc<Semaphore>,
}

impl Passwords {
    pub fn new(cost: PasswordCost) -> Self {
        Self {
            cost,
            nobody: cost.nobody(),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Whether `password` is the one behind `hash`; with no hash it never is, at the same cost.
    pub async fn verify(&self, hash: Option<&str>, password: String) -> Result<bool, Busy> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).to_owned();
        let matches = self.limited(move || verify_now(&hash, &password)).await?;
        Ok(matches && known)
    }

    /// The hash to store, as a PHC string.
    pub async fn hash(&self, password: String) -> Result<String, HashError> {
        let cost = self.cost;
        let hash = self.limited(move || hash_now(cost, &password)).await?;
        Ok(hash?)
    }

    /// Place and permit go with the work: what runs counts until it is done, also where
    /// whoever asked is gone by then.
    async fn limited<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Busy)?;
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| Busy)?;
        let done = spawn_blocking(move || {
            let _held = (place, permit);
            work()
        });
        done.await.map_err(|_| Busy)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum HashError {
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Failed(#[from] EngineError),
}

/// Hashes on this thread: for the command line and for filling an empty store.
pub fn hash_now(cost: PasswordCost, password: &str) -> Result<String, EngineError> {
    let hash = cost.argon2().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(EngineError::during("hashing a password"))
}

/// Verifies on this thread, at the cost that the hash itself names.
pub fn verify_now(hash: &str, password: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    password.len() <= MAX_BYTES && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

/// What a new password must be; the message says what to change.
pub fn check(username: &str, password: &str) -> Result<(), String> {
    let chars = password.chars().count();
    if chars < MIN_CHARS {
        return Err(format!("a password has at least {MIN_CHARS} characters, this one has {chars}"));
    }
    if password.len() > MAX_BYTES {
        return Err(format!("a password has at most {MAX_BYTES} bytes, this one has {}", password.len()));
    }
    if password.eq_ignore_ascii_case(username) {
        return Err("a password must not be the user name".into());
    }
    let mut chars = password.chars();
    let first = chars.next();
    if chars.all(|c| Some(c) == first) {
        return Err("a password must not be one character repeated".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn the_right_password_and_no_other_is_accepted() {
        let passwords = Passwords::new(PasswordCost::LEAST);
        let hash = passwords.hash("correct horse".into()).await.expect("hashes");
        assert!(hash.starts_with("$argon2id$"));
        assert_eq!(passwords.verify(Some(&hash), "correct horse".into()).await, Ok(true));
        assert_eq!(passwords.verify(Some(&hash), "correct horsf".into()).await, Ok(false));
        assert_eq!(passwords.verify(Some(&hash), "x".repeat(MAX_BYTES + 1)).await, Ok(false));
        assert_eq!(passwords.verify(Some("not a hash"), "x".into()).await, Ok(false));
    }

    #[tokio::test]
    async fn an_unknown_name_is_verified_at_the_cost_of_a_known_one() {
        let cost = PasswordCost::LEAST;
        let nobody = cost.nobody();
        let made = hash_now(cost, "correct horse").expect("hashes");
        let params = |hash: &str| {
            let parsed = PasswordHash::new(hash).expect("a PHC string");
            (parsed.algorithm, parsed.version, parsed.params, parsed.hash.map(|h| h.len()))
        };
        assert_eq!(params(&nobody), params(&made));
        assert_eq!(Passwords::new(cost).verify(None, "anything".into()).await, Ok(false));
    }

    #[test]
    fn a_refused_password_says_what_to_change() {
        assert!(check("chief5", "long enough").is_ok());
        assert!(
            check("chief5", "short").is_err_and(|m| m.contains("at least 10 characters, this one has 5"))
        );
        assert!(check("chief5.station", "Chief5.Station").is_err_and(|m| m.contains("user name")));
        assert!(check("chief5", "aaaaaaaaaaaa").is_err_and(|m| m.contains("repeated")));
        assert!(check("chief5", &"ab".repeat(600)).is_err_and(|m| m.contains("at most")));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_empties_again() {
        let passwords = Passwords::new(PasswordCost::LEAST);
        let places: Vec<_> =
            (0..AT_ONCE + WAITING).map(|_| passwords.places.clone().try_acquire_owned()).collect();
        assert!(places.iter().all(Result::is_ok));
        assert_eq!(passwords.verify(None, "x".into()).await, Err(Busy));
        drop(places);
        assert_eq!(passwords.verify(None, "x".into()).await, Ok(false));
    }

    #[tokio::test]
    async fn work_whose_client_left_still_counts_until_it_is_done() {
        let passwords = Passwords::new(PasswordCost::LEAST);
        let (finish, wait) = std::sync::mpsc::channel::<()>();
        let wait = Arc::new(parking_lot::Mutex::new(wait));
        for _ in 0..AT_ONCE {
            let wait = wait.clone();
            let running = passwords.limited(move || wait.lock().recv().ok());
            // Begun, then given up, as where a client hangs up.
            assert!(running.now_or_never().is_none());
        }
        let third = passwords.limited(|| ());
        tokio::pin!(third);
        assert!((&mut third).now_or_never().is_none(), "two run already");
        assert_eq!(passwords.permits.available_permits(), 0);
        for _ in 0..AT_ONCE {
            finish.send(()).expect("it waits");
        }
        assert_eq!(third.await, Ok(()));
        let all = u32::try_from(AT_ONCE + WAITING).expect("a few");
        assert!(passwords.places.acquire_many(all).await.is_ok(), "all places come back");
    }
}
