//! The commit log: one document a commit, numbered without a gap.
//!
//! A commit is the insert of the number after the last: of two nodes that try, one
//! succeeds and the other learns that it is behind. The first commits of the log go once
//! they are folded and older than [`KEPT_MS`].

use super::{
    connect::Mongo,
    driver::{LATER, MongoError, SOON, within},
    records::{self, ChangeDoc, CommitDoc, RecordError},
};
use crate::ports::{Commit, Committed};
use futures::TryStreamExt;
use mongodb::{
    Collection,
    bson::{DateTime, doc, oid::ObjectId},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// How long a commit is kept for nodes that are behind: a week.
pub const KEPT_MS: i64 = 7 * 24 * 3600 * 1000;

/// Who has not looked at the log for so long looks before it commits: the number it would
/// insert may have been there and gone.
const TRUSTED: Duration = Duration::from_secs(3600);

/// How often a commit is sent that nobody answers.
const TRIES: u32 = 3;

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error(transparent)]
    Mongo(#[from] MongoError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("the commits after {0} are kept no longer; this node must be started again")]
    Gone(u64),
    #[error("whether the records were changed is not known")]
    Unknown(#[source] MongoError),
    #[error("commit {0} has a number that does not fit")]
    Number(u64),
    #[error("the records did not come to rest for reading them")]
    Restless,
    #[error("the stored secret {0:?} has not 32 bytes")]
    Secret(String),
}

impl From<mongodb::error::Error> for LogError {
    fn from(error: mongodb::error::Error) -> Self {
        Self::Mongo(error.into())
    }
}

/// How far the log is folded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mark {
    #[serde(rename = "_id")]
    pub id: String,
    pub n: i64,
}

pub const FOLDED: &str = "folded";

pub struct Log {
    commits: Collection<CommitDoc>,
    marks: Collection<Mark>,
    /// When the log's end was last seen.
    looked: Mutex<SystemTime>,
}

impl Log {
    pub const COMMITS: &str = "commits";
    pub const MARKS: &str = "marks";

    pub fn new(mongo: &Mongo) -> Self {
        Self {
            commits: mongo.settled_collection(Self::COMMITS),
            marks: mongo.settled_collection(Self::MARKS),
            looked: Mutex::new(SystemTime::UNIX_EPOCH),
        }
    }

    pub fn commits(&self) -> &Collection<CommitDoc> {
        &self.commits
    }

    pub fn marks(&self) -> &Collection<Mark> {
        &self.marks
    }

    /// The last commit that is folded.
    pub async fn folded(&self) -> Result<u64, LogError> {
        let marks = self.marks.clone();
        let mark = within(SOON, async move { marks.find_one(doc! { "_id": FOLDED }).await }).await?;
        Ok(mark.map_or(0, |mark| mark.n.unsigned_abs()))
    }

    pub async fn since(&self, at: u64) -> Result<Vec<Committed>, LogError> {
        let commits = self.commits.clone();
        let after = number(at)?;
        let asked = SystemTime::now();
        let found: Vec<CommitDoc> = within(LATER, async move {
            commits.find(doc! { "_id": { "$gt": after } }).sort(doc! { "_id": 1 }).await?.try_collect().await
        })
        .await?;
        let mut last = at;
        let mut all = Vec::with_capacity(found.len());
        for commit in found {
            let n = commit.n.unsigned_abs();
            if n != last + 1 {
                return Err(LogError::Gone(at));
            }
            last = n;
            let changes = commit.changes.into_iter().map(records::read).collect::<Result<_, _>>()?;
            all.push(Committed { at: n, changes });
        }
        *self.looked.lock() = asked;
        Ok(all)
    }

    pub async fn commit(&self, at: u64, changes: Vec<ChangeDoc>) -> Result<Commit, LogError> {
        let looked = *self.looked.lock();
        if looked.elapsed().map_or(true, |ago| ago > TRUSTED) && !self.since(at).await?.is_empty() {
            return Ok(Commit::Behind);
        }
        let commit = CommitDoc { n: number(at + 1)?, nonce: ObjectId::new(), at: DateTime::now(), changes };
        let mut tried = 1;
        loop {
            let failed = match self.insert(commit.clone()).await {
                Ok(()) => return Ok(Commit::Done),
                Err(error) if error.is_duplicate() => match self.nonce_of(commit.n).await {
                    Ok(Some(nonce)) if nonce == commit.nonce => return Ok(Commit::Done),
                    Ok(Some(_)) => return Ok(Commit::Behind),
                    // There, but not with the majority yet.
                    Ok(None) => error,
                    Err(error) => error,
                },
                Err(error) if error.refuses_document() => return Err(error.into()),
                Err(error) => error,
            };
            // The same insert again: if the first was stored, it finds itself.
            if tried == TRIES {
                return Err(LogError::Unknown(failed));
            }
            tokio::time::sleep(Duration::from_millis(100) * tried).await;
            tried += 1;
        }
    }

    async fn insert(&self, commit: CommitDoc) -> Result<(), MongoError> {
        let commits = self.commits.clone();
        within(SOON, async move { commits.insert_one(commit).await.map(drop) }).await
    }

    async fn nonce_of(&self, n: i64) -> Result<Option<ObjectId>, MongoError> {
        let commits = self.commits.clone();
        let found = within(SOON, async move { commits.find_one(doc! { "_id": n }).await }).await?;
        Ok(found.map(|commit| commit.nonce))
    }
}

pub fn number(n: u64) -> Result<i64, LogError> {
    i64::try_from(n).map_err(|_| LogError::Number(n))
}
