//! The strict address reader (RFC 5322 3.4, RFC 6532): decides whose mail this is.
//!
//! Stricter than any mail program on purpose: what two readers could read differently is a fault, never a guess.
//! It knows nothing of encoded words beyond recognising them, and nothing of accounts.

mod lex;

use std::fmt;

use crate::headers::Headers;
use lex::{Kind, Token, is_atext, lex};

/// Most addresses kept of one field.
const MAX_ADDRESSES: usize = 1_000;

/// One address, as written: neither case nor Unicode form is touched.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AddrSpec {
    /// Local part without quotes and escapes; UTF-8 (RFC 6532). At most 64 bytes.
    pub local: String,
    /// Domain: labels of letters, digits, hyphens, underscores or non-ASCII letters; never a literal, no final dot.
    pub domain: String,
}

impl fmt::Debug for AddrSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddrSpec(redacted)")
    }
}

impl fmt::Display for AddrSpec {
    /// The address as it is written in a header: the local part quoted where it must be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_atom(self.local.as_bytes()) {
            return write!(f, "{}@{}", self.local, self.domain);
        }
        f.write_str("\"")?;
        for c in self.local.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        write!(f, "\"@{}", self.domain)
    }
}

impl AddrSpec {
    /// Reads a bare address (`local@domain`), nothing around it. `None` where the strict reading fails.
    pub fn parse(text: &str) -> Option<AddrSpec> {
        if text.ends_with([' ', '\t', '\r', '\n', ')']) {
            return None;
        }
        let tokens = lex(text.as_bytes()).ok()?;
        let bare = !tokens.first()?.spaced;
        addr_spec(&tokens).ok().filter(|_| bare)
    }
}

/// What the `From` of a mail says, strictly read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromField {
    /// Exactly one field with exactly one address.
    One(AddrSpec),
    /// Anything else, and why.
    Ambiguous(FromFault),
}

/// Why a `From` names nobody for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FromFault {
    /// There is no `From` field.
    Missing,
    /// There are two or more.
    SeveralFields,
    /// One field with two or more addresses.
    SeveralAddresses,
    /// A group (`Friends: a@b;`).
    Group,
    /// A source route (`<@relay:a@b>`).
    Route,
    /// No address at all, or one only in the display name.
    NoAddress,
    /// Two or more `Sender` fields.
    DoubledSender,
    /// The address itself is written as an encoded word.
    EncodedAddress,
    /// Not RFC 5322: something before or after the address, a domain literal, control characters, a disguised field.
    Malformed,
}

/// Reads the `From` of a header section; counts what others could take for a `From` too.
pub(crate) fn read_from(headers: &Headers<'_>) -> FromField {
    match judge_from(headers) {
        Ok(spec) => FromField::One(spec),
        Err(fault) => FromField::Ambiguous(fault),
    }
}

fn judge_from(headers: &Headers<'_>) -> Result<AddrSpec, FromFault> {
    let mut fields = headers.all("from");
    let first = fields.next();
    if fields.next().is_some() {
        return Err(FromFault::SeveralFields);
    }
    // Readers differ on where a line with a NUL or a bare CR ends: what they would see is not to be known.
    let disguised = headers.disguised("from") || headers.disguised("sender");
    if disguised || headers.stray_bytes || headers.too_long {
        return Err(FromFault::Malformed);
    }
    if headers.all("sender").nth(1).is_some() {
        return Err(FromFault::DoubledSender);
    }
    read_single(first.ok_or(FromFault::Missing)?)
}

