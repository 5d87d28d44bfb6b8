//! What a routing service has said of units that are followed, kept for a moment: every position
//! goes to everybody who follows, and each of them would ask for the same.

use super::estimate::Estimate;
use parking_lot::Mutex;
use sentinel_model::{Time, dispatch::Place};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::OnceCell;

/// How long an answer holds.
const HOLDS_MS: i64 = 8_000;

#[derive(Default)]
pub struct Ways {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// By assignment.
    ways: HashMap<String, Arc<Way>>,
    tidied_at: Option<Time>,
}

struct Way {
    to: Place,
    asked_at: Time,
    /// None where the service says nothing. Asked once: others wait for that.
    answer: OnceCell<Option<Estimate>>,
}

impl Way {
    fn holds(&self, now: Time) -> bool {
        now < self.asked_at.plus_ms(HOLDS_MS)
    }
}

impl Ways {
    /// What is held of an assignment's way to there, or else what `asked` answers: nothing is
    /// asked before.
    pub async fn of(
        &self,
        assignment: &str,
        to: &Place,
        now: Time,
        asked: impl Future<Output = Option<Estimate>>,
    ) -> Option<Estimate> {
        let way = self.held.lock().way(assignment, to, now);
        *way.answer.get_or_init(|| asked).await
    }
}

impl Held {
    fn way(&mut self, assignment: &str, to: &Place, now: Time) -> Arc<Way> {
        if self.tidied_at.is_none_or(|at| now >= at.plus_ms(HOLDS_MS)) {
            self.ways.retain(|_, way| way.holds(now));
            self.tidied_at = Some(now);
        }
        let held = self.ways.get(assignment).filter(|way| way.holds(now) && way.to == *to);
        if let Some(held) = held {
            return held.clone();
        }
        let way = Arc::new(Way { to: to.clone(), asked_at: now, answer: OnceCell::new() });
        self.ways.insert(assignment.to_owned(), way.clone());
        way
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn an_answer_holds_for_a_moment_for_the_same_way_and_none_is_one_too() {
        let (ways, asked) = (Ways::default(), Cell::new(0));
        let place = |latitude| Place { latitude, longitude: 76.2, text: None };
        let ask = async |assignment: &str, latitude: f64, ms: i64, answer: Option<f64>| {
            let asking = async {
                asked.set(asked.get() + 1);
                answer.map(|eta_s| Estimate { distance_m: 10.0 * eta_s, eta_s })
            };
            let found = ways.of(assignment, &place(latitude), Time(1_000_000 + ms), asking).await;
            (found.map(|found| found.eta_s), asked.get())
        };
        assert_eq!(ask("A-1.1", 9.9, 0, Some(60.0)).await, (Some(60.0), 1));
        assert_eq!(ask("A-1.1", 9.9, HOLDS_MS - 1, Some(50.0)).await, (Some(60.0), 1));
        assert_eq!(ask("A-1.2", 9.9, HOLDS_MS - 1, None).await, (None, 2), "another unit");
        assert_eq!(ask("A-1.2", 9.9, HOLDS_MS, Some(40.0)).await, (None, 2), "nothing is an answer too");
        assert_eq!(ask("A-1.1", 9.9, HOLDS_MS, Some(50.0)).await, (Some(50.0), 3));
        assert_eq!(ask("A-1.1", 9.8, HOLDS_MS, Some(70.0)).await, (Some(70.0), 4), "it goes elsewhere");
        ask("A-2.1", 9.9, 5 * HOLDS_MS, None).await;
        assert_eq!(ways.held.lock().ways.len(), 1, "what is old is not kept");
    }
}
