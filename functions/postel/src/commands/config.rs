//! `postel config`: check the configuration, print one to begin with.

use std::path::Path;

use clap::Subcommand;

use crate::config::{self, Config, EXAMPLE};
use crate::exit::{Answer, Failure, Outcome};
use crate::home::{absolute, invitations_fail};
use crate::output::{Colour, Output, paint};

/// What can be done with the configuration.
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Name everything that is wrong with file and environment
    Check,
    /// Print a commented file with every setting at its default
    Example,
}

/// Runs the command.
pub(crate) fn run(command: &ConfigCommand, given: Option<&Path>, out: &mut Output) -> Outcome {
    match command {
        ConfigCommand::Check => check(given, out),
        ConfigCommand::Example => {
            out.text(EXAMPLE)?;
            Ok(Answer::Yes)
        }
    }
}

fn check(given: Option<&Path>, out: &mut Output) -> Outcome {
    let environment = config::environment();
    let (config, path) =
        Config::load(given, &environment).map_err(|faults| Failure::Configuration(faults, None))?;
    out.line(paint(Colour::Good, "The configuration is right."))?;
    out.field(
        "file",
        path.map_or_else(
            || "none; environment only".to_owned(),
            |p| absolute(&p).display().to_string(),
        ),
    )?;
    let domains: Vec<&str> = config
        .gateway
        .domains
        .iter()
        .map(postel_core::address::Domain::as_str)
        .collect();
    out.field("gateway domains", domains.join(", "))?;
    out.field("data", absolute(&config.gateway.data).display().to_string())?;
    let listen: Vec<String> = config.smtp.listen.iter().map(ToString::to_string).collect();
    out.field("SMTP", listen.join(", "))?;
    out.field(
        "TLS",
        if config.smtp.tls.is_some() {
            "offered"
        } else {
            "not offered: tls_certificate is empty"
        },
    )?;
    out.field("pages", config.web.listen.to_string())?;
    for mind in invitations_fail(&config) {
        out.line(paint(Colour::Warn, &mind))?;
    }
    Ok(Answer::Yes)
}
