//! The line that mail programs write above a quote: "On … wrote:", "Le … a écrit :", "2014-10-17 11:28 … <a@b>:".
//!
//! Recognised by what it is made of (a moment, an address, a verb, the colon at its end, a quote below it), so that
//! programs and languages not listed here are mostly understood too. It may be wrapped over several lines.
//!
//! Must not know: what follows from finding one.

use std::sync::LazyLock;

use regex::Regex;

use super::attribution_phrases::{LEADS, PRONOUNS, UNSPACED_VERBS, VERBS};
use super::line::Line;

/// Lines a wrapped attribution may have, and its length in bytes.
const LINES: usize = 5;
const LENGTH: usize = 600;

/// A reply header that was found.
#[derive(Clone, Copy)]
pub(super) struct Attribution {
    /// The line after its last line.
    pub(super) end: usize,
    /// The next line that is not blank is quoted.
    pub(super) above_quote: bool,
    /// It names an address.
    pub(super) addressed: bool,
}

static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[\w.+'’=-]+@[\w-]+\.[\w.-]+|\bmailto:|@\.\.\.").ok());
static ADDRESS_LAST: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[<(\[][^<>()\[\]]*@[^<>()\[\]]+[>)\]]+\s*[:：]?$").ok());
static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(^|[^\d.:/])\d{1,2}\s?[:h٫]\s?\d{2}([^\d/]|$)|(^|[\s,])\d{1,2}\.\d{2}(\.\d{2})?([\s,:]|$)|\b\d{1,2}\s?[ap]\.?m\b|\d時|\d点|\d시|午[前後后]|오[전후]").ok()
});
static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(^|\D)(19|20|25)\d{2}(\D|$)|[٠-٩]{4}|[۰-۹]{4}|(^|\D)\d{1,2}\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{2,4}(\D|$)|\d年|\d년|\d月").ok()
});
static DAY_MONTH: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(^|[\s,(])\d{1,2}(\.|er|º|\.?\s+de)?\s+\p{L}{3,}|\p{L}{3,}\.?\s+\d{1,2}(st|nd|rd|th)?([\s,]|$)").ok()
});
static VERB: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let mut verbs: Vec<String> = VERBS.iter().map(|verb| regex::escape(verb)).collect();
    verbs.sort_by_key(|verb| std::cmp::Reverse(verb.len()));
    Regex::new(&format!(
        r"(?i)(?:^|[\s>»)\]\x22'”’，,<])(?P<verb>{})(?:[\s:：.<>»'\x22,(]|$)|(?P<unspaced>{UNSPACED_VERBS})",
        verbs.join("|")
    ))
    .ok()
});
static DASHED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^-{2,}\s?(?P<inside>[^-].*[^-\s])\s?-{2,}$").ok());

fn found(regex: &LazyLock<Option<Regex>>, text: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
}

// Nearly every line of a mail is none of these, and most can be told by one octet that they lack.

fn has_address(text: &str) -> bool {
    may_have_address(text) && found(&ADDRESS, text)
}

fn ends_in_address(text: &str) -> bool {
    text.contains('@') && found(&ADDRESS_LAST, text)
}

fn has_date(text: &str) -> bool {
    may_have_digit(text) && found(&DATE, text)
}

fn has_time(text: &str) -> bool {
    may_have_digit(text) && found(&TIME, text)
}

/// What [`ADDRESS`] and [`ADDRESS_LAST`] cannot do without.
fn may_have_address(text: &str) -> bool {
    text.contains('@') || text.contains("mailto:")
}

/// What [`DATE`] and [`TIME`] cannot do without; other scripts have digits and moments of their own.
fn may_have_digit(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit() || !b.is_ascii())
}

/// Whether a header's value holds a date or a time.
pub(super) fn has_moment(value: &str) -> bool {
    has_date(value) || has_time(value)
}

