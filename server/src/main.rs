//! The `sentinel` program: reads its command line, sets up its log, and runs.

use clap::Parser;
use sentinel_server::{cli::Cli, logs};
use std::process::ExitCode;

/// Small pieces made on one thread and dropped on another are most of what a request allocates.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    logs::begin();
    match cli.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sentinel: {error:#}");
            ExitCode::FAILURE
        }
    }
}
