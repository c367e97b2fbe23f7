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

/// The system's own takes more than twice as long, and a mail asks it some two thousand times.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
