//! How many clients a matching term admits: a pass that fits strangers proves nothing (DESIGN 4.2).
//!
//! Pure. Where it cannot be told, the answer is the wider one.

use std::net::IpAddr;

use postel_core::evidence::{SpfResult, SpfWidth};

use super::macros::{Macro, MacroString};
use super::record::{Cidr, Mechanism, Record};

/// Below these prefix lengths the ranges of one record are added up, so that halves do not pass for less than the whole.
const SUMMED_V4: u8 = 8;
const SUMMED_V6: u8 = 16;

/// The width of a range.
pub(super) fn range(prefix: u8, v6: bool) -> SpfWidth {
    match prefix {
        0 => SpfWidth::All,
        prefix => SpfWidth::Range { prefix, v6 },
    }
}

/// The width of a range that matched, in view of all ranges its record admits.
pub(super) fn range_in(record: &Record, prefix: u8, v6: bool) -> SpfWidth {
    let together = together(record, v6);
    let limit = if v6 { SUMMED_V6 } else { SUMMED_V4 };
    if together < limit {
        range(prefix.min(together), v6)
    } else {
        range(prefix, v6)
    }
}

/// The length of a prefix as wide as all literal ranges of the family together.
fn together(record: &Record, v6: bool) -> u8 {
    let bits: u8 = if v6 { 128 } else { 32 };
    // Counted in 2^-bits of the whole, saturating at the whole.
    let mut addresses: u128 = 0;
    for directive in &record.directives {
        let prefix = match &directive.mechanism {
            Mechanism::Ip4(_, prefix) if !v6 => *prefix,
            Mechanism::Ip6(_, prefix) if v6 => *prefix,
            _ => continue,
        };
        if directive.result == SpfResult::Pass {
            let size = 1_u128
                .checked_shl((bits - prefix).into())
                .unwrap_or(u128::MAX);
            addresses = addresses.saturating_add(size);
        }
    }
    let doublings = addresses
        .checked_next_power_of_two()
        .map_or(128, u128::trailing_zeros);
    bits.saturating_sub(u8::try_from(doublings).unwrap_or(u8::MAX))
}

/// The width of `a` and `mx`.
pub(super) fn host(cidr: Cidr, ip: IpAddr) -> SpfWidth {
    match ip {
        IpAddr::V4(_) => range(cidr.v4, false),
        IpAddr::V6(_) => range(cidr.v6, true),
    }
}

/// The width of `ptr`: its name is proven, but below a public suffix anyone has a name.
pub(super) fn named(target: &str, ip: IpAddr) -> SpfWidth {
    if is_owned(target) {
        one(ip)
    } else {
        SpfWidth::All
    }
}

/// The width of `exists`: as wide as what its name does not tell of the client. `named`: the client
/// has a proven name, where the name was asked for.
pub(super) fn exists(spec: &MacroString, ip: IpAddr, named: bool) -> SpfWidth {
    // The last label of a name is shared by millions.
    let by_name = |m: &Macro| m.letter == b'p' && m.keep.is_none_or(|parts| parts > 1);
    if named && spec.macros().any(by_name) {
        return one(ip);
    }
    let told = spec
        .macros()
        .filter(|m| m.letter == b'i')
        .map(|m| m.keep.unwrap_or(usize::MAX))
        .max();
    let (parts, bits_each, v6) = match ip {
        IpAddr::V4(_) => (4, 8, false),
        IpAddr::V6(_) => (32, 4, true),
    };
    match told {
        Some(kept) => range(
            u8::try_from(kept.min(parts) * bits_each).unwrap_or(u8::MAX),
            v6,
        ),
        None => SpfWidth::All,
    }
}

/// `inner`, or everyone where the mail chooses what a name points to: behind the last macro that it
/// fills (HELO name, local part, the client's name or address) no domain of the owner's follows, so a stranger can make
/// the term match. `tail` is what follows, if there is such a macro.
pub(super) fn steered(tail: Option<&str>, inner: SpfWidth) -> SpfWidth {
    match tail {
        // The first label may be part of what the stranger wrote.
        Some(tail) if !tail.split_once('.').is_some_and(|(_, rest)| is_owned(rest)) => {
            SpfWidth::All
        }
        _ => inner,
    }
}

