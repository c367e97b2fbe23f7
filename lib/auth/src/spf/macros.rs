//! Macros (RFC 7208 7): strings with `%{…}` in them, read once, expanded for one mail.
//!
//! Must not know DNS: the name of the client (`%{p}`) is found elsewhere and given.

use std::net::IpAddr;

use jiff::Timestamp;

/// No expansion grows beyond this; what would is an error of the record.
const MOST_OCTETS: usize = 16 * 1024;
/// A name as asked of DNS, without the trailing dot (RFC 7208 7.3).
const NAME_OCTETS: usize = 253;

/// Where a macro string stands: it decides which letters and characters it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A domain: no `c`, `r`, `t`.
    Domain,
    /// The value of an unknown modifier: any letter.
    Modifier,
    /// The text that `exp` points to: any letter, and spaces.
    Explanation,
}

/// A parsed macro string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MacroString {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Macro(Macro),
}

/// `%{letter digits r delimiters}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Macro {
    /// Lower case.
    pub(super) letter: u8,
    /// Written in upper case: the value is URL-escaped.
    escape: bool,
    /// How many parts are kept, from the right.
    pub(super) keep: Option<usize>,
    reverse: bool,
    /// Empty for the default, the dot.
    delimiters: Vec<u8>,
}

/// What a mail lets the macros say.
#[derive(Clone, Debug)]
pub(super) struct Facts<'a> {
    /// Canonical: an IPv4-mapped address is IPv4.
    pub(super) ip: IpAddr,
    pub(super) helo: &'a str,
    pub(super) local: &'a str,
    pub(super) sender_domain: &'a str,
    pub(super) receiver: &'a str,
    pub(super) now: Timestamp,
}

/// The expansion would be too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl MacroString {
    /// Reads a macro string. The error is a clause that fits behind a colon.
    pub(super) fn parse(text: &str, place: Place) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if c == '%' {
                let (piece, after) = parse_expand(rest, place)?;
                match piece {
                    Piece::Literal(text) => literal.push_str(&text),
                    Piece::Macro(_) => {
                        if !literal.is_empty() {
                            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                        }
                        pieces.push(piece);
                    }
                }
                rest = after;
                continue;
            }
            let allowed = c.is_ascii_graphic() || (c == ' ' && place == Place::Explanation);
            if !allowed {
                return Err("it holds characters that are not printable ASCII");
            }
            literal.push(c);
            rest = rest.get(1..).unwrap_or_default();
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces })
    }

    /// Reads a `domain-spec` (RFC 7208 7.1): it ends in a dot and a top label, or in a macro.
    pub(super) fn parse_domain(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("the domain is missing");
        }
        let parsed = Self::parse(text, Place::Domain)?;
        if ends_in_expand(text) {
            return Ok(parsed);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        // A `}` or `%%` within the last label fails as a top label.
        let Some((_, last)) = name.rsplit_once('.') else {
            return Err("the domain is a single label; write it in full, as in mail.example.com");
        };
        if is_top_label(last) {
            Ok(parsed)
        } else if last.bytes().all(|b| b.is_ascii_digit()) && !last.is_empty() {
            Err("it holds an IP address where a domain belongs; write ip4: or ip6: for addresses")
        } else {
            Err("its domain does not end in a valid top label")
        }
    }

    /// The macros, in order.
    pub(super) fn macros(&self) -> impl Iterator<Item = &Macro> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Macro(m) => Some(m),
            Piece::Literal(_) => None,
        })
    }

    /// What follows the last macro whose value the mail chooses, not the domain's owner; `None` where there is no such
    /// macro. With `domain` as `%{d}`.
    pub(super) fn tail(&self, facts: &Facts, domain: &str) -> Option<String> {
        let chosen = |piece: &Piece| matches!(piece, Piece::Macro(m) if m.reverse || !matches!(m.letter, b'd' | b'o' | b'v'));
        let last = self.pieces.iter().rposition(chosen)?;
        let owned = Self {
            pieces: self.pieces.iter().skip(last + 1).cloned().collect(),
        };
        owned.expand(facts, domain, "").ok()
    }

    /// Whether one of these letters is used.
    pub(super) fn uses(&self, letters: &[u8]) -> bool {
        self.macros().any(|m| letters.contains(&m.letter))
    }

    /// Expands, with `domain` as `%{d}` and `name` as `%{p}`.
    pub(super) fn expand(
        &self,
        facts: &Facts,
        domain: &str,
        name: &str,
    ) -> Result<String, TooLong> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Macro(m) => m.expand_into(&mut out, &facts.value(m.letter, domain, name)),
            }
            if out.len() > MOST_OCTETS {
                return Err(TooLong);
            }
        }
        Ok(out)
    }
}

