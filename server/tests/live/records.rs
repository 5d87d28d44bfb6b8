//! Records that two nodes share: one log of commits in memory.

use async_trait::async_trait;
use parking_lot::Mutex;
use sentinel_model::{Patrol, PatrolId, TaskId, Time, UnitId, audit::AuditEntry};
use sentinel_server::ports::{
    AlertRecord, AlertsOf, Change, Commit, Committed, EngineError, Records, Registry, TaskRecord, TasksOf,
    TimeRange,
};

/// Each node begins with nothing and reads the commits.
#[derive(Default)]
pub struct SharedLog(Mutex<Vec<Committed>>);

#[async_trait]
impl Registry for SharedLog {
    async fn load(&self, _now: Time) -> Result<Records, EngineError> {
        Ok(Records::default())
    }

    async fn commit(&self, at: u64, changes: Vec<Change>) -> Result<Commit, EngineError> {
        let mut log = self.0.lock();
        if log.len() as u64 != at {
            return Ok(Commit::Behind);
        }
        log.push(Committed { at: at + 1, changes });
        Ok(Commit::Done)
    }

    async fn since(&self, at: u64) -> Result<Vec<Committed>, EngineError> {
        Ok(self.0.lock().iter().filter(|commit| commit.at > at).cloned().collect())
    }

    async fn secret(&self, _name: &'static str) -> Result<[u8; 32], EngineError> {
        Ok([7; 32])
    }

    async fn secrets(&self) -> Result<Vec<(String, [u8; 32])>, EngineError> {
        Ok(Vec::new())
    }

    async fn put_secret(&self, _: &str, _: [u8; 32]) -> Result<(), EngineError> {
        Ok(())
    }

    // Nobody looks back here.

    async fn alerts_by_id(&self, _: &[String]) -> Result<Vec<AlertRecord>, EngineError> {
        Ok(Vec::new())
    }
    async fn alerts(
        &self,
        _: &AlertsOf,
        _: Option<(Time, String)>,
        _: usize,
    ) -> Result<Vec<AlertRecord>, EngineError> {
        Ok(Vec::new())
    }
    async fn task(&self, _: &TaskId) -> Result<Option<TaskRecord>, EngineError> {
        Ok(None)
    }
    async fn tasks(
        &self,
        _: &TasksOf,
        _: Option<(Time, TaskId)>,
        _: usize,
    ) -> Result<Vec<TaskRecord>, EngineError> {
        Ok(Vec::new())
    }
    async fn drop_ended(&self, _: Time) -> Result<(), EngineError> {
        Ok(())
    }
    async fn audit(&self, _: Option<&str>, _: usize) -> Result<Vec<AuditEntry>, EngineError> {
        Ok(Vec::new())
    }

    async fn note_key_uses(&self, _: Vec<(String, Time)>) -> Result<(), EngineError> {
        Ok(())
    }

    async fn key_uses(&self) -> Result<std::collections::HashMap<String, Time>, EngineError> {
        Ok(std::collections::HashMap::new())
    }

    async fn patrol(&self, _id: PatrolId) -> Result<Option<Patrol>, EngineError> {
        Ok(None)
    }

    async fn patrols_of(&self, _unit: &UnitId, _range: TimeRange) -> Result<Vec<Patrol>, EngineError> {
        Ok(Vec::new())
    }

    async fn patrols_of_each(&self, moments: Vec<(UnitId, Time)>) -> Result<Vec<Vec<Patrol>>, EngineError> {
        Ok(vec![Vec::new(); moments.len()])
    }

    async fn patrols_at(&self, _: &[sentinel_model::Scope], _at: Time) -> Result<Vec<Patrol>, EngineError> {
        Ok(Vec::new())
    }
}
