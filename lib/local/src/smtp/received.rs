//! A relay's own `Received` field: which client it had the mail from.
//!
//! A field counts only where it has exactly the shape of Postfix, Exim or Exchange, and where its
//! `by` names the server that must have written it. The client chooses its HELO and often its
//! reverse name, so the address is read from the one place that it cannot write into: each shape is
//! matched from its first character, and nothing after the address can change it. What is not
//! certain is nothing. Must not know who is a relay.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What one server wrote down about its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    /// The client's address, as that server saw it.
    pub(super) client: IpAddr,
    /// The client's HELO.
    pub(super) helo: String,
    by: String,
    by_address: Option<IpAddr>,
}

impl Hop {
    /// Whether the server of this HELO name or address wrote the field.
    pub(super) fn is_by(&self, name: &str, address: IpAddr) -> bool {
        let bare = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
        bare(&self.by) == bare(name) || self.by_address == Some(address)
    }
}

/// The first `most` `Received` fields of a mail, from the top; `None` for one that cannot be read.
/// `head`: the beginning of the mail, its lines ending in CR LF; a header that does not end in it
/// gives the fields that are whole.
pub(super) fn hops(head: &[u8], most: usize) -> Vec<Option<Hop>> {
    let text = String::from_utf8_lossy(head);
    let mut fields: Vec<Option<String>> = Vec::new();
    let mut ours = false;
    let mut lines = text.split_inclusive("\r\n").peekable();
    while let Some(line) = lines.next() {
        let whole = line.ends_with("\r\n") && lines.peek().is_some();
        let line = line.trim_end_matches("\r\n");
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let (true, Some(Some(field))) = (ours, fields.last_mut()) {
                field.push(' ');
                field.push_str(line.trim());
            }
        } else {
            if fields.len() == most {
                break;
            }
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            ours = name.eq_ignore_ascii_case("received");
            if ours {
                fields.push(Some(value.trim().to_owned()));
            }
        }
        // A field that goes on beyond what we were given is not known whole.
        if !whole && let (true, Some(field)) = (ours, fields.last_mut()) {
            *field = None;
        }
    }
    let read = |field: Option<String>| field.as_deref().and_then(hop);
    fields.into_iter().map(read).collect()
}

/// One unfolded field's value.
fn hop(value: &str) -> Option<Hop> {
    let rest = value.strip_prefix("from ")?;
    let (first, rest) = rest.split_once(' ')?;
    if first.is_empty() || first.contains(|c: char| matches!(c, '(' | ')') || c.is_control()) {
        return None;
    }
    let (comment, rest) = rest.strip_prefix('(')?.split_once(')')?;
    if comment.contains('(') {
        return None;
    }
    let (client, helo) = exim_unnamed(first, comment)
        .or_else(|| exim_named(first, comment))
        .or_else(|| postfix(first, comment))
        .or_else(|| exchange(first, comment))?;
    let (by, by_address) = writer(rest)?;
    Some(Hop {
        client: client.to_canonical(),
        helo: helo.to_owned(),
        by,
        by_address,
    })
}

/// `from HELO (name [address])`: Postfix, which keeps blanks and parentheses out of HELO; the name
/// is a host name or `unknown`.
fn postfix<'a>(first: &'a str, comment: &str) -> Option<(IpAddr, &'a str)> {
    let (name, address) = comment.split_once(' ')?;
    let host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    // qmail and its kin write `(HELO said)`, and the address after that.
    let greeting = ["HELO", "EHLO"]
        .iter()
        .any(|g| g.eq_ignore_ascii_case(name));
    if name.is_empty() || greeting || !name.bytes().all(host) {
        return None;
    }
    Some((literal(address)?, first))
}

/// `from name ([address] helo=HELO)`: Exim, of a client whose reverse name is confirmed.
fn exim_named<'a>(first: &'a str, comment: &'a str) -> Option<(IpAddr, &'a str)> {
    let (address, said) = comment.split_once(' ').unwrap_or((comment, ""));
    let helo = said.split(' ').find_map(|w| w.strip_prefix("helo="));
    if !said.is_empty() && !is_exims(said) {
        return None;
    }
    Some((literal(without_port(address))?, helo.unwrap_or(first)))
}

/// `from [address] (helo=HELO)`: Exim, of a client without a confirmed reverse name. Without the
/// comment it is not believed: other servers write a HELO there that may look like an address.
fn exim_unnamed<'a>(first: &str, comment: &'a str) -> Option<(IpAddr, &'a str)> {
    let client = literal(without_port(first))?;
    let helo = comment.split(' ').find_map(|w| w.strip_prefix("helo="));
    is_exims(comment).then(|| (client, helo.unwrap_or_default()))
}

/// What Exim writes about a client begins so.
fn is_exims(said: &str) -> bool {
    ["helo=", "ident="].iter().any(|w| said.starts_with(w))
}

/// `from HELO (address)`: Exchange.
fn exchange<'a>(first: &'a str, comment: &str) -> Option<(IpAddr, &'a str)> {
    // Exchange writes the zone of a link-local address too; those prove nothing.
    Some((comment.parse().ok()?, first))
}

