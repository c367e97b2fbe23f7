//! `postel backup`, `postel restore`: one file that holds what must not be lost, and the way back.

use std::path::{Path, PathBuf};

use clap::Args;
use postel_core::ports::Clock as _;
use postel_local::sqlite::backup::{BackupError, Kept, back_up};
use postel_local::sqlite::restore::{RestoreError, Restored, restore};

use crate::exit::{Answer, Failure, Outcome};
use crate::home::{self, absolute};
use crate::output::Output;
use crate::system::SystemClock;

/// Arguments of `backup`.
#[derive(Args)]
pub(crate) struct Backup {
    /// Where to write it; it holds addresses and texts, so only its owner may read it
    file: PathBuf,
    /// Replace the file where there is one
    #[arg(long)]
    overwrite: bool,
}

/// Arguments of `restore`.
#[derive(Args)]
pub(crate) struct Restore {
    /// A file that `postel backup` wrote, or a copy kept before an upgrade
    file: PathBuf,
    /// Nothing ran between the backup and now: texts that waited then go on waiting and are sent
    #[arg(long)]
    nothing_ran_since: bool,
}

/// Writes a backup, while `postel serve` runs or not.
pub(crate) async fn backup(arguments: Backup, config: Option<&Path>, out: &mut Output) -> Outcome {
    let config = home::load(config)?;
    let (database, spool) = (home::database(&config), home::spool(&config));
    let to = arguments.file.clone();
    let work = move || {
        let now = SystemClock.now();
        back_up(&database, &spool, &to, arguments.overwrite, now)
    };
    let kept = tokio::task::spawn_blocking(work).await;
    let Kept {
        octets,
        mails,
        open,
    } = kept.map_err(|e| Failure::Trouble(e.to_string()))??;
    out.field("backup", absolute(&arguments.file).display().to_string())?;
    out.field("size", format!("{} KB", octets.div_ceil(1000)))?;
    out.field("texts waiting", open.to_string())?;
    out.field("mails in spool", mails.to_string())?;
    Ok(Answer::Yes)
}

/// Puts a backup in the place of the database.
pub(crate) async fn run_restore(
    arguments: Restore,
    config: Option<&Path>,
    out: &mut Output,
) -> Outcome {
    let config = home::load(config)?;
    home::make_folder(&config.gateway.data)?;
    let restored = restore(
        &arguments.file,
        &home::database(&config),
        &home::spool(&config),
        arguments.nothing_ran_since,
        SystemClock.now(),
    )
    .await?;
    tell(&restored, out)?;
    Ok(Answer::Yes)
}

fn tell(restored: &Restored, out: &mut Output) -> std::io::Result<()> {
    let made = restored.at.map_or_else(
        || "not known: the file is a database, but no backup".to_owned(),
        |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    );
    out.field("restored, as of", made)?;
    match &restored.kept {
        Some(kept) => out.field("before, kept in", absolute(kept).display().to_string())?,
        None => out.field("before", "there was no database")?,
    }
    out.field("texts waiting", restored.waiting.to_string())?;
    out.field("texts unknown", restored.unknown.to_string())?;
    out.field("texts in sending", restored.sending.to_string())?;
    out.field("mails set aside", restored.aside.to_string())?;
    if restored.unknown > 0 {
        out.line("Texts that waited then may have been sent since, so they are unknown and not sent again; their senders are told: postel mails --state unknown")?;
    }
    if restored.sending > 0 {
        out.line("Texts that were being sent are looked up at the provider, or become unknown, once `postel serve` runs.")?;
    }
    if restored.aside > 0 {
        out.line("Mails that were accepted and not yet worked off may have been sent since: postel spool lists them, postel replay ID sends one.")?;
    }
    out.line("Whatever came after the backup is not in it: mails, changes of accounts, what was used of limits, opt-outs.")
}

impl From<BackupError> for Failure {
    fn from(e: BackupError) -> Self {
        match e {
            BackupError::Exists(_) => Self::Refused(e.to_string()),
            BackupError::Database(_) | BackupError::Damaged { .. } | BackupError::Failed { .. } => {
                Self::Trouble(e.to_string())
            }
        }
    }
}

impl From<RestoreError> for Failure {
    fn from(e: RestoreError) -> Self {
        Self::Trouble(e.to_string())
    }
}
