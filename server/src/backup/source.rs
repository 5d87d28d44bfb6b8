//! Reading a backup, which may be damaged, cut short, or none at all.

use super::format::{Counts, End, Header, Line, VERSION};
use crate::auth::secret::hex;
use anyhow::{Context as _, bail, ensure};
use flate2::bufread::GzDecoder;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{BufRead as _, BufReader, ErrorKind, Read as _},
    path::{Path, PathBuf},
};

/// Far above what a line may hold, far below what a machine does.
const LINE_MAX_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    lines: BufReader<GzDecoder<BufReader<File>>>,
    line: Vec<u8>,
    hash: Sha256,
    counts: Counts,
}

/// As much of the first line as every version has.
#[derive(Deserialize)]
struct AnyHeader {
    sentinel_backup: AnyVersion,
}

#[derive(Deserialize)]
struct AnyVersion {
    version: u32,
}

impl Source {
    /// Opens it and reads its header.
    pub fn open(path: &Path) -> anyhow::Result<(Self, Header)> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("{shown} could not be opened"))?;
        let mut source = Self {
            path: path.to_owned(),
            lines: BufReader::with_capacity(1 << 16, GzDecoder::new(BufReader::with_capacity(1 << 16, file))),
            line: Vec::new(),
            hash: Sha256::new(),
            counts: Counts::default(),
        };
        source.read_line()?;
        let known = serde_json::from_slice(&source.line);
        let Ok(AnyHeader { sentinel_backup: AnyVersion { version } }) = known else {
            bail!("{shown} is no backup of Sentinel");
        };
        ensure!(
            version <= VERSION,
            "{shown} was written by a newer Sentinel (its format is version {version}, this program knows up to \
             {VERSION}): restore it with the newer program"
        );
        match source.parse()? {
            Line::SentinelBackup(header) => Ok((source, header)),
            _ => bail!("{shown} is no backup of Sentinel"),
        }
    }

    /// The next line; none behind the last, once it is sure that all was as it was written.
    pub fn next(&mut self) -> anyhow::Result<Option<Line>> {
        let before = self.hash.clone();
        self.read_line()?;
        match self.parse()? {
            Line::End(End { counts, sha256 }) => {
                let same = counts == self.counts && sha256 == hex(&before.finalize());
                ensure!(same, "{} is damaged: it is not as it was written", self.path.display());
                self.read()?;
                ensure!(
                    self.line.is_empty(),
                    "{} is damaged: it goes on behind its end",
                    self.path.display()
                );
                Ok(None)
            }
            line => {
                self.counts.count(&line);
                Ok(Some(line))
            }
        }
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn parse(&self) -> anyhow::Result<Line> {
        serde_json::from_slice(&self.line)
            .with_context(|| format!("{} is damaged: a line of it does not read", self.path.display()))
    }

    fn read_line(&mut self) -> anyhow::Result<()> {
        self.read()?;
        ensure!(
            self.line.ends_with(b"\n"),
            "{} is cut short: the backup was not finished, or not all of it was copied",
            self.path.display()
        );
        self.hash.update(&self.line);
        Ok(())
    }

    /// Empty at the end of the file.
    fn read(&mut self) -> anyhow::Result<()> {
        self.line.clear();
        let read = (&mut self.lines).take(LINE_MAX_BYTES).read_until(b'\n', &mut self.line);
        match read {
            Ok(_) => Ok(()),
            Err(error) => {
                let shown = self.path.display();
                let what = match error.kind() {
                    ErrorKind::UnexpectedEof => format!("{shown} is cut short: not all of it was copied"),
                    ErrorKind::InvalidInput | ErrorKind::InvalidData => {
                        format!("{shown} is damaged, or no backup of Sentinel")
                    }
                    _ => format!("{shown} could not be read"),
                };
                Err(anyhow::Error::new(error).context(what))
            }
        }
    }
}
