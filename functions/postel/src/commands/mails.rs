//! `postel mails`, `postel trail`: what came in and what became of it.

use std::collections::BTreeMap;

use clap::Args;
use postel_core::decision::Code;
use postel_core::ledger::{Row, RowId, State};
use postel_core::model::{AccountId, MailId, MailRecord};
use serde::Serialize;

use super::accounts::word;
use crate::exit::{Answer, Failure, Outcome};
use crate::home::Home;
use crate::output::{Colour, Output, paint};

/// How far back the beginning of an id is looked for.
const LOOKED_BACK: usize = 10_000;
/// How many ids are named where several begin alike.
const NAMED: usize = 10;

/// Arguments of `mails`.
#[derive(Args)]
pub(crate) struct Mails {
    /// Only mails of this account's senders
    #[arg(long)]
    account: Option<AccountId>,
    /// Only mails with a text in this state: waiting, sending, sent, delivered, undelivered, refused, failed, expired or unknown
    #[arg(long, value_parser = word::<State>)]
    state: Option<State>,
    /// How many, newest first
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `trail`.
#[derive(Args)]
pub(crate) struct Trail {
    /// Id of a mail or of a text, or its beginning
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A mail and how many of its texts are in which state.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    mail: MailRecord,
    states: BTreeMap<&'static str, usize>,
}

/// The newest mails and what was decided about them.
pub(crate) async fn mails(arguments: Mails, home: &Home, out: &mut Output) -> Outcome {
    if let Some(account) = &arguments.account {
        home.settings.account(account).await?;
    }
    let listed = listed(&arguments, home).await?;
    if arguments.json {
        out.json(&listed)?;
        return Ok(Answer::Yes);
    }
    out.table(
        &[
            "mail",
            "received (UTC)",
            "from",
            "accepted",
            "refused as",
            "texts",
        ],
        listed.iter().map(cells).collect(),
    )?;
    Ok(Answer::Yes)
}

async fn listed(arguments: &Mails, home: &Home) -> Result<Vec<Listed>, Failure> {
    let store = home.store.as_ref();
    // Where a state is wanted, older mails are looked through for it.
    let looked_at = match arguments.state {
        Some(_) => LOOKED_BACK,
        None => arguments.limit,
    };
    let mut listed = Vec::new();
    for mail in store
        .recent_mails(arguments.account.as_ref(), looked_at)
        .await?
    {
        if listed.len() >= arguments.limit {
            break;
        }
        let mut states = BTreeMap::new();
        for text in store.rows_of(&mail.id).await? {
            *states.entry(text.state.as_str()).or_default() += 1;
        }
        if arguments
            .state
            .is_none_or(|s| states.contains_key(s.as_str()))
        {
            listed.push(Listed { mail, states });
        }
    }
    Ok(listed)
}

fn cells(listed: &Listed) -> Vec<String> {
    let Listed { mail, states } = listed;
    let refused = mail.recipients.iter().find(|o| o.code != Code::Accepted);
    let accepted = mail
        .recipients
        .iter()
        .filter(|o| o.code == Code::Accepted)
        .count();
    let states: Vec<String> = states.iter().map(|(s, n)| format!("{n} {s}")).collect();
    vec![
        mail.id.to_string(),
        mail.received_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        mail.from
            .as_ref()
            .map_or_else(|| "(ambiguous)".to_owned(), ToString::to_string),
        format!("{accepted} of {}", mail.recipients.len()),
        refused.map_or("", |o| o.code.as_str()).to_owned(),
        states.join(", "),
    ]
}

#[derive(Serialize)]
struct Story {
    mail: Option<MailRecord>,
    texts: Vec<Row>,
}

impl Story {
    /// The ids that begin so: the mail's, else those of its texts.
    fn begun<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = &'a str> {
        let mail = self.mail.iter().map(|m| m.id.0.as_str());
        let mail: Vec<&str> = mail.filter(|m| m.starts_with(beginning)).collect();
        let texts = if mail.is_empty() {
            self.texts.as_slice()
        } else {
            &[]
        };
        mail.into_iter().chain(
            texts
                .iter()
                .map(|t| t.id.0.as_str())
                .filter(move |t| t.starts_with(beginning)),
        )
    }
}

/// Everything that happened to one mail.
pub(crate) async fn trail(arguments: Trail, home: &Home, out: &mut Output) -> Outcome {
    let story = find(home, &arguments.id).await?;
    if arguments.json {
        out.json(&story)?;
        return Ok(Answer::Yes);
    }
    if let Some(mail) = &story.mail {
        show_mail(mail, out)?;
    }
    for row in &story.texts {
        out.line("")?;
        show_row(row, out)?;
    }
    Ok(Answer::Yes)
}

