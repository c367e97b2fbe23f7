//! What a person typed: quoted history, reply headers, signature and phone footer cut away (DESIGN 4.4).
//!
//! Works on lines of plain text. Every line gets a [`Tag`]; each stage (quote, signature, footer) only turns typed lines
//! into cut ones, so that what is kept and what was cut always add up to the whole text. Where a text has no clear
//! structure it is kept: a wrongly kept quote costs a part, a wrongly cut line loses an alarm.
//!
//! Must not know: MIME, HTML, encodings, parts, who sent the mail.

mod attribution;
mod attribution_phrases;
mod footer;
mod footer_phrases;
mod header_block;
mod header_labels;
mod line;
mod marked;
mod marker;
mod marker_phrases;
mod passage;
mod quote;
mod signature;
mod subject;

use std::fmt;

use line::Line;

/// What is known besides the text.
#[derive(Clone, Copy, Default)]
pub struct CutOptions<'a> {
    /// First lines of configured signatures: the user's, then the account's. Such a line and all typed text after it is
    /// cut. Compared as whole lines, upper and lower case apart; white space is folded, bold marks and a comma or stop at
    /// the end do not count. Empty ones are ignored.
    pub signatures: &'a [&'a str],
    /// The mail's subject, if there is one. `TR:`, `Fwd:`, … make an Outlook header block a forward (kept), `RE:`, `AW:`,
    /// … make it a reply (cut). Without it, a header block under typed text is a reply, and one that opens the mail is
    /// a forward.
    pub subject: Option<&'a str>,
    /// What the mail program itself marked in an HTML mail ([`crate::Body::marks`]).
    pub marks: &'a [Mark],
}

/// Lines of a text that its mail program marked as a quote or a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What they are.
    pub kind: CutKind,
    /// Which, counted from 0; the end may lie beyond the text.
    pub lines: std::ops::Range<usize>,
}

/// The text in two halves.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Cutting {
    /// What is left: at most one blank line in a row, ends trimmed; empty where nothing was typed or forwarded.
    pub kept: String,
    /// What was cut, in the order of the text.
    pub cut: Vec<Cut>,
}

/// One run of lines that was cut for one reason.
#[derive(Clone, PartialEq, Eq)]
pub struct Cut {
    /// The reason.
    pub kind: CutKind,
    /// The lines as they stood, joined by `\n`, without blank lines at the ends.
    pub text: String,
}

/// Why lines were cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutKind {
    /// Quoted history or the header of a reply.
    Quote,
    /// The marker and header lines above a forwarded text (the text itself is kept).
    ForwardHeader,
    /// A configured signature, what follows `-- `, or a closing row of dashes.
    Signature,
    /// What a phone, a mail program or a mailing list appends.
    Footer,
}

impl CutKind {
    /// The kebab-case word used in the trail, the preview and `check body`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quote => "quote",
            Self::ForwardHeader => "forward-header",
            Self::Signature => "signature",
            Self::Footer => "footer",
        }
    }
}

impl fmt::Debug for Cutting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cutting")
            .field("kept_chars", &self.kept.chars().count())
            .field("cut", &self.cut)
            .finish()
    }
}

impl fmt::Debug for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cut")
            .field("kind", &self.kind)
            .field("chars", &self.text.chars().count())
            .finish()
    }
}

/// What became of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    /// Typed by the sender, as far as is known.
    Typed,
    /// Part of a forwarded text: later stages leave it alone; `quoted` says that one `>` is the forward's, not the text's.
    Forwarded { quoted: bool },
    /// Cut, and why.
    Cut(CutKind),
}

/// Cuts quoted history and reply headers, then the signature, then phone footers from a plain text (DESIGN 4.4).
///
/// A forwarded mail keeps what was forwarded, without its header lines. Takes time linear in the text, whatever it holds.
#[must_use]
pub fn cut(text: &str, options: &CutOptions<'_>) -> Cutting {
    let lines = line::split(text);
    let signatures: Vec<String> = options
        .signatures
        .iter()
        .map(|first| signature::normal(first))
        .filter(|first| !first.is_empty())
        .collect();
    let mut tags = vec![Tag::Typed; lines.len()];
    let subject = subject::kind(options.subject);
    quote::mark(&lines, &mut tags, &signatures, subject);
    marked::mark(&lines, &mut tags, options.marks, subject);
    signature::mark(&lines, &mut tags, &signatures);
    footer::mark(&lines, &mut tags);
    signature::mark_closing_rows(&lines, &mut tags);
    assemble(&lines, &tags)
}

fn assemble(lines: &[Line<'_>], tags: &[Tag]) -> Cutting {
    let mut kept = String::new();
    let mut blank = false;
    let mut runs: Vec<(CutKind, Vec<&str>)> = Vec::new();
    let mut in_cut = None;
    for (line, tag) in lines.iter().zip(tags) {
        let shown = match tag {
            Tag::Typed => line.raw.trim_end(),
            Tag::Forwarded { quoted } => if *quoted {
                line::unquote(line.raw)
            } else {
                line.raw
            }
            .trim_end(),
            Tag::Cut(kind) => {
                if in_cut != Some(*kind) {
                    runs.push((*kind, Vec::new()));
                    in_cut = Some(*kind);
                }
                if let Some((_, run)) = runs.last_mut() {
                    run.push(line.raw);
                }
                continue;
            }
        };
        if line.is_blank() || shown.is_empty() {
            blank = true;
            continue;
        }
        in_cut = None;
        if !kept.is_empty() {
            kept.push_str(if blank { "\n\n" } else { "\n" });
        }
        blank = false;
        kept.push_str(shown);
    }
    let cut = runs
        .into_iter()
        .filter_map(|(kind, run)| {
            Some(Cut {
                kind,
                text: join(&run)?,
            })
        })
        .collect();
    Cutting {
        kept: kept.trim_matches(line::is_edge_space).to_owned(),
        cut,
    }
}

/// Joins lines without the blank ones at both ends; `None` if all are blank.
fn join(run: &[&str]) -> Option<String> {
    let filled = |line: &&str| !line.trim_matches(line::is_edge_space).is_empty();
    let start = run.iter().position(filled)?;
    let end = run.iter().rposition(filled)?;
    Some(run.get(start..=end)?.join("\n"))
}
