//! `postel network`: address ranges an account trusts.

use clap::Subcommand;
use postel_core::model::{AccountId, Network};
use postel_core::settings::{SettingsError, shared_by};

use super::Sure;
use crate::exit::{Answer, Failure, Outcome};
use crate::home::{ACTOR, Home};
use crate::output::{Colour, Output, paint};

/// What can be done with networks.
#[derive(Subcommand)]
pub(crate) enum NetworkCommand {
    /// Trust an address or range: whoever sends from it is believed to be the From
    Add {
        /// The account
        account: AccountId,
        /// Address or range, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32
        network: Network,
    },
    /// List the trusted ranges
    List {
        /// The account
        account: AccountId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Trust a range no more
    Delete {
        /// The account
        account: AccountId,
        /// The range, as the list shows it
        network: Network,
        #[command(flatten)]
        sure: Sure,
    },
}

/// Runs the command.
pub(crate) async fn run(command: NetworkCommand, home: &Home, out: &mut Output) -> Outcome {
    match command {
        NetworkCommand::Add { account, network } => {
            add(home, &account, network).await?;
            if let Some(provider) = shared_by(&network) {
                let words = format!(
                    "Mind: {provider} sends its customers' mail from {network}. Every one of them can now send as a listed address of {account}."
                );
                out.line(paint(Colour::Warn, &words))?;
            }
            out.line(format!("{account} trusts {network}."))?;
        }
        NetworkCommand::List { account, json } => {
            let account = home.settings.account(&account).await?;
            if json {
                out.json(&account.networks)?;
            } else {
                let row = |n: &Network| {
                    vec![
                        n.to_string(),
                        shared_by(n).map_or_else(String::new, |p| {
                            format!("shared by all customers of {p}")
                        }),
                    ]
                };
                out.table(
                    &["network", "mind"],
                    account.networks.iter().map(row).collect(),
                )?;
            }
        }
        NetworkCommand::Delete {
            account,
            network,
            sure,
        } => {
            let what = format!("Mail from {network} will no longer prove who sent it.");
            sure.about(&what, &format!("delete it from {account}"))?;
            delete(home, &account, network).await?;
            out.line(format!("{account} trusts {network} no more."))?;
        }
    }
    Ok(Answer::Yes)
}

async fn add(home: &Home, account: &AccountId, network: Network) -> Result<(), Failure> {
    home.settings
        .change(account, ACTOR, "network.add", |account| {
            if account.networks.contains(&network) {
                return Err(SettingsError::Invalid(format!(
                    "{network} is listed already"
                )));
            }
            account.networks.push(network);
            Ok(())
        })
        .await?;
    Ok(())
}

async fn delete(home: &Home, account: &AccountId, network: Network) -> Result<(), Failure> {
    home.settings
        .change(account, ACTOR, "network.delete", |account| {
            let before = account.networks.len();
            account.networks.retain(|n| *n != network);
            if account.networks.len() == before {
                return Err(SettingsError::Invalid(format!(
                    "{network} is not listed; `postel network list` shows what is"
                )));
            }
            Ok(())
        })
        .await?;
    Ok(())
}
