//! `postel prefs`: what is done to a mail's text, how numbers are read, who is told.

use clap::{Args, Subcommand};
use postel_core::model::{Account, AccountId, BodySubject, Language, Receipts, SendAs, SenderName};
use postel_core::number::{BareDigits, Country};
use postel_core::text::{EncodingPreference, OverLimit};

use super::{or_none, shown, word};
use crate::exit::{Answer, Outcome};
use crate::home::{ACTOR, Home};
use crate::output::{Colour, Output, paint};

/// What can be done with preferences.
#[derive(Subcommand)]
pub(crate) enum PrefsCommand {
    /// Show an account's preferences
    Show {
        /// The account
        account: AccountId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change an account's preferences
    Set(Box<Set>),
}

/// Changes.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct Set {
    /// The account
    account: AccountId,
    /// First line of the signature: it and all that follows is cut; "" for none
    #[arg(long, group = "change", value_name = "LINE")]
    signature: Option<String>,
    /// Sender name, 1 to 11 letters and digits; "" for none
    #[arg(long, group = "change", value_name = "NAME", value_parser = sender_name)]
    sender_name: Option<Named>,
    /// What texts are sent as: number or sender-name (which nobody can answer)
    #[arg(long, group = "change", value_parser = word::<SendAs>)]
    send_as: Option<SendAs>,
    /// What becomes of the subject: ignore, prefix, only or when-empty
    #[arg(long, group = "change", value_parser = word::<BodySubject>)]
    subject: Option<BodySubject>,
    /// How texts are written: smart, plain or ascii
    #[arg(long, group = "change")]
    encoding: Option<EncodingPreference>,
    /// Longest message in parts (1 to 20)
    #[arg(long, group = "change", value_name = "PARTS")]
    max_parts: Option<u32>,
    /// What becomes of a longer one: truncate or refuse
    #[arg(long, group = "change", value_parser = word::<OverLimit>)]
    over_long: Option<OverLimit>,
    /// Hours within which a text may still be sent (1 to 72)
    #[arg(long, group = "change", value_name = "HOURS")]
    validity: Option<u32>,
    /// Language of mails and pages: fr or en
    #[arg(long, group = "change")]
    language: Option<Language>,
    /// Country in which bare digits are read: two letters
    #[arg(long, group = "change", value_parser = crate::config::country)]
    country: Option<Country>,
    /// How digits without + are read: national or international
    #[arg(long, group = "change")]
    bare_digits: Option<BareDigits>,
    /// Time zone in which days begin, such as Europe/Paris
    #[arg(long, group = "change", value_name = "ZONE")]
    time_zone: Option<String>,
    /// Receipts mailed to the sending user: none, failures or all
    #[arg(long, group = "change", value_parser = word::<Receipts>)]
    receipts: Option<Receipts>,
}

/// A sender name, or none.
#[derive(Clone)]
struct Named(Option<SenderName>);

fn sender_name(written: &str) -> Result<Named, String> {
    if written.is_empty() {
        return Ok(Named(None));
    }
    written
        .parse()
        .map(|n| Named(Some(n)))
        .map_err(|e: postel_core::model::SenderNameError| e.to_string())
}

/// Runs the command.
pub(crate) async fn run(command: PrefsCommand, home: &Home, out: &mut Output) -> Outcome {
    match command {
        PrefsCommand::Show { account, json } => {
            let account = home.settings.account(&account).await?;
            if json {
                out.json(&account.preferences)?
            } else {
                show(&account, out)?
            }
        }
        PrefsCommand::Set(set) => {
            let account = home
                .settings
                .change(&set.account, ACTOR, "preferences.set", |account| {
                    set.apply(account);
                    Ok(())
                })
                .await?;
            out.line(format!("The preferences of {} are changed.", account.id))?;
            let p = &account.preferences;
            let touched = set.send_as.is_some() || set.sender_name.is_some();
            if touched && p.send_as == SendAs::SenderName && p.sender_name.is_none() {
                out.line(paint(
                    Colour::Warn,
                    "Mind: texts are to be sent as the sender name, but there is none: set one with --sender-name.",
                ))?;
            }
        }
    }
    Ok(Answer::Yes)
}

impl Set {
    fn apply(&self, account: &mut Account) {
        let p = &mut account.preferences;
        if let Some(signature) = &self.signature {
            p.signature = Some(signature.clone()).filter(|s| !s.is_empty());
        }
        if let Some(Named(name)) = &self.sender_name {
            p.sender_name.clone_from(name);
        }
        p.send_as = self.send_as.unwrap_or(p.send_as);
        p.subject = self.subject.unwrap_or(p.subject);
        p.encoding = self.encoding.unwrap_or(p.encoding);
        p.max_parts = self.max_parts.unwrap_or(p.max_parts);
        p.over_long = self.over_long.unwrap_or(p.over_long);
        p.validity_hours = self.validity.unwrap_or(p.validity_hours);
        p.language = self.language.unwrap_or(p.language);
        p.country = self.country.unwrap_or(p.country);
        p.bare_digits = self.bare_digits.unwrap_or(p.bare_digits);
        if let Some(zone) = &self.time_zone {
            p.time_zone.clone_from(zone);
        }
        account.receiving.receipts = self.receipts.unwrap_or(account.receiving.receipts);
    }
}

/// The preferences for people.
pub(super) fn show(account: &Account, out: &mut Output) -> std::io::Result<()> {
    let p = &account.preferences;
    out.field("signature", or_none(p.signature.as_deref()))?;
    out.field(
        "sender name",
        or_none(p.sender_name.as_ref().map(SenderName::as_str)),
    )?;
    out.field("send as", shown(&p.send_as))?;
    out.field("subject", shown(&p.subject))?;
    out.field("encoding", shown(&p.encoding))?;
    out.field(
        "longest message",
        format!("{} parts, then {}", p.max_parts, shown(&p.over_long)),
    )?;
    out.field("validity", format!("{} hours", p.validity_hours))?;
    out.field("language", shown(&p.language))?;
    out.field("country", p.country.to_string())?;
    out.field("bare digits", shown(&p.bare_digits))?;
    out.field("time zone", &p.time_zone)?;
    out.field("receipts", shown(&account.receiving.receipts))
}
