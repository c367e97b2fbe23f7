//! `postel check database`: whether the database is sound.

use std::path::Path;

use clap::Args;
use postel_local::sqlite::backup::faults;

use crate::exit::{Answer, Failure, Outcome};
use crate::home::{self, absolute};
use crate::output::{Colour, Output, paint};

/// Arguments.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A backup or another database; without it, the configured folder's
    file: Option<std::path::PathBuf>,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, config: Option<&Path>, out: &mut Output) -> Outcome {
    let path = match arguments.file {
        Some(file) => file,
        None => home::database(&home::load(config)?),
    };
    if let Err(e) = std::fs::metadata(&path) {
        return Err(Failure::Refused(format!(
            "{} cannot be checked: {}",
            path.display(),
            crate::config::reason(&e)
        )));
    }
    let file = path.clone();
    let faults = tokio::task::spawn_blocking(move || faults(&file))
        .await
        .map_err(|e| Failure::Trouble(e.to_string()))?
        .map_err(|e| Failure::Trouble(e.to_string()))?;
    out.field("database", absolute(&path).display().to_string())?;
    if faults.is_empty() {
        out.line(paint(Colour::Good, "Sound."))?;
        return Ok(Answer::Yes);
    }
    for fault in faults {
        out.line(fault)?;
    }
    out.line(paint(
        Colour::Bad,
        "Damaged. Stop `postel serve`, then restore the last backup: postel restore FILE. It keeps this file aside.",
    ))?;
    Ok(Answer::No)
}
