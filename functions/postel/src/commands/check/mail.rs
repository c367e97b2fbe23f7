//! `postel check mail`: the whole decision about a mail, with the evidence and the text.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use postel_core::decision::Code;
use postel_core::evidence::{Connection, Evidence};
use postel_core::model::{AccountId, CutPart};
use postel_core::number::PhoneNumber;
use postel_core::text::Encoding;
use serde::{Deserialize, Serialize};

use super::{DnsArguments, jsonl};
use crate::commands::preview;
use crate::exit::Outcome;
use crate::home::Home;
use crate::judging::{Incoming, Judge, Verdict, Whose, envelope_sender};
use crate::output::Output;

/// Arguments.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    mail: preview::MailArguments,
    /// Judge for this account (needs the configuration); without it, for a sample account that lists every sender
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<AccountId>,
    #[command(flatten)]
    dns: DnsArguments,
    /// Read JSON lines from standard input
    #[arg(long, conflicts_with_all = ["file", "ip", "helo", "sender", "to"])]
    jsonl: bool,
}

/// A line as it is to be written.
const SAMPLE: &str = r#"{"path":"…","sender":"…","recipients":["…"]}"#;

#[derive(Deserialize)]
struct Question {
    path: PathBuf,
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    helo: Option<String>,
    sender: String,
    recipients: Vec<String>,
}

/// A verdict as JSON.
#[derive(Serialize)]
pub(crate) struct Checked {
    evidence: Evidence,
    decision: Decision,
    body: String,
    text: String,
    encoding: Encoding,
    parts: u32,
    cut: Vec<CutPart>,
    recipients: Vec<Recipient>,
}

#[derive(Serialize)]
struct Decision {
    accept: bool,
    code: Code,
    why: String,
}

#[derive(Serialize)]
struct Recipient {
    address: String,
    number: Option<PhoneNumber>,
    accept: bool,
    code: Code,
    why: String,
}

impl From<Verdict> for Checked {
    fn from(v: Verdict) -> Self {
        let recipients = v.recipients.into_iter().map(|r| Recipient {
            address: r.address,
            number: r.number,
            accept: r.code == Code::Accepted,
            code: r.code,
            why: r.why,
        });
        Self {
            decision: Decision {
                accept: v.code == Code::Accepted,
                code: v.code,
                why: v.why,
            },
            evidence: v.evidence,
            body: v.body,
            text: v.text.text,
            encoding: v.text.encoding,
            parts: v.text.parts,
            cut: v.cut,
            recipients: recipients.collect(),
        }
    }
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, config: Option<&Path>, out: &mut Output) -> Outcome {
    let (whose, dns) = match arguments.account {
        Some(account) => {
            let home = Home::existing(crate::home::load(config)?)?;
            home.settings.account(&account).await?;
            let dns = arguments.dns.configured(&home.config)?;
            (Whose::Home(Arc::new(home), Some(account)), dns)
        }
        None => (Whose::Sample, arguments.dns.resolver()?),
    };
    let judge = Judge::new(whose, dns);
    if arguments.jsonl {
        return jsonl::run(SAMPLE, move |question: Question| {
            let judge = judge.clone();
            async move { answer(&judge, question).await }
        })
        .await;
    }
    let incoming = arguments.mail.incoming(|_| true)?;
    let verdict = judge.judge(&incoming).await?;
    preview::show(&incoming, &verdict, out)
}

async fn answer(judge: &Judge, question: Question) -> Result<Checked, String> {
    let client_ip = match question.ip.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(ip) => Some(
            ip.parse::<IpAddr>()
                .map_err(|_| "`ip` is not an IP address".to_owned())?,
        ),
    };
    if question.recipients.is_empty() {
        return Err("`recipients` is empty: name at least one".to_owned());
    }
    let (envelope_sender, refused) = match envelope_sender(&question.sender) {
        Ok(sender) => (sender, None),
        Err(why) => (None, Some(why)),
    };
    let connection = Connection {
        client_ip,
        relay: None,
        helo: question.helo.unwrap_or_default(),
        envelope_sender,
        authenticated: None,
    };
    let raw = tokio::task::spawn_blocking(move || super::bytes_of(&question.path))
        .await
        .map_err(|_| "the mail could not be read: an internal fault".to_owned())??;
    let incoming = Incoming {
        raw,
        connection,
        recipients: question.recipients,
    };
    let verdict = judge
        .judge(&incoming)
        .await
        .map_err(|failure| failure.to_string())?;
    Ok(match refused {
        Some(why) => verdict.refused(Code::AmbiguousSender, &why).into(),
        None => verdict.into(),
    })
}
