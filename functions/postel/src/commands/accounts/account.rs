//! `postel account`: make, list, show and change accounts; their audit log.

use clap::{Args, Subcommand};
use postel_core::address::EmailAddress;
use postel_core::model::{AcceptedMail, Account, AccountId};
use postel_core::ports::{AccountPages, Store};
use postel_core::settings::SettingsError;

use super::changes::changes;
use super::{shown, word};
use crate::exit::{Answer, Outcome};
use crate::home::{ACTOR, Home};
use crate::output::{Colour, Output, paint};

/// What can be done with accounts.
#[derive(Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account
    Add(Add),
    /// List all accounts
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show an account with all its settings
    Show {
        /// The account
        account: AccountId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change who administers an account, which mail it accepts, how long texts are kept
    Set(Set),
    /// Show who changed what and when
    Audit {
        /// The account
        account: AccountId,
        /// How many entries, newest first
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl AccountCommand {
    /// Whether it may be the first command of all: it makes the database where there is none.
    pub(crate) fn begins(&self) -> bool {
        matches!(self, Self::Add(_))
    }
}

/// A new account.
#[derive(Args)]
pub(crate) struct Add {
    /// Its short name: a–z, 0–9 and -, beginning with a letter
    account: AccountId,
    /// Address of an administrator; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    admin: Vec<EmailAddress>,
}

/// Changes.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct Set {
    /// The account
    account: AccountId,
    /// Which mail is accepted: verified or any-server
    #[arg(long, group = "change", value_parser = word::<AcceptedMail>)]
    accept: Option<AcceptedMail>,
    /// Days for which texts, cut parts and mails are kept (1 to 3650)
    #[arg(long, group = "change", value_name = "DAYS")]
    retention: Option<u32>,
    /// Add an administrator
    #[arg(long, group = "change", value_name = "ADDRESS")]
    add_admin: Vec<EmailAddress>,
    /// Remove an administrator
    #[arg(long, group = "change", value_name = "ADDRESS")]
    remove_admin: Vec<EmailAddress>,
}

/// Runs the command.
pub(crate) async fn run(command: AccountCommand, home: &Home, out: &mut Output) -> Outcome {
    match command {
        AccountCommand::Add(add) => {
            let mut account = home.new_account(add.account.clone());
            account.admins = add.admin;
            home.settings.add_account(account, ACTOR).await?;
            let name = add.account;
            out.line(format!(
                "Account {name} is made. Next: postel user add {name} ann@example.com"
            ))?;
        }
        AccountCommand::List { json } => list(home, json, out).await?,
        AccountCommand::Show { account, json } => {
            let account = home.settings.account(&account).await?;
            if json {
                out.json(&account)?
            } else {
                show(&account, home.store.as_ref(), out).await?
            }
        }
        AccountCommand::Set(set) => change(set, home, out).await?,
        AccountCommand::Audit {
            account,
            limit,
            json,
        } => {
            home.settings.account(&account).await?;
            let entries = home.store.audit(&account, limit).await?;
            if json {
                out.json(&entries)?;
            } else {
                let rows = entries.into_iter().map(|e| {
                    let change = changes(e.before.as_deref(), e.after.as_deref());
                    let when = e.at.strftime("%Y-%m-%d %H:%M:%S").to_string();
                    vec![when, e.actor, e.what, change]
                });
                out.table(&["when (UTC)", "who", "what", "change"], rows.collect())?;
            }
        }
    }
    Ok(Answer::Yes)
}

async fn list(home: &Home, json: bool, out: &mut Output) -> Result<(), crate::exit::Failure> {
    let mut accounts = Vec::new();
    let mut pages = AccountPages::new(home.store.as_ref());
    while let Some(page) = pages.next().await? {
        accounts.extend(page);
    }
    if json {
        return Ok(out.json(&accounts)?);
    }
    let mut rows = Vec::new();
    for account in accounts {
        let users = home.store.users(&account.id).await?;
        let accepted = users.iter().filter(|u| u.is_accepted()).count();
        rows.push(vec![
            account.id.to_string(),
            format!("{accepted} of {}", users.len()),
            shown(&account.accept),
            account.networks.len().to_string(),
            account.numbers.len().to_string(),
        ]);
    }
    Ok(out.table(
        &[
            "account",
            "users accepted",
            "accepts",
            "networks",
            "numbers",
        ],
        rows,
    )?)
}

async fn change(set: Set, home: &Home, out: &mut Output) -> Result<(), crate::exit::Failure> {
    if let Some(both) = set.add_admin.iter().find(|a| set.remove_admin.contains(a)) {
        return Err(crate::exit::Failure::Usage(format!(
            "{both} is both added and removed; say one of the two"
        )));
    }
    let account = home
        .settings
        .change(&set.account, ACTOR, "account.set", |account| {
            if let Some(none) = set
                .remove_admin
                .iter()
                .find(|a| !account.admins.contains(a))
            {
                return Err(SettingsError::Invalid(format!(
                    "{none} is no administrator of this account; `postel account show` names them"
                )));
            }
            account.accept = set.accept.unwrap_or(account.accept);
            account.retention.days = set.retention.unwrap_or(account.retention.days);
            account.admins.retain(|a| !set.remove_admin.contains(a));
            for admin in &set.add_admin {
                if !account.admins.contains(admin) {
                    account.admins.push(admin.clone());
                }
            }
            Ok(())
        })
        .await?;
    if set.accept == Some(AcceptedMail::AnyServer) && !home.config.operator.any_server {
        out.line(paint(
            Colour::Warn,
            "Mind: this has no effect until the operator permits it ([operator] any_server = true); unproven mail stays refused.",
        ))?;
    }
    out.line(format!("Account {} is changed.", account.id))?;
    Ok(())
}

/// All settings of an account for people.
async fn show(
    account: &Account,
    store: &dyn Store,
    out: &mut Output,
) -> Result<(), crate::exit::Failure> {
    let admins: Vec<String> = account.admins.iter().map(ToString::to_string).collect();
    out.field("account", account.id.as_str())?;
    out.field(
        "admins",
        if admins.is_empty() {
            "none".to_owned()
        } else {
            admins.join(", ")
        },
    )?;
    out.field("accepts", shown(&account.accept))?;
    out.field("retention", format!("{} days", account.retention.days))?;
    super::prefs::show(account, out)?;
    super::limits::show(account, out)?;
    for network in &account.networks {
        out.field("network", network.to_string())?;
    }
    for number in &account.numbers {
        out.field("number", format!("{} ({})", number.number, number.provider))?;
    }
    for user in store.users(&account.id).await? {
        out.field(
            "user",
            format!("{} ({})", user.sender, super::user::status(&user)),
        )?;
    }
    Ok(())
}
