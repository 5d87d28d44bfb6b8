//! What a try says of a delivery.

use crate::ports::Queued;
use sentinel_model::{
    Time,
    webhook::{DeliveryAttempt, DeliveryState},
};

/// Pauses before the second try and those after it, seconds: a day and some minutes in all.
const PAUSES_S: [i64; 8] = [5, 30, 120, 600, 3600, 3 * 3600, 8 * 3600, 12 * 3600];

/// Tries that are kept in the log of a delivery: two rounds and some.
const KEPT: usize = 20;

/// A delivery after a try. `random` (0 to 1) spreads those that failed together: a pause is
/// up to a tenth longer or shorter.
pub fn after(queued: &Queued, attempt: DeliveryAttempt, now: Time, random: f64) -> Queued {
    let pause = usize::try_from(queued.tries).ok().and_then(|n| PAUSES_S.get(n));
    let (state, due) = match (&attempt.error, pause) {
        (None, _) => (DeliveryState::Delivered, now),
        (Some(_), None) => (DeliveryState::Failed, now),
        (Some(_), Some(pause)) => {
            #[expect(clippy::cast_possible_truncation, reason = "at most a tenth of the pause")]
            let spread = (*pause as f64 * 1000.0 * (random * 0.2 - 0.1)) as i64;
            (DeliveryState::Pending, now.plus_ms(pause * 1000 + spread))
        }
    };
    settled(queued, attempt, state, due)
}

/// A delivery that nobody can be asked to take: the try says why.
pub fn given_up(queued: &Queued, why: &str, now: Time) -> Queued {
    let attempt =
        DeliveryAttempt { at: now, status: None, error: Some(why.into()), duration_ms: 0, response: None };
    settled(queued, attempt, DeliveryState::Failed, now)
}

fn settled(queued: &Queued, attempt: DeliveryAttempt, state: DeliveryState, due: Time) -> Queued {
    let mut attempts = queued.attempts.clone();
    attempts.push(attempt);
    attempts.drain(..attempts.len().saturating_sub(KEPT));
    Queued { delivery: queued.delivery.clone(), state, due, tries: queued.tries + 1, attempts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::NewDelivery;
    use sentinel_model::webhook::WebhookEvent;

    fn attempt(at: Time, error: Option<&str>) -> DeliveryAttempt {
        DeliveryAttempt { at, status: None, error: error.map(Into::into), duration_ms: 1, response: None }
    }

    fn new() -> Queued {
        Queued::new(NewDelivery {
            id: "msg_1".into(),
            webhook: "w".into(),
            event: WebhookEvent::Ping,
            about: String::new(),
            created_at: Time(0),
            body: "{}".into(),
        })
    }

    #[test]
    fn what_fails_is_tried_for_a_day_with_ever_longer_pauses_and_then_given_up() {
        let (mut queued, mut now, mut pauses) = (new(), Time(0), Vec::new());
        while queued.state == DeliveryState::Pending {
            pauses.push(queued.due.ms_since(now));
            now = queued.due;
            queued = after(&queued, attempt(now, Some("no")), now, 0.5);
        }
        assert_eq!(queued.state, DeliveryState::Failed);
        assert_eq!(queued.attempts.len(), PAUSES_S.len() + 1);
        assert!(pauses.is_sorted(), "{pauses:?}");
        let hours = now.ms() as f64 / 3_600_000.0;
        assert!((24.0..25.0).contains(&hours), "{hours} hours");
    }

    #[test]
    fn pauses_are_spread_by_a_tenth() {
        let due = |random| after(&new(), attempt(Time(0), Some("no")), Time(0), random).due.ms();
        assert_eq!([due(0.0), due(0.5), due(1.0)], [4500, 5000, 5500]);
    }

    #[test]
    fn what_is_taken_is_delivered_and_a_log_stays_short() {
        let mut queued = new();
        for n in 0..50 {
            let again = Queued { tries: 0, ..queued };
            queued = after(&again, attempt(Time(n), Some("no")), Time(n), 0.5);
        }
        assert_eq!(queued.attempts.len(), KEPT);
        let delivered = after(&queued, attempt(Time(99), None), Time(99), 0.5);
        assert_eq!(delivered.state, DeliveryState::Delivered);
        assert_eq!(delivered.attempts.last().map(|attempt| attempt.at), Some(Time(99)));
        assert_eq!(given_up(&new(), "gone", Time(1)).state, DeliveryState::Failed);
    }
}
