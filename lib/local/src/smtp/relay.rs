//! The operator's own servers in front: what they report of a client, and who sent a mail that came through them.
//!
//! XCLIENT makes the session that client's (proxies, test tools); XFORWARD reports it for the next
//! mail (Postfix, `smtp_send_xforward_command = yes`); without either the relay's own `Received`
//! counts. What cannot be known for certain stays unknown, and is never the relay's own address.
//! Must not know what an address proves.

use std::net::{IpAddr, Ipv6Addr};

use postel_core::model::Network;

use super::received::{self, Hop};
use super::reply::Reply;

/// Relays that a mail may have come through, one after the other.
const MAX_HOPS: usize = 5;
/// So much of a mail's beginning is looked at for `Received` fields.
pub(super) const HEAD: usize = 64 * 1024;

/// Attributes offered with EHLO; of those only ADDR and HELO are made use of. LOGIN is no proof:
/// whom another server let in says nothing of the `From`.
pub(super) const XCLIENT: [&str; 8] = [
    "NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT",
];
/// The same of XFORWARD.
pub(super) const XFORWARD: [&str; 7] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"];
/// Sent by test tools without being offered.
const UNOFFERED: &str = "REVERSE_NAME";

const SYNTAX: Reply = Reply::fixed(501, 5, 4, "Write attributes as NAME=value, in xtext");
const UNKNOWN: Reply = Reply::fixed(501, 5, 4, "An attribute of this command is not known here");

/// What a relay said of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// `ADDR`: whether it was said at all, and the address where it is known.
    pub(super) addr: Option<Option<IpAddr>>,
    /// `HELO`, likewise.
    pub(super) helo: Option<Option<String>>,
}

impl Report {
    /// Reads the attributes of a command (Postfix, XCLIENT and XFORWARD).
    pub(super) fn read(attributes: &str, known: &[&str]) -> Result<Self, Reply> {
        let mut report = Self::default();
        let mut any = false;
        for attribute in attributes.split(' ').filter(|a| !a.is_empty()) {
            let (name, value) = attribute.split_once('=').ok_or(SYNTAX)?;
            let name = name.to_ascii_uppercase();
            if !known.contains(&name.as_str()) && name != UNOFFERED {
                return Err(UNKNOWN);
            }
            any = true;
            let value = known_value(xtext(value).ok_or(SYNTAX)?);
            match name.as_str() {
                "ADDR" => {
                    let address = value.map(|v| address(&v).ok_or(SYNTAX)).transpose()?;
                    report.addr = Some(address);
                }
                "HELO" => report.helo = Some(value),
                _ => {}
            }
        }
        any.then_some(report).ok_or(SYNTAX)
    }

    /// Adds what a later command says.
    pub(super) fn add(&mut self, later: Self) {
        self.addr = later.addr.or(self.addr);
        self.helo = later.helo.or_else(|| self.helo.take());
    }
}

/// A value, where there is one.
fn known_value(value: String) -> Option<String> {
    let absent = ["[UNAVAILABLE]", "[TEMPUNAVAIL]"];
    (!absent.iter().any(|a| a.eq_ignore_ascii_case(&value))).then_some(value)
}

/// `192.0.2.7` or `IPV6:2001:db8::7`; the tag may be left out.
fn address(written: &str) -> Option<IpAddr> {
    let address = match written.split_at_checked(5) {
        Some((tag, six)) if tag.eq_ignore_ascii_case("IPV6:") => {
            six.parse::<Ipv6Addr>().ok()?.into()
        }
        _ => written.parse::<IpAddr>().ok()?,
    };
    Some(address.to_canonical())
}

/// RFC 3461 4: `+` and two capital hexadecimal digits stand for an octet. Control characters are refused.
fn xtext(written: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(written.len());
    let mut rest = written.bytes();
    while let Some(byte) = rest.next() {
        octets.push(match byte {
            b'+' => digit(rest.next()?)? << 4 | digit(rest.next()?)?,
            b'=' => return None,
            other => other,
        });
    }
    let text = String::from_utf8(octets).ok()?;
    (text.len() <= 255 && !text.contains(char::is_control)).then_some(text)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// A client of ours, or of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Its address, where it is known for certain.
    pub(super) ip: Option<IpAddr>,
    /// Its HELO; empty where it is not known.
    pub(super) helo: String,
}

/// Who hands us a mail, and what was said of whom it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Handover {
    /// The other end of the connection.
    pub(super) peer: IpAddr,
    /// What it greeted with.
    pub(super) hello: String,
    /// What XCLIENT said in this session.
    pub(super) xclient: Option<Report>,
    /// What XFORWARD said of this mail.
    pub(super) xforward: Option<Report>,
}

impl Handover {
    /// Whether the session is a relay's own, not that of a client it speaks for.
    pub(super) fn is_relays(&self, relays: &[Network]) -> bool {
        self.speaker().is_some_and(|ip| trusted(ip, relays)) && trusted(self.peer, relays)
    }

