//! Accounts and all that belongs to them: arguments, words and wiring; what may be is said in
//! `postel_core::settings`.

pub(crate) mod account;
mod changes;
pub(crate) mod limits;
pub(crate) mod network;
pub(crate) mod number;
pub(crate) mod opt_out;
pub(crate) mod prefs;
pub(crate) mod user;

use std::io::{self, IsTerminal as _, Write as _};

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::Failure;

/// For commands that delete.
#[derive(Args)]
pub(crate) struct Sure {
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

impl Sure {
    /// Asks on a terminal; elsewhere `--yes` must be said. `what` says what follows, `deed` what is done.
    pub(crate) fn about(&self, what: &str, deed: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::Usage(format!(
                "{what} Nobody is there to be asked; add --yes to {deed}."
            )));
        }
        let mut terminal = io::stderr();
        write!(terminal, "{what} Do you want to {deed}? [y/N] ")?;
        terminal.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            Ok(())
        } else {
            Err(Failure::Refused("nothing was done".to_owned()))
        }
    }
}

/// Reads one of a setting's words.
pub(crate) fn word<T: DeserializeOwned>(written: &str) -> Result<T, String> {
    serde_json::from_value(written.into()).map_err(|e| {
        let all = e.to_string();
        let words = all
            .rsplit_once("expected ")
            .map_or(all.as_str(), |(_, words)| words);
        let words = words.trim_start_matches("one of ").replace('`', "");
        match words.rsplit_once(", ") {
            Some((first, last)) => format!("write {first} or {last}"),
            None => format!("write {words}"),
        }
    })
}

/// The word of a setting, as [`word`] reads it.
pub(crate) fn shown(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(s)) => s,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// An optional setting for people.
pub(crate) fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |v| v.to_string())
}
