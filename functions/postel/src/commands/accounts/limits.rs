//! `postel limits`: what an account may send.

use clap::{Args, Subcommand};
use postel_core::ledger::limits::Ceilings;
use postel_core::model::{Account, AccountId};
use postel_core::number::Country;

use crate::config::country;
use crate::exit::{Answer, Outcome};
use crate::home::{ACTOR, Home};
use crate::output::{Colour, Output, paint};

/// What can be done with limits.
#[derive(Subcommand)]
pub(crate) enum LimitsCommand {
    /// Show an account's limits
    Show {
        /// The account
        account: AccountId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change an account's limits; parts are billed SMS segments
    Set(Set),
}

/// Changes.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct Set {
    /// The account
    account: AccountId,
    /// Countries texts may go to, separated by commas; "" for the account's own only
    #[arg(long, group = "change", value_name = "FR,BE,…", value_parser = countries)]
    countries: Option<Countries>,
    /// Recipients of one mail (1 to 500)
    #[arg(long, group = "change", value_name = "N")]
    recipients_per_mail: Option<u32>,
    /// Parts a user may send in an hour
    #[arg(long, group = "change", value_name = "PARTS")]
    user_hour: Option<u32>,
    /// Parts one number may be sent in an hour
    #[arg(long, group = "change", value_name = "PARTS")]
    number_hour: Option<u32>,
    /// Parts in a day of the account's time zone
    #[arg(long, group = "change", value_name = "PARTS")]
    day: Option<u32>,
    /// Parts in a month of the account's time zone
    #[arg(long, group = "change", value_name = "PARTS")]
    month: Option<u32>,
}

/// A list that clap takes as one value.
#[derive(Clone)]
struct Countries(Vec<Country>);

fn countries(written: &str) -> Result<Countries, String> {
    written
        .split(',')
        .map(str::trim)
        .filter(|c| !c.is_empty())
        .map(country)
        .collect::<Result<_, _>>()
        .map(Countries)
}

/// Runs the command.
pub(crate) async fn run(command: LimitsCommand, home: &Home, out: &mut Output) -> Outcome {
    match command {
        LimitsCommand::Show { account, json } => {
            let account = home.settings.account(&account).await?;
            if json {
                out.json(&account.limits)?
            } else {
                show(&account, out)?
            }
        }
        LimitsCommand::Set(set) => {
            let account = home
                .settings
                .change(&set.account, ACTOR, "limits.set", |account| {
                    set.apply(account);
                    Ok(())
                })
                .await?;
            out.line(format!("The limits of {} are changed.", account.id))?;
            for mind in set.above(&home.config.operator.ceilings) {
                out.line(paint(Colour::Warn, &mind))?;
            }
        }
    }
    Ok(Answer::Yes)
}

impl Set {
    /// What is set above the operator's ceilings, in words.
    fn above(&self, ceilings: &Ceilings) -> Vec<String> {
        let settings = [
            (
                self.recipients_per_mail,
                ceilings.recipients_per_mail,
                "recipients_per_mail",
            ),
            (
                self.day,
                ceilings.parts_per_account_day,
                "parts_per_account_day",
            ),
            (
                self.month,
                ceilings.parts_per_account_month,
                "parts_per_account_month",
            ),
        ];
        settings
            .into_iter()
            .filter_map(|(set, ceiling, key)| {
                let set = set.filter(|set| *set > ceiling)?;
                Some(format!(
                    "Mind: {set} has the effect of {ceiling}, the operator's ceiling ([operator] {key})."
                ))
            })
            .collect()
    }

    fn apply(&self, account: &mut Account) {
        let l = &mut account.limits;
        if let Some(Countries(countries)) = &self.countries {
            l.countries.clone_from(countries);
        }
        l.recipients_per_mail = self.recipients_per_mail.unwrap_or(l.recipients_per_mail);
        l.parts_per_user_hour = self.user_hour.unwrap_or(l.parts_per_user_hour);
        l.parts_per_number_hour = self.number_hour.unwrap_or(l.parts_per_number_hour);
        l.parts_per_day = self.day.unwrap_or(l.parts_per_day);
        l.parts_per_month = self.month.unwrap_or(l.parts_per_month);
    }
}

/// The limits for people.
pub(super) fn show(account: &Account, out: &mut Output) -> std::io::Result<()> {
    let l = &account.limits;
    let countries: Vec<String> = l.countries.iter().map(ToString::to_string).collect();
    let countries = if countries.is_empty() {
        format!("{} only", account.preferences.country)
    } else {
        countries.join(", ")
    };
    out.field("countries", countries)?;
    out.field(
        "recipients",
        format!("{} of one mail", l.recipients_per_mail),
    )?;
    out.field("user and hour", format!("{} parts", l.parts_per_user_hour))?;
    out.field(
        "number and hour",
        format!("{} parts", l.parts_per_number_hour),
    )?;
    out.field("day", format!("{} parts", l.parts_per_day))?;
    out.field("month", format!("{} parts", l.parts_per_month))
}
