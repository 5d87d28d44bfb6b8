//! From a request's credential to a [`Caller`], and from a password to a credential.
//!
//! A credential is looked for in this order: `Authorization` (Bearer: JWT, API key
//! or unit token; Basic: key or unit token as the password), `X-API-Key`, `?token=`
//! (key or unit token), session cookie. The first one given is the one that counts:
//! a wrong one is refused, not skipped. Unknown, expired and revoked answer alike.
//! A Basic password, another scheme or a `?token=` that does not even look like one of
//! ours is none: a proxy's own sign-in, say, which must not hide the cookie behind it.
//!
//! Everything is checked against the directory on each use, so a revocation holds
//! from the next request on; streams that run end by their grant's token.

use super::{
    ends::{Credential, Ends},
    jwt::Signer,
    key_uses::KeyUses,
    links::LinkTokens,
    origin,
    password::{Busy, PasswordCost, Passwords},
    policy::{Caller, KeyCaller, UnitCaller, UserCaller},
    proxies::Proxies,
    secret::{self, Hash, Kind},
    session,
    throttle::{Throttle, Wait},
};
use crate::{
    clock::Clock,
    directory::{Behind, Directory, Ended},
    http::error::ApiError,
    ports::{Change, EngineError, SessionRecord, UserRecord},
};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sentinel_model::{Time, UserName, ids::ID_MAX_CHARS};
use std::{borrow::Cow, net::IpAddr, sync::Arc};

/// Sessions that one person may have open; beyond it the oldest ends.
const SESSIONS_PER_USER: usize = 32;

#[derive(Debug, Clone)]
pub struct AccessConfig {
    /// Whether browsers are told to send the cookie over HTTPS only.
    pub secure_cookies: bool,
    /// How long a sign-in lasts, seconds.
    pub sign_in_ttl_s: i64,
    pub password_cost: PasswordCost,
    /// Whose word on where a request comes from is believed.
    pub trusted_proxies: Proxies,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            secure_cookies: false,
            sign_in_ttl_s: 12 * 3600,
            password_cost: PasswordCost::default(),
            trusted_proxies: Proxies::default(),
        }
    }
}

pub struct Access {
    pub(super) directory: Arc<Directory>,
    pub(super) clock: Clock,
    config: AccessConfig,
    signer: Signer,
    pub(super) links: LinkTokens,
    passwords: Passwords,
    throttle: Throttle,
    pub(super) ends: Arc<Ends>,
    pub key_uses: KeyUses,
}

/// A person whose password was right just now; only [`Access::sign_in`] makes one.
pub struct SignedIn(Arc<UserRecord>);

impl SignedIn {
    pub fn record(&self) -> &UserRecord {
        &self.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// No such name, another password, or disabled: which of them is not said.
    #[error("this user name and password do not go together")]
    Wrong,
    #[error("too many failed sign-ins; wait {retry_after_s} seconds, then try again")]
    Throttled { retry_after_s: u32 },
    #[error("too many people sign in right now; try again")]
    Busy,
    #[error(transparent)]
    Behind(#[from] Behind),
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        let message = error.to_string();
        match error {
            SignInError::Wrong => ApiError::unauthorized(message),
            SignInError::Throttled { retry_after_s } => ApiError::too_many(message, retry_after_s),
            SignInError::Busy => ApiError::overloaded(message, 2),
            SignInError::Behind(behind) => behind.into(),
        }
    }
}

const SAY_WHO: &str =
    "say who you are: sign in, or send an API key or a unit's token as 'Authorization: Bearer …'";
const NOT_GOOD: &str = "this token or key is not known here, has expired or was revoked";

impl Access {
    pub async fn open(
        directory: Arc<Directory>,
        clock: Clock,
        config: AccessConfig,
    ) -> Result<Self, EngineError> {
        let secret = directory.registry().secret("jwt").await?;
        let link_secret = directory.registry().secret("order-links").await?;
        let ends = Arc::new(Ends::new(clock.clone()));
        let told = ends.clone();
        directory.when_ended(move |directory, ended| end_streams(&told, directory, ended));
        Ok(Self {
            directory,
            signer: Signer::new(&secret),
            links: LinkTokens::new(&link_secret),
            passwords: Passwords::new(config.password_cost),
            throttle: Throttle::default(),
            key_uses: KeyUses::default(),
            ends,
            clock,
            config,
        })
    }

