//! The block of header fields that SES puts on top of a mail: who handed the mail over, and where the sender's own bytes begin.
//!
//! Above that point SES writes, below it the sender, who may write the same names. So the block is
//! taken field by field from the top, each name at most once and in SES's order, and ends at the
//! first field that does not fit. The client's address is read from the first `Received` alone, and
//! only where it stands directly before SES's own host name and the id of this mail: the HELO name
//! before it is the client's to choose, the id is not to be foretold.

use std::net::IpAddr;

/// What SES writes, in its order (lower case). All but the first three may be absent.
const BLOCK: [&str; 8] = [
    "return-path",
    "received",
    "x-ses-spam-verdict",
    "x-ses-virus-verdict",
    "received-spf",
    "authentication-results",
    "x-ses-receipt",
    "x-ses-dkim-signature",
];

/// The longest block that is looked through, in bytes. Real ones have 2 to 3 KB.
const MAX_BLOCK: usize = 64 * 1024;

/// What SES's block says, and the mail without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace<'a> {
    /// The client that handed the mail to SES; `None` where that cannot be read beyond doubt.
    pub client_ip: Option<IpAddr>,
    /// As the client said it, where it is one plain word; else empty.
    pub helo: &'a str,
    /// The mail as its sender wrote it.
    pub mail: &'a [u8],
}

/// Reads the block on top of an object that SES wrote under this id. Linear; never fails: what is
/// doubtful is left out, and only an address is ever gained from it.
#[must_use]
pub fn trace<'a>(object: &'a [u8], message_id: &str) -> Trace<'a> {
    let mut rest = object;
    let mut names = BLOCK.iter();
    let (mut received, mut spf) = (None, None);
    while let Some((field, after)) = next_field(rest) {
        let Some((name, value)) = field.split_once(':') else {
            break;
        };
        let name = name.trim_ascii_end().to_ascii_lowercase();
        if object.len() - after.len() > MAX_BLOCK || !names.any(|known| *known == name) {
            break;
        }
        match name.as_str() {
            "received" => received = Some(value),
            "received-spf" => spf = Some(value),
            _ => {}
        }
        rest = after;
    }
    let client_ip = received
        .and_then(|value| client_ip(&unfolded(value), message_id))
        .filter(|ip| spf.is_none_or(|value| spf_client(value) == Some(*ip)));
    Trace {
        client_ip,
        helo: received.map(helo).unwrap_or_default(),
        mail: rest,
    }
}

/// The next field with its continuation lines, and what follows it. `None` at the end of the header
/// and where the field is not text.
fn next_field(rest: &[u8]) -> Option<(&str, &[u8])> {
    let mut end = 0;
    loop {
        let line = rest.get(end..)?;
        let length = line.iter().position(|b| *b == b'\n')? + 1;
        if end == 0 && matches!(line.first(), Some(b'\r' | b'\n' | b' ' | b'\t')) {
            return None;
        }
        end += length;
        if !matches!(rest.get(end), Some(b' ' | b'\t')) || end > MAX_BLOCK {
            break;
        }
    }
    let (field, after) = rest.split_at_checked(end)?;
    Some((std::str::from_utf8(field).ok()?, after))
}

fn unfolded(value: &str) -> String {
    value
        .chars()
        .filter(|c| !matches!(c, '\r' | '\n'))
        .collect()
}

/// The address in `[…]) by inbound-smtp.REGION.amazonaws.com with SMTP id ID`, read backwards from the id.
fn client_ip(received: &str, message_id: &str) -> Option<IpAddr> {
    let usable = !message_id.is_empty()
        && message_id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let needle = format!("with SMTP id {message_id}");
    let (before, after) = received.split_once(&needle).filter(|_| usable)?;
    let ended = after.starts_with([' ', '\t', ';']) || after.is_empty();
    if !ended || after.contains(&needle) {
        return None;
    }
    let (before, host) = last_word(before)?;
    let region = host
        .strip_prefix("inbound-smtp.")?
        .strip_suffix(".amazonaws.com")?;
    let fits = !region.is_empty()
        && region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let (before, by) = last_word(before)?;
    if !fits || by != "by" {
        return None;
    }
    let literal = before.trim_ascii_end().strip_suffix("])")?;
    let (_, address) = literal.rsplit_once('[')?;
    let address = address.strip_prefix("IPv6:").unwrap_or(address);
    address.parse().ok()
}

