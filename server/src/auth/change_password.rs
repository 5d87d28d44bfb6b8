//! A person changes their own password.

use super::{
    Access, Caller, Denied, SignInError,
    ends::Credential,
    password::{self, HashError},
    policy::UserCaller,
};
use crate::{
    http::error::ApiError,
    ports::{Change, SessionRecord, UserRecord},
};
use sentinel_model::Time;
use std::net::IpAddr;

impl Access {
    /// Ends every other sign-in of theirs and keeps the one that asks. A session goes on
    /// as it is; a token names the old password's version, so a new one is answered.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: String,
        new: String,
        peer: Option<IpAddr>,
    ) -> Result<Option<(String, Time)>, ApiError> {
        let Caller::User(user) = caller else {
            return Err(Denied::NotAllowed("change a password: this credential is no person's").into());
        };
        let name = &user.record.username;
        self.check_password(name.as_str(), current, peer).await.map_err(|error| match error {
            // No 401: the sign-in itself is good.
            SignInError::Wrong => ApiError::forbidden("the current password is another one"),
            error => error.into(),
        })?;
        password::check(name.as_str(), &new).map_err(ApiError::bad_request)?;
        let password_hash = self.passwords().hash(new).await?;
        let after = self
            .directory
            .change(|| {
                let now = self.directory.user(name.as_str()).filter(|_| caller.still_holds(&self.directory));
                let now = now.ok_or(Denied::Ended)?;
                let credentials_version = now.credentials_version.wrapping_add(1);
                let after = UserRecord {
                    password_hash: password_hash.clone(),
                    credentials_version,
                    ..(*now).clone()
                };
                let sessions = self.directory.sessions(|session| session.username == *name);
                // Theirs first, so that it holds when the change of the person shows.
                let mut changes: Vec<Change> = (sessions.iter())
                    .map(|session| match is_own(user, session) {
                        true => {
                            Change::PutSession(SessionRecord { credentials_version, ..(**session).clone() })
                        }
                        false => Change::DropSession { hash: session.hash.clone() },
                    })
                    .collect();
                changes.push(Change::PutUser(after.clone()));
                Ok::<_, ApiError>((changes, after))
            })
            .await?;
        tracing::info!(by = %caller, "a password was changed by its owner");
        match &user.credential {
            Credential::Session { .. } => Ok(None),
            Credential::Jwt { .. } | Credential::Key { .. } | Credential::Link { .. } => {
                Ok(Some(self.token_of(&after)?))
            }
        }
    }
}

fn is_own(user: &UserCaller, session: &SessionRecord) -> bool {
    matches!(&user.credential, Credential::Session { hash, .. } if **hash == *session.hash)
}

impl From<HashError> for ApiError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy(busy) => ApiError::overloaded(busy.to_string(), 2),
            HashError::Failed(error) => error.into(),
        }
    }
}
