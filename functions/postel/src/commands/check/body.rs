//! `postel check body`: what a person typed, and what is cut away around it.

use std::path::PathBuf;

use clap::Args;
use postel_mail::cut::{CutOptions, Cutting, cut};
use postel_mail::html_to_marked_text;
use serde::{Deserialize, Serialize};

use super::jsonl;
use crate::exit::{Answer, Outcome};
use crate::output::{Colour, Output, paint};

/// Arguments.
#[derive(Args)]
pub(crate) struct Arguments {
    /// File with the text of a mail; without it (or with -), standard input is read
    file: Option<PathBuf>,
    /// The text is HTML
    #[arg(long)]
    html: bool,
    /// First line of a signature: it and what follows is cut
    #[arg(long, value_name = "LINE")]
    signature: Option<String>,
    /// Read JSON lines from standard input
    #[arg(long, conflicts_with_all = ["file", "html", "signature"])]
    jsonl: bool,
}

/// A line as it is to be written.
const SAMPLE: &str = r#"{"body":"…"}"#;

#[derive(Deserialize)]
struct Question {
    body: String,
    #[serde(default)]
    html: Option<bool>,
    #[serde(default)]
    signature: Option<String>,
}

#[derive(Serialize)]
struct Checked {
    kept: String,
    cut: Vec<CutPart>,
}

#[derive(Serialize)]
struct CutPart {
    kind: &'static str,
    text: String,
}

impl From<Cutting> for Checked {
    fn from(cutting: Cutting) -> Self {
        let cut = cutting.cut.into_iter().map(|c| CutPart {
            kind: c.kind.as_str(),
            text: c.text,
        });
        Self {
            kept: cutting.kept,
            cut: cut.collect(),
        }
    }
}

fn checked(question: &Question) -> Checked {
    let (text, marks);
    let body = if question.html == Some(true) {
        (text, marks) = html_to_marked_text(&question.body);
        &text
    } else {
        marks = Vec::new();
        &question.body
    };
    let signatures: Vec<&str> = question.signature.as_deref().into_iter().collect();
    cut(
        body,
        &CutOptions {
            signatures: &signatures,
            subject: None,
            marks: &marks,
        },
    )
    .into()
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, out: &mut Output) -> Outcome {
    if arguments.jsonl {
        return jsonl::run(SAMPLE, |question: Question| async move {
            Ok(checked(&question))
        })
        .await;
    }
    let body = super::text_of(arguments.file.as_deref())?;
    let Checked { kept, cut } = checked(&Question {
        body,
        html: Some(arguments.html),
        signature: arguments.signature,
    });
    out.line(paint(Colour::Bold, "Kept:"))?;
    out.line(if kept.is_empty() { "(nothing)" } else { &kept })?;
    for part in cut {
        out.line("")?;
        out.line(paint(Colour::Bold, &format!("Cut as {}:", part.kind)))?;
        out.line(&part.text)?;
    }
    Ok(Answer::Yes)
}