async fn find(home: &Home, id: &str) -> Result<Story, Failure> {
    let store = home.store.as_ref();
    if let Some(mail) = store.mail(&MailId(id.to_owned())).await? {
        return Ok(Story {
            texts: store.rows_of(&mail.id).await?,
            mail: Some(mail),
        });
    }
    if let Some(row) = store.row(&RowId(id.to_owned())).await? {
        return Ok(Story {
            mail: store.mail(&row.mail).await?,
            texts: vec![row],
        });
    }
    let mut stories = Vec::new();
    for mail in store.recent_mails(None, LOOKED_BACK).await? {
        let texts = store.rows_of(&mail.id).await?;
        if mail.id.0.starts_with(id) {
            stories.push(Story {
                mail: Some(mail),
                texts,
            });
            continue;
        }
        let named: Vec<Row> = texts
            .into_iter()
            .filter(|r| r.id.0.starts_with(id))
            .collect();
        if !named.is_empty() {
            stories.push(Story {
                mail: Some(mail),
                texts: named,
            });
        }
    }
    let ids: Vec<&str> = stories.iter().flat_map(|s| s.begun(id)).collect();
    if ids.len() > 1 {
        let first: Vec<&str> = ids.iter().take(NAMED).copied().collect();
        return Err(Failure::Refused(format!(
            "`{id}` begins {} ids; write more of it{}:\n  {}",
            ids.len(),
            if ids.len() > NAMED {
                format!(". The newest {NAMED}")
            } else {
                String::new()
            },
            first.join("\n  ")
        )));
    }
    stories.pop().ok_or_else(|| {
        Failure::Refused(format!(
            "nothing is known of `{id}`; `postel mails` shows what came in"
        ))
    })
}

fn show_mail(mail: &MailRecord, out: &mut Output) -> std::io::Result<()> {
    out.field("mail", &mail.id.0)?;
    out.field("received", mail.received_at.to_string())?;
    out.field(
        "from",
        mail.from
            .as_ref()
            .map_or_else(|| "not one address".to_owned(), ToString::to_string),
    )?;
    out.field(
        "envelope",
        mail.envelope_sender
            .as_ref()
            .map_or_else(|| "<> (null sender)".to_owned(), ToString::to_string),
    )?;
    let client = mail
        .client_ip
        .map_or_else(|| "not known".to_owned(), |ip| ip.to_string());
    out.field("client", format!("{client}, greeted as {:?}", mail.helo))?;
    if let Some(relay) = mail.relay {
        out.field("through", format!("the relay {relay}"))?;
    }
    if let Some(login) = &mail.login {
        out.field("login", format!("{} of {}", login.address, login.account))?;
    }
    if let Some(id) = &mail.message_id {
        out.field("Message-ID", id)?;
    }
    if let Some(subject) = &mail.subject {
        out.field("subject", subject)?;
    }
    match &mail.evidence {
        Some(evidence) => {
            out.field("SPF", &evidence.spf.why)?;
            for signature in &evidence.dkim {
                out.field("DKIM", &signature.why)?;
            }
            out.field("DMARC", &evidence.dmarc.why)?;
        }
        None => out.field("evidence", "none was needed")?,
    }
    for recipient in &mail.recipients {
        let colour = if recipient.code == Code::Accepted {
            Colour::Good
        } else {
            Colour::Bad
        };
        out.field(
            &recipient.address,
            format!(
                "{}: {}",
                paint(colour, recipient.code.as_str()),
                recipient.why
            ),
        )?;
    }
    for part in &mail.cut {
        out.field(
            &format!("cut as {}", part.kind),
            part.text.replace('\n', " / "),
        )?;
    }
    Ok(())
}

/// `once`, `2 times`.
fn times(n: u32) -> String {
    match n {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

fn show_row(row: &Row, out: &mut Output) -> std::io::Result<()> {
    out.field("text", &row.id.0)?;
    out.field("to", row.to.as_e164())?;
    out.field("state", row.state.as_str())?;
    out.field("parts", format!("{} ({})", row.parts, row.encoding))?;
    if row.truncated {
        out.field("", "cut at the end to fit the longest message")?;
    }
    if let Some(due) = row.due.filter(|_| !row.state.is_final()) {
        out.field("due", due.to_string())?;
    }
    if let Some(provider) = &row.provider {
        let reference = row.provider_ref.as_deref().unwrap_or("no reference");
        out.field(
            "provider",
            format!("{provider} ({reference}), asked {}", times(row.attempts)),
        )?;
    }
    let text = if row.text.is_empty() {
        "(forgotten)"
    } else {
        &row.text
    };
    out.field("sent as", text.replace('\n', " / "))?;
    for event in &row.events {
        out.line(format!(
            "  {}  {:<11}  {}",
            event.at.strftime("%Y-%m-%d %H:%M:%S"),
            event.state.as_str(),
            event.note
        ))?;
    }
    Ok(())
}
