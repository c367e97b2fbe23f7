//! An SPF record, read whole before anything of it is believed (RFC 7208 4.5, 4.6, 5, 6, 12).
//!
//! Strict: what the grammar does not allow makes the record unusable, wherever it stands. Must
//! not know DNS or the mail.

use std::net::{Ipv4Addr, Ipv6Addr};

use postel_core::evidence::SpfResult;

use super::macros::{MacroString, Place};

/// What is quoted of a term in a sentence.
const QUOTED: usize = 80;

/// A whole record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) directives: Vec<Directive>,
    pub(super) redirect: Option<MacroString>,
    pub(super) exp: Option<MacroString>,
}

/// A mechanism with its qualifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    /// The result where the mechanism matches.
    pub(super) result: SpfResult,
    pub(super) mechanism: Mechanism,
    /// As written, shortened, for sentences.
    pub(super) text: String,
}

/// RFC 7208 5. A missing domain means the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(MacroString),
    A(Option<MacroString>, Cidr),
    Mx(Option<MacroString>, Cidr),
    Ptr(Option<MacroString>),
    Ip4(Ipv4Addr, u8),
    Ip6(Ipv6Addr, u8),
    Exists(MacroString),
}

/// Prefix lengths for the addresses of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cidr {
    pub(super) v4: u8,
    pub(super) v6: u8,
}

/// Why a record cannot be used: a clause about a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The term, shortened and printable.
    pub(super) term: String,
    /// What is wrong with it.
    pub(super) problem: &'static str,
}

/// There is more than one record, so none counts (RFC 7208 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Several;

/// The SPF record among the TXT records of a name.
pub(super) fn select(records: &[Vec<u8>]) -> Result<Option<&[u8]>, Several> {
    let mut found = records.iter().filter(|record| {
        record.split_at_checked(6).is_some_and(|(version, rest)| {
            version.eq_ignore_ascii_case(b"v=spf1") && matches!(rest.first(), None | Some(b' '))
        })
    });
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(Several),
        (record, None) => Ok(record.map(Vec::as_slice)),
    }
}

impl Record {
    /// Reads what [`select`] chose.
    pub(super) fn parse(record: &[u8]) -> Result<Self, Fault> {
        let mut parsed = Self::default();
        for term in record.split(|b| *b == b' ').skip(1) {
            if term.is_empty() {
                continue;
            }
            let fault = |problem| Fault {
                term: quote(term),
                problem,
            };
            let text = std::str::from_utf8(term)
                .ok()
                .filter(|t| t.bytes().all(|b| b.is_ascii_graphic()))
                .ok_or_else(|| fault("it holds characters that are not printable ASCII"))?;
            parsed.take(text).map_err(fault)?;
        }
        Ok(parsed)
    }

    fn take(&mut self, term: &str) -> Result<(), &'static str> {
        if let Some((name, value)) = modifier(term) {
            return self.take_modifier(name, value);
        }
        let (result, rest) = match term.split_at_checked(1) {
            Some(("+", rest)) => (SpfResult::Pass, rest),
            Some(("-", rest)) => (SpfResult::Fail, rest),
            Some(("~", rest)) => (SpfResult::Softfail, rest),
            Some(("?", rest)) => (SpfResult::Neutral, rest),
            _ => (SpfResult::Pass, term),
        };
        self.directives.push(Directive {
            result,
            mechanism: mechanism(rest)?,
            text: quote(term.as_bytes()),
        });
        Ok(())
    }

    fn take_modifier(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let slot = if name.eq_ignore_ascii_case("redirect") {
            &mut self.redirect
        } else if name.eq_ignore_ascii_case("exp") {
            &mut self.exp
        } else {
            // Unknown modifiers are ignored, once they are well-formed (RFC 7208 6).
            return MacroString::parse(value, Place::Modifier).map(|_| ());
        };
        if slot.is_some() {
            return Err("redirect and exp may stand in a record once only");
        }
        *slot = Some(MacroString::parse_domain(value)?);
        Ok(())
    }
}

/// `name "=" value`, where the name is one.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let mut bytes = name.bytes();
    let named = bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    named.then_some((name, value))
}

