//! `postel user`: who may send for an account.

use clap::{Args, Subcommand};
use postel_core::address::Domain;
use postel_core::model::{AccountId, Automated, Sender, User, UserStatus};
use postel_core::settings::{Added, Settings};

use super::{Sure, shown, word};
use crate::commands::check::resolver;
use crate::exit::{Answer, Failure, Outcome};
use crate::home::{ACTOR, Home, invitations_fail};
use crate::output::{Colour, Output, paint};

/// Which user of which account.
#[derive(Args)]
pub(crate) struct Who {
    /// The account
    account: AccountId,
    /// Address, such as ann@example.com, or whole domain, such as @example.com
    sender: Sender,
}

/// What can be done with users.
#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// List a sender: an address is invited by mail, a domain is proven by a TXT record
    Add(Who),
    /// List an account's users
    List {
        /// The account
        account: AccountId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send the invitation again; the former link stops working
    Resend(Who),
    /// Look for the TXT record that proves a listed domain
    Verify {
        /// The account
        account: AccountId,
        /// The domain, such as @example.com
        #[arg(value_parser = whole_domain)]
        domain: Sender,
    },
    /// Accept a user without an answer to the invitation: you vouch for the address
    Accept(Who),
    /// Delete a user; its waiting texts are stopped
    Delete {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        sure: Sure,
    },
    /// Make a password with which the user logs in over SMTP (AUTH), shown once; a former one stops working
    Password {
        #[command(flatten)]
        who: Who,
        /// Take the password away instead
        #[arg(long)]
        remove: bool,
    },
    /// Make this account the sender's default
    Default(Who),
    /// Refuse or allow mail that says a machine wrote it
    Automated {
        #[command(flatten)]
        who: Who,
        /// refuse or allow
        #[arg(value_parser = word::<Automated>)]
        automated: Automated,
    },
    /// Set the first line of this user's own signature; "" for none
    Signature {
        #[command(flatten)]
        who: Who,
        /// The line; one that begins with - comes after --, as in: postel user signature acme ann@example.com -- '-- '
        line: String,
    },
}

/// A listed domain, with its @ or without.
fn whole_domain(written: &str) -> Result<Sender, String> {
    let sender = if written.contains('@') {
        written.parse()
    } else {
        format!("@{written}").parse()
    };
    sender.map_err(|e: <Sender as std::str::FromStr>::Err| e.to_string())
}

/// Runs the command.
pub(crate) async fn run(command: UserCommand, home: &Home, out: &mut Output) -> Outcome {
    let settings = &home.settings;
    match command {
        UserCommand::Add(Who { account, sender }) => {
            let added = settings.add_user(&account, sender.clone(), ACTOR).await?;
            tell(&account, &sender, &added, home, out)?;
        }
        UserCommand::Resend(Who { account, sender }) => {
            let added = settings.resend(&account, &sender, ACTOR).await?;
            tell(&account, &sender, &added, home, out)?;
        }
        UserCommand::List { account, json } => list(home, &account, json, out).await?,
        UserCommand::Verify { account, domain } => verify(home, &account, &domain, out).await?,
        UserCommand::Accept(Who { account, sender }) => {
            if let Sender::Domain(_) = sender {
                return Err(Failure::Refused(format!(
                    "a domain is accepted by its TXT record only: postel user verify {account} {sender}"
                )));
            }
            settings.accept_for(&account, &sender, ACTOR).await?;
            out.line(format!("{sender} may send for {account}."))?;
        }
        UserCommand::Delete {
            who: Who { account, sender },
            sure,
        } => {
            let what =
                format!("{sender} may then send for {account} no more; this cannot be undone.");
            sure.about(&what, "delete the user")?;
            let stopped = settings.delete_user(&account, &sender, ACTOR).await?;
            out.line(format!(
                "{sender} is deleted from {account}; waiting texts stopped: {stopped}."
            ))?;
        }
        UserCommand::Password { who, remove } => password(&who, remove, home, out).await?,
        command @ (UserCommand::Default(_)
        | UserCommand::Automated { .. }
        | UserCommand::Signature { .. }) => {
            set(command, home, out).await?;
        }
    }
    Ok(Answer::Yes)
}

/// Makes or takes away what a user logs in with.
async fn password(who: &Who, remove: bool, home: &Home, out: &mut Output) -> Result<(), Failure> {
    let Who { account, sender } = who;
    if remove {
        let had = home
            .settings
            .remove_password(account, sender, ACTOR)
            .await?;
        out.line(if had {
            format!("{sender} can log in for {account} no more.")
        } else {
            format!("{sender} had no password for {account}; nothing was changed.")
        })?;
        return Ok(());
    }
    let password = home.settings.make_password(account, sender, ACTOR).await?;
    out.field("user name", sender.to_string())?;
    out.field("password", password)?;
    out.line("It is shown this once: only a hash of it is kept. It proves mails whose From is this address, for this account.")?;
    if home.config.smtp.tls.is_none() {
        let mind = "Nobody can log in yet: passwords are taken within TLS only. Set [smtp] tls_certificate and tls_key_file.";
        out.line(paint(Colour::Warn, mind))?;
    }
    Ok(())
}

