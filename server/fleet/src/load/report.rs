//! The report of a run: figures first, then the verdict that gives them their worth.

use super::{
    LoadArgs,
    audit::Findings,
    carrier::Carrier,
    deliveries::{self, ByLevel, Seen},
    devices::Sent,
    figures::{Percentiles, Usage, line, ratio},
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt, time::Duration};

#[derive(Debug, Serialize)]
pub struct Report {
    pub mode: &'static str,
    pub units: u32,
    pub batch: u32,
    pub connections: u32,
    pub dashboards: u32,
    pub sse: u32,
    pub interval_ms: u32,
    pub seconds: f64,
    pub asked_fixes_per_s: Option<u64>,
    pub answered_fixes_per_s: f64,
    pub answered_posts_per_s: f64,
    pub posts: u64,
    pub posts_unsent: u64,
    pub fixes_accepted: u64,
    pub fixes_duplicate: u64,
    pub fixes_set_aside: u64,
    pub answers_by_status: BTreeMap<u16, u64>,
    pub errors: BTreeMap<String, u64>,
    /// Due (closed: sent) to answered.
    pub answer: Option<Percentiles>,
    /// Sent to answered.
    pub service: Option<Percentiles>,
    /// How late the generator itself was.
    pub generator_late: Option<Percentiles>,
    /// To the dashboards with a WebSocket.
    pub deliveries: ByLevel,
    /// To those with server-sent events.
    pub sse_deliveries: ByLevel,
    pub servers: Vec<ProcessReport>,
    pub generator: Option<ProcessReport>,
    pub audit: Findings,
    /// Whether the figures count.
    pub exact: bool,
}

#[derive(Debug, Serialize)]
pub struct ProcessReport {
    pub name: String,
    pub cpu_s: f64,
    pub cores: f64,
    pub rss_mib: f64,
    pub peak_rss_mib: f64,
    pub fixes_per_cpu_s: f64,
    pub deliveries_per_cpu_s: f64,
}

/// What was measured, as the parts of a run hand it over.
pub struct Measured<'a> {
    pub sent: &'a Sent,
    pub seen: &'a Seen,
    pub socket_errors: &'a BTreeMap<String, u64>,
    pub elapsed: Duration,
    /// In the order of `--server-pid`.
    pub servers: Vec<(Usage, Usage)>,
    pub generator: Option<(Usage, Usage)>,
    pub audit: Findings,
}

impl Report {
    pub fn new(args: &LoadArgs, m: Measured<'_>) -> Self {
        let seconds = m.elapsed.as_secs_f64();
        let per_s = |n: u64| ratio(n, seconds);
        let of = |carrier| deliveries::by_level(m.seen, carrier, seconds);
        let (deliveries, sse_deliveries) = (of(Carrier::WebSocket), of(Carrier::Events));
        let updates = m.seen.values().map(|seen| seen.updates).sum();
        let process = |name: &str, (before, after): (Usage, Usage)| {
            let cpu_s = after.cpu.saturating_sub(before.cpu).as_secs_f64();
            ProcessReport {
                name: name.to_string(),
                cpu_s,
                cores: cpu_s / seconds,
                rss_mib: ratio(after.rss_bytes, 1_048_576.0),
                peak_rss_mib: ratio(after.peak_rss_bytes, 1_048_576.0),
                fixes_per_cpu_s: ratio(m.sent.fixes_accepted, cpu_s),
                deliveries_per_cpu_s: ratio(updates, cpu_s),
            }
        };
        let mut errors = m.sent.errors.clone();
        for (what, n) in m.socket_errors {
            *errors.entry(what.clone()).or_default() += n;
        }
        let accepted = m.sent.fixes_accepted;
        let exact = m.audit.is_exact()
            && deliveries::is_right(&deliveries, args.dashboards, accepted)
            && deliveries::is_right(&sse_deliveries, args.sse, accepted);
        Self {
            mode: if args.closed { "closed loop" } else { "open loop" },
            units: args.units,
            batch: args.batch,
            connections: args.connections.min(args.units),
            dashboards: args.dashboards,
            sse: args.sse,
            interval_ms: args.interval_ms,
            seconds,
            asked_fixes_per_s: (!args.closed).then_some(args.rate),
            answered_fixes_per_s: per_s(m.sent.fixes_accepted),
            answered_posts_per_s: per_s(m.sent.answer.percentiles().map_or(0, |p| p.count)),
            posts: m.sent.posts,
            posts_unsent: m.sent.unsent,
            fixes_accepted: m.sent.fixes_accepted,
            fixes_duplicate: m.sent.fixes_duplicate,
            fixes_set_aside: m.sent.fixes_set_aside,
            answers_by_status: m.sent.statuses.clone(),
            errors,
            answer: m.sent.answer.percentiles(),
            service: m.sent.service.percentiles(),
            generator_late: m.sent.wake.percentiles(),
            deliveries,
            sse_deliveries,
            servers: args
                .server_pid
                .iter()
                .zip(m.servers)
                .map(|(of, used)| process(&of.name, used))
                .collect(),
            generator: m.generator.map(|used| process("generator", used)),
            audit: m.audit,
            exact,
        }
    }

