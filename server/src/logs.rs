//! The program's log: one line an event on standard error. `SENTINEL_LOG` says how
//! much (`info`, `debug`, `sentinel_server::live=trace`), `SENTINEL_LOG_FORMAT=json`
//! makes the lines JSON for collectors.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

pub fn begin() {
    let filter = EnvFilter::try_from_env("SENTINEL_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let json = std::env::var("SENTINEL_LOG_FORMAT").is_ok_and(|format| format == "json");
    if json {
        log.json().init();
    } else {
        log.with_ansi(std::io::stderr().is_terminal()).init();
    }
}
