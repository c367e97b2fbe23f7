//! `postel check`: what would become of a text, a number, a body, a sender, a mail, and why.
//!
//! For people by arguments, for programs by JSON lines; the rules are the libraries'.

mod body;
mod database;
mod jsonl;
mod mail;
mod number;
mod provider;
mod spf;
mod text;

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;

use clap::{Args, Subcommand};
use postel_auth::dns::Dns;

use crate::config::{Config, reason};
use crate::exit::{Failure, Outcome};
use crate::output::Output;

/// The most that is read of a file or of standard input.
const LONGEST: u64 = 64 * 1024 * 1024;

/// What can be checked.
#[derive(Subcommand)]
pub(crate) enum CheckCommand {
    /// Encoding, parts and what forces Unicode, for one text
    #[command(
        long_about = "Encoding, parts and what forces Unicode, for one text.\n\n\
        JSON line in: {\"text\", \"encoding\"?: smart|plain|ascii}\n\
        JSON line out: {\"encoding\", \"parts\", \"units\", \"text\", \"forcing\": [character, …]}"
    )]
    Text(text::Arguments),
    /// The E.164 form of a written phone number, or why it is none
    #[command(
        long_about = "The E.164 form of a written phone number, or why it is none.\n\n\
        JSON line in: {\"number\", \"country\"?}\n\
        JSON line out: {\"e164\": text or null, \"textable\"?: false where no text reaches such a number, \"reason\"?, \"why\"?}"
    )]
    Number(number::Arguments),
    /// What is kept and what is cut of a mail's text
    #[command(
        long_about = "What is kept and what is cut of a mail's text: quotes, signatures, phone footers.\n\n\
        JSON line in: {\"body\", \"html\"?: bool, \"signature\"?}\n\
        JSON line out: {\"kept\", \"cut\": [{\"kind\", \"text\"}]}"
    )]
    Body(body::Arguments),
    /// Whether a client may send mail for a sender (SPF, RFC 7208)
    #[command(
        long_about = "Whether a client may send mail for a sender (SPF, RFC 7208).\n\n\
        JSON line in: {\"ip\", \"helo\", \"sender\"}; an empty sender asks about the HELO name\n\
        JSON line out: {\"result\", \"explanation\"?, \"lookups\", \"why\"}"
    )]
    Spf(spf::Arguments),
    /// The whole decision about a mail: evidence, decision, text, parts, what was cut
    #[command(
        long_about = "The whole decision about a mail; nothing is stored or sent.\n\n\
        JSON line in: {\"path\", \"ip\"?, \"helo\"?, \"sender\", \"recipients\": [address, …]}; an empty sender is the null sender\n\
        JSON line out: {\"evidence\": {\"spf\", \"dkim\", \"dmarc\"}, \"decision\": {\"accept\", \"code\", \"why\"}, \"body\", \"text\", \
        \"encoding\", \"parts\", \"cut\": [{\"kind\", \"text\"}], \"recipients\": [{\"address\", \"number\", \"accept\", \"code\", \"why\"}]}"
    )]
    Mail(mail::Arguments),
    /// Whether the configured providers would take texts: credentials, account; sends nothing
    Provider,
    /// Whether the database, or a backup, is sound; reads all of it, while `postel serve` runs or not
    Database(database::Arguments),
}

/// Runs the command.
pub(crate) async fn run(command: CheckCommand, config: Option<&Path>, out: &mut Output) -> Outcome {
    match command {
        CheckCommand::Text(arguments) => text::run(arguments, out).await,
        CheckCommand::Number(arguments) => number::run(arguments, out).await,
        CheckCommand::Body(arguments) => body::run(arguments, out).await,
        CheckCommand::Spf(arguments) => spf::run(arguments, out).await,
        CheckCommand::Mail(arguments) => mail::run(arguments, config, out).await,
        CheckCommand::Provider => provider::run(config, out).await,
        CheckCommand::Database(arguments) => database::run(arguments, config, out).await,
    }
}

/// Where DNS is asked.
#[derive(Args)]
pub(crate) struct DnsArguments {
    /// Name server to ask instead of the system's
    #[arg(long, value_name = "HOST:PORT", value_parser = crate::config::server)]
    dns: Option<SocketAddr>,
}

impl DnsArguments {
    /// The resolver: the one named, else the system's.
    pub(crate) fn resolver(&self) -> Result<Dns, Failure> {
        resolver(self.dns)
    }

    /// The resolver: the one named, else the configured one, else the system's.
    pub(crate) fn configured(&self, config: &Config) -> Result<Dns, Failure> {
        resolver(self.dns.or(config.dns_server))
    }
}

/// A resolver that asks this server, or the system's.
pub(crate) fn resolver(server: Option<SocketAddr>) -> Result<Dns, Failure> {
    match server {
        Some(address) => Dns::server(address),
        None => Dns::system(),
    }
    .map_err(|e| Failure::Trouble(e.to_string()))
}

/// The text of a file, or of standard input where none or `-` is named. Whatever is not UTF-8 is replaced.
fn text_of(file: Option<&Path>) -> Result<String, Failure> {
    let bytes = input(file.unwrap_or(Path::new("-")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The bytes of a file, or of standard input where it is `-`.
pub(crate) fn input(file: &Path) -> Result<Vec<u8>, Failure> {
    if file != Path::new("-") {
        return bytes_of(file).map_err(Failure::Trouble);
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(LONGEST)
        .read_to_end(&mut bytes)
        .map_err(|e| Failure::Trouble(format!("standard input cannot be read: {}", reason(&e))))?;
    Ok(bytes)
}

/// The bytes of a file of at most 64 MB.
fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    let named = |e: std::io::Error| format!("{} cannot be read: {}", path.display(), reason(&e));
    let file = std::fs::File::open(path).map_err(named)?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(named)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST {
        return Err(format!(
            "{} is longer than {} MB",
            path.display(),
            LONGEST / 1024 / 1024
        ));
    }
    Ok(bytes)
}
