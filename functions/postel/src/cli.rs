//! The command line: which commands there are, and who runs them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::commands::accounts::{
    self, account::AccountCommand, limits::LimitsCommand, network::NetworkCommand,
    number::NumberCommand, opt_out::OptOutCommand, prefs::PrefsCommand, user::UserCommand,
};
use crate::commands::{self, mails};
use crate::exit::{Answer, CODES, Failure, Outcome};
use crate::home::{self, Home};
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
    /// Take mail and send texts, until SIGINT or SIGTERM
    Serve,

    /// Show all of it on this machine: a mail goes in, a simulated phone shows the text
    Demo(commands::demo::Arguments),

    /// Find out what becomes of a text, a number, a body, a sender or a mail, and why
    #[command(subcommand)]
    Check(commands::check::CheckCommand),

    /// Show what would become of a mail in a file: decision, text, parts, what is cut; sends nothing
    Preview(commands::preview::Arguments),

    /// Make, list, show and change accounts
    #[command(subcommand)]
    Account(AccountCommand),

    /// Who may send for an account
    #[command(subcommand)]
    User(UserCommand),

    /// Address ranges an account trusts
    #[command(subcommand)]
    Network(NetworkCommand),

    /// Virtual numbers of an account
    #[command(subcommand)]
    Number(NumberCommand),

    /// Signature, sender name, subject, encoding, longest message, language, country, receipts
    #[command(subcommand)]
    Prefs(PrefsCommand),

    /// What an account may send
    #[command(subcommand)]
    Limits(LimitsCommand),

    /// Numbers an account must not text
    #[command(subcommand)]
    OptOut(OptOutCommand),

    /// List the newest mails and what was decided
    Mails(mails::Mails),

    /// Tell everything that happened to one mail or text
    Trail(mails::Trail),

    /// List our own mails (invitations, receipts) and what became of them
    Outbox(commands::outbox::Outbox),

    /// Try texts that wait again now
    #[command(
        long_about = "Try texts that wait (for a provider, for credit) again now.\n\nSent, failed and unknown ones are left alone: \
        nothing is ever sent twice. Mails that were accepted but not yet worked off when the process stopped need no \
        replay: `postel serve` takes them up when it starts."
    )]
    Replay(commands::replay::Replay),

    /// List accepted mails that cannot be worked off, and why; `postel replay` tries one again
    Spool(commands::spool::Spool),

    /// Write database and waiting mails into one file, while `postel serve` runs or not
    #[command(
        long_about = "Write database and waiting mails into one file, while `postel serve` runs or not.\n\nIn it: accounts, \
        users, audit log, ledger, limits, opt-outs, records of mails, our own mails, and the mails that were accepted and not yet \
        worked off. Not in it: the configuration with its secrets, certificates, and raw mails that are done with."
    )]
    Backup(commands::backup::Backup),

    /// Put a backup in the place of the database; what was there is kept aside
    #[command(
        long_about = "Put a backup in the place of the database; what was there is kept aside.\n\nNothing goes out twice by it: \
        texts that waited when the backup was made may have been sent since, so they end as `unknown` and their senders are told; \
        mails that were accepted and not yet worked off are set aside (`postel spool`). With --nothing-ran-since (the backup was \
        made after `postel serve` had stopped, and none has run since) both go on as they were."
    )]
    Restore(commands::backup::Restore),

    /// Check the configuration or print one to begin with
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),

    /// Print the completion script for a shell
    #[command(
        long_about = "Print the completion script for a shell.\n\nFor bash: mkdir -p ~/.local/share/bash-completion/completions && postel completions bash > ~/.local/share/bash-completion/completions/postel"
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
        Ok(Answer::Unknown) => ExitCode::from(4),
        // Whoever read the output has seen enough (`postel mails | head`).
        Err(Failure::Unread) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            failure.code()
        }
    }
}

impl Cli {
    fn dispatch(self) -> Outcome {
        let mut out = Output::new();
        let config = self.config.as_deref();
        running()?.block_on(self.command.run(config, &mut out))
    }
}

impl Command {
    async fn run(self, config: Option<&Path>, out: &mut Output) -> Outcome {
        // Only what begins something makes a data folder; everything else says that there is none yet.
        let home = || Home::existing(home::load(config)?);
        match self {
            Self::Serve => commands::serve::run(config, out).await,
            Self::Demo(arguments) => commands::demo::run(arguments, out).await,
            Self::Check(command) => commands::check::run(command, config, out).await,
            Self::Preview(arguments) => commands::preview::run(arguments, config, out).await,
            Self::Account(command) => {
                let home = if command.begins() {
                    Home::beside(home::load(config)?)
                } else {
                    home()
                };
                accounts::account::run(command, &home?, out).await
            }
            Self::User(command) => accounts::user::run(command, &home()?, out).await,
            Self::Network(command) => accounts::network::run(command, &home()?, out).await,
            Self::Number(command) => accounts::number::run(command, &home()?, out).await,
            Self::Prefs(command) => accounts::prefs::run(command, &home()?, out).await,
            Self::Limits(command) => accounts::limits::run(command, &home()?, out).await,
            Self::OptOut(command) => accounts::opt_out::run(command, &home()?, out).await,
            Self::Mails(arguments) => mails::mails(arguments, &home()?, out).await,
            Self::Trail(arguments) => mails::trail(arguments, &home()?, out).await,
            Self::Outbox(arguments) => commands::outbox::run(arguments, &home()?, out).await,
            Self::Replay(arguments) => commands::replay::run(arguments, &home()?, out).await,
            Self::Spool(arguments) => commands::spool::run(arguments, &home::load(config)?, out),
            Self::Backup(arguments) => commands::backup::backup(arguments, config, out).await,
            Self::Restore(arguments) => commands::backup::run_restore(arguments, config, out).await,
            Self::Config(command) => commands::config::run(&command, config, out),
            Self::Completions { shell } => {
                // The generator panics where it cannot write, so it writes where it always can.
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Cli::command(), "postel", &mut script);
                out.text(&String::from_utf8_lossy(&script))?;
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
