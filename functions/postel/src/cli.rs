//! The command line: which commands there are, and who runs them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::commands;
use crate::config::{self, Config};
use crate::exit::{Answer, CODES, Failure, Outcome};
use crate::output::{self, Output};

/// Postel turns an email into a text message.
#[derive(Parser)]
#[command(name = "postel", version, after_help = CODES, propagate_version = true)]
pub(crate) struct Cli {
    /// Configuration file (else ./postel.toml, else /etc/postel/postel.toml)
    #[arg(long, global = true, value_name = "FILE", env = "POSTEL_CONFIG")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

/// What can be asked for.
#[derive(Subcommand)]
enum Command {
    /// Find out what becomes of a text, a number, a body, a sender or a mail, and why
    #[command(subcommand)]
    Check(commands::check::CheckCommand),

    /// Check the configuration or print one to begin with
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),

    /// Print the completion script for a shell
    #[command(
        long_about = "Print the completion script for a shell.\n\nFor bash: postel completions bash > ~/.local/share/bash-completion/completions/postel"
    )]
    Completions {
        /// The shell it is for
        shell: clap_complete::Shell,
    },
}

/// Reads the command line, runs the command, tells a failure.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // A closed pipe (`postel --help | head`) is no failure of ours.
            drop(e.print());
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    match cli.dispatch() {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(failure) => {
            output::complain(&failure);
            failure.code()
        }
    }
}

impl Cli {
    fn dispatch(self) -> Outcome {
        let mut out = Output::new();
        match self.command {
            Command::Check(command) => running()?.block_on(commands::check::run(command, &mut out)),
            Command::Config(command) => {
                commands::config::run(&command, self.config.as_deref(), &mut out)
            }
            Command::Completions { shell } => {
                clap_complete::generate(shell, &mut Self::command(), "postel", &mut out);
                Ok(Answer::Yes)
            }
        }
    }
}

/// What asynchronous commands run on.
fn running() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| {
            Failure::Trouble(format!(
                "the threads of this process cannot be started: {e}"
            ))
        })
}

/// The checked configuration, or all its faults.
pub(crate) fn load(given: Option<&std::path::Path>) -> Result<Config, Failure> {
    Config::load(given, &config::environment())
        .map(|(config, _)| config)
        .map_err(Failure::Configuration)
}
