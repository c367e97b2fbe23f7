//! `postel check spf`: whether a client may send mail for a sender.

use std::net::IpAddr;

use clap::Args;
use postel_auth::dns::Dns;
use postel_auth::spf::{self, LIMIT};
use postel_core::evidence::{Spf, SpfResult};
use postel_core::ports::Clock as _;
use serde::{Deserialize, Serialize};

use super::{DnsArguments, jsonl};
use crate::exit::{Answer, Failure, Outcome};
use crate::output::{Colour, Output, paint};
use crate::system::SystemClock;

/// Arguments.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Address of the client that sends
    #[arg(long, required_unless_present = "jsonl")]
    ip: Option<IpAddr>,
    /// Name the client greets with
    #[arg(long, default_value = "")]
    helo: String,
    /// Envelope sender; empty to ask about the HELO name
    #[arg(long, default_value = "")]
    sender: String,
    #[command(flatten)]
    dns: DnsArguments,
    /// Read JSON lines from standard input
    #[arg(long, conflicts_with_all = ["ip", "helo", "sender"])]
    jsonl: bool,
}

/// A line as it is to be written.
const SAMPLE: &str = r#"{"ip":"…","helo":"…","sender":"…"}"#;

#[derive(Deserialize)]
struct Question {
    ip: String,
    helo: String,
    sender: String,
}

#[derive(Serialize)]
struct Checked {
    result: SpfResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
    lookups: u32,
    why: String,
}

impl From<Spf> for Checked {
    fn from(spf: Spf) -> Self {
        Self {
            result: spf.result,
            explanation: spf.explanation,
            lookups: spf.lookups,
            why: spf.why,
        }
    }
}

async fn check(dns: &Dns, ip: IpAddr, helo: &str, sender: &str) -> Checked {
    let now = SystemClock.now();
    let question = spf::Question {
        ip,
        helo,
        sender,
        receiver: "unknown",
        now,
    };
    spf::check(dns, &question, LIMIT).await.into()
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, out: &mut Output) -> Outcome {
    let dns = arguments.dns.resolver()?;
    if arguments.jsonl {
        return jsonl::run(SAMPLE, move |question: Question| {
            let dns = dns.clone();
            async move {
                let ip = question.ip.trim().parse();
                let ip = ip.map_err(|_| "`ip` is not an IP address".to_owned())?;
                Ok(check(&dns, ip, &question.helo, sender(&question.sender)).await)
            }
        })
        .await;
    }
    let ip = arguments
        .ip
        .ok_or_else(|| Failure::Usage("name the client's address with --ip".to_owned()))?;
    if arguments.helo.is_empty() && arguments.sender.trim().is_empty() {
        return Err(Failure::Usage(
            "name who sends: --sender ann@example.com, or --helo mx.example.com for a mail without a sender".to_owned(),
        ));
    }
    let checked = check(&dns, ip, &arguments.helo, sender(&arguments.sender)).await;
    let (colour, answer) = match checked.result {
        SpfResult::Pass => (Colour::Good, Answer::Yes),
        SpfResult::Fail | SpfResult::Permerror => (Colour::Bad, Answer::No),
        SpfResult::None | SpfResult::Neutral | SpfResult::Softfail => (Colour::Warn, Answer::No),
        SpfResult::Temperror => (Colour::Warn, Answer::Unknown),
    };
    out.field("result", paint(colour, word(checked.result)))?;
    out.field("why", &checked.why)?;
    out.field("lookups", checked.lookups.to_string())?;
    if let Some(explanation) = &checked.explanation {
        out.field("explanation", explanation)?;
    }
    Ok(answer)
}

/// The envelope sender without the angle brackets people copy along.
pub(super) fn sender(written: &str) -> &str {
    let written = written.trim();
    written
        .strip_prefix('<')
        .and_then(|w| w.strip_suffix('>'))
        .unwrap_or(written)
}

/// The result as the RFC names it.
pub(super) fn word(result: SpfResult) -> &'static str {
    match result {
        SpfResult::None => "none",
        SpfResult::Neutral => "neutral",
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::Softfail => "softfail",
        SpfResult::Temperror => "temperror",
        SpfResult::Permerror => "permerror",
    }
}
