//! `postel replay`: texts that wait, and mails that were set aside, are tried again now.

use clap::Args;
use jiff::Timestamp;
use postel_core::ledger::{Row, State};
use postel_core::model::AccountId;
use postel_core::ports::Clock as _;
use postel_local::spool::failed::{self, Failed};

use super::spool;
use crate::exit::{Answer, Failure, Outcome};
use crate::home::Home;
use crate::output::Output;
use crate::system::SystemClock;

/// Rows looked at in one run.
const AT_ONCE: usize = 10_000;

/// Arguments.
#[derive(Args)]
pub(crate) struct Replay {
    /// Beginning of a text's or mail's id; without it, all texts that wait
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: Option<String>,
    /// Only texts of this account
    #[arg(long)]
    account: Option<AccountId>,
    /// All mails that were set aside (`postel spool`); one of them by its name or its mail's id
    #[arg(long, conflicts_with_all = ["id", "account"])]
    set_aside: bool,
}

/// Makes waiting rows due now. Sent, failed and unknown ones are left alone: nothing is ever sent twice.
pub(crate) async fn run(arguments: Replay, home: &Home, out: &mut Output) -> Outcome {
    let again = match &arguments.id {
        Some(id) if arguments.account.is_none() => spool::begun(&home.config, id)?,
        _ if arguments.set_aside => spool::list(&home.config)?,
        _ => Vec::new(),
    };
    if arguments.set_aside || !again.is_empty() {
        return set_aside(&again, home, out);
    }
    if let Some(account) = &arguments.account {
        home.settings.account(account).await?;
    }
    let now = SystemClock.now();
    let wanted = |row: &Row| {
        let named = arguments
            .id
            .as_ref()
            .is_none_or(|id| row.id.0.starts_with(id) || row.mail.0.starts_with(id));
        let owned = arguments.account.as_ref().is_none_or(|a| row.account == *a);
        row.state == State::Waiting && named && owned
    };
    let rows = home.store.due(Timestamp::MAX, AT_ONCE).await?;
    let mut made_due = 0;
    for mut row in rows.into_iter().filter(wanted) {
        row.enter(State::Waiting, Some(now), now, "made due by hand");
        made_due += usize::from(home.store.update(&row).await?);
    }
    if made_due == 0 && arguments.id.is_some() {
        return Err(Failure::Refused(
            "no waiting text has this id; `postel trail` shows what became of it".to_owned(),
        ));
    }
    out.line(format!("Texts due now: {made_due}."))?;
    if made_due > 0 {
        out.line("`postel serve` sends them within a minute; where it does not run, start it. A provider that holds the account is asked by one text a minute; the others follow within five minutes of its yes.")?;
    }
    Ok(Answer::Yes)
}

/// Asks for mails that were set aside to be taken up again.
fn set_aside(mails: &[Failed], home: &Home, out: &mut Output) -> Outcome {
    let folder = crate::home::spool(&home.config);
    let mut asked = 0;
    for mail in mails {
        if mail.header.is_none() {
            out.line(format!(
                "{} cannot be read at all: save what you can from {}, then `postel spool forget {}`.",
                mail.name,
                folder.join("failed").display(),
                mail.name
            ))?;
        } else if failed::ask_again(&folder, &mail.name).map_err(|e| spool::unreadable(&e))? {
            asked += 1;
        }
    }
    out.line(format!("Mails taken up again: {asked}."))?;
    if asked > 0 {
        out.line("`postel serve` takes them up within a minute; where it does not run, start it.")?;
    }
    Ok(Answer::Yes)
}
