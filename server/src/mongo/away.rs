//! Which errors say that the database is away.

use super::{archive::ReadError, driver::MongoError, log::LogError};
use mongodb::error::ErrorKind;
use std::error::Error;

/// Whether this is an error because no server answers that can do it, and not of what was asked.
pub fn is_away(error: &(dyn Error + 'static)) -> bool {
    let of_log = || match error.downcast_ref()? {
        LogError::Mongo(error) | LogError::Unknown(error) => Some(error),
        _ => None,
    };
    let of_reading = || match error.downcast_ref()? {
        ReadError::Mongo(error) => Some(error),
        ReadError::Block(_) | ReadError::Erased => None,
    };
    let error = error.downcast_ref().or_else(of_log).or_else(of_reading);
    error.is_some_and(|error| match error {
        MongoError::Silent(_) => true,
        MongoError::Fault(_) => false,
        MongoError::Driver(driver) => match &*driver.kind {
            ErrorKind::ServerSelection { .. }
            | ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. } => true,
            // Of a server without a primary or a majority, say.
            ErrorKind::Command(_) | ErrorKind::Write(_) => !error.is_refusal() && !error.is_duplicate(),
            _ => false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io, time::Duration};

    #[test]
    fn what_the_log_and_the_archive_pass_on_is_recognised() {
        let broken = || MongoError::Driver(io::Error::from(io::ErrorKind::BrokenPipe).into());
        assert!(is_away(&broken()));
        assert!(is_away(&LogError::Mongo(broken())));
        assert!(is_away(&LogError::Unknown(MongoError::Silent(Duration::from_secs(1)))));
        assert!(is_away(&ReadError::Mongo(broken())));
        assert!(!is_away(&LogError::Gone(7)) && !is_away(&LogError::Restless));
        assert!(!is_away(&io::Error::other("another's")));
    }
}
