//! Whose turn the picture is while somebody calls for help: a new call has it at once, the whole
//! scope comes back after a time, and calls that stay open have it again and again, as the others
//! must be seen too, and nobody who calls may be forgotten.

/// A call has the picture so long, ms, and at least so long where another one comes.
const CALL_MS: f64 = 20_000.0;
const CALL_LEAST_MS: f64 = 6_000.0;
/// Between two calls that have had it before.
const WHOLE_MS: f64 = 40_000.0;

#[derive(Debug, Default)]
pub struct Turns {
    /// Which call has the picture; none where the whole scope has.
    on: Option<String>,
    since_ms: f64,
    /// When each open call had its last turn, ms.
    had: Vec<(String, f64)>,
}

impl Turns {
    /// Which of the open calls, newest first, has the picture now.
    pub fn now(&mut self, open: &[&str], now_ms: f64) -> Option<&str> {
        self.had.retain(|(id, _)| open.contains(&id.as_str()));
        if self.on.as_ref().is_some_and(|id| !open.contains(&id.as_str())) {
            self.turn(None, now_ms);
        }
        let shown_ms = now_ms - self.since_ms;
        let new = open.iter().find(|id| self.had.iter().all(|(had, _)| had != *id));
        let waited = || self.had.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(id, _)| id.clone());
        match (&self.on, new) {
            (None, Some(new)) => self.turn(Some((*new).to_owned()), now_ms),
            (Some(_), Some(new)) if shown_ms >= CALL_LEAST_MS => self.turn(Some((*new).to_owned()), now_ms),
            (Some(_), None) if shown_ms >= CALL_MS => self.turn(None, now_ms),
            (None, None) if shown_ms >= WHOLE_MS => {
                if let Some(id) = waited() {
                    self.turn(Some(id), now_ms);
                }
            }
            _ => {}
        }
        self.on.as_deref()
    }

    fn turn(&mut self, to: Option<String>, now_ms: f64) {
        if let Some(id) = &to {
            self.had.retain(|(had, _)| had != id);
            self.had.push((id.clone(), now_ms));
        }
        (self.on, self.since_ms) = (to, now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_picture_at_once_then_the_scope_then_the_call_again() {
        let mut turns = Turns::default();
        assert_eq!(turns.now(&[], 1_000.0), None);
        assert_eq!(turns.now(&["a"], 2_000.0), Some("a"));
        assert_eq!(turns.now(&["a"], 21_000.0), Some("a"));
        assert_eq!(turns.now(&["a"], 22_000.0), None);
        assert_eq!(turns.now(&["a"], 61_000.0), None);
        assert_eq!(turns.now(&["a"], 62_000.0), Some("a"));
        assert_eq!(turns.now(&[], 63_000.0), None, "acknowledged");
    }

    #[test]
    fn several_calls_take_turns_and_a_new_one_waits_no_longer_than_to_be_seen() {
        let mut turns = Turns::default();
        assert_eq!(turns.now(&["a"], 0.0), Some("a"));
        assert_eq!(turns.now(&["b", "a"], 1_000.0), Some("a"));
        assert_eq!(turns.now(&["b", "a"], 6_000.0), Some("b"));
        assert_eq!(turns.now(&["b", "a"], 26_000.0), None);
        assert_eq!(turns.now(&["b", "a"], 66_000.0), Some("a"), "the one that waits longest");
        assert_eq!(turns.now(&["b", "a"], 86_000.0), None);
        assert_eq!(turns.now(&["b", "a"], 126_000.0), Some("b"));
    }
}