/// `[192.0.2.7]`, `[IPv6:2001:db8::7]`, and Exim's `[2001:db8::7]`.
fn literal(written: &str) -> Option<IpAddr> {
    let inner = written.strip_prefix('[')?.strip_suffix(']')?;
    match inner.split_at_checked(5) {
        Some((tag, six)) if tag.eq_ignore_ascii_case("IPv6:") => {
            six.parse::<Ipv6Addr>().ok().map(Into::into)
        }
        _ => inner
            .parse::<Ipv4Addr>()
            .map(Into::into)
            .or_else(|_| inner.parse::<Ipv6Addr>().map(Into::into))
            .ok(),
    }
}

/// Exim may be told to write the client's port too.
fn without_port(written: &str) -> &str {
    match written.rsplit_once("]:") {
        Some((address, port)) if port.bytes().all(|b| b.is_ascii_digit()) => {
            written.get(..=address.len()).unwrap_or(written)
        }
        _ => written,
    }
}

/// Who wrote the field: the name after `by`, and the address that Exchange puts behind it. Between
/// the client and `by` stand comments only, and no second address.
fn writer(rest: &str) -> Option<(String, Option<IpAddr>)> {
    let mut rest = rest.trim_start();
    while rest.starts_with('(') {
        let after = after_comment(rest)?;
        let comment = rest.get(1..rest.len() - after.len() - 1)?.trim();
        if comment.parse::<IpAddr>().is_ok() || comment.contains('[') {
            return None;
        }
        rest = after.trim_start();
    }
    let rest = rest.strip_prefix("by ")?;
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let name = name.trim_end_matches(';');
    let address = rest
        .strip_prefix('(')
        .and_then(|c| c.split_once(')'))
        .and_then(|(comment, _)| comment.parse().ok().or_else(|| literal(comment)));
    (!name.is_empty()).then(|| (name.to_owned(), address))
}