/// Whether a name belongs to one owner: it is no public suffix.
fn is_owned(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    psl::domain_str(&name).is_some()
}

fn one(ip: IpAddr) -> SpfWidth {
    match ip {
        IpAddr::V4(_) => range(32, false),
        IpAddr::V6(_) => range(128, true),
    }
}

#[cfg(test)]
mod tests {
    use super::super::macros::Facts;
    use super::*;

    fn spec(text: &str) -> MacroString {
        MacroString::parse_domain(text).unwrap()
    }

    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn halves_are_as_wide_as_the_whole() {
        let width =
            |text: &str, prefix| range_in(&Record::parse(text.as_bytes()).unwrap(), prefix, false);
        assert_eq!(
            width("v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all", 1),
            SpfWidth::All
        );
        assert_eq!(
            width("v=spf1 ip4:1.0.0.0/8 ip4:2.0.0.0/8 -all", 8),
            range(7, false)
        );
        assert_eq!(
            width("v=spf1 ip4:1.0.0.0/8 -ip4:2.0.0.0/8 -all", 8),
            range(8, false)
        );
        assert_eq!(
            width("v=spf1 ip4:1.0.0.0/24 ip4:1.0.1.0/24 -all", 24),
            range(24, false)
        );
        let v6 = Record::parse(b"v=spf1 ip6:::/1 ip6:8000::/1 ip6:::/0").unwrap();
        assert_eq!(range_in(&v6, 1, true), SpfWidth::All);
    }

    #[test]
    fn exists_is_as_narrow_as_what_it_asks() {
        for (text, width) in [
            ("%{i}._spf.example.com", range(32, false)),
            ("%{ir}.x.%{d}", range(32, false)),
            ("%{i1r}.example.com", range(8, false)),
            ("%{p}.example.com", range(32, false)),
            ("allowed.example.com", SpfWidth::All),
            ("%{l}.example.com", SpfWidth::All),
            ("%{h}.%{o}", SpfWidth::All),
        ] {
            assert_eq!(exists(&spec(text), V4, true), width, "{text}");
        }
        assert_eq!(exists(&spec("%{p}.example.com"), V4, false), SpfWidth::All);
        assert_eq!(exists(&spec("%{p1}.example.com"), V4, true), SpfWidth::All);
    }

    #[test]
    fn a_name_the_sender_chooses_admits_everyone() {
        let facts = Facts {
            ip: V4,
            helo: "host.attacker.example",
            local: "x",
            sender_domain: "mail.example.com",
            receiver: "",
            now: jiff::Timestamp::UNIX_EPOCH,
        };
        let steered = |text: &str| {
            let tail = spec(text).tail(&facts, "mail.example.com");
            steered(tail.as_deref(), range(32, false)) == SpfWidth::All
        };
        for text in [
            "%{h}",
            "%{l}",
            "%{p}",
            "x.%{i}",
            "%{s}",
            "%{dr}",
            "%{h}.com",
            "%{h}.co.uk",
            "%{h}example.com",
            "%{h}.%{d1}",
            "%{ir}.%{v}.arpa",
        ] {
            assert!(steered(text), "{text}");
        }
        for text in [
            "%{d}",
            "%{o2}",
            "a.example",
            "%{l}.example.com",
            "%{l}.example.com.",
            "%{h}x.example.com",
            "%{h}.%{d}",
            "%{i}._spf.%{d2}",
        ] {
            assert!(!steered(text), "{text}");
        }
    }

    #[test]
    fn a_public_suffix_is_no_name_of_one_owner() {
        assert_eq!(named("co.uk", V4), SpfWidth::All);
        assert_eq!(named("Example.co.uk", V4), range(32, false));
    }
}