/// The addresses of the only field of this name, groups opened; entries that cannot be read strictly are left out.
/// None where the field stands twice: a signature covers only one of the two (RFC 6376 8.15).
pub(crate) fn read_list(headers: &Headers<'_>, name: &str) -> Vec<String> {
    let mut fields = headers.all(name);
    let (Some(value), None) = (fields.next(), fields.next()) else {
        return Vec::new();
    };
    if headers.disguised(name) || headers.too_long {
        return Vec::new();
    }
    let Ok(tokens) = lex(value) else {
        return Vec::new();
    };
    tokens
        .split(|t| matches!(t.kind, Kind::Comma | Kind::Semicolon))
        .map(|entry| {
            let start = entry
                .iter()
                .position(|t| matches!(t.kind, Kind::Colon))
                .map_or(0, |i| i + 1);
            entry.get(start..).unwrap_or_default()
        })
        .filter_map(|entry| mailbox(entry).ok())
        .take(MAX_ADDRESSES)
        .map(|spec| spec.to_string())
        .collect()
}

/// Exactly one address in a field's value.
fn read_single(value: &[u8]) -> Result<AddrSpec, FromFault> {
    let tokens = lex(value)?;
    if tokens.is_empty() {
        return Err(FromFault::NoAddress);
    }
    let in_angle = tokens.iter().position(|t| matches!(t.kind, Kind::Less));
    let before_angle = tokens
        .get(..in_angle.unwrap_or(tokens.len()))
        .unwrap_or_default();
    if before_angle.iter().any(|t| matches!(t.kind, Kind::Colon))
        || tokens.iter().any(|t| matches!(t.kind, Kind::Semicolon))
    {
        return Err(FromFault::Group);
    }
    if let Some(open) = in_angle
        && tokens
            .get(open + 1)
            .is_some_and(|t| matches!(t.kind, Kind::At))
    {
        return Err(FromFault::Route);
    }
    if tokens.iter().any(|t| matches!(t.kind, Kind::Comma)) {
        let addresses = tokens.iter().filter(|t| matches!(t.kind, Kind::At)).count();
        return Err(if addresses > 1 {
            FromFault::SeveralAddresses
        } else {
            FromFault::Malformed
        });
    }
    if tokens
        .iter()
        .filter(|t| matches!(t.kind, Kind::Less))
        .count()
        > 1
    {
        return Err(FromFault::SeveralAddresses);
    }
    mailbox(&tokens)
}

/// `addr-spec`, or `[phrase] <addr-spec>`, and nothing after it.
fn mailbox(tokens: &[Token]) -> Result<AddrSpec, FromFault> {
    let Some(open) = tokens.iter().position(|t| matches!(t.kind, Kind::Less)) else {
        if tokens.iter().any(|t| matches!(t.kind, Kind::At)) {
            return addr_spec(tokens);
        }
        let hides = tokens
            .iter()
            .any(|t| matches!(&t.kind, Kind::Atom(a) if is_encoded_word(a)));
        let words_only = tokens
            .iter()
            .all(|t| matches!(t.kind, Kind::Atom(_) | Kind::Quoted(_) | Kind::Dot));
        return Err(match (hides, words_only) {
            (true, _) => FromFault::EncodedAddress,
            (false, true) => FromFault::NoAddress,
            (false, false) => FromFault::Malformed,
        });
    };
    let phrase = tokens.get(..open).unwrap_or_default();
    if !phrase
        .iter()
        .all(|t| matches!(t.kind, Kind::Atom(_) | Kind::Quoted(_) | Kind::Dot))
    {
        return Err(FromFault::Malformed);
    }
    let rest = tokens.get(open + 1..).unwrap_or_default();
    match rest.split_last() {
        Some((last, [])) if matches!(last.kind, Kind::Greater) => Err(FromFault::NoAddress),
        Some((last, inner)) if matches!(last.kind, Kind::Greater) => addr_spec(inner),
        _ => Err(FromFault::Malformed),
    }
}