fn mechanism(text: &str) -> Result<Mechanism, &'static str> {
    let end = text.find([':', '/']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    match name.to_ascii_lowercase().as_str() {
        "all" if rest.is_empty() => Ok(Mechanism::All),
        "all" => Err("all takes no argument"),
        "include" => Ok(Mechanism::Include(domain(rest)?)),
        "exists" => Ok(Mechanism::Exists(domain(rest)?)),
        "a" => host(rest).map(|(domain, cidr)| Mechanism::A(domain, cidr)),
        "mx" => host(rest).map(|(domain, cidr)| Mechanism::Mx(domain, cidr)),
        "ptr" if rest.is_empty() => Ok(Mechanism::Ptr(None)),
        "ptr" => Ok(Mechanism::Ptr(Some(domain(rest)?))),
        "ip4" => ip4(rest),
        "ip6" => ip6(rest),
        "redirect" | "exp" => Err("redirect and exp are written with \"=\", without a sign before"),
        _ => Err("SPF has no such mechanism"),
    }
}

fn domain(rest: &str) -> Result<MacroString, &'static str> {
    let written = rest
        .strip_prefix(':')
        .ok_or("it needs \":\" and a domain")?;
    MacroString::parse_domain(written)
}

/// `[":" domain-spec] [dual-cidr-length]`
fn host(rest: &str) -> Result<(Option<MacroString>, Cidr), &'static str> {
    let (rest, v6) = prefix_at_end(rest, "//");
    let (rest, v4) = prefix_at_end(rest, "/");
    let cidr = Cidr {
        v4: v4.map_or(Ok(32), |digits| prefix(digits, 32))?,
        v6: v6.map_or(Ok(128), |digits| prefix(digits, 128))?,
    };
    let domain = if rest.is_empty() {
        None
    } else {
        Some(domain(rest)?)
    };
    Ok((domain, cidr))
}

/// Cuts `slash digits` off the end. A domain may hold slashes too, so nothing else is cut.
fn prefix_at_end<'a>(text: &'a str, slash: &str) -> (&'a str, Option<&'a str>) {
    match text.rsplit_once(slash) {
        Some((rest, digits))
            if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (rest, Some(digits))
        }
        _ => (text, None),
    }
}

/// Digits without leading zeros, up to `most`.
fn prefix(digits: &str, most: u8) -> Result<u8, &'static str> {
    let canonical =
        digits == "0" || (digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0'));
    digits
        .parse()
        .ok()
        .filter(|n| canonical && *n <= most)
        .ok_or("its prefix length is not a number that an address allows")
}

fn ip4(rest: &str) -> Result<Mechanism, &'static str> {
    let (address, length) = network(rest)?;
    let address = address.parse().map_err(|_| "it needs an IPv4 address")?;
    let length = length.map_or(Ok(32), |digits| prefix(digits, 32))?;
    Ok(Mechanism::Ip4(address, length))
}

fn ip6(rest: &str) -> Result<Mechanism, &'static str> {
    let (address, length) = network(rest)?;
    let address = address.parse().map_err(|_| "it needs an IPv6 address")?;
    let length = length.map_or(Ok(128), |digits| prefix(digits, 128))?;
    Ok(Mechanism::Ip6(address, length))
}

fn network(rest: &str) -> Result<(&str, Option<&str>), &'static str> {
    let written = rest
        .strip_prefix(':')
        .ok_or("it needs \":\" and an address")?;
    Ok(match written.split_once('/') {
        Some((address, digits)) => (address, Some(digits)),
        None => (written, None),
    })
}

