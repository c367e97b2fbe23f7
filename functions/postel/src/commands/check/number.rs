//! `postel check number`: a written phone number as E.164, or why it is none.

use clap::Args;
use postel_core::number::{
    BareDigits, Country, NumberFault, PhoneNumber, display_for, parse, textable,
};
use serde::{Deserialize, Serialize};

use super::jsonl;
use crate::exit::{Answer, Outcome};
use crate::output::{Colour, Output, paint};

/// Arguments.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The number as written
    #[arg(required_unless_present = "jsonl", allow_hyphen_values = true)]
    number: Option<String>,
    /// Country in which digits without + are read (two letters); without it, only international spellings are numbers
    #[arg(long, value_parser = country)]
    country: Option<Region>,
    /// Read JSON lines from standard input
    #[arg(long, conflicts_with_all = ["number", "country"])]
    jsonl: bool,
}

/// A country, or none where the word says so: empty, and `ZZ`, by which numbering data means no country.
#[derive(Clone, Copy)]
struct Region(Option<Country>);

fn country(written: &str) -> Result<Region, String> {
    let written = written.trim().to_ascii_uppercase();
    match written.as_str() {
        "" | "ZZ" => Ok(Region(None)),
        code => crate::config::country(code).map(|c| Region(Some(c))),
    }
}

/// A line as it is to be written.
const SAMPLE: &str = r#"{"number":"…"}"#;

#[derive(Deserialize)]
struct Question {
    number: String,
    #[serde(default)]
    country: Option<String>,
}

#[derive(Serialize)]
struct Checked {
    e164: Option<PhoneNumber>,
    /// `false` where the number is one that no text reaches; `why` then names its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    textable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

fn read(written: &str, region: Option<Country>) -> Result<PhoneNumber, NumberFault> {
    parse(written, region, BareDigits::National)
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, out: &mut Output) -> Outcome {
    if arguments.jsonl {
        return jsonl::run(SAMPLE, |question: Question| async move {
            let region = country(question.country.as_deref().unwrap_or_default())?;
            Ok(match read(&question.number, region.0) {
                Ok(number) => {
                    let not = textable(&number).err();
                    Checked {
                        e164: Some(number),
                        textable: not.as_ref().map(|_| false),
                        reason: None,
                        why: not.map(|n| n.to_string()),
                    }
                }
                Err(fault) => Checked {
                    e164: None,
                    textable: None,
                    reason: Some(fault.code()),
                    why: Some(fault.to_string()),
                },
            })
        })
        .await;
    }
    let region = arguments.country.and_then(|r| r.0);
    match read(&arguments.number.unwrap_or_default(), region) {
        Ok(number) => {
            out.field("E.164", paint(Colour::Good, number.as_e164()))?;
            out.field("written", display_for(&number, region))?;
            if let Some(country) = number.country() {
                out.field("country", country.to_string())?;
            }
            match textable(&number) {
                Ok(()) => out.field("texts", "can be sent")?,
                Err(not) => {
                    out.field("texts", paint(Colour::Warn, &format!("are refused: {not}")))?
                }
            }
            Ok(Answer::Yes)
        }
        Err(fault) => {
            out.field("E.164", paint(Colour::Bad, "none"))?;
            out.field("reason", fault.to_string())?;
            Ok(Answer::No)
        }
    }
}