/// As a name to ask for: without trailing dot, cut from the left to 253 octets. `None` where
/// the result is no name of at least two labels that DNS could hold (RFC 7208 4.3, 4.8).
pub(super) fn as_name(expanded: &str) -> Option<&str> {
    let mut name = expanded.strip_suffix('.').unwrap_or(expanded);
    while name.len() > NAME_OCTETS {
        name = name.split_once('.')?.1;
    }
    let sound = name.is_ascii() && name.split('.').all(|label| (1..=63).contains(&label.len()));
    (sound && name.contains('.')).then_some(name)
}

fn ends_in_expand(text: &str) -> bool {
    // Only where parsing succeeded: every `%` opens one of four forms.
    let mut ends = false;
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        ends = b == b'%';
        if ends && bytes.next() == Some(b'{') {
            bytes.by_ref().find(|b| *b == b'}');
        }
    }
    ends
}

/// `toplabel` (RFC 7208 7.1): letters, digits and inner hyphens, not digits alone.
fn is_top_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    let inner = bytes
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    inner && *first != b'-' && *last != b'-' && bytes.iter().any(|b| !b.is_ascii_digit())
}

/// Reads one `macro-expand` at the start of `text`, which is a `%`.
fn parse_expand(text: &str, place: Place) -> Result<(Piece, &str), &'static str> {
    const LONE: &str = "it holds a lone \"%\"; write \"%%\" for a percent sign";
    for (form, meaning) in [("%%", "%"), ("%_", " "), ("%-", "%20")] {
        if let Some(rest) = text.strip_prefix(form) {
            return Ok((Piece::Literal(meaning.to_owned()), rest));
        }
    }
    let (inside, rest) = text
        .strip_prefix("%{")
        .and_then(|t| t.split_once('}'))
        .ok_or(LONE)?;
    Ok((Piece::Macro(parse_macro(inside, place)?), rest))
}

fn parse_macro(inside: &str, place: Place) -> Result<Macro, &'static str> {
    let mut chars = inside.chars();
    let letter = chars.next().ok_or("it holds an empty macro")?;
    let lower = letter.to_ascii_lowercase();
    match lower {
        's' | 'l' | 'o' | 'd' | 'i' | 'p' | 'h' | 'v' => {}
        'c' | 'r' | 't' if place != Place::Domain => {}
        'c' | 'r' | 't' => return Err("the macros c, r and t belong in explanations only"),
        _ => return Err("it holds a macro that does not exist"),
    }
    let rest = chars.as_str();
    let delimiters = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = rest.strip_suffix(delimiters).unwrap_or_default();
    let keep = match digits.trim_start_matches('0') {
        "" if digits.is_empty() => None,
        "" => return Err("a macro cannot keep 0 parts"),
        // More parts than fit a number are all parts.
        n => Some(n.parse().unwrap_or(usize::MAX)),
    };
    let without_r = delimiters.strip_prefix(['r', 'R']);
    let delimiters = without_r.unwrap_or(delimiters).as_bytes();
    if !delimiters.iter().all(|b| b".-+,/_=".contains(b)) {
        return Err("it holds a macro with an unknown modifier or delimiter");
    }
    Ok(Macro {
        letter: u8::try_from(lower).unwrap_or(b'?'),
        escape: letter.is_ascii_uppercase(),
        keep,
        reverse: without_r.is_some(),
        delimiters: delimiters.to_vec(),
    })
}

impl Macro {
    fn expand_into(&self, out: &mut String, value: &str) {
        let delimiters: &[u8] = if self.delimiters.is_empty() {
            b"."
        } else {
            &self.delimiters
        };
        let is_delimiter = |c: char| u8::try_from(c).is_ok_and(|b| delimiters.contains(&b));
        let mut parts: Vec<&str> = value.split(is_delimiter).collect();
        if self.reverse {
            parts.reverse();
        }
        let skip = parts.len().saturating_sub(self.keep.unwrap_or(usize::MAX));
        for (i, part) in parts.into_iter().skip(skip).enumerate() {
            if i > 0 {
                out.push('.');
            }
            if self.escape {
                push_escaped(out, part);
            } else {
                out.push_str(part);
            }
        }
    }
}

/// Everything outside the unreserved set of RFC 3986 2.3 as `%XX`.
fn push_escaped(out: &mut String, part: &str) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    for b in part.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            let digit = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or('0');
            out.extend(['%', digit(b >> 4), digit(b & 15)]);
        }
    }
}

