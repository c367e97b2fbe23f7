//! `postel spool`: accepted mails that cannot be worked off.

use clap::{Args, Subcommand};
use postel_core::intake::Accepted;
use postel_local::spool::failed::{self, Failed};
use serde::Serialize;

use crate::config::{Config, reason};
use crate::exit::{Answer, Failure, Outcome};
use crate::home;
use crate::output::Output;

/// Arguments.
#[derive(Args)]
pub(crate) struct Spool {
    #[command(subcommand)]
    command: Option<SpoolCommand>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What can be done with them but look; `postel replay` tries one again.
#[derive(Subcommand)]
enum SpoolCommand {
    /// Delete one for good: its texts are never sent
    Forget {
        /// Its name, or the beginning of it or of its mail's id
        #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
        id: String,
    },
}

#[derive(Serialize)]
struct Shown {
    name: String,
    mail: Option<String>,
    accepted_at: Option<jiff::Timestamp>,
    set_aside_at: jiff::Timestamp,
    octets: u64,
    asked_again: bool,
    why: String,
}

impl Shown {
    fn of(failed: &Failed) -> Self {
        Self {
            name: failed.name.clone(),
            mail: mail_of(failed),
            accepted_at: failed.at,
            set_aside_at: failed.since,
            octets: failed.octets,
            asked_again: failed.again,
            why: failed.why.clone(),
        }
    }

    fn cells(self) -> Vec<String> {
        let minute = |t: jiff::Timestamp| t.strftime("%Y-%m-%d %H:%M:%S").to_string();
        vec![
            self.name,
            self.mail.unwrap_or_default(),
            self.accepted_at.map(minute).unwrap_or_default(),
            self.octets.to_string(),
            if self.asked_again {
                "asked again"
            } else {
                "waits for you"
            }
            .to_owned(),
            self.why,
        ]
    }
}

/// The mail's id, where what was kept with it can be read.
fn mail_of(failed: &Failed) -> Option<String> {
    let accepted: Accepted = serde_json::from_slice(failed.header.as_deref()?).ok()?;
    Some(accepted.record.id.to_string())
}

/// Those whose name or mail begins so.
///
/// # Errors
/// Where the folder cannot be read.
pub(crate) fn begun(config: &Config, id: &str) -> Result<Vec<Failed>, Failure> {
    let mut found = list(config)?;
    found.retain(|f| f.name.starts_with(id) || mail_of(f).is_some_and(|m| m.starts_with(id)));
    Ok(found)
}

/// All of them.
///
/// # Errors
/// Where the folder cannot be read.
pub(crate) fn list(config: &Config) -> Result<Vec<Failed>, Failure> {
    failed::list(&home::spool(config)).map_err(|e| unreadable(&e))
}

/// What the system says of the folder.
pub(crate) fn unreadable(error: &std::io::Error) -> Failure {
    Failure::Trouble(format!(
        "the mails that were set aside cannot be reached: {}",
        reason(error)
    ))
}

/// Runs the command.
pub(crate) fn run(arguments: Spool, config: &Config, out: &mut Output) -> Outcome {
    if let Some(SpoolCommand::Forget { id }) = arguments.command {
        let found = begun(config, &id)?;
        let [one] = found.as_slice() else {
            return Err(Failure::Refused(format!(
                "`{id}` names {} mails that were set aside; `postel spool` lists them",
                found.len()
            )));
        };
        failed::forget(&home::spool(config), &one.name).map_err(|e| unreadable(&e))?;
        out.line("Forgotten; its texts are never sent.")?;
        return Ok(Answer::Yes);
    }
    let shown: Vec<_> = list(config)?.iter().map(Shown::of).collect();
    if arguments.json {
        out.json(&shown)?;
        return Ok(Answer::Yes);
    }
    out.table(
        &["name", "mail", "accepted (UTC)", "octets", "state", "why"],
        shown.into_iter().map(Shown::cells).collect(),
    )?;
    Ok(Answer::Yes)
}
