//! `postel mails`, `postel trail`, `postel outbox`: what happened.

use clap::Args;
use postel_core::decision::Code;
use postel_core::ledger::{Row, RowId};
use postel_core::model::{AccountId, MailId, MailRecord, OutgoingMail};
use serde::Serialize;

use crate::exit::{Answer, Failure, Outcome};
use crate::home::Home;
use crate::output::{Colour, Output, paint};

/// How far back the beginning of an id is looked for.
const LOOKED_BACK: usize = 10_000;

/// Arguments of `mails`.
#[derive(Args)]
pub(crate) struct Mails {
    /// Only mails of this account's senders
    #[arg(long)]
    account: Option<AccountId>,
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
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `outbox`.
#[derive(Args)]
pub(crate) struct Outbox {
    /// How many, newest first
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

/// The newest mails and what was decided about them.
pub(crate) async fn mails(arguments: Mails, home: &Home, out: &mut Output) -> Outcome {
    let records = home
        .store
        .recent_mails(arguments.account.as_ref(), arguments.limit)
        .await?;
    if arguments.json {
        out.json(&records)?;
        return Ok(Answer::Yes);
    }
    let row = |r: &MailRecord| {
        let refused = r.recipients.iter().find(|o| o.code != Code::Accepted);
        let accepted = r
            .recipients
            .iter()
            .filter(|o| o.code == Code::Accepted)
            .count();
        vec![
            r.id.to_string(),
            r.received_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            r.from
                .as_ref()
                .map_or_else(|| "(ambiguous)".to_owned(), ToString::to_string),
            format!("{accepted} of {}", r.recipients.len()),
            refused.map_or("", |o| o.code.as_str()).to_owned(),
        ]
    };
    out.table(
        &["mail", "received (UTC)", "from", "accepted", "refused as"],
        records.iter().map(row).collect(),
    )?;
    Ok(Answer::Yes)
}

#[derive(Serialize)]
struct Story {
    mail: Option<MailRecord>,
    texts: Vec<Row>,
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
    match (stories.pop(), stories.len()) {
        (Some(story), 0) => Ok(story),
        (None, _) => Err(Failure::Refused(format!(
            "nothing is known of `{id}`; `postel mails` shows what came in"
        ))),
        (Some(_), more) => Err(Failure::Refused(format!(
            "`{id}` begins {} ids; write more of it",
            more + 1
        ))),
    }
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
            format!("{provider} ({reference}), asked {} times", row.attempts),
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

/// Our own mails and what became of them.
pub(crate) async fn outbox(arguments: Outbox, home: &Home, out: &mut Output) -> Outcome {
    let row = |m: &OutgoingMail| {
        vec![
            m.id.clone(),
            m.to.to_string(),
            m.due.map_or_else(
                || "done".to_owned(),
                |d| format!("due {}", d.strftime("%Y-%m-%d %H:%M:%S")),
            ),
            m.attempts.to_string(),
            m.note.clone().unwrap_or_default(),
        ]
    };
    let mails = home.store.outbox(arguments.limit).await?;
    out.table(
        &["mail", "to", "state", "tries", "last try"],
        mails.iter().map(row).collect(),
    )?;
    Ok(Answer::Yes)
}