/// Reads the attribution that starts on the line `at`, which is not quoted.
pub(super) fn read(lines: &[Line<'_>], at: usize) -> Option<Attribution> {
    let first = lines.get(at)?;
    if first.depth > 0 || first.body.is_empty() {
        return None;
    }
    if is_dashed(&first.body) {
        return Some(Attribution {
            end: at.saturating_add(1),
            above_quote: below(lines, at.saturating_add(1)) != Below::Text,
            addressed: true,
        });
    }
    let start = Start::of(&first.body)?;
    let mut joined = String::new();
    for next in at..at.saturating_add(LINES) {
        let line = lines.get(next)?;
        if line.depth > 0 && !is_wrapped_address_end(&line.body, next > at) {
            return None;
        }
        if line.is_empty() {
            // One program puts a blank line before the address.
            let address_follows = lines
                .get(next.saturating_add(1))
                .is_some_and(|line| line.body.starts_with('<'));
            if address_follows {
                continue;
            } else {
                return None;
            }
        }
        if next > at
            && start == Start::Name
            && !first.body.contains('@')
            && !first.body.ends_with('<')
        {
            return None; // A typed line, not the first of a wrapped attribution.
        }
        if next > at
            && Start::of(&line.body).is_some_and(|inner| inner.is_firm())
            && !joined.ends_with(['<', ','])
        {
            return None; // A new attribution starts here: the lines before it were typed.
        }
        if !joined.is_empty() {
            joined.push(' ');
        }
        let marks = if line.depth > 0 { "> " } else { "" };
        joined.push_str(marks);
        joined.push_str(&line.body);
        if joined.len() > LENGTH {
            return None;
        }
        let end = next.saturating_add(1);
        let below = below(lines, end);
        if is_attribution(&joined, start, below, next == at) {
            let above_quote = below != Below::Text;
            let addressed = has_address(&joined);
            return Some(Attribution {
                end,
                above_quote,
                addressed,
            });
        }
    }
    None
}

/// Whether the quoted lines `block` open with an attribution, as Apple Mail's quotes do.
pub(super) fn opens(block: &[Line<'_>]) -> bool {
    let mut joined = String::new();
    let mut start = None;
    for (count, line) in block
        .iter()
        .filter(|line| !line.is_empty())
        .take(3)
        .enumerate()
    {
        start = start.or_else(|| Start::of(&line.body));
        if count > 0 {
            joined.push(' ');
        }
        joined.push_str(&line.body);
        if start.is_some_and(|start| is_attribution(&joined, start, Below::Prose, count == 0)) {
            return true;
        }
    }
    false
}

/// A wrapped `<\nmailto:…\n> wrote:`: its last line looks like a quote.
fn is_wrapped_address_end(body: &str, wrapped: bool) -> bool {
    wrapped && body.len() < 40 && body.ends_with(':') && found(&VERB, body)
}

/// `---- John Smith wrote ----`, `---- On … wrote ----`.
fn is_dashed(body: &str) -> bool {
    let Some(inside) = DASHED
        .as_ref()
        .filter(|_| body.starts_with("--"))
        .and_then(|regex| regex.captures(body))
        .and_then(|found| found.name("inside"))
    else {
        return false;
    };
    let text = inside.as_str();
    VERB.as_ref()
        .and_then(|regex| regex.find_iter(text).last())
        .is_some_and(|verb| text.len().saturating_sub(verb.end()) < 3)
}

/// How the first line begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// "On Tue, 3 May", "Le 12 mai".
    Lead,
    /// "2014-10-17", "11:00 AM", "Tue, 3 May".
    Moment,
    /// A name or an address.
    Name,
}

impl Start {
    fn of(body: &str) -> Option<Self> {
        let bare = body.trim_start_matches(['*', '_', '"', '\'', '-', ' ']);
        let starts_with_digit = |word: &str| word.starts_with(char::is_numeric);
        let mut words = bare.split(' ');
        let first = words.next()?;
        if starts_with_digit(first) {
            return Some(Self::Moment);
        }
        let second = words.next();
        let digit_soon =
            second.is_some_and(starts_with_digit) || words.take(4).any(starts_with_digit);
        if digit_soon && LEADS.contains(&first.to_lowercase().as_str()) {
            return Some(Self::Lead);
        }
        let weekday = first.chars().count() <= 13 && first.ends_with([',', '.']);
        if second.is_some_and(starts_with_digit) && weekday {
            return Some(Self::Moment);
        }
        (digit_soon
            || body.contains('@')
            || (body.contains(':') && body.contains(":>"))
            || body.ends_with(['<', ':', '：', '*']))
        .then_some(Self::Name)
    }

    /// Surely the start of an attribution, if there is one.
    fn is_firm(self) -> bool {
        self == Self::Lead
    }
}

/// Whether the joined lines are a whole attribution.
fn is_attribution(joined: &str, start: Start, below: Below, one_line: bool) -> bool {
    if !joined.contains([':', '：']) && !may_have_address(joined) {
        return false;
    }
    let above_quote = below != Below::Text;
    let text = entities(joined);
    let (text, colon) = match text.split_once(":>") {
        Some((head, _)) => (head, true), // The quote follows on the same line.
        None => (
            text.as_str(),
            text.trim_end_matches(['*', '_', ' '])
                .ends_with([':', '：']),
        ),
    };
    if !colon {
        let unmarked =
            above_quote && start == Start::Moment && ends_in_address(text) && has_date(text);
        let whole = || has_address(text) && has_date(text) && has_time(text);
        return unmarked
            || (start != Start::Name && whole() && verb_of(text).is_some_and(|verb| verb.last));
    }
    let (address, date, time) = (has_address(text), has_date(text), has_time(text));
    if address && date && time && ends_in_address(text) && (above_quote || names_sender(text)) {
        return true;
    }
    let Some(verb) = verb_of(text) else {
        return false;
    };
    if verb.after_pronoun && !address {
        return false;
    }
    let words = text.split(' ').count();
    let by_name = verb.beside_name || (start == Start::Name && !verb.closing);
    // Without an address, a quote counts if it reads like one: a sensor "sent:" may stand above "> 41".
    let reads = below == Below::Prose || (above_quote && address);
    let dated = (date || time) && (address || reads || (date && time && by_name));
    let undated = reads && start == Start::Lead && found(&DAY_MONTH, text);
    let addressed = one_line && verb.last && address && words <= 12 && above_quote;
    let bare = one_line && verb.last && reads && words <= 8;
    dated || undated || addressed || bare
}

/// Whether the word before the address may be a name (or a verb before it says so): a log's "rejected from <a@b>:" is none.
fn names_sender(text: &str) -> bool {
    let before = text
        .rsplit_once(['<', '(', '['])
        .map_or(text, |(before, _)| before)
        .trim_end_matches(['<', '(', '[', ' ']);
    let word = before.rsplit(' ').next().unwrap_or_default();
    !word.starts_with(char::is_lowercase) || verb_of(text).is_some()
}

/// The last verb of an attribution.
#[derive(Clone, Copy)]
struct Verb {
    /// Nothing but a word or two follows it.
    last: bool,
    /// Nothing at all follows it.
    closing: bool,
    after_pronoun: bool,
    /// The word before it (after it, if more follows) may be a name: a person tells of "the sensor", a program of "Anna".
    beside_name: bool,
}

fn verb_of(text: &str) -> Option<Verb> {
    let found = VERB
        .as_ref()?
        .captures_iter(text)
        .filter_map(|found| found.name("verb").or_else(|| found.name("unspaced")))
        .last()?;
    let before = text.get(..found.start()).unwrap_or_default().trim_end();
    let after = text.get(found.end()..).unwrap_or_default();
    let tail = after.trim_matches([':', '：', ' ', '.', '*', '"', '(']);
    let last = tail.len() <= 24;
    let word_before = before.rsplit(' ').next().unwrap_or_default();
    let word_after = tail.split(' ').next().unwrap_or_default();
    let beside = if tail.is_empty() {
        word_before
    } else {
        word_after
    };
    let after_pronoun = PRONOUNS.contains(&word_before.to_lowercase().as_str());
    Some(Verb {
        last,
        closing: tail.is_empty(),
        after_pronoun,
        beside_name: !beside.starts_with(char::is_lowercase),
    })
}

fn entities(text: &str) -> String {
    if text.contains('&') {
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
    } else {
        text.to_owned()
    }
}

/// What the next line that is not blank is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    /// Not quoted, or nothing.
    Text,
    /// Quoted (`>` or, by some programs, `|`).
    Quote,
    /// Quoted, and it begins like words.
    Prose,
}

fn below(lines: &[Line<'_>], at: usize) -> Below {
    let filled = |line: &&Line<'_>| !line.is_blank();
    let Some(line) = lines.iter().skip(at).take(6).find(filled) else {
        return Below::Text;
    };
    if !line.is_quoted() && !line.body.starts_with("| ") && line.body != "|" {
        return Below::Text;
    }
    let words = lines
        .iter()
        .skip(at)
        .take(6)
        .find(|line| !line.is_empty() && line.body != "|");
    let reads = |line: &Line<'_>| {
        line.body
            .trim_start_matches('|')
            .trim_start()
            .starts_with(|c: char| !c.is_numeric() && c != '=' && c != '-')
    };
    if words.is_none_or(reads) {
        Below::Prose
    } else {
        Below::Quote
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_a_regular_expression() {
        for regex in [
            &ADDRESS,
            &ADDRESS_LAST,
            &TIME,
            &DATE,
            &DAY_MONTH,
            &VERB,
            &DASHED,
        ] {
            assert!(regex.is_some());
        }
    }
}
