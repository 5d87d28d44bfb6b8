//! The `sentinel` program: reads its command line, sets up its log, and runs.

use clap::Parser;
use sentinel_server::{cli::Cli, logs, tls};
use std::process::ExitCode;

/// Small pieces made on one thread and dropped on another are most of what a request allocates.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    tls::choose_cryptography();
    let outcome = match logs::begin() {
        Ok(()) => cli.run().await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sentinel: {error:#}");
            // At once: a MongoDB client that is dropped says goodbye in a task of its own, which
            // panics where the runtime is taken down beneath it.
            std::process::exit(1)
        }
    }
}
