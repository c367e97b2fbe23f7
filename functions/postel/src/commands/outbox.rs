//! `postel outbox`: our own mails (invitations, receipts) and what became of them.

use clap::Args;
use jiff::Timestamp;
use postel_core::model::OutgoingMail;
use serde::Serialize;

use crate::exit::{Answer, Outcome};
use crate::home::Home;
use crate::output::Output;

/// Arguments.
#[derive(Args)]
pub(crate) struct Outbox {
    /// How many, newest first
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is shown of a mail: not its text, which may hold a link that only its reader should have.
#[derive(Serialize)]
struct Shown {
    id: String,
    to: String,
    subject: Option<String>,
    written_at: Option<Timestamp>,
    due: Option<Timestamp>,
    attempts: u32,
    note: Option<String>,
}

impl Shown {
    fn of(mail: OutgoingMail, into_folder: bool) -> Self {
        let parsed = postel_mail::parse(&mail.raw);
        Self {
            id: mail.id,
            to: mail.to.to_string(),
            subject: parsed.subject,
            written_at: parsed.date,
            due: mail.due,
            attempts: mail.attempts,
            note: mail.note.map(|note| match note.as_str() {
                "sent" if into_folder => "written to a file".to_owned(),
                _ => note,
            }),
        }
    }

    fn cells(self) -> Vec<String> {
        let minute = |t: Timestamp| t.strftime("%Y-%m-%d %H:%M:%S").to_string();
        vec![
            self.id,
            self.to,
            self.due
                .map_or_else(|| "done".to_owned(), |d| format!("due {}", minute(d))),
            self.attempts.to_string(),
            self.note.unwrap_or_default(),
            self.written_at.map(minute).unwrap_or_default(),
            self.subject.unwrap_or_default(),
        ]
    }
}

/// Runs the command.
pub(crate) async fn run(arguments: Outbox, home: &Home, out: &mut Output) -> Outcome {
    let into_folder = home.config.mail_out.smarthost.is_none();
    let mails = home.store.outbox(arguments.limit).await?;
    let shown = mails.into_iter().map(|m| Shown::of(m, into_folder));
    if arguments.json {
        out.json(&shown.collect::<Vec<_>>())?;
        return Ok(Answer::Yes);
    }
    out.table(
        &[
            "mail",
            "to",
            "state",
            "tries",
            "last try",
            "written (UTC)",
            "subject",
        ],
        shown.map(Shown::cells).collect(),
    )?;
    Ok(Answer::Yes)
}
