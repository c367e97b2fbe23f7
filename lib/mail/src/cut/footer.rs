//! Phone footers: "Sent from my iPhone", "Envoyé de mon iPhone", "Get Outlook for iOS", and what mailing lists append.
//!
//! Only the end of a typed passage is looked at: a footer in the middle of a text is text.
//!
//! Must not know: quotes, signatures.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

use super::footer_phrases::{ADVERTISED, APP, BESIDE, DEVICE, GENERIC, LIST_WORDS, SURE};
use super::line::{self, Line};
use super::{CutKind, Tag, passage};

/// Characters of the longest footer line, and of the longest that names no program or make.
const LONGEST: usize = 160;
const LONGEST_GENERIC: usize = 50;
/// Lines with text that may stand below a footer (a name, a company); they stay.
const BELOW: usize = 4;
/// Lines with text in what a mailing list appends.
const LIST_LINES: usize = 6;

static ADVERTISED_LINE: LazyLock<Option<Regex>> = LazyLock::new(|| whole_line(ADVERTISED));
static SURE_LINE: LazyLock<Option<Regex>> = LazyLock::new(|| whole_line(SURE));
static BESIDE_LINE: LazyLock<Option<Regex>> = LazyLock::new(|| whole_line(BESIDE));
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| any_case(DEVICE));
static NAMED_OR_GENERIC: LazyLock<Option<Regex>> =
    LazyLock::new(|| any_case(&format!("{DEVICE}|{GENERIC}")));
static LINK: LazyLock<Option<Regex>> =
    LazyLock::new(|| any_case(r"[<(\[]?https?://[^\s<>()]+[>)\]]?"));

fn any_case(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .build()
        .ok()
}

fn whole_line(shapes: &[&str]) -> Option<Regex> {
    let shapes: Vec<String> = shapes
        .iter()
        .map(|shape| format!("(?:{})", shape.replace("{B}", APP)))
        .collect();
    any_case(&format!("^(?:{})$", shapes.join("|")))
}

fn fits(regex: &LazyLock<Option<Regex>>, text: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
}

/// The line as the shapes read it: as it stands and with its devices replaced; `None` if it cannot be a footer.
fn readable(body: &str) -> Option<(String, String)> {
    // Hyphens as mail programs write them (U+2011 in Romanian).
    let text = body
        .trim_matches(MARKS)
        .replace(['\u{2010}', '\u{2011}'], "-");
    let without_link = LINK.as_ref()?.replace_all(&text, "");
    let length = without_link.chars().count();
    if text.is_empty() || length > LONGEST || without_link.contains([':', '：']) {
        return None; // With a colon it says something: "Sent from panel 3: door open".
    }
    // "envoyé par Jean depuis le portable de Marie" was typed; a program begins with a capital or a bracket.
    let typed = body.starts_with(char::is_lowercase);
    let short = length <= LONGEST_GENERIC && !typed;
    let devices = if short {
        NAMED_OR_GENERIC.as_ref()?
    } else {
        NAMED.as_ref()?
    };
    let replaced = devices.replace_all(&text, "\u{a4}").into_owned();
    Some((text, replaced))
}

/// What may stand around a footer.
const MARKS: &[char] = &[
    '<', '>', '(', ')', '[', ']', '*', '_', ' ', '-', '~', '"', '\u{2013}', '\u{2014}', '.', '!',
    '|',
];

/// Whether a line is surely a footer.
pub(super) fn is_footer(body: &str) -> bool {
    readable(body).is_some_and(|(text, replaced)| {
        fits(&SURE_LINE, &replaced) || fits(&ADVERTISED_LINE, &text)
    })
}

/// Whether a line is a footer if a sure one stands below it.
fn is_beside(body: &str) -> bool {
    line::is_row(body, 2)
        || readable(body).is_some_and(|(_, replaced)| fits(&BESIDE_LINE, &replaced))
}

/// Cuts footers from the end of each typed passage.
pub(super) fn mark(lines: &[Line<'_>], tags: &mut [Tag]) {
    passage::each(lines, tags, mark_list_footer);
    passage::each(lines, tags, mark_phone_footers);
}

/// A footer that opens a passage and has text below it is text.
fn mark_phone_footers(lines: &[Line<'_>], tags: &mut [Tag]) {
    let first = lines.iter().position(|line| !line.is_blank());
    let mut below = 0usize;
    let mut near = false;
    for (at, (line, tag)) in lines.iter().zip(tags.iter_mut()).enumerate().rev() {
        if line.is_blank() {
            continue;
        }
        let text_above = Some(at) != first;
        if (text_above || below == 0) && !line.is_quoted() && is_footer(&line.body) {
            *tag = Tag::Cut(CutKind::Footer);
            near = true;
        } else if near && below == 0 && text_above && is_beside(&line.body) {
            *tag = Tag::Cut(CutKind::Footer);
        } else {
            below = below.saturating_add(1);
            if below > BELOW || near {
                break;
            }
        }
    }
}

/// Mailman's row of underscores with the list's name and address below it.
fn mark_list_footer(lines: &[Line<'_>], tags: &mut [Tag]) {
    let mut of_list = false;
    let filled = lines
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, line)| !line.is_blank());
    for (at, line) in filled.take(LIST_LINES) {
        if of_list && line.body.len() >= 2 && line.body.chars().all(|c| c == '_') {
            for tag in tags.iter_mut().skip(at) {
                *tag = Tag::Cut(CutKind::Footer);
            }
            return;
        }
        let text = line.body.to_lowercase();
        of_list |= LIST_WORDS.iter().any(|word| text.contains(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_a_regular_expression() {
        for regex in [
            &ADVERTISED_LINE,
            &SURE_LINE,
            &BESIDE_LINE,
            &NAMED,
            &NAMED_OR_GENERIC,
            &LINK,
        ] {
            assert!(regex.is_some());
        }
    }
}
