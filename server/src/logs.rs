//! The program's log: one line an event on standard error. `SENTINEL_LOG` says how
//! much (`info`, `debug`, `sentinel_server::live=trace`), `SENTINEL_LOG_FORMAT=json`
//! makes the lines JSON for collectors.
//!
//! A line written while a request is answered ends with its `request_id`. It is read
//! when a line is written, not kept in a span: a request that logs nothing pays nothing.

use crate::http::error::request_id;
use anyhow::Context as _;
use std::{fmt, io::IsTerminal};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    field::RecordFields,
    filter::LevelFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{DefaultFields, Format, Json, Writer},
    },
    registry::LookupSpan,
};

/// How much is logged.
pub const LEVEL: &str = "SENTINEL_LOG";
/// How a line is written.
pub const FORMAT: &str = "SENTINEL_LOG_FORMAT";

/// What the library for Redis tells of a cluster it tells again at each try, and it tries
/// without a pause; what matters of it Sentinel says itself. `redis=warn` brings it back.
const LIBRARIES: &str = "redis=off";

/// Fails where a variable holds what cannot be meant.
pub fn begin() -> anyhow::Result<()> {
    let level = setting(LEVEL)?.unwrap_or_else(|| "info".into());
    let filter = filter(&level).with_context(|| {
        format!(
            "{LEVEL} is {level:?}; write off, error, warn, info, debug or trace, or a module with its own, \
             such as sentinel_server::live=trace, with commas between"
        )
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match setting(FORMAT)?.as_deref() {
        Some("json") => log.json().map_event_format(JsonOfRequest).init(),
        None | Some("text") => {
            log.fmt_fields(TextOfRequest).with_ansi(std::io::stderr().is_terminal()).init();
        }
        Some(other) => anyhow::bail!("{FORMAT} is {other:?}; write text or json"),
    }
    Ok(())
}

fn filter(level: &str) -> Option<EnvFilter> {
    level.split(',').all(is_meant).then(|| EnvFilter::try_new(format!("{LIBRARIES},{level}")).ok()).flatten()
}

/// A lone word that is no level would be a module's name, and all others fell silent: `inof`.
fn is_meant(directive: &str) -> bool {
    directive.contains('=') || directive.contains('[') || directive.trim().parse::<LevelFilter>().is_ok()
}

/// A variable's value; empty counts as not set.
fn setting(name: &str) -> anyhow::Result<Option<String>> {
    let value = std::env::var_os(name).map(|value| value.into_string());
    let text = value.transpose().map_err(|value| anyhow::anyhow!("{name} is {value:?}, which is no text"))?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// The fields of a line, and the request's id behind them.
struct TextOfRequest;

impl<'w> FormatFields<'w> for TextOfRequest {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        DefaultFields::new().format_fields(writer.by_ref(), fields)?;
        match request_id() {
            id if id.is_empty() => Ok(()),
            id => write!(writer, " request_id={id}"),
        }
    }
}

/// The same in JSON. An id is made of plain characters alone (`http::edge`).
struct JsonOfRequest(Format<Json>);

impl<S, N> FormatEvent<S, N> for JsonOfRequest
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match (request_id(), line.trim_end().strip_suffix('}')) {
            (id, Some(object)) if !id.is_empty() => writeln!(writer, "{object},\"request_id\":\"{id}\"}}"),
            _ => writer.write_str(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::REQUEST_ID;
    use parking_lot::Mutex;
    use std::{io, sync::Arc};
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Kept {
        type Writer = Self;
        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// One line outside of a request, one within.
    fn lines(kept: &Kept, log: impl Subscriber + Send + Sync) -> Vec<String> {
        tracing::subscriber::with_default(log, || {
            tracing::info!(by = "user:admin", "outside");
            REQUEST_ID.sync_scope("r-1".into(), || tracing::info!(by = "user:admin", "inside"));
        });
        String::from_utf8(kept.0.lock().clone()).expect("text").lines().map(str::to_owned).collect()
    }

    /// How many of two lines are written: one of the library's, one of Sentinel's.
    fn written(level: &str) -> usize {
        let kept = Kept::default();
        let log = tracing_subscriber::fmt()
            .with_writer(kept.clone())
            .with_env_filter(filter(level).expect("reads"));
        tracing::subscriber::with_default(log.finish(), || {
            tracing::error!(target: "redis::cluster_async", "slot refresh failed");
            tracing::info!("outside");
        });
        String::from_utf8(kept.0.lock().clone()).expect("text").lines().count()
    }

    #[test]
    fn the_library_for_redis_is_silent_unless_it_is_asked_for() {
        assert_eq!([written("info"), written("debug"), written("info,redis=warn")], [1, 1, 2]);
        assert!(filter("inof").is_none(), "a lone word that is no level");
    }

    #[test]
    fn a_line_of_a_request_says_which() {
        let kept = Kept::default();
        let log = tracing_subscriber::fmt().with_writer(kept.clone()).with_ansi(false);
        let told = lines(&kept, log.fmt_fields(TextOfRequest).finish());
        assert!(told[0].ends_with("outside by=\"user:admin\""), "{told:?}");
        assert!(told[1].ends_with("inside by=\"user:admin\" request_id=r-1"), "{told:?}");
    }

    #[test]
    fn a_line_in_json_says_it_too() {
        let kept = Kept::default();
        let log = tracing_subscriber::fmt().with_writer(kept.clone()).json().map_event_format(JsonOfRequest);
        let told = lines(&kept, log.finish());
        let told: Vec<serde_json::Value> =
            told.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert!(told[0].get("request_id").is_none());
        assert_eq!(
            (&told[1]["request_id"], &told[1]["fields"]["message"]),
            (&"r-1".into(), &"inside".into())
        );
    }
}