/// `local-part @ domain` without blanks or comments inside.
fn addr_spec(tokens: &[Token]) -> Result<AddrSpec, FromFault> {
    let at = tokens
        .iter()
        .position(|t| matches!(t.kind, Kind::At))
        .ok_or(FromFault::NoAddress)?;
    let (left, right) = (
        tokens.get(..at).unwrap_or_default(),
        tokens.get(at + 1..).unwrap_or_default(),
    );
    if tokens.iter().skip(1).any(|t| t.spaced) {
        return Err(FromFault::Malformed);
    }
    let encoded = tokens
        .iter()
        .any(|t| matches!(&t.kind, Kind::Atom(a) if is_encoded_word(a)));
    if encoded {
        return Err(FromFault::EncodedAddress);
    }
    let local = match left {
        [
            Token {
                kind: Kind::Quoted(text),
                ..
            },
        ] => text.clone(),
        _ => dotted(left)?,
    };
    let domain = dotted(right)?;
    let spec = AddrSpec {
        local: String::from_utf8(local).map_err(|_| FromFault::Malformed)?,
        domain: String::from_utf8(domain).map_err(|_| FromFault::Malformed)?,
    };
    if is_sound(&spec) {
        Ok(spec)
    } else {
        Err(FromFault::Malformed)
    }
}

/// Atoms with single dots between them.
fn dotted(tokens: &[Token]) -> Result<Vec<u8>, FromFault> {
    let mut text = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match (&token.kind, index % 2) {
            (Kind::Atom(atom), 0) => text.extend_from_slice(atom),
            (Kind::Dot, 1) => text.push(b'.'),
            _ => return Err(FromFault::Malformed),
        }
    }
    if tokens.len() % 2 == 1 {
        Ok(text)
    } else {
        Err(FromFault::Malformed)
    }
}

/// Lengths of RFC 5321 4.5.3.1, host name characters in the domain, and nothing invisible in either part.
fn is_sound(spec: &AddrSpec) -> bool {
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii())
    };
    let visible = |text: &str| !text.chars().any(is_invisible);
    !spec.local.is_empty()
        && spec.local.len() <= 64
        && spec.domain.len() <= 253
        && spec.domain.split('.').all(label_ok)
        && visible(&spec.local)
        && visible(&spec.domain)
}

/// Control characters and those that change how others look: soft hyphen, zero-width, direction marks, BOM.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}')
}

fn is_encoded_word(atom: &[u8]) -> bool {
    atom.windows(2).any(|w| w == b"=?") && atom.windows(2).any(|w| w == b"?=")
}

