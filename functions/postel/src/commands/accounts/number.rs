//! `postel number`: the virtual numbers of an account.

use clap::Subcommand;
use postel_core::model::{AccountId, VirtualNumber};
use postel_core::number::{BareDigits, PhoneNumber, parse};
use postel_core::settings::SettingsError;

use super::Sure;
use crate::exit::{Answer, Failure, Outcome};
use crate::home::{ACTOR, Home};
use crate::output::Output;

/// What can be done with virtual numbers.
#[derive(Subcommand)]
pub(crate) enum NumberCommand {
    /// Give an account a number: its texts come from it and can be answered
    Add {
        /// The account
        account: AccountId,
        /// The number, as +33…
        #[arg(value_parser = international)]
        number: PhoneNumber,
        /// The provider that serves it
        #[arg(long, default_value = "handset")]
        provider: String,
    },
    /// List an account's numbers
    List {
        /// The account
        account: AccountId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a number from an account
    Delete {
        /// The account
        account: AccountId,
        /// The number, as +33…
        #[arg(value_parser = international)]
        number: PhoneNumber,
        #[command(flatten)]
        sure: Sure,
    },
}

/// A number that needs no country to be read.
pub(super) fn international(written: &str) -> Result<PhoneNumber, String> {
    parse(written, None, BareDigits::National).map_err(|e| e.to_string())
}

/// Runs the command.
pub(crate) async fn run(command: NumberCommand, home: &Home, out: &mut Output) -> Outcome {
    match command {
        NumberCommand::Add {
            account,
            number,
            provider,
        } => {
            add(home, &account, &number, &provider).await?;
            out.line(format!("{number} belongs to {account}."))?;
        }
        NumberCommand::List { account, json } => {
            let account = home.settings.account(&account).await?;
            if json {
                out.json(&account.numbers)?;
            } else {
                let row = |n: &VirtualNumber| vec![n.number.to_string(), n.provider.clone()];
                out.table(
                    &["number", "provider"],
                    account.numbers.iter().map(row).collect(),
                )?;
            }
        }
        NumberCommand::Delete {
            account,
            number,
            sure,
        } => {
            let what = format!("Texts of {account} will no longer come from {number}.");
            sure.about(&what, "delete the number")?;
            home.settings
                .change(&account, ACTOR, "number.delete", |account| {
                    let before = account.numbers.len();
                    account.numbers.retain(|n| n.number != number);
                    if account.numbers.len() == before {
                        return Err(SettingsError::Invalid(format!(
                            "{number} is not a number of this account; `postel number list` shows which are"
                        )));
                    }
                    Ok(())
                })
                .await?;
            out.line(format!("{number} belongs to {account} no more."))?;
        }
    }
    Ok(Answer::Yes)
}

async fn add(
    home: &Home,
    account: &AccountId,
    number: &PhoneNumber,
    provider: &str,
) -> Result<(), Failure> {
    if !home.config.providers.iter().any(|p| p == provider) {
        return Err(Failure::Refused(format!(
            "`{provider}` is not configured; [sms] providers has {}",
            home.config.providers.join(", ")
        )));
    }
    let number = VirtualNumber {
        number: number.clone(),
        provider: provider.to_owned(),
    };
    home.settings.add_number(account, &number, ACTOR).await?;
    Ok(())
}