/// The settings of one user.
async fn set(command: UserCommand, home: &Home, out: &mut Output) -> Result<(), Failure> {
    let settings = &home.settings;
    match command {
        UserCommand::Default(Who { account, sender }) => {
            let set = |user: &mut User| {
                user.default = true;
                Ok(())
            };
            settings
                .change_user(&account, &sender, ACTOR, "user.default", set)
                .await?;
            out.line(format!("{account} is the default account of {sender}."))?;
        }
        UserCommand::Automated {
            who: Who { account, sender },
            automated,
        } => {
            let set = |user: &mut User| {
                user.automated = automated;
                Ok(())
            };
            settings
                .change_user(&account, &sender, ACTOR, "user.automated", set)
                .await?;
            out.line(format!(
                "Automated mail of {sender}: {}.",
                shown(&automated)
            ))?;
        }
        UserCommand::Signature {
            who: Who { account, sender },
            line,
        } => {
            let line = Some(line).filter(|l| !l.is_empty());
            let set = |user: &mut User| {
                user.signature.clone_from(&line);
                Ok(())
            };
            settings
                .change_user(&account, &sender, ACTOR, "user.signature", set)
                .await?;
            out.line(match line {
                Some(line) => format!("The signature of {sender} begins with: {line}"),
                None => format!(
                    "{sender} has no signature of its own; the account's is cut where it has one."
                ),
            })?;
        }
        _ => {}
    }
    Ok(())
}

/// What a new listing needs next.
fn tell(
    account: &AccountId,
    sender: &Sender,
    added: &Added,
    home: &Home,
    out: &mut Output,
) -> std::io::Result<()> {
    match added {
        Added::Invited { expires_at } => {
            out.line(format!(
                "{sender} is invited and may send for {account} once the link in the mail is confirmed (until {}).",
                expires_at.strftime("%Y-%m-%d %H:%M UTC")
            ))?;
            out.line("The mail goes out while `postel serve` runs; `postel outbox` shows what became of it.")?;
            for mind in invitations_fail(&home.config) {
                out.line(paint(Colour::Warn, &mind))?;
            }
            Ok(())
        }
        Added::ProofWanted { name, value } => {
            out.line(format!(
                "{sender} may send for {account} once this DNS record proves the domain:"
            ))?;
            out.line("")?;
            out.line(format!("{name}. TXT \"{value}\""))?;
            out.line("")?;
            out.line(format!("Then run: postel user verify {account} {sender}"))
        }
    }
}

async fn list(
    home: &Home,
    account: &AccountId,
    json: bool,
    out: &mut Output,
) -> Result<(), Failure> {
    home.settings.account(account).await?;
    let users = home.store.users(account).await?;
    if json {
        let shown: Vec<User> = users.iter().map(User::without_secrets).collect();
        return Ok(out.json(&shown)?);
    }
    let row = |u: User| {
        vec![
            u.sender.to_string(),
            status(&u).to_owned(),
            if u.default { "default" } else { "" }.to_owned(),
            shown(&u.automated),
            if u.password.is_some() { "password" } else { "" }.to_owned(),
            u.signature.unwrap_or_default(),
        ]
    };
    let rows = users.into_iter().map(row).collect();
    Ok(out.table(
        &[
            "user",
            "status",
            "account",
            "automated mail",
            "login",
            "signature",
        ],
        rows,
    )?)
}

/// Pending or accepted, in a word.
pub(super) fn status(user: &User) -> &'static str {
    match user.status {
        UserStatus::Accepted { .. } => "accepted",
        UserStatus::Pending(_) => "pending",
    }
}

async fn verify(
    home: &Home,
    account: &AccountId,
    sender: &Sender,
    out: &mut Output,
) -> Result<(), Failure> {
    let Sender::Domain(domain) = sender else {
        return Err(Failure::Usage(format!(
            "only a domain is verified, written as @{}",
            sender.domain()
        )));
    };
    let found = txt(home, domain).await?;
    home.settings
        .verify_domain(account, domain, &found, ACTOR)
        .await?;
    out.line(format!(
        "{sender} is proven: all its addresses may send for {account}."
    ))?;
    Ok(())
}

async fn txt(home: &Home, domain: &Domain) -> Result<Vec<String>, Failure> {
    let name = Settings::proof_name(domain);
    let records = resolver(home.config.dns_server)?.txt(&name).await;
    let records = records
        .map_err(|e| Failure::Trouble(format!("{name} could not be looked up: {e}; try again")))?;
    Ok(records
        .iter()
        .map(|r| String::from_utf8_lossy(r).into_owned())
        .collect())
}
