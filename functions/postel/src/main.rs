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

fn main() -> ExitCode {
    cli::run()
}
