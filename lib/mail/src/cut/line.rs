//! Lines of a text: quote depth and a folded copy for recognising phrases.
//!
//! Must not know: any phrase.

/// Bytes of a line that are looked at; no header, marker or footer is longer.
const LOOKED_AT: usize = 480;

/// One line.
pub(super) struct Line<'a> {
    /// As it stood, without its line end.
    pub(super) raw: &'a str,
    /// Number of leading `>`.
    pub(super) depth: usize,
    /// Without quote marks; white space folded to single blanks, invisible characters dropped; empty if the line is
    /// longer than is looked at.
    pub(super) body: String,
    /// Longer than is looked at.
    long: bool,
}

impl Line<'_> {
    /// Nothing to see on it, quote marks apart.
    pub(super) fn is_empty(&self) -> bool {
        self.body.is_empty() && !self.long
    }

    /// Nothing to see on it, and no quote mark.
    pub(super) fn is_blank(&self) -> bool {
        self.depth == 0 && self.is_empty()
    }

    /// Stands behind a quote mark.
    pub(super) fn is_quoted(&self) -> bool {
        self.depth > 0
    }
}

/// Splits at `\n`, `\r\n` and lone `\r`.
pub(super) fn split(text: &str) -> Vec<Line<'_>> {
    text.split('\n')
        .flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
        .map(read)
        .collect()
}

fn read(raw: &str) -> Line<'_> {
    let (depth, rest) = quote_marks(raw);
    let long = rest.len() > LOOKED_AT;
    let body = if long { String::new() } else { fold(rest) };
    Line {
        raw,
        depth,
        body,
        long,
    }
}

/// Counts leading `>` (blanks between and three before them allowed) and gives what follows.
fn quote_marks(raw: &str) -> (usize, &str) {
    let start = raw.trim_start_matches(is_edge_space);
    if !start.starts_with('>') || raw.len().saturating_sub(start.len()) > 6 {
        return (0, raw);
    }
    let mut depth = 0usize;
    let mut rest = start;
    while let Some(after) = rest.strip_prefix('>') {
        depth = depth.saturating_add(1);
        let blankless = after.strip_prefix(' ').unwrap_or(after);
        rest = if blankless.starts_with('>') {
            blankless
        } else {
            after
        };
    }
    (depth, rest)
}

/// The line without its first quote mark and the blank after it.
pub(super) fn unquote(raw: &str) -> &str {
    match raw.trim_start_matches(is_edge_space).strip_prefix('>') {
        Some(rest) => rest.strip_prefix(' ').unwrap_or(rest),
        None => raw,
    }
}

/// White space, or one of the invisible characters that programs leave at the ends of a text.
pub(super) fn is_edge_space(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// Single blanks, no invisible characters, ends trimmed.
pub(super) fn fold(text: &str) -> String {
    // Most lines are ASCII with single blanks between their words.
    let plain = text.bytes().try_fold(false, |blank, b| match b {
        b' ' => (!blank).then_some(true),
        b'!'..=b'~' => Some(false),
        _ => None,
    });
    if plain.is_some() {
        return text.trim_matches(' ').to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split(char::is_whitespace) {
        let mut first = true;
        for c in word.chars().filter(|c| !is_invisible(*c)) {
            if first && !out.is_empty() {
                out.push(' ');
            }
            first = false;
            out.push(c);
        }
    }
    out
}

/// A row of dashes, underscores, stars, … and nothing else, at least `least` of them.
pub(super) fn is_row(body: &str, least: usize) -> bool {
    let mut count = 0usize;
    for c in body.chars().filter(|c| *c != ' ') {
        if !matches!(
            c,
            '-' | '_' | '=' | '*' | '#' | '~' | '+' | '\u{2010}'
                ..='\u{2015}' | '\u{2500}' | '\u{2501}'
        ) {
            return false;
        }
        count = count.saturating_add(1);
    }
    count >= least
}

/// Lower case, without the dot that lower-casing a Turkish `İ` leaves above its `i`.
pub(super) fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.to_lowercase().replace('\u{307}', "")
}