    /// Who asks. None where no credential is given, or only a cookie that has ended:
    /// a browser with an old cookie is simply not signed in.
    pub fn caller(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Option<Caller>, ApiError> {
        if let Some(token) = given_token(headers, uri.query()) {
            return self.by_token(&token).map(Some);
        }
        let Some(token) = session::token(headers) else { return Ok(None) };
        self.directory.ensure_current()?;
        let Some(caller) = self.by_cookie(token) else { return Ok(None) };
        if origin::must_be_own(method, headers) && !origin::is_own(headers, uri) {
            return Err(ApiError::forbidden(
                "this request comes from another site's page, so its cookie does not count",
            ));
        }
        Ok(Some(caller))
    }

    /// Who posts positions: by token or key alone, no cookie, a look-up or two. None where
    /// neither is given.
    pub fn ingest_caller(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<Option<Caller>, ApiError> {
        given_token(headers, query).map(|token| self.by_token(&token)).transpose()
    }

    /// Who posts positions from a device that can show no credential but what it calls
    /// itself: a unit's token where the app asks for the device's id. Nothing else that
    /// stands there counts.
    pub fn by_device_name(&self, names: &[String]) -> Result<Option<Caller>, ApiError> {
        let mut tokens = names.iter().filter(|name| Kind::of(name) == Some(Kind::Unit)).peekable();
        if tokens.peek().is_some() {
            self.directory.ensure_current()?;
        }
        Ok(tokens.find_map(|token| self.by_unit_token(token)))
    }

    /// Whether one of these names could be a unit's token.
    pub fn may_name_device(names: &[String]) -> bool {
        names.iter().any(|name| Kind::of(name) == Some(Kind::Unit))
    }

    /// What positions without any credential are answered.
    pub fn say_whose() -> ApiError {
        ApiError::unauthorized(
            "positions need a unit's token or an API key: as 'Authorization: Bearer …', as the Basic password, \
             as ?token=, or the unit's token as the id of a device that has nothing else",
        )
    }

    /// Whether a request comes with a credential at all, good or not.
    pub fn is_given(headers: &HeaderMap, query: Option<&str>) -> bool {
        given_token(headers, query).is_some() || session::token(headers).is_some()
    }

    /// The address that a request is from, by the peer of its connection and its headers.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.config.trusted_proxies.client(peer, headers)
    }

    /// Scheme and host as the browser named them, such as `https://fleet.example:8443`; the scheme
    /// on a trusted proxy's word, where one is between. None where no host reads as one.
    pub fn address(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<String> {
        let proto =
            peer.and_then(|peer| self.config.trusted_proxies.said(peer, headers, "x-forwarded-proto"));
        let is_https = self.config.secure_cookies || proto == Some("https");
        let host = headers.get(header::HOST)?.to_str().ok()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        let reads = !host.is_empty() && host.bytes().all(plain);
        reads.then(|| format!("{}://{host}", if is_https { "https" } else { "http" }))
    }

    /// What a request without any credential is answered.
    pub fn say_who() -> ApiError {
        ApiError::unauthorized(SAY_WHO)
    }

    fn by_token(&self, token: &Given<'_>) -> Result<Caller, ApiError> {
        self.directory.ensure_current()?;
        let found = match Kind::of(&token.text) {
            Some(Kind::Unit) => self.by_unit_token(&token.text),
            Some(Kind::Key) => self.by_key(&token.text),
            None if token.may_be_jwt => self.by_jwt(&token.text),
            None | Some(Kind::Session) => None,
        };
        found.ok_or_else(|| ApiError::unauthorized(NOT_GOOD))
    }

    fn by_unit_token(&self, token: &str) -> Option<Caller> {
        let entry = self.directory.unit_by_token_hash(Hash::of(token).as_str())?;
        Some(Caller::Unit(UnitCaller { entry }))
    }

    fn by_key(&self, token: &str) -> Option<Caller> {
        let record = self.directory.key_by_hash(Hash::of(token).as_str())?;
        let now = self.clock.now();
        if record.revoked || record.expires_at.is_some_and(|at| at <= now) {
            return None;
        }
        self.key_uses.used(&record.id, now);
        let credential = Credential::Key { id: record.id.as_str().into() };
        Some(Caller::Key(KeyCaller { record, credential, ends: self.ends.clone() }))
    }

    fn by_jwt(&self, token: &str) -> Option<Caller> {
        let claims = self.signer.verify(token, self.clock.now())?;
        let credential = Credential::Jwt { user: claims.sub.clone() };
        self.user(&claims.sub, claims.ver, credential, claims.expires_at())
    }

    fn by_cookie(&self, token: &str) -> Option<Caller> {
        let session = self.directory.session(Hash::of(token).as_str())?;
        if session.expires_at <= self.clock.now() {
            return None;
        }
        let user = session.username.clone();
        let credential = Credential::Session { hash: session.hash.as_str().into(), user };
        self.user(&session.username, session.credentials_version, credential, session.expires_at)
    }

    fn user(
        &self,
        name: &UserName,
        version: u32,
        credential: Credential,
        expires_at: Time,
    ) -> Option<Caller> {
        let record = self.directory.user(name.as_str())?;
        if record.disabled || record.credentials_version != version {
            return None;
        }
        Some(Caller::User(UserCaller { record, credential, expires_at, ends: self.ends.clone() }))
    }

    /// Checks a password. Throttled by name and by address, before it is looked at.
    pub async fn sign_in(
        &self,
        username: &str,
        password: String,
        peer: Option<IpAddr>,
    ) -> Result<SignedIn, SignInError> {
        let who = self.check_password(username, password, peer).await?;
        tracing::info!(user = %who.record().username, "signed in");
        Ok(who)
    }

    pub(super) async fn check_password(
        &self,
        username: &str,
        password: String,
        peer: Option<IpAddr>,
    ) -> Result<SignedIn, SignInError> {
        let admitted = self.throttle.admit(username, peer, self.clock.now());
        admitted.map_err(|Wait(retry_after_s)| SignInError::Throttled { retry_after_s })?;
        self.directory.ensure_current()?;
        let record = self.directory.user(username);
        let hash = record.as_ref().map(|record| record.password_hash.as_str());
        let matches = self.passwords.verify(hash, password).await.map_err(|Busy| {
            self.throttle.forgive(username, peer);
            SignInError::Busy
        })?;
        match record.filter(|record| matches && !record.disabled) {
            Some(record) => {
                self.throttle.forgive(username, peer);
                Ok(SignedIn(record))
            }
            None => {
                // Not the name as typed: people type passwords into the wrong field.
                let tried: String = username.chars().take(ID_MAX_CHARS).collect();
                tracing::info!(user = ?tried, peer = peer.map(tracing::field::display), "a password was wrong");
                Err(SignInError::Wrong)
            }
        }
    }

    /// A JWT for a program, and when it ends.
    pub fn issue_token(&self, who: &SignedIn) -> Result<(String, Time), EngineError> {
        self.token_of(who.record())
    }

    pub(super) fn token_of(&self, user: &UserRecord) -> Result<(String, Time), EngineError> {
        let (version, ttl_s) = (user.credentials_version, self.config.sign_in_ttl_s);
        let signed = self.signer.sign(&user.username, version, self.clock.now(), ttl_s);
        signed.map_err(EngineError::during("signing a token"))
    }

    /// Begins a browser session; the answer is the `Set-Cookie` value.
    ///
    /// Sweeps sessions that have ended, and this person's oldest beyond a limit.
    pub async fn open_session(&self, who: &SignedIn) -> Result<HeaderValue, EngineError> {
        let SignedIn(user) = who;
        let now = self.clock.now();
        let ttl_s = self.config.sign_in_ttl_s;
        let made = secret::mint(Kind::Session);
        self.directory
            .change(|| {
                let mut over = self.directory.sessions(|session| session.expires_at <= now);
                let mut own = self.directory.sessions(|s| s.username == user.username && s.expires_at > now);
                own.sort_by_key(|session| session.expires_at);
                over.extend(own.iter().take((own.len() + 1).saturating_sub(SESSIONS_PER_USER)).cloned());
                let mut changes: Vec<_> =
                    over.iter().map(|session| Change::DropSession { hash: session.hash.clone() }).collect();
                changes.push(Change::PutSession(SessionRecord {
                    hash: made.hash.clone(),
                    username: user.username.clone(),
                    credentials_version: user.credentials_version,
                    expires_at: now.plus_ms(ttl_s.saturating_mul(1000)),
                }));
                Ok::<_, EngineError>((changes, ()))
            })
            .await?;
        Ok(session::begin(&made.text, ttl_s, self.config.secure_cookies))
    }

    /// Ends the session of a request's cookie, if there is one; answers the `Set-Cookie`
    /// value that makes the browser forget it.
    pub async fn close_session(&self, headers: &HeaderMap) -> Result<HeaderValue, EngineError> {
        if let Some(token) = session::token(headers) {
            let hash = Hash::of(token).as_str().to_owned();
            self.directory
                .change(|| {
                    let known = self.directory.session(&hash).is_some();
                    let end = known.then(|| Change::DropSession { hash: hash.clone() });
                    Ok::<_, EngineError>((end.into_iter().collect(), ()))
                })
                .await?;
        }
        Ok(session::forget(self.config.secure_cookies))
    }

    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }
}

/// Ends the streams that were opened with what has ended.
fn end_streams(ends: &Ends, directory: &Directory, ended: &Ended) {
    // A session that its owner kept when they changed their password.
    let goes_on = |hash: &str, user: &UserName| {
        let (session, user) = (directory.session(hash), directory.user(user.as_str()));
        session.zip(user).is_some_and(|(session, user)| {
            session.credentials_version == user.credentials_version && !user.disabled
        })
    };
    ends.end(|credential| match (ended, credential) {
        (Ended::Session { hash: ended }, Credential::Session { hash, .. }) => **hash == **ended,
        (Ended::Key { id: ended }, Credential::Key { id }) => **id == **ended,
        (Ended::User { name }, Credential::Session { hash, user }) => user == name && !goes_on(hash, user),
        (Ended::User { name }, Credential::Jwt { user }) => user == name,
        (Ended::Link { task: of, id: ended }, Credential::Link { task, id }) => of == task && **ended == **id,
        _ => false,
    });
}

/// A credential other than the cookie, as it was sent.
struct Given<'a> {
    text: Cow<'a, str>,
    /// Only in `Authorization`: addresses end up in logs, and a JWT names no purpose.
    may_be_jwt: bool,
}

fn given_token<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Option<Given<'a>> {
    if let Some(given) = headers.get(header::AUTHORIZATION).and_then(authorization) {
        return Some(given);
    }
    let key = headers.get("x-api-key").map(|key| key.to_str().unwrap_or_default());
    let in_query = || query?.split('&').find_map(|pair| pair.strip_prefix("token=")).filter(|t| is_ours(t));
    key.or_else(in_query).map(|text| Given { text: text.into(), may_be_jwt: false })
}

/// Whether a text was made here as a token, known or not.
fn is_ours(text: &str) -> bool {
    Kind::of(text).is_some()
}

/// None where it is for somebody else, such as a proxy in front.
fn authorization(value: &HeaderValue) -> Option<Given<'_>> {
    let value = value.to_str().unwrap_or_default();
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Given { text: rest.trim().into(), may_be_jwt: true });
    }
    let decoded = || String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok();
    let basic = if scheme.eq_ignore_ascii_case("basic") { decoded() } else { None };
    let password = basic.as_deref().and_then(|pair| pair.split_once(':')).map(|(_, password)| password);
    let ours = password.filter(|password| is_ours(password));
    ours.map(|password| Given { text: password.to_owned().into(), may_be_jwt: false })
}
