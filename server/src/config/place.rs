//! Which installation a command is about that is no server itself.

use super::{Config, Given, ServeArgs, Shared, read};
use std::{fmt, path::PathBuf};

/// Where the installation keeps its things, by flags, then `SENTINEL_*` variables, then a
/// TOML file, which may be the one of `sentinel serve`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlaceArgs {
    /// A TOML file with the settings that neither flags nor variables give
    #[arg(long, env = "SENTINEL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder that holds the databases [default: data]
    #[arg(long, env = "SENTINEL_DATA", value_name = "DIR")]
    data: Option<PathBuf>,

    /// Of nodes that share their engines: the Redis they meet in
    #[arg(long, env = "SENTINEL_REDIS_URL", value_name = "URL", hide_env_values = true)]
    redis_url: Option<String>,

    /// The MongoDB that keeps their records and history; with it --data is not used
    #[arg(long, env = "SENTINEL_MONGODB_URL", value_name = "URL", hide_env_values = true)]
    mongodb_url: Option<String>,
}

#[derive(Debug, Clone)]
pub enum Place {
    Folder(PathBuf),
    Shared(Shared),
}

impl Config {
    /// Where this server keeps its things.
    pub fn place(&self) -> Place {
        match &self.shared {
            Some(shared) => Place::Shared(shared.clone()),
            None => Place::Folder(self.data.clone()),
        }
    }
}

impl PlaceArgs {
    pub fn settle(self) -> anyhow::Result<Place> {
        let file: ServeArgs = match &self.config {
            Some(path) => read(path)?,
            None => ServeArgs::default(),
        };
        let given = Given { redis_url: self.redis_url, mongodb_url: self.mongodb_url, ..Given::default() };
        Ok(match given.or(file.shared()).settle()? {
            Some(shared) => Place::Shared(shared),
            None => Place::Folder(self.data.or(file.data).unwrap_or_else(|| "data".into())),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Folder(path) => write!(f, "the data folder {}", path.display()),
            Place::Shared(shared) => write!(f, "{} and {:?}", shared.redis, shared.mongodb),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_what_flags_do_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("s.toml");
        std::fs::write(&config, "data = \"there\"\nlisten = \"127.0.0.1:1\"\n").expect("writes");
        let args = PlaceArgs { config: Some(config.clone()), ..PlaceArgs::default() };
        assert_eq!(args.clone().settle().expect("settles").to_string(), "the data folder there");
        let here = PlaceArgs { data: Some("here".into()), ..args.clone() };
        assert_eq!(here.settle().expect("settles").to_string(), "the data folder here");
        let half = PlaceArgs { redis_url: Some("redis://a".into()), ..args.clone() };
        assert!(format!("{:#}", half.settle().expect_err("half of it")).contains("--mongodb-url"));
        std::fs::write(&config, "redis-url = \"redis://a\"\nmongodb-url = \"mongodb://u:p@m\"\n")
            .expect("writes");
        let shared = args.settle().expect("settles").to_string();
        assert!(
            shared.contains("redis://a:6379") && shared.contains("…@m") && !shared.contains("u:p"),
            "{shared}"
        );
    }
}
