//! `postel`: the one process and the command line. Builds and starts; rules live in the libraries.
#![expect(dead_code, reason = "what the commands to come print with")]

mod cli;
mod commands;
mod config;
mod exit;
mod output;
mod system;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
