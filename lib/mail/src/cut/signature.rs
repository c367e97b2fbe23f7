//! Signatures: the configured first line, `-- `, and rows of dashes that close a text.
//!
//! Must not know: phone footers, quotes.

use super::line::{self, Line};
use super::{CutKind, Tag, passage};

/// Lines with text that may follow a `--` without its blank; more is a text with a divider in it.
const LONGEST_TAIL: usize = 20;
/// The same under a lone long dash, into which phones turn `--`.
const LONGEST_DASH_TAIL: usize = 6;

/// A signature's first line as it is compared: white space folded; bold marks, invisible characters and a comma or stop at
/// the end dropped, unless nothing else is there.
pub(super) fn normal(text: &str) -> String {
    let folded = line::fold(text);
    let bare = folded
        .trim_matches(['*', '_', ' '])
        .trim_end_matches([',', '.', ';', ':', '!', ' ']);
    if bare.is_empty() {
        folded
    } else {
        bare.to_owned()
    }
}

/// Whether a line is a configured signature's first.
pub(super) fn is_configured(line: &Line<'_>, signatures: &[String]) -> bool {
    !signatures.is_empty()
        && !line.is_quoted()
        && !line.body.is_empty()
        && signatures.contains(&normal(&line.body))
}

/// `-- ` (RFC 3676 section 4.3), or the same without its blank.
pub(super) fn is_delimiter(line: &Line<'_>) -> bool {
    !line.is_quoted()
        && matches!(line.body.as_str(), "--" | "\u{2014}" | "\u{2013}")
        && line.raw.trim().len() == line.raw.trim_end().len()
}

fn has_its_blank(line: &Line<'_>) -> bool {
    matches!(line.raw.trim_end_matches('\r'), "-- " | "--\u{a0}")
}

/// Cuts configured signatures with all that was typed after them, then what follows `-- ` in each typed passage.
pub(super) fn mark(lines: &[Line<'_>], tags: &mut [Tag], signatures: &[String]) {
    let mut found = false;
    for (line, tag) in lines.iter().zip(tags.iter_mut()) {
        if *tag == Tag::Typed {
            found = found || is_configured(line, signatures);
            if found {
                *tag = Tag::Cut(CutKind::Signature);
            }
        }
    }
    passage::each(lines, tags, |lines, tags| {
        if let Some(at) = delimiter(lines) {
            for tag in tags.iter_mut().skip(at) {
                *tag = Tag::Cut(CutKind::Signature);
            }
        }
    });
}

/// Where the signature of a passage begins: the first `-- `, or the only `--` if little follows it.
fn delimiter(lines: &[Line<'_>]) -> Option<usize> {
    let certain = lines
        .iter()
        .position(|line| is_delimiter(line) && has_its_blank(line));
    if certain.is_some() {
        return certain;
    }
    let at = lines.iter().position(is_delimiter)?;
    let tail = || lines.iter().skip(at.saturating_add(1));
    if tail().any(is_delimiter) {
        return None;
    }
    let longest = if lines.get(at)?.body == "--" {
        LONGEST_TAIL
    } else {
        LONGEST_DASH_TAIL
    };
    (tail().filter(|line| !line.is_blank()).count() <= longest).then_some(at)
}

/// Cuts rows of dashes, stars, … that end a passage, unless nothing else would be left of the text.
pub(super) fn mark_closing_rows(lines: &[Line<'_>], tags: &mut [Tag]) {
    let is_closing = |line: &Line<'_>| {
        let row =
            line::is_row(&line.body, 2) || line.body == "\u{1427}" || is_dotted_row(&line.body);
        row && !line.is_quoted()
    };
    let kept = |tag: &Tag| !matches!(tag, Tag::Cut(_));
    let text_left = lines
        .iter()
        .zip(tags.iter())
        .any(|(line, tag)| kept(tag) && !line.is_blank() && !is_closing(line));
    if !text_left {
        return;
    }
    passage::each(lines, tags, |lines, tags| {
        for (line, tag) in lines.iter().zip(tags.iter_mut()).rev() {
            if is_closing(line) {
                *tag = Tag::Cut(CutKind::Signature);
            } else if !line.is_blank() {
                break;
            }
        }
    });
}

/// `. . . . . . . .`, in bold or not.
fn is_dotted_row(body: &str) -> bool {
    body.len() >= 9 && body.contains(". .") && body.chars().all(|c| matches!(c, '.' | ' ' | '*'))
}