impl Facts<'_> {
    fn value(&self, letter: u8, domain: &str, name: &str) -> String {
        match letter {
            b's' => format!("{}@{}", self.local, self.sender_domain),
            b'l' => self.local.to_owned(),
            b'o' => self.sender_domain.to_owned(),
            b'd' => domain.to_owned(),
            b'i' => dotted(self.ip),
            b'p' => name.to_owned(),
            b'v' if self.ip.is_ipv4() => "in-addr".to_owned(),
            b'v' => "ip6".to_owned(),
            b'h' => self.helo.to_owned(),
            b'c' => self.ip.to_string(),
            b'r' => self.receiver.to_owned(),
            b't' => self.now.as_second().to_string(),
            // The parser lets no other letter through.
            _ => String::new(),
        }
    }
}

/// `%{i}`: an IPv4 address as usual, an IPv6 address as 32 dotted nibbles (RFC 7208 7.3).
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().map(|b| format!("{:X}.{:X}", b >> 4, b & 15));
            nibbles.join(".")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(ip: &str) -> Facts<'static> {
        Facts {
            ip: ip.parse().unwrap(),
            helo: "mail.example.net",
            local: "strong-bad",
            sender_domain: "email.example.com",
            receiver: "mx.example.org",
            now: Timestamp::from_second(1_000).unwrap(),
        }
    }

    fn expand(text: &str, ip: &str) -> String {
        MacroString::parse(text, Place::Explanation)
            .unwrap()
            .expand(&facts(ip), "email.example.com", "mx.example.org")
            .unwrap()
    }

    /// The table of RFC 7208 7.4.
    #[test]
    fn the_examples_of_the_standard_expand_as_it_says() {
        for (macros, expansion) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d3}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            (
                "%{ir}.%{v}._spf.%{d2}",
                "3.2.0.192.in-addr._spf.example.com",
            ),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            (
                "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
                "bad.strong.lp.3.2.0.192.in-addr._spf.example.com",
            ),
            (
                "%{d2}.trusted-domains.example.net",
                "example.com.trusted-domains.example.net",
            ),
        ] {
            assert_eq!(expand(macros, "192.0.2.3"), expansion, "{macros}");
        }
        assert_eq!(
            expand("%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01").to_lowercase(),
            "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
        );
    }

    #[test]
    fn explanations_may_use_more() {
        assert_eq!(
            expand(
                "%{c} at %{t}%_by %{r}%-%% %{S} %{d999999999999999999999}",
                "::FFFF:1"
            ),
            "::ffff:1 at 1000 by mx.example.org%20% strong-bad%40email.example.com email.example.com"
        );
    }

    #[test]
    fn malformed_macros_are_errors() {
        for bad in [
            "%", "a%", "%(d)", "%{", "%{}", "%{d", "%{x}", "%{d0}", "%{d00}", "%{dx}", "%{d2r2}",
            "%{dr*}", "%a",
        ] {
            assert!(
                MacroString::parse(bad, Place::Explanation).is_err(),
                "{bad}"
            );
        }
        for bad in ["%{c}", "%{R}.example", "%{t}"] {
            assert!(MacroString::parse(bad, Place::Domain).is_err(), "{bad}");
            assert!(MacroString::parse(bad, Place::Modifier).is_ok(), "{bad}");
        }
        assert!(MacroString::parse("a b", Place::Modifier).is_err());
    }

    #[test]
    fn a_domain_ends_in_a_top_label_or_a_macro() {
        for good in [
            "a.com",
            "a.com.",
            "%{d}",
            "x%{d}",
            "a.%{d2}",
            ".com",
            "a:b/c.x-y",
            "%%",
            "a.1a",
            "a.%{d}.com",
        ] {
            assert!(MacroString::parse_domain(good).is_ok(), "{good}");
        }
        for bad in [
            "", "com", "com.", "a.123", "a.-com", "a.com-", "a.com..", "%{d}x", "a.b%%c",
            "a.com:80", "a.com/24", "a.%{d}x", "1.2.3.4",
        ] {
            assert!(MacroString::parse_domain(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_cut_from_the_left() {
        let long = "a.".repeat(200) + "example.com.";
        let name = as_name(&long).unwrap();
        assert!(name.len() <= 253 && name.len() > 250 && name.ends_with(".example.com"));
        for bad in ["", ".", "com", "a..com", ".com", "é.com"] {
            assert_eq!(as_name(bad), None, "{bad}");
        }
        assert_eq!(as_name(&("x".repeat(64) + ".com")), None);
        assert_eq!(as_name(&"x".repeat(300)), None);
    }

    #[test]
    fn expansion_is_bounded() {
        let many = MacroString::parse(&"%{s}".repeat(2_000), Place::Domain).unwrap();
        assert_eq!(
            many.expand(&facts("192.0.2.1"), "d.example", "x"),
            Err(TooLong)
        );
    }
}
