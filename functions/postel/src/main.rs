//! `postel`: the one process and the command line. Builds and starts; rules live in the libraries.

mod cli;
mod commands;
mod config;
mod exit;
mod home;
mod judging;
mod log;
mod output;
mod providers;
mod serving;
mod system;
mod watching;

use std::process::ExitCode;

/// A mail asks for memory some eight hundred times, for which the system's own takes a sixth of the processor. Its settings
/// stand in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::run()
}
