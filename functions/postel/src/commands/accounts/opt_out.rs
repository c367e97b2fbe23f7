//! `postel opt-out`: numbers an account must not text.

use clap::Subcommand;
use postel_core::model::AccountId;
use postel_core::number::PhoneNumber;
use postel_core::ports::{Clock as _, OptOut, OptOutSource};

use super::number::international;
use super::{Sure, shown};
use crate::exit::{Answer, Failure, Outcome};
use crate::home::Home;
use crate::output::Output;
use crate::system::SystemClock;

/// What can be done with opt-outs.
#[derive(Subcommand)]
pub(crate) enum OptOutCommand {
    /// Say whether a number has opted out, since when and how (exit code 1: it has not)
    Show {
        /// The account
        account: AccountId,
        /// The number, as +33…
        #[arg(value_parser = international)]
        number: PhoneNumber,
    },
    /// Let an account text a number no more
    Add {
        /// The account
        account: AccountId,
        /// The number, as +33…
        #[arg(value_parser = international)]
        number: PhoneNumber,
    },
    /// Let an account text a number again: only where its holder agrees
    Lift {
        /// The account
        account: AccountId,
        /// The number, as +33…
        #[arg(value_parser = international)]
        number: PhoneNumber,
        #[command(flatten)]
        sure: Sure,
    },
}

/// Runs the command.
pub(crate) async fn run(command: OptOutCommand, home: &Home, out: &mut Output) -> Outcome {
    match command {
        OptOutCommand::Show { account, number } => {
            home.settings.account(&account).await?;
            match home.store.opt_out(&account, &number).await? {
                Some(opt_out) => {
                    out.line(format!(
                        "{account} may not text {number} since {} ({}).",
                        opt_out.at,
                        shown(&opt_out.source)
                    ))?;
                }
                None => {
                    out.line(format!("{number} has not opted out of {account}."))?;
                    return Ok(Answer::No);
                }
            }
        }
        OptOutCommand::Add { account, number } => {
            home.settings.account(&account).await?;
            if let Some(known) = home.store.opt_out(&account, &number).await? {
                return Err(Failure::Refused(format!(
                    "{number} has opted out of {account} already, on {} ({}); nothing is changed",
                    known.at.strftime("%Y-%m-%d %H:%M UTC"),
                    shown(&known.source)
                )));
            }
            let opt_out = OptOut {
                at: SystemClock.now(),
                source: OptOutSource::Admin,
            };
            home.store
                .set_opt_out(&account, &number, Some(&opt_out))
                .await?;
            out.line(format!("{account} may text {number} no more."))?;
        }
        OptOutCommand::Lift {
            account,
            number,
            sure,
        } => {
            home.settings.account(&account).await?;
            if home.store.opt_out(&account, &number).await?.is_none() {
                return Err(Failure::Refused(format!(
                    "{number} has not opted out of {account}; nothing is changed"
                )));
            }
            let what = format!("{account} may then text {number} again.");
            sure.about(&what, "lift the opt-out")?;
            home.store.set_opt_out(&account, &number, None).await?;
            out.line(format!("{account} may text {number} again."))?;
        }
    }
    Ok(Answer::Yes)
}