/// What follows a comment and those nested in it (RFC 5322 3.2.2).
fn after_comment(text: &str) -> Option<&str> {
    let mut depth = 0_u32;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return text.get(at + c.len_utf8()..);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXIM: &str = "\r\n\tby mx.example.com with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384\r\n\t(Exim 4.96)\r\n\t(envelope-from <ann@example.com>)\r\n\tid 1sXyz-0001\r\n\tfor 0612345678@sms.example.com; Sat, 21 Nov 2026 12:00:00 +0000\r\n\r\n";
    const POSTFIX: &str = "\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n\t key-exchange X25519 server-signature RSA-PSS (2048 bits))\r\n\t(Client CN \"x) by evil.example (\", Issuer \"y\" (not verified))\r\n\tby mx.example.com (Postfix) with ESMTPS id 4ABC\r\n\tfor <0612345678@sms.example.com>; Sat, 21 Nov 2026 12:00:00 +0000 (UTC)\r\n\r\n";
    const PLAIN: &str = "\r\n\tby mx.example.com (Postfix) with ESMTP id 4ABC; Sat, 21 Nov 2026 12:00:00 +0000 (UTC)\r\n\r\n";
    const EXCHANGE: &str = " by EX1.corp.example\r\n (10.0.0.5) with Microsoft SMTP Server (version=TLS1_2,\r\n cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.1.2507.6; Sat, 21 Nov 2026\r\n 12:00:00 +0000\r\n\r\n";

    fn first(field: &str, rest: &str) -> Option<(String, String)> {
        let head = format!("{field}{rest}");
        let hop = hops(head.as_bytes(), 1).pop()??;
        let ours = hop.is_by("MX.example.com.", "10.9.9.9".parse().unwrap())
            || hop.is_by("other", "10.0.0.5".parse().unwrap());
        ours.then(|| (hop.client.to_string(), hop.helo))
    }

    #[rustfmt::skip]
    #[test]
    fn the_client_is_found_in_each_shape() {
        for (field, rest, client, helo) in [
            ("Received: from laptop (host.example.com [192.0.2.7])", PLAIN, "192.0.2.7", "laptop"),
            ("Received: from laptop (unknown [192.0.2.7])", PLAIN, "192.0.2.7", "laptop"),
            ("received: from laptop (unknown [IPv6:2001:db8::7])", PLAIN, "2001:db8::7", "laptop"),
            ("Received: from laptop (unknown [IPv6:::ffff:192.0.2.7])", PLAIN, "192.0.2.7", "laptop"),
            ("X-Spam: no\r\nReceived: from laptop (unknown [192.0.2.7])", PLAIN, "192.0.2.7", "laptop"),
            ("Received: from host.example.com ([192.0.2.7] helo=laptop)", EXIM, "192.0.2.7", "laptop"),
            ("Received: from host.example.com ([192.0.2.7]:4711 helo=laptop ident=x)", EXIM, "192.0.2.7", "laptop"),
            ("Received: from host.example.com ([192.0.2.7])", EXIM, "192.0.2.7", "host.example.com"),
            ("Received: from [192.0.2.7] (helo=laptop)", EXIM, "192.0.2.7", "laptop"),
            ("Received: from [2001:db8::7]:4711 (helo=laptop)", EXIM, "2001:db8::7", "laptop"),
            ("Received: from laptop (192.0.2.7)", EXCHANGE, "192.0.2.7", "laptop"),
            ("Received: from laptop (2001:db8::7)", EXCHANGE, "2001:db8::7", "laptop"),
        ] {
            assert_eq!(first(field, rest), Some((client.to_owned(), helo.to_owned())), "{field}");
        }
    }

    /// 192.0.2.7 is who the forger would like to be; 203.0.113.66 is who he is.
    #[rustfmt::skip]
    #[test]
    fn a_helo_or_a_reverse_name_never_becomes_the_address() {
        for (field, rest) in [
            ("Received: from [192.0.2.7] (unknown [203.0.113.66])", PLAIN),
            ("Received: from [192.0.2.7] (host.attacker.test [203.0.113.66])", PLAIN),
            ("Received: from [192.0.2.7] (helo.attacker.test [203.0.113.66])", PLAIN),
            ("Received: from x?[192.0.2.7]? (unknown [203.0.113.66])", PLAIN),
            ("Received: from 192.0.2.7 (unknown [203.0.113.66])", PLAIN),
            ("Received: from [192.0.2.7] (203.0.113.66)", EXCHANGE),
            ("Received: from [203.0.113.66] (helo=[192.0.2.7])", EXIM),
            ("Received: from [203.0.113.66] (helo=x [192.0.2.7])", EXIM),
            ("Received: from [203.0.113.66] (ident=[192.0.2.7] helo=x)", EXIM),
            ("Received: from host.attacker.test ([203.0.113.66] helo=[192.0.2.7])", EXIM),
            ("Received: from host.attacker.test ([203.0.113.66] helo=x [192.0.2.7])", EXIM),
            ("Received: from [192.0.2.7] (unknown [203.0.113.66])", POSTFIX),
        ] {
            if let Some((client, _)) = first(field, rest) {
                assert_eq!(client, "203.0.113.66", "{field}");
            } else {
                assert!(rest == POSTFIX, "{field} was not read at all");
            }
        }
        // Where one cannot tell who wrote what, nothing is read.
        for field in [
            "Received: from x (unknown [192.0.2.7]) (unknown [203.0.113.66]",
            "Received: from x (y (z [192.0.2.7]) [203.0.113.66])",
            "Received: from x(unknown [192.0.2.7]) (unknown [203.0.113.66])",
            "Received: from x (unknown [192.0.2.7] [203.0.113.66])",
            "Received: from x y (unknown [192.0.2.7])",
            "Received: from x (helo=y [192.0.2.7])",
            "Received: from [192.0.2.7]",
            "Received: from [192.0.2.7] (x)",
            "Received: from x ([192.0.2.7] or so)",
            "Received: from x (unknown [192.0.2])",
            "Received: from x (unknown [IPv6:192.0.2.7])",
            "Received: from x (unknown [192.0.2.7 ])",
            "Received: from x (unknown)",
            "Received: from unknown (HELO [192.0.2.7]) (203.0.113.66)",
            "Received: from unknown (x [192.0.2.7]) (203.0.113.66)",
            "Received: from unknown (x [192.0.2.7]) (y [203.0.113.66])",
            "Received: from  x (unknown [192.0.2.7])",
            "Received: (from ann@localhost)",
            "Received:",
        ] {
            for rest in [PLAIN, EXIM] {
                assert_eq!(first(field, rest), None, "{field}");
            }
        }
    }

    #[test]
    fn only_whole_fields_from_the_top_count() {
        let field = "Received: from laptop (unknown [192.0.2.7])";
        let whole = format!("{field}{PLAIN}body\r\n");
        assert!(hops(whole.as_bytes(), 5)[0].is_some());
        for cut in 0..whole.len() - "\r\n\r\nbody\r\n".len() {
            assert!(
                hops(&whole.as_bytes()[..cut], 5)
                    .iter()
                    .all(Option::is_none),
                "{cut}"
            );
        }
        for before in ["\r\n", "no field\r\n", "Received: rubbish\r\n"] {
            let head = format!("{before}{whole}");
            assert_eq!(hops(head.as_bytes(), 1).pop().flatten(), None, "{before:?}");
        }
        let two = format!("{field} by a\r\n{field} by b\r\n{field} by c\r\n\r\n");
        assert_eq!(hops(two.as_bytes(), 2).len(), 2);
    }

    #[test]
    fn long_headers_cost_linear_time() {
        let open = format!(
            "Received: from x (unknown [192.0.2.7]){}\r\n\r\nx\r\n",
            " (".repeat(60_000)
        );
        assert_eq!(hops(open.as_bytes(), 5), [None]);
        let folded = format!("Received: from x\r\n{}\r\nx\r\n", " y\r\n".repeat(60_000));
        assert_eq!(hops(folded.as_bytes(), 5), [None]);
    }
}
