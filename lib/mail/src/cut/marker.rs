//! Lines that say that a forwarded or an answered mail begins.
//!
//! Must not know: what follows from finding one.

use super::line::{self, Line};
use super::marker_phrases::{ABOVE_THIS_LINE, FORWARDED, FORWARDED_LINE, ORIGINAL};

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// A forwarded mail follows.
    Forwarded,
    /// An answered or forwarded mail follows.
    Original,
    /// A help desk's "reply above this line".
    AboveThisLine,
}

/// Reads a line, quoted or not.
pub(super) fn read(line: &Line<'_>) -> Option<Marker> {
    let body = line.body.as_str();
    if body.is_empty() || body.len() > 400 {
        return None;
    }
    let dashes = body.chars().take_while(|c| is_dash(*c)).count();
    if dashes >= 2 {
        let inside = line::lower(body.trim_start_matches(|c| is_dash(c) || c == ' '));
        return dashed(&inside);
    }
    let bare = body.trim_matches(['*', '_', ' ', '#', '"']);
    if bare.len() > 120 {
        return None;
    }
    // Without dashes the line must end in a colon: "forwarded message" alone may be prose.
    let colon = body
        .trim_end_matches(['*', '_', ' '])
        .ends_with([':', '：', '。']);
    if !colon {
        return None;
    }
    let words = line::lower(bare.trim_end_matches([':', '：', ' ', '.', '。', '*']));
    FORWARDED_LINE
        .contains(&words.as_str())
        .then_some(Marker::Forwarded)
}

/// "Original message" as a line of its own, without dashes: worth something above a header block only.
pub(super) fn is_original(body: &str) -> bool {
    body.len() <= 120
        && ORIGINAL.contains(&line::lower(body.trim_matches(['*', '_', ' ', ':'])).as_str())
}

/// The phrase after the dashes; dashes (or the header, by some programs) must follow it.
fn dashed(inside: &str) -> Option<Marker> {
    let closed = |phrase: &&&str| {
        inside.strip_prefix(**phrase).is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.starts_with(is_dash)
                || rest.starts_with('/')
                || (rest.starts_with(':') && rest.len() < 4)
        })
    };
    if FORWARDED.iter().any(|phrase| closed(&phrase)) {
        return Some(Marker::Forwarded);
    }
    if ORIGINAL.iter().any(|phrase| closed(&phrase)) {
        return Some(Marker::Original);
    }
    ABOVE_THIS_LINE
        .iter()
        .any(|phrase| inside.contains(phrase))
        .then_some(Marker::AboveThisLine)
}

fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '_' | '=' | '#' | '*' | '\u{2010}'..='\u{2015}' | '\u{2500}' | '\u{2501}'
    )
}