    /// What stands in the way of taking the figures at their word.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.answers_by_status.contains_key(&429) {
            remarks.push(
                "the server refused posts with 429: its per-unit rate limit is for the field; \
                 start it with --unit-rate-limit off for load tests"
                    .into(),
            );
        }
        if self.posts_unsent > 0 {
            remarks.push(format!(
                "{} posts were never sent: every connection was still waiting for an answer",
                self.posts_unsent
            ));
        }
        let late = self.generator_late.map_or(0.0, |p| p.p99_ms);
        if late > 1.0 {
            remarks.push(format!(
                "the generator itself was late by {late:.1} ms at p99: it needs more of the machine, \
                 and the answer times above hold that much of it"
            ));
        }
        if self.fixes_duplicate > 0 {
            remarks.push("the server took new fixes for duplicates".into());
        }
        remarks
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.asked_fixes_per_s.map_or("as many as it can".into(), |r| format!("asked {r}/s"));
        writeln!(
            f,
            "{}, {:.1} s, {} units, batch {}, {} connections, {} dashboards, {} by SSE",
            self.mode, self.seconds, self.units, self.batch, self.connections, self.dashboards, self.sse
        )?;
        writeln!(
            f,
            "fixes      {:.0}/s answered 2xx ({asked}), {:.0} posts/s",
            self.answered_fixes_per_s, self.answered_posts_per_s
        )?;
        let statuses: Vec<String> =
            self.answers_by_status.iter().map(|(status, n)| format!("{status}: {n}")).collect();
        writeln!(f, "answers    {}", if statuses.is_empty() { "none".into() } else { statuses.join(", ") })?;
        line(f, "due to answered", self.answer.as_ref())?;
        line(f, "sent to answered", self.service.as_ref())?;
        if self.generator_late.is_some() {
            line(f, "generator late by", self.generator_late.as_ref())?;
        }
        deliveries::write(f, Carrier::WebSocket, self.dashboards, &self.deliveries)?;
        deliveries::write(f, Carrier::Events, self.sse, &self.sse_deliveries)?;
        for p in self.servers.iter().chain(&self.generator) {
            writeln!(
                f,
                "{:<10} {:.2} CPU s ({:.2} cores), {:.0} MiB resident, {:.0} at peak; \
                 {:.0} fixes and {:.0} deliveries for each CPU second",
                p.name,
                p.cpu_s,
                p.cores,
                p.rss_mib,
                p.peak_rss_mib,
                p.fixes_per_cpu_s,
                p.deliveries_per_cpu_s
            )?;
        }
        for (what, n) in &self.errors {
            writeln!(f, "error      {n} times: {what}")?;
        }
        for remark in self.remarks() {
            writeln!(f, "note       {remark}")?;
        }
        write_audit(f, &self.audit)?;
        if self.exact {
            writeln!(f, "The audit is exact.")
        } else {
            writeln!(
                f,
                "THE RUN IS VOID: the server lost, doubled or changed something. These figures count as nothing."
            )
        }
    }
}

fn write_audit(f: &mut fmt::Formatter<'_>, a: &Findings) -> fmt::Result {
    writeln!(
        f,
        "audit      {} fixes answered: {} read back, {} missing, {} doubled, {} altered, {} foreign",
        a.answered, a.found, a.missing, a.doubled, a.altered, a.foreign
    )?;
    if a.in_doubt_lost + a.in_doubt_stored > 0 {
        writeln!(
            f,
            "           without an answer: {} stored, {} not (both are right)",
            a.in_doubt_stored, a.in_doubt_lost
        )?;
    }
    a.examples.iter().try_for_each(|example| writeln!(f, "           {example}"))
}
