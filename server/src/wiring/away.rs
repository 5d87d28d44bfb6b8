//! What an engine's error means for whoever waits for it.

use crate::{mongo, ports::EngineError, redis};
use std::error::Error;

/// Whether it could not be done because an engine is away: it may well be done later.
pub fn is_away(error: &EngineError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let is_late = error.is::<tokio::time::error::Elapsed>();
        if is_late || mongo::is_away(error) || redis::is_away(error) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::redis;

    #[test]
    fn what_is_away_is_told_from_what_is_wrong() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert!(is_away(&EngineError::new("asking Redis", redis::RedisError::from(refused))));
        let within =
            EngineError::new("reading", redis::RedisError::from((redis::ErrorKind::Parse, "no number")));
        assert!(!is_away(&within));
        assert!(!is_away(&EngineError::new("reading", std::io::Error::other("a bad disk"))));
    }
}
