//! `postel check text`: encoding, units and parts of a text, and what forces Unicode.

use clap::Args;
use postel_core::text::{Encoding, EncodingPreference, SmsText, compose};
use serde::{Deserialize, Serialize};

use super::jsonl;
use crate::exit::{Answer, Failure, Outcome};
use crate::output::Output;

/// Arguments.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The text; without it, standard input is read
    #[arg(allow_hyphen_values = true)]
    text: Option<String>,
    /// What may be changed so that it fits GSM-7: smart, plain or ascii
    #[arg(long, default_value = "smart")]
    encoding: EncodingPreference,
    /// Read JSON lines from standard input
    #[arg(long, conflicts_with_all = ["text", "encoding"])]
    jsonl: bool,
}

/// A line as it is to be written.
const SAMPLE: &str = r#"{"text":"…"}"#;

#[derive(Deserialize)]
struct Question {
    text: String,
    #[serde(default)]
    encoding: Option<EncodingPreference>,
}

#[derive(Serialize)]
struct Checked {
    encoding: Encoding,
    parts: u32,
    units: u32,
    text: String,
    forcing: Vec<char>,
}

impl From<SmsText> for Checked {
    fn from(text: SmsText) -> Self {
        Self {
            encoding: text.encoding,
            parts: text.parts,
            units: text.units,
            text: text.text,
            forcing: text.forcing.iter().map(|f| f.character).collect(),
        }
    }
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, out: &mut Output) -> Outcome {
    if arguments.jsonl {
        return jsonl::run(SAMPLE, |question: Question| async move {
            compose(&question.text, question.encoding.unwrap_or_default(), None)
                .map(Checked::from)
                .map_err(|e| e.to_string())
        })
        .await;
    }
    let text = match arguments.text {
        Some(text) => text,
        None => super::text_of(None)?
            .trim_end_matches(['\r', '\n'])
            .to_owned(),
    };
    let checked =
        compose(&text, arguments.encoding, None).map_err(|e| Failure::Refused(e.to_string()))?;
    out.field("encoding", checked.encoding.to_string())?;
    out.field("parts", checked.parts.to_string())?;
    let per_part: Vec<String> = checked.part_units.iter().map(ToString::to_string).collect();
    out.field(
        "units",
        format!("{} ({})", checked.units, per_part.join(" + ")),
    )?;
    for forcing in &checked.forcing {
        out.field("forces Unicode", format!("{forcing} × {}", forcing.count))?;
    }
    for replaced in &checked.replaced {
        let to = if replaced.to.is_empty() {
            "nothing".to_owned()
        } else {
            format!("{:?}", replaced.to)
        };
        out.field(
            "replaced",
            format!("{:?} by {to} × {}", replaced.from, replaced.count),
        )?;
    }
    out.field("text", &checked.text)?;
    Ok(Answer::Yes)
}