fn is_dot_atom(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .split(|b| *b == b'.')
            .all(|a| !a.is_empty() && a.iter().all(|b| is_atext(*b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::split;

    fn from(header: &str) -> Result<String, FromFault> {
        match read_from(&split(format!("{header}\r\n\r\n").as_bytes())) {
            FromField::One(spec) => Ok(format!("{}|{}", spec.local, spec.domain)),
            FromField::Ambiguous(fault) => Err(fault),
        }
    }

    #[test]
    fn one_address_in_all_its_honest_forms() {
        for (header, wanted) in [
            ("From: a@b.example", "a|b.example"),
            ("from:a@b.example", "a|b.example"),
            ("From : a@b.example", "a|b.example"),
            ("From: <a@b.example>", "a|b.example"),
            ("From: Ann <a@b.example>", "a|b.example"),
            ("From: Ann Q. Public <A.b+c@B.example>", "A.b+c|B.example"),
            ("From: \"Ann, Bob\" <a@b.example>", "a|b.example"),
            ("From: \"c@d.example\" <a@b.example>", "a|b.example"),
            ("From: =?utf-8?q?Zo=C3=A9?= <a@b.example>", "a|b.example"),
            ("From: a@b.example (Ann (at work) \\))", "a|b.example"),
            ("From: Ann\r\n <a@b.example>", "a|b.example"),
            ("From: \"a b\\\"c\"@b.example", "a b\"c|b.example"),
            ("From: \"a@c\"@b.example", "a@c|b.example"),
            ("From: zoé@exämple.example", "zoé|exämple.example"),
            ("From: root@localhost", "root|localhost"),
            ("Sender: x@y\r\nFrom: a@b.example", "a|b.example"),
            (
                "X-From: c@d\r\nFrom: a@b.example\r\nSubject: x\r\n From: e@f",
                "a|b.example",
            ),
        ] {
            assert_eq!(from(header).as_deref(), Ok(wanted), "{header}");
        }
    }

    #[test]
    fn what_is_not_one_strict_address_is_ambiguous() {
        use FromFault::*;
        for (header, wanted) in [
            ("To: a@b", Missing),
            ("From: a@b\r\nFROM: c@d", SeveralFields),
            ("From: a@b\r\nFrom : a@b", SeveralFields),
            ("From: a@b, c@d", SeveralAddresses),
            ("From: <a@b> <c@d>", SeveralAddresses),
            ("From: Ann <a@b>, Bob <c@d>", SeveralAddresses),
            ("From: Friends: a@b;", Group),
            ("From: undisclosed:;", Group),
            ("From: <@relay.example:a@b>", Route),
            ("From: <@r1,@r2:a@b>", Route),
            ("From:", NoAddress),
            ("From: Ann", NoAddress),
            ("From: \"a@b\"", NoAddress),
            ("From: \"a@b\" <>", NoAddress),
            ("From: (a@b)", NoAddress),
            ("From: =?utf-8?q?a=40b?=", EncodedAddress),
            ("From: =?utf-8?q?a?=@b", EncodedAddress),
            ("From: <=?utf-8?q?a=40b?=>", NoAddress),
            ("From: a@b <c@d>", Malformed),
            ("From: <a@b> trailing", Malformed),
            ("From: <a@b> c@d", Malformed),
            ("From: Ann <a@b", Malformed),
            ("From: Doe, Ann <a@b>", Malformed),
            ("From: a@b@c", Malformed),
            ("From: a b@c", Malformed),
            ("From: a@b c", Malformed),
            ("From: a (x) @b", Malformed),
            ("From: a@b(x).c", Malformed),
            ("From: <a@[192.0.2.1]>", Malformed),
            ("From: .a@b", Malformed),
            ("From: a..b@c", Malformed),
            ("From: a@b.", Malformed),
            ("From: a@-b.example", Malformed),
            ("From: a@b_%.example", Malformed),
            ("From: @b", Malformed),
            ("From: \"\"@b", Malformed),
            ("From: a\u{200b}@b", Malformed),
            ("From: a\u{202e}@b", Malformed),
            ("From: a@b\0", Malformed),
            ("From: a@b\rX: y", Malformed),
            ("From: a@b\r\nSubject: x\ry", Malformed),
            ("From: a@b\r\nX: \0", Malformed),
            ("From: \"open <a@b>", Malformed),
            ("From: (((((((((((((((x))))))))))))))) a@b", Malformed),
            ("From: (open a@b", Malformed),
            ("Subject: x\rFrom: c@d\r\nFrom: a@b", Malformed),
            ("From\0: c@d\r\nFrom: a@b", Malformed),
            ("Sender: x@y\r\nSender: x@y\r\nFrom: a@b", DoubledSender),
        ] {
            assert_eq!(from(header), Err(wanted), "{header:?}");
        }
    }

    #[test]
    fn lists_keep_what_is_strict_and_trust_no_doubled_field() {
        let list = |header: &str| read_list(&split(format!("{header}\r\n\r\n").as_bytes()), "to");
        assert_eq!(
            list("To: a@b, Ann <c@d>, broken@, Friends: e@f, g@h;, <i@j>"),
            ["a@b", "c@d", "e@f", "g@h", "i@j"]
        );
        assert!(list("To: a@b\r\nTo: c@d").is_empty());
        assert_eq!(
            list("To: +33612345678@sms.example.com"),
            ["+33612345678@sms.example.com"]
        );
    }

    #[test]
    fn an_address_prints_redacted_and_displays_as_it_is_read() {
        for text in [
            "a@b.example",
            "\"a b\"@c.example",
            "\"a\\\"\\\\@x\"@c.example",
        ] {
            let spec = AddrSpec::parse(text).unwrap();
            assert_eq!(spec.to_string(), text);
            assert!(!format!("{spec:?}").contains("example"));
        }
        for text in ["Ann <a@b>", "<a@b>", "a@b (x)", "a@b,c@d", "", " a@b"] {
            assert!(AddrSpec::parse(text).is_none(), "{text}");
        }
    }
}
