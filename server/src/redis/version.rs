//! Which Redis is new enough.

use super::link::Link;
use crate::ports::EngineError;

/// For expiry at a moment (`SET … PXAT`) and claiming what a dead worker left (`XAUTOCLAIM`).
const LEAST: (u32, u32) = (6, 2);

#[derive(Debug, thiserror::Error)]
enum VersionError {
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    #[error("this is Redis {0}; {least}.{minor} or newer is needed", least = LEAST.0, minor = LEAST.1)]
    Old(String),
}

/// Refuses a Redis that lacks what is needed of it, before anything is asked of it that fails.
pub async fn check_version(link: &Link) -> Result<(), EngineError> {
    let checking = async {
        let mut info = redis::cmd("INFO");
        info.arg("server");
        for said in link.ask_masters(info).await?.into_values() {
            let info: String = redis::from_redis_value(said).map_err(redis::RedisError::from)?;
            // What is not said is found out by working with it.
            if let Some((version, _)) = version(&info).filter(|(_, number)| *number < LEAST) {
                return Err(VersionError::Old(version.to_owned()));
            }
        }
        Ok(())
    };
    checking.await.map_err(EngineError::during("asking Redis for its version"))
}

fn version(info: &str) -> Option<(&str, (u32, u32))> {
    let version = info.lines().find_map(|line| line.trim_end().strip_prefix("redis_version:"))?;
    let mut parts = version.split('.').map_while(|part| part.parse().ok());
    Some((version, (parts.next()?, parts.next()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let read =
            |said: &str| version(&format!("# Server\r\nredis_version:{said}\r\nos:Linux\r\n")).map(|v| v.1);
        for old in ["6.0.16", "5.0.14", "2.8.19"] {
            assert!(read(old).expect("a version") < LEAST, "{old}");
        }
        for new in ["6.2.0", "7.0.15", "8.2.1", "10.0.0", "255.255.255"] {
            assert!(read(new).expect("a version") >= LEAST, "{new}");
        }
        assert_eq!(read("unknown"), None);
        let said = VersionError::Old("6.0.16".into()).to_string();
        assert_eq!(said, "this is Redis 6.0.16; 6.2 or newer is needed");
    }
}