    /// Whose session it is: the peer's, or whose XCLIENT says; `None` where that is not known.
    pub(super) fn speaker(&self) -> Option<IpAddr> {
        match self.xclient.as_ref().and_then(|x| x.addr) {
            Some(reported) => reported.filter(|ip| is_believable(*ip, self.peer)),
            None => Some(self.peer),
        }
    }

    fn speaker_helo(&self) -> String {
        match self.xclient.as_ref().and_then(|x| x.helo.clone()) {
            Some(reported) => reported.unwrap_or_default(),
            None => self.hello.clone(),
        }
    }

    /// Who sent the mail that begins so.
    pub(super) fn origin(&self, relays: &[Network], head: &[u8]) -> Origin {
        let helo = self.speaker_helo();
        let unknown = || Origin {
            ip: None,
            helo: String::new(),
        };
        let Some(speaker) = self.speaker() else {
            return Origin { ip: None, helo };
        };
        if !self.is_relays(relays) {
            return Origin {
                ip: Some(speaker),
                helo,
            };
        }
        let forwarded = self.xforward.as_ref().filter(|x| x.addr.is_some());
        if let Some(Report { addr, helo }) = forwarded {
            let helo = helo.clone().flatten().unwrap_or_default();
            match addr.flatten() {
                Some(ip) if is_believable(ip, self.peer) && !trusted(ip, relays) => {
                    return Origin { ip: Some(ip), helo };
                }
                Some(ip) if trusted(ip, relays) => {}
                _ => return Origin { ip: None, helo },
            }
        }
        let hops = received::hops(head, MAX_HOPS);
        let expected = forwarded.and_then(|x| x.addr.flatten());
        self.walk(hops, (speaker, helo), expected, relays)
            .unwrap_or_else(unknown)
    }

    /// Down the `Received` fields: each must be by the relay that the one above it, or the connection, names.
    fn walk(
        &self,
        hops: Vec<Option<Hop>>,
        speaker: (IpAddr, String),
        expected: Option<IpAddr>,
        relays: &[Network],
    ) -> Option<Origin> {
        let mut writer = speaker;
        let mut expected = expected;
        for hop in hops {
            let hop = hop.filter(|h| h.is_by(&writer.1, writer.0))?;
            if expected.take().is_some_and(|ip| ip != hop.client) {
                return None;
            }
            if !trusted(hop.client, relays) {
                return is_believable(hop.client, self.peer).then_some(Origin {
                    ip: Some(hop.client),
                    helo: hop.helo,
                });
            }
            writer = (hop.client, hop.helo);
        }
        None
    }
}

/// Whether it is one of the operator's relays.
pub(super) fn trusted(ip: IpAddr, relays: &[Network]) -> bool {
    relays.iter().any(|r| r.contains(ip))
}