/// A term as a sentence may show it.
fn quote(term: &[u8]) -> String {
    let mut shown: String = term
        .iter()
        .take(QUOTED)
        .map(|b| {
            if b.is_ascii_graphic() && *b != b'"' {
                char::from(*b)
            } else {
                '?'
            }
        })
        .collect();
    if term.len() > QUOTED {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Record, Fault> {
        Record::parse(text.as_bytes())
    }

    #[test]
    fn one_record_counts_and_two_do_not() {
        let records = |all: &[&str]| {
            all.iter()
                .map(|r| r.as_bytes().to_vec())
                .collect::<Vec<_>>()
        };
        for (all, chosen) in [
            (vec!["v=spf1 -all", "other"], Ok(Some("v=spf1 -all"))),
            (vec!["V=SPF1"], Ok(Some("V=SPF1"))),
            (
                vec!["v=spf10", "v=spf1\tall", " v=spf1 all", "v=spf", ""],
                Ok(None),
            ),
            (vec!["v=spf1 a", "v=spf1 a"], Err(Several)),
        ] {
            let chosen = chosen.map(|c| c.map(str::as_bytes));
            assert_eq!(select(&records(&all)), chosen, "{all:?}");
        }
    }

    #[test]
    fn every_mechanism_is_read() {
        let record = parse(
            "v=spf1  a A/24 -mx:m.example/24//64 ~ptr:p.example ?ip4:192.0.2.0/24 \
             ip6:2001:DB8::/32 exists:%{i}.e.example include:i.example redirect=r.example x=%{c} ALL ",
        )
        .unwrap();
        let texts: Vec<&str> = record.directives.iter().map(|d| d.text.as_str()).collect();
        assert_eq!(texts.len(), 9);
        assert_eq!(texts.last(), Some(&"ALL"));
        assert!(record.redirect.is_some() && record.exp.is_none());
        assert!(matches!(
            &record.directives[2].mechanism,
            Mechanism::Mx(Some(_), Cidr { v4: 24, v6: 64 })
        ));
        assert_eq!(record.directives[3].result, SpfResult::Softfail);
    }

    #[test]
    fn what_the_grammar_does_not_allow_is_a_fault() {
        for bad in [
            "all.",
            "all:x",
            "all/8",
            "a/33",
            "a//129",
            "a/24/64",
            "a/",
            "a//",
            "a/032",
            "a:",
            "a:/24",
            "mx:",
            "ptr/0",
            "ptr:",
            "ptr:a.b/24",
            "ip4",
            "ip4:",
            "ip4:1.2.3",
            "ip4:1.2.3.4:80",
            "ip4:1.2.3.4/33",
            "ip4:1.2.3.4/",
            "ip4:1.2.3.4//32",
            "ip4:01.2.3.4",
            "ip4:::1",
            "ip6",
            "ip6:1.2.3.4",
            "ip6:::1/129",
            "ip6:::1//33",
            "ip6::CAFE::BABE",
            "ip6:fe80::1%eth0",
            "exists",
            "exists:",
            "exists:a.b/24",
            "include",
            "include:",
            "include:a.b/24",
            "redirect=",
            "redirect:a.b",
            "-redirect=a.b",
            "exp=",
            "exp=-all",
            "redirect=a.b redirect=a.b",
            "exp=a.b exp=a.b",
            "=all",
            "1up=foo",
            "foo=%abc",
            "moo",
            "moo.cow/x=y",
            "+",
            "++all",
            "a\u{0}",
            "a\tmx",
            "\u{e9}",
            "-\u{2212}all",
        ] {
            assert!(parse(&format!("v=spf1 {bad} -all")).is_err(), "{bad}");
        }
        assert_eq!(parse("v=spf1 a:1.2.3.4").unwrap_err().term, "a:1.2.3.4");
    }

    /// Pieces of records in random order, with random octets between: no panic, and nothing odd is accepted.
    #[test]
    fn random_records_do_no_harm() {
        const PIECES: [&[u8]; 24] = [
            b"a",
            b"mx",
            b"ptr",
            b"all",
            b"include",
            b"exists",
            b"ip4",
            b"ip6",
            b"redirect",
            b"exp",
            b":",
            b"/",
            b"//",
            b"=",
            b" ",
            b"%{",
            b"}",
            b"%",
            b"d2r-",
            b"example.com",
            b"192.0.2.1",
            b"::1",
            b"24",
            b"-",
        ];
        let mut seed: u32 = 7;
        let mut next = |below: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            usize::try_from(seed >> 8).unwrap() % below
        };
        let mut accepted = 0;
        for _ in 0..50_000 {
            let mut record = b"v=spf1 ".to_vec();
            for _ in 0..next(9) {
                match next(25) {
                    24 => record.push(next(256).to_le_bytes()[0]),
                    piece => record.extend_from_slice(PIECES[piece]),
                }
            }
            if Record::parse(&record).is_ok() {
                accepted += 1;
                assert!(record.iter().all(|b| matches!(b, b' '..=b'~')));
            }
        }
        assert!(accepted > 1_000, "{accepted}");
    }
}
