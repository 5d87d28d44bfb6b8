//! What was told of silence, over the end of a process whose rooms end with it.
//!
//! Noted after it is told: who ends in between tells it again, under the same ids.

use crate::ports::{EngineError, SilenceMemory};
use parking_lot::Mutex;
use sentinel_model::{PatrolId, UnitStatus};
use std::{collections::HashMap, sync::Arc};

pub struct Told {
    memory: Arc<dyn SilenceMemory>,
    /// As it is kept.
    noted: Mutex<HashMap<PatrolId, UnitStatus>>,
}

impl Told {
    pub async fn open(memory: Arc<dyn SilenceMemory>) -> Result<Self, EngineError> {
        let noted = Mutex::new(memory.told_silent().await?);
        Ok(Self { memory, noted })
    }

    /// Which patrols were told to be silent, and how.
    pub fn silent(&self) -> HashMap<PatrolId, UnitStatus> {
        self.noted.lock().clone()
    }

    /// Notes that these were, and no others.
    pub async fn note(&self, silent: HashMap<PatrolId, UnitStatus>) -> Result<(), EngineError> {
        let changed: Vec<(PatrolId, Option<UnitStatus>)> = {
            let noted = self.noted.lock();
            let new = silent.iter().filter(|(patrol, status)| noted.get(patrol) != Some(status));
            let over = noted.keys().filter(|patrol| !silent.contains_key(patrol));
            let new = new.map(|(patrol, status)| (*patrol, Some(*status)));
            new.chain(over.map(|patrol| (*patrol, None))).collect()
        };
        if !changed.is_empty() {
            self.memory.note_silent(changed).await?;
            *self.noted.lock() = silent;
        }
        Ok(())
    }
}