/// A loopback address that another machine reports is that machine's own; others are no client's at all.
fn is_believable(reported: IpAddr, peer: IpAddr) -> bool {
    !reported.is_unspecified()
        && !reported.is_multicast()
        && (!reported.is_loopback() || peer.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relays() -> Vec<Network> {
        ["10.0.0.5", "10.0.0.6", "2001:db8:5::/64"]
            .map(|r| r.parse().unwrap())
            .to_vec()
    }

    fn from(peer: &str) -> Handover {
        Handover {
            peer: peer.parse().unwrap(),
            hello: "mx.example.com".to_owned(),
            xclient: None,
            xforward: None,
        }
    }

    fn said(attributes: &str) -> Option<Report> {
        Some(Report::read(attributes, &XFORWARD).unwrap())
    }

    fn field(client: &str, by: &str) -> String {
        format!(
            "Received: from laptop (unknown [{client}])\r\n\tby {by} (Postfix) with ESMTP id 1; date\r\n"
        )
    }

    fn origin(handover: &Handover, fields: &[String]) -> Option<String> {
        let head = format!("{}Subject: x\r\n\r\nhello\r\n", fields.concat());
        handover
            .origin(&relays(), head.as_bytes())
            .ip
            .map(|ip| ip.to_string())
    }

    #[test]
    fn attributes_are_read_strictly() {
        let read = |written: &str| Report::read(written, &XCLIENT);
        let report = read("addr=192.0.2.7 HELO=a+2Bb PROTO=ESMTP NAME=[UNAVAILABLE]").unwrap();
        assert_eq!(report.addr, Some(Some("192.0.2.7".parse().unwrap())));
        assert_eq!(report.helo, Some(Some("a+b".to_owned())));
        for v6 in [
            "ADDR=IPV6:2001:db8::7",
            "ADDR=ipv6:2001:db8::7",
            "ADDR=2001:db8::7",
        ] {
            assert_eq!(
                read(v6).unwrap().addr,
                Some(Some("2001:db8::7".parse().unwrap()))
            );
        }
        assert_eq!(
            read("ADDR=::ffff:192.0.2.7").unwrap().addr,
            Some(Some("192.0.2.7".parse().unwrap()))
        );
        for none in [
            "ADDR=[UNAVAILABLE]",
            "ADDR=[tempunavail]",
            "ADDR=+5BUNAVAILABLE+5D",
        ] {
            assert_eq!(read(none).unwrap().addr, Some(None));
        }
        assert_eq!(read("PORT=25 LOGIN=ann").unwrap(), Report::default());
        for bad in [
            "",
            " ",
            "ADDR",
            "ADDR=",
            "ADDR=[192.0.2.7]",
            "ADDR=192.0.2.7:25",
            "ADDR=IPV6:192.0.2.7",
            "ADDR=host",
            "HELO=a+0Ab",
            "HELO=a+",
            "HELO=a+2b",
            "HELO=a=b",
            "SHOE=1",
            "SOURCE=LOCAL",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&format!("HELO={}", "x".repeat(256))).is_err());
    }

    #[test]
    fn a_client_that_is_no_relay_speaks_for_itself_alone() {
        let fields = [field("192.0.2.7", "mx.example.com")];
        assert_eq!(
            origin(&from("203.0.113.66"), &fields),
            Some("203.0.113.66".to_owned())
        );
    }

    #[test]
    fn a_relays_own_word_counts_and_nobody_elses() {
        let relay = || from("10.0.0.5");
        let real = field("203.0.113.66", "mx.example.com");
        let forged = field("192.0.2.7", "mx.example.com");
        let of = |fields: &[String]| origin(&relay(), fields);
        assert_eq!(
            of(&[real.clone(), forged.clone()]),
            Some("203.0.113.66".to_owned())
        );
        assert_eq!(of(&[]), None, "never the relay's own address");
        assert_eq!(
            of(&[field("192.0.2.7", "other.example")]),
            None,
            "not by the relay"
        );
        assert_eq!(
            of(&[
                "Received: by mx.example.com (Postfix, from userid 0); date\r\n".to_owned(),
                forged.clone()
            ]),
            None,
            "sent on the relay itself"
        );
        assert_eq!(
            of(&[field("127.0.0.1", "mx.example.com"), forged.clone()]),
            None,
            "the relay's own loopback"
        );
        assert_eq!(of(&[field("0.0.0.0", "mx.example.com")]), None);
        let xforward = |attributes| Handover {
            xforward: said(attributes),
            ..relay()
        };
        assert_eq!(
            origin(
                &xforward("ADDR=203.0.113.66"),
                std::slice::from_ref(&forged)
            ),
            Some("203.0.113.66".to_owned())
        );
        assert_eq!(
            origin(
                &xforward("ADDR=[UNAVAILABLE]"),
                std::slice::from_ref(&forged)
            ),
            None
        );
        assert_eq!(
            origin(&xforward("ADDR=127.0.0.1"), std::slice::from_ref(&forged)),
            None
        );
        assert_eq!(
            origin(
                &xforward("NAME=x SOURCE=LOCAL"),
                std::slice::from_ref(&real)
            ),
            Some("203.0.113.66".to_owned())
        );
        let xclient = |attributes| Handover {
            xclient: said(attributes),
            ..relay()
        };
        assert_eq!(
            origin(&xclient("ADDR=203.0.113.66"), std::slice::from_ref(&forged)),
            Some("203.0.113.66".to_owned())
        );
        assert_eq!(origin(&xclient("ADDR=[UNAVAILABLE]"), &[forged]), None);
        let both = Handover {
            xforward: said("ADDR=192.0.2.7"),
            ..xclient("ADDR=203.0.113.66")
        };
        assert_eq!(
            origin(&both, &[]),
            Some("203.0.113.66".to_owned()),
            "a client has no word about others"
        );
    }

    #[test]
    fn two_relays_are_followed_one_field_deeper_each() {
        let outer = "Received: from edge.example.com (edge [10.0.0.6])\r\n\tby mx.example.com (Postfix); date\r\n".to_owned();
        let inner = field("203.0.113.66", "edge.example.com");
        let forged = field("192.0.2.7", "edge.example.com");
        let fields = [outer.clone(), inner.clone(), forged.clone()];
        assert_eq!(
            origin(&from("10.0.0.5"), &fields),
            Some("203.0.113.66".to_owned())
        );
        let forwarded = Handover {
            xforward: said("ADDR=10.0.0.6"),
            ..from("10.0.0.5")
        };
        assert_eq!(origin(&forwarded, &fields), Some("203.0.113.66".to_owned()));
        assert_eq!(
            origin(&forwarded, &[inner.clone(), forged]),
            None,
            "the fields do not fit what was forwarded"
        );
        let proxied = Handover {
            hello: "edge.example.com".to_owned(),
            xclient: said("ADDR=10.0.0.6"),
            ..from("10.0.0.5")
        };
        assert_eq!(origin(&proxied, &[inner]), Some("203.0.113.66".to_owned()));
        let itself = field("10.0.0.5", "laptop");
        let mut circle = vec![field("10.0.0.5", "mx.example.com")];
        circle.extend(vec![itself; 20]);
        circle.push(field("203.0.113.66", "laptop"));
        assert_eq!(origin(&from("10.0.0.5"), &circle), None, "bounded");
        assert_eq!(origin(&from("10.0.0.5"), &[outer]), None);
    }
}
