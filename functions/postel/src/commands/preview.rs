//! `postel preview`: decision, text and parts of a mail in a file; sends and stores nothing.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use postel_core::address::EmailAddress;
use postel_core::decision::Code;
use postel_core::evidence::Connection;
use postel_core::model::AccountId;
use postel_mail::{FromField, Mail};

use super::check::{DnsArguments, input};
use crate::exit::{Answer, Failure, Outcome};
use crate::home::Home;
use crate::judging::{Incoming, Judge, Verdict, Whose, envelope_sender};
use crate::output::{Colour, Output, paint};

/// A mail in a file, and how it would come in.
#[derive(Args)]
pub(crate) struct MailArguments {
    /// The mail (.eml); - for standard input
    file: Option<PathBuf>,
    /// Address of the client that hands it over; without it, only a signature can prove the sender
    #[arg(long, visible_alias = "from-ip", value_name = "ADDRESS")]
    ip: Option<IpAddr>,
    /// Name the client greets with
    #[arg(long, value_name = "NAME")]
    helo: Option<String>,
    /// Envelope sender, "" for the null sender; without it, the mail's From address
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Recipient, may be given several times; without it, those of To and Cc
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
}

/// Arguments.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    mail: MailArguments,
    /// Judge for this account; without it, for the sender's default one
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<AccountId>,
    /// Judge for a sample account that lists every sender, without any configuration
    #[arg(long, conflicts_with = "account")]
    sample: bool,
    #[command(flatten)]
    dns: DnsArguments,
}

impl MailArguments {
    /// Reads the mail; what was not said of its envelope is taken from its header.
    pub(crate) fn incoming(
        self,
        ours: impl Fn(&EmailAddress) -> bool,
    ) -> Result<Incoming, Failure> {
        let path = self.file.ok_or_else(|| {
            Failure::Usage("name the file of a mail, or - for standard input".to_owned())
        })?;
        let raw = input(&path)?;
        let mail = postel_mail::parse(&raw);
        let sender = self.sender.unwrap_or_else(|| from_of(&mail));
        let recipients = if self.to.is_empty() {
            mail.to_cc()
                .filter(|a| a.parse().is_ok_and(|a| ours(&a)))
                .map(str::to_owned)
                .collect()
        } else {
            self.to
        };
        if recipients.is_empty() {
            return Err(Failure::Usage(
                "neither To nor Cc names an address of this gateway; name the recipient with --to 0612345678@…".to_owned(),
            ));
        }
        let connection = Connection {
            client_ip: self.ip,
            relay: None,
            helo: self.helo.unwrap_or_default(),
            envelope_sender: envelope_sender(&sender).map_err(Failure::Usage)?,
            authenticated: None,
        };
        Ok(Incoming {
            raw,
            connection,
            recipients,
        })
    }
}

fn from_of(mail: &Mail) -> String {
    match &mail.from {
        FromField::One(spec) => format!("{}@{}", spec.local, spec.domain),
        FromField::Ambiguous(_) => String::new(),
    }
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, config: Option<&Path>, out: &mut Output) -> Outcome {
    let (whose, dns, domains) = if arguments.sample {
        (Whose::Sample, arguments.dns.resolver()?, None)
    } else {
        let config = crate::home::load(config).map_err(or_sample)?;
        let home = Home::existing(config)?;
        if let Some(account) = &arguments.account {
            home.settings.account(account).await?;
        }
        let dns = arguments.dns.configured(&home.config)?;
        let domains = home.config.gateway.domains.clone();
        (
            Whose::Home(Arc::new(home), arguments.account),
            dns,
            Some(domains),
        )
    };
    let ours = |a: &EmailAddress| domains.as_ref().is_none_or(|d| d.contains(a.domain()));
    let incoming = arguments.mail.incoming(ours)?;
    let verdict = Judge::new(whose, dns).judge(&incoming).await?;
    show(&incoming, &verdict, out)
}

/// Where there is no configuration to judge by, says how to do without.
fn or_sample(failure: Failure) -> Failure {
    match failure {
        Failure::Configuration(faults, _) => Failure::Configuration(
            faults,
            Some(
                "Or judge without any configuration, for an account that lists every sender: postel preview --sample FILE",
            ),
        ),
        other => other,
    }
}

/// Prints a verdict for people.
pub(crate) fn show(incoming: &Incoming, verdict: &Verdict, out: &mut Output) -> Outcome {
    let (colour, word) = if verdict.is_accepted() {
        (Colour::Good, "accepted")
    } else {
        (Colour::Bad, verdict.code.as_str())
    };
    out.field("decision", paint(colour, word))?;
    out.field("why", &verdict.why)?;
    for recipient in &verdict.recipients {
        let to = recipient
            .number
            .as_ref()
            .map_or(recipient.address.as_str(), |n| n.as_e164());
        let what = if recipient.code == Code::Accepted {
            paint(Colour::Good, "gets the text")
        } else {
            format!(
                "{}: {}",
                paint(Colour::Bad, recipient.code.as_str()),
                recipient.why
            )
        };
        out.field(to, what)?;
    }
    let evidence = &verdict.evidence;
    let client = incoming
        .connection
        .client_ip
        .map_or_else(|| "not known (--ip)".to_owned(), |ip| ip.to_string());
    out.field("client", client)?;
    out.field("SPF", &evidence.spf.why)?;
    for signature in &evidence.dkim {
        out.field("DKIM", &signature.why)?;
    }
    if evidence.dkim.is_empty() {
        out.field("DKIM", "The mail carries no signature.")?;
    }
    out.field("DMARC", &evidence.dmarc.why)?;
    show_text(verdict, out)?;
    Ok(match verdict.code {
        Code::Accepted => Answer::Yes,
        Code::TryAgain => Answer::Unknown,
        _ => Answer::No,
    })
}

/// The text as it would be sent, and what is left out.
fn show_text(verdict: &Verdict, out: &mut Output) -> std::io::Result<()> {
    let text = &verdict.text;
    out.field("encoding", text.encoding.to_string())?;
    for forcing in &text.forcing {
        out.field("forces Unicode", format!("{forcing} × {}", forcing.count))?;
    }
    let parts = if text.truncated {
        format!(
            "{} (cut: the whole text has {})",
            text.parts, text.whole_parts
        )
    } else {
        text.parts.to_string()
    };
    out.field("parts", parts)?;
    out.line("")?;
    out.line(paint(Colour::Bold, "Text:"))?;
    out.line(if text.text.is_empty() {
        "(nothing is left to send)"
    } else {
        &text.text
    })?;
    for part in &verdict.cut {
        out.line("")?;
        out.line(paint(Colour::Bold, &format!("Cut as {}:", part.kind)))?;
        out.line(&part.text)?;
    }
    Ok(())
}
