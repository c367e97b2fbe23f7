//! `postel`: the one process and the command line. Builds and starts; rules live in the libraries.

mod cli;
mod commands;
mod config;
mod exit;
mod home;
mod judging;
mod output;
mod providers;
mod serving;
mod system;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