/// The last word, which must have white space on both sides, and what stands before it.
fn last_word(text: &str) -> Option<(&str, &str)> {
    let trimmed = text.trim_ascii_end();
    if trimmed.len() == text.len() {
        return None;
    }
    let start = trimmed.rfind([' ', '\t'])? + 1;
    Some(trimmed.split_at(start))
}

/// `client-ip` of SES's `Received-SPF`.
fn spf_client(value: &str) -> Option<IpAddr> {
    let (_, after) = value.split_once("client-ip=")?;
    let (address, _) = after.split_once(';')?;
    address.trim_ascii().parse().ok()
}

/// What follows `from`, where a comment of SES's comes next.
fn helo(received: &str) -> &str {
    let mut words = received.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("from"), Some(helo), Some(comment)) if comment.starts_with('(') => helo,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "8p0kbda0e13ve46erdg6rlightn2qq25c2njo0g1";

    fn object(helo: &str, client: &str) -> String {
        format!(
            "Return-Path: <ann@example.com>\r\n\
             Received: from {helo} (unknown [{client}])\r\n by inbound-smtp.eu-west-1.amazonaws.com with SMTP id {ID}\r\n for +33612345678@sms.example.com;\r\n Sun, 27 Mar 2022 10:22:38 +0000 (UTC)\r\n\
             X-SES-Spam-Verdict: PASS\r\nX-SES-Virus-Verdict: PASS\r\n\
             X-SES-RECEIPT: AEFB\r\nX-SES-DKIM-SIGNATURE: a=rsa-sha256; d=amazonses.com;\r\n h=From:To;\r\n\
             From: ann@example.com\r\nSubject: hello\r\n\r\nHello\r\n"
        )
    }

    fn ip(object: &str) -> Option<IpAddr> {
        trace(object.as_bytes(), ID).client_ip
    }

    #[test]
    fn the_client_is_who_ses_says_and_the_mail_begins_where_ses_ends() {
        let object = object("mail.example.com", "198.51.100.66");
        let trace = trace(object.as_bytes(), ID);
        assert_eq!(trace.client_ip, Some("198.51.100.66".parse().unwrap()));
        assert_eq!(trace.helo, "mail.example.com");
        assert!(trace.mail.starts_with(b"From: ann@example.com\r\n"));
    }

    #[test]
    fn both_spellings_of_ipv6_are_read() {
        for written in ["2001:db8::1", "IPv6:2001:db8::1"] {
            let read = ip(&object("mail.example.com", written));
            assert_eq!(read, Some("2001:db8::1".parse().unwrap()), "{written}");
        }
    }

    /// What a client may say as HELO so as to pass for another.
    #[test]
    fn a_helo_made_up_to_look_like_ses_moves_the_address_nowhere() {
        let by = "by inbound-smtp.eu-west-1.amazonaws.com with SMTP id";
        for helo in [
            format!("x(y [203.0.113.1]) {by} abc for +44@z;"),
            format!("x (y [203.0.113.1]) {by} {} for +44@z;", ID.split_at(39).0),
            format!("x (y [203.0.113.1]) {by} "),
            "x by y".to_owned(),
            "x;y".to_owned(),
            "x(((((".to_owned(),
            "[203.0.113.1]".to_owned(),
            "(trusted [203.0.113.1])".to_owned(),
            "x [203.0.113.1]) by".to_owned(),
        ] {
            let read = ip(&object(&helo, "198.51.100.66"));
            assert_eq!(read, Some("198.51.100.66".parse().unwrap()), "{helo}");
        }
    }

    #[test]
    fn without_the_exact_shape_there_is_no_address() {
        let good = object("mail.example.com", "198.51.100.66");
        for (change, to) in [
            (ID, "8p0kbda0e13ve46erdg6rlightn2qq25c2njo0g12"),
            (ID, "other"),
            ("inbound-smtp.eu-west-1.amazonaws.com", "mx.example.com"),
            (
                "inbound-smtp.eu-west-1.amazonaws.com",
                "evil.inbound-smtp.eu-west-1.amazonaws.com",
            ),
            (
                "inbound-smtp.eu-west-1.amazonaws.com",
                "inbound-smtp.x.evil.amazonaws.com",
            ),
            ("[198.51.100.66])", "[198.51.100.66]"),
            ("[198.51.100.66])", "[198.51.100.6666])"),
            ("with SMTP id", "with ESMTP id"),
        ] {
            assert_eq!(ip(&good.replace(change, to)), None, "{to}");
        }
        assert_eq!(trace(good.as_bytes(), "").client_ip, None);
        assert_eq!(trace(b"", ID).client_ip, None);
    }

    #[test]
    fn only_the_first_received_counts() {
        let own = format!(
            "Received: from x (y [203.0.113.1])\r\n by inbound-smtp.eu-west-1.amazonaws.com with SMTP id {ID} for a;\r\n"
        );
        let below = object("mail.example.com", "198.51.100.66")
            .replace("From: ann", &format!("{own}From: ann"));
        assert_eq!(ip(&below), Some("198.51.100.66".parse().unwrap()));
        let without = below.replacen("Received: from mail", "X-Other: from mail", 1);
        assert_eq!(ip(&without), None);
        assert_eq!(
            trace(without.as_bytes(), ID).mail.len(),
            without.len() - "Return-Path: <ann@example.com>\r\n".len()
        );
    }

    #[test]
    fn the_senders_own_fields_of_those_names_stay_the_senders() {
        let forged = "Received-SPF: pass client-ip=203.0.113.1;\r\nX-SES-Spam-Verdict: PASS\r\n";
        let object = object("mail.example.com", "198.51.100.66")
            .replace("From: ann", &format!("{forged}From: ann"));
        let trace = trace(object.as_bytes(), ID);
        assert!(trace.mail.starts_with(forged.as_bytes()));
        assert_eq!(trace.client_ip, Some("198.51.100.66".parse().unwrap()));
    }

    #[test]
    fn an_spf_line_of_ses_that_names_another_client_leaves_doubt() {
        let with = |client: &str| {
            let spf = format!(
                "Received-SPF: pass (spfCheck: domain of example.com designates {client} as permitted sender) client-ip={client}; envelope-from=ann@example.com; helo=x;\r\nX-SES-RECEIPT:"
            );
            object("x", "198.51.100.66").replace("X-SES-RECEIPT:", &spf)
        };
        assert_eq!(
            ip(&with("198.51.100.66")),
            Some("198.51.100.66".parse().unwrap())
        );
        assert_eq!(ip(&with("198.51.100.67")), None);
        assert_eq!(ip(&with("nonsense")), None);
    }

    #[test]
    fn hostile_lengths_end() {
        let long = format!(
            "Return-Path: {}\r\nFrom: a@b.example\r\n",
            "x".repeat(10_000_000)
        );
        assert_eq!(trace(long.as_bytes(), ID).mail.len(), long.len());
        let folds = format!("Received: x\r\n{}", " y\r\n".repeat(1_000_000));
        assert_eq!(trace(folds.as_bytes(), ID).client_ip, None);
        let endless = "[".repeat(1_000_000);
        assert_eq!(ip(&endless), None);
    }
}
