//! How a replay goes, on standard error: one line that is written over on a terminal,
//! a line now and then elsewhere.

use sentinel_model::Time;
use std::{
    io::{IsTerminal, Write},
    time::Duration,
};
use tokio::time::Instant;

pub struct Progress {
    terminal: bool,
    next: Instant,
}

/// The figures of one line.
pub struct Standing {
    pub clock: Option<Time>,
    pub total: usize,
    pub due: usize,
    pub answered: u64,
    pub failed: u64,
}

impl Progress {
    pub fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), next: Instant::now() }
    }

    /// When there will be something to show.
    pub fn due(&self) -> Instant {
        self.next
    }

    pub fn show(&mut self, standing: &Standing) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + if self.terminal { Duration::from_millis(500) } else { Duration::from_secs(10) };
        let line = standing.line();
        let mut out = std::io::stderr().lock();
        // a closed terminal is no reason to stop posting
        let _ = if self.terminal {
            write!(out, "\r\x1b[K{line}").and_then(|()| out.flush())
        } else {
            writeln!(out, "{line}")
        };
    }

    /// Something to read that stays.
    pub fn say(&self, line: &str) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        let _ = writeln!(std::io::stderr().lock(), "{clear}{line}");
    }

    pub fn end(&self) {
        if self.terminal {
            let _ = writeln!(std::io::stderr().lock());
        }
    }
}

impl Standing {
    fn line(&self) -> String {
        let clock = self.clock.map(|t| format!("trace at {t}, ")).unwrap_or_default();
        let done = self.answered + self.failed;
        let waiting = u64::try_from(self.due).unwrap_or(u64::MAX).saturating_sub(done);
        format!(
            "{clock}{} of {} fixes due, {} answered, {} waiting, {} failed",
            count(self.due),
            count(self.total),
            count(self.answered),
            count(waiting),
            count(self.failed)
        )
    }
}

/// A number with its thousands set apart.
pub fn count<N: TryInto<u64>>(number: N) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something: "1 unit", "187 units".
pub fn counted<N: TryInto<u64>>(number: N, one: &str, many: &str) -> String {
    let number = count(number);
    let what = if number == "1" { one } else { many };
    format!("{number} {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let texts: Vec<_> = [0u64, 999, 1_000, 195_984, 1_234_567].into_iter().map(count).collect();
        assert_eq!(texts, ["0", "999", "1,000", "195,984", "1,234,567"]);
        assert_eq!([counted(1, "fix", "fixes"), counted(1_870, "fix", "fixes")], ["1 fix", "1,870 fixes"]);
    }

    #[test]
    fn a_line_says_where_the_trace_is_and_what_waits() {
        let standing = Standing {
            clock: Some(Time::from_secs(0)),
            total: 2_000,
            due: 1_500,
            answered: 1_400,
            failed: 1,
        };
        assert_eq!(
            standing.line(),
            "trace at 1970-01-01T00:00:00.000Z, 1,500 of 2,000 fixes due, 1,400 answered, 99 waiting, 1 failed"
        );
    }
}
