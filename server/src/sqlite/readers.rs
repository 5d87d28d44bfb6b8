//! Connections for reading, off the async threads and beside whoever writes.

use super::open::open_reader;
use crate::ports::EngineError;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::Semaphore;

/// Why a read failed, for the log.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A few connections to one file; who comes when all are busy waits.
#[derive(Clone)]
pub struct Readers(Arc<Pool>);

struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    /// Reads a file that is there, by at most `at_once` connections.
    pub fn open(path: &Path, at_once: usize) -> Result<Self, EngineError> {
        let first = open_reader(path)?;
        Ok(Self(Arc::new(Pool {
            path: path.to_owned(),
            idle: Mutex::new(vec![first]),
            turns: Arc::new(Semaphore::new(at_once)),
        })))
    }

    pub async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, EngineError> {
        let turn = self.0.turns.clone().acquire_owned().await.map_err(EngineError::during(what))?;
        let pool = self.0.clone();
        tokio::task::spawn_blocking(move || {
            // Given back when the work is done, also where nobody waits for it any more.
            let _turn = turn;
            let idle = pool.idle.lock().pop();
            let db = match idle {
                Some(db) => db,
                None => open_reader(&pool.path)?,
            };
            let answer = work(&db).map_err(EngineError::during(what));
            pool.idle.lock().push(db);
            answer
        })
        .await
        .map_err(EngineError::during(what))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    #[tokio::test]
    async fn those_who_hang_up_do_not_make_room_for_more_than_there_is() {
        const AT_ONCE: usize = 2;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file.db");
        Connection::open(&path).expect("makes it").execute_batch("CREATE TABLE t (x)").expect("writes");
        let readers = Readers::open(&path, AT_ONCE).expect("opens");
        let running = Arc::new(AtomicUsize::new(0));
        let mut releases = Vec::new();
        for _ in 0..10 {
            let (release, released) = mpsc::channel::<()>();
            let (readers, counted) = (readers.clone(), running.clone());
            let asked = tokio::spawn(async move {
                let work = move |_: &Connection| {
                    counted.fetch_add(1, Ordering::SeqCst);
                    released.recv().ok();
                    Ok(())
                };
                readers.read("waiting", work).await
            });
            tokio::time::timeout(std::time::Duration::from_millis(50), async {
                while !asked.is_finished() {
                    tokio::task::yield_now().await;
                }
            })
            .await
            .expect_err("it waits");
            asked.abort();
            releases.push(release);
        }
        assert_eq!(running.load(Ordering::SeqCst), AT_ONCE);
        drop(releases);
        readers.read("reading", |_| Ok(())).await.expect("there is room again");
        assert!(readers.0.idle.lock().len() <= AT_ONCE);
    }
}
