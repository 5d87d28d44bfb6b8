//! A file that is whole or not there: written beside, brought to disk, then renamed.

use super::format::{Counts, End, Line};
use crate::auth::secret::hex;
use anyhow::Context as _;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File, Permissions},
    io::{BufWriter, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

pub struct Target {
    path: PathBuf,
    part: PathBuf,
    out: GzEncoder<BufWriter<File>>,
    hash: Sha256,
    counts: Counts,
    finished: bool,
}

impl Target {
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let shown = part.display().to_string();
        let open = || {
            let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(&part)?;
            // One that a killed backup left may be anybody's to read.
            file.set_permissions(Permissions::from_mode(0o600))?;
            Ok::<_, std::io::Error>(file)
        };
        let file = open().with_context(|| format!("{shown} could not be opened for writing"))?;
        file.try_lock().with_context(|| format!("{shown} is being written by another backup"))?;
        file.set_len(0).with_context(|| format!("{shown} could not be emptied"))?;
        Ok(Self {
            path: path.to_owned(),
            part,
            out: GzEncoder::new(BufWriter::with_capacity(1 << 16, file), Compression::fast()),
            hash: Sha256::new(),
            counts: Counts::default(),
            finished: false,
        })
    }

    pub fn write(&mut self, line: &Line) -> anyhow::Result<()> {
        self.counts.count(line);
        let text = as_text(line)?;
        self.hash.update(&text);
        self.put(&text)
    }

    fn put(&mut self, text: &[u8]) -> anyhow::Result<()> {
        self.out.write_all(text).with_context(|| format!("{} could not be written", self.part.display()))
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Ends the file and puts it in its place.
    pub fn finish(mut self) -> anyhow::Result<Counts> {
        let counts = self.counts;
        let end = End { counts, sha256: hex(&self.hash.finalize_reset()) };
        self.put(&as_text(&Line::End(end))?)?;
        let settle = || {
            self.out.try_finish()?;
            self.out.get_mut().flush()?;
            self.out.get_ref().get_ref().sync_all()?;
            fs::rename(&self.part, &self.path)?;
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        let settled: std::io::Result<()> = { settle }();
        settled.with_context(|| format!("{} could not be brought to disk", self.path.display()))?;
        self.finished = true;
        Ok(counts)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.finished {
            // Of no use to anybody; where it cannot be removed the next backup takes its place.
            fs::remove_file(&self.part).ok();
        }
    }
}

/// With its end of line.
pub fn as_text(line: &Line) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line).context("a line does not write as JSON")?;
    text.push(b'\n');
    Ok(text)
}
