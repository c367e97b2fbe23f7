//! Raw bytes → [`Mail`]: the crate's door. Everything read of a mail is read here, once.
//!
//! Nothing fails and nothing panics: what cannot be read is said in [`Mail::unreadable`].

use std::fmt;

use crate::address::{self, FromField};
use crate::automatic::{self, Automatic, Bulk};
use crate::body::{self, Attachment, Body, BodyOrigin};
use crate::headers::{self, Headers};
use crate::mime::{self, Tree};
use crate::words;

/// Most message ids kept of one field.
const MAX_IDS: usize = 100;
/// Longest message id that is kept, in bytes (RFC 5322 2.1.1 allows lines of 998).
const MAX_ID: usize = 998;
/// The header that every mail of ours carries, so that it is known when it comes back.
pub const LOOP_HEADER: &str = "X-Postel-Loop";

/// A mail, read. Prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Who it says it is from, strictly read (DESIGN 4.2).
    pub from: FromField,
    /// Decoded, unfolded, without control characters; the last field where there are several, as DKIM does.
    pub subject: Option<String>,
    /// Without angle brackets.
    pub message_id: Option<String>,
    /// `Date`, where it can be read.
    pub date: Option<jiff::Timestamp>,
    /// Ids of `In-Reply-To`, without angle brackets; at most 100.
    pub in_reply_to: Vec<String>,
    /// Ids of `References`, oldest first; the last 100.
    pub references: Vec<String>,
    /// Addresses of the only `To` field; empty where there are two, since a signature covers but one of them.
    pub to: Vec<String>,
    /// Addresses of the only `Cc` field, as `to`.
    pub cc: Vec<String>,
    /// Why there is no text to send, where there is none that could be read.
    pub unreadable: Option<Unreadable>,
    /// A report or an automatic answer.
    pub automatic: Option<Automatic>,
    /// Sent by a program or to a list.
    pub bulk: Option<Bulk>,
    /// Values of our own loop header.
    pub loop_marks: Vec<String>,
    /// The text before cutting.
    pub body: Body,
    /// What was attached.
    pub attachments: Vec<Attachment>,
    /// The mail is a multipart, and lines stand before its first part. Nobody shows them; but where `Content-Type` is not
    /// signed they may be the text that was, passed over by a boundary of somebody else's choice.
    pub preamble: bool,
    /// Where the body begins in the raw bytes.
    pub body_offset: usize,
}

impl Mail {
    /// The addresses of `To` and `Cc`.
    pub fn to_cc(&self) -> impl Iterator<Item = &str> {
        self.to.iter().chain(&self.cc).map(String::as_str)
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("from", &self.from)
            .field("date", &self.date)
            .field("unreadable", &self.unreadable)
            .field("automatic", &self.automatic)
            .field("bulk", &self.bulk)
            .field("body", &self.body)
            .field("attachments", &self.attachments)
            .field("body_offset", &self.body_offset)
            .finish_non_exhaustive()
    }
}

/// Why a mail cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Encrypted: PGP/MIME, S/MIME (signed-only mail in its opaque form too), or a PGP message as text.
    Encrypted,
    /// Parts nested deeper than is read.
    TooDeep,
    /// More parts than are read.
    TooManyParts,
    /// A header section longer than is read.
    HeaderTooLong,
    /// No header field at all.
    NoHeader,
}

/// Reads any bytes; never fails. Time and memory are linear in the input, nesting and counts are bounded.
pub fn parse(raw: &[u8]) -> Mail {
    // Old Macintosh files end lines with a bare CR. No such mail comes over SMTP; one with a single LF is no such file.
    if raw.contains(&b'\r') && !raw.contains(&b'\n') {
        let lines: Vec<u8> = raw
            .iter()
            .map(|b| if *b == b'\r' { b'\n' } else { *b })
            .collect();
        return read(&lines);
    }
    read(raw)
}

fn read(raw: &[u8]) -> Mail {
    let headers = headers::split(raw);
    let tree = mime::walk(&headers, raw.get(headers.body..).unwrap_or_default());
    let mut body = body::read(&tree);
    let unreadable = unreadable(&headers, &tree, &body);
    if unreadable.is_some() {
        body = Body {
            text: String::new(),
            origin: BodyOrigin::None,
            marks: Vec::new(),
        };
    }
    let subject = headers.last("subject").map(words::text);
    Mail {
        from: address::read_from(&headers),
        message_id: headers.last("message-id").and_then(|v| ids(v).pop()),
        date: headers.last("date").and_then(date),
        in_reply_to: headers.last("in-reply-to").map(ids).unwrap_or_default(),
        references: headers.last("references").map(ids).unwrap_or_default(),
        to: address::read_list(&headers, "to"),
        cc: address::read_list(&headers, "cc"),
        unreadable,
        automatic: automatic::automatic(
            &headers,
            &tree,
            subject.as_deref().unwrap_or_default(),
            &body.text,
        ),
        bulk: automatic::bulk(&headers),
        loop_marks: headers
            .all(LOOP_HEADER)
            .take(MAX_IDS)
            .map(words::text)
            .collect(),
        attachments: body::attachments(&tree),
        preamble: tree.preamble,
        body_offset: headers.body,
        subject,
        body,
    }
}

fn unreadable(headers: &Headers<'_>, tree: &Tree<'_>, body: &Body) -> Option<Unreadable> {
    if headers.too_long {
        Some(Unreadable::HeaderTooLong)
    } else if headers.fields().is_empty() {
        Some(Unreadable::NoHeader)
    } else if tree.too_deep {
        Some(Unreadable::TooDeep)
    } else if tree.too_many {
        Some(Unreadable::TooManyParts)
    } else if is_encrypted(tree, body) {
        Some(Unreadable::Encrypted)
    } else {
        None
    }
}

/// PGP/MIME and S/MIME as the mail itself or as its first part (a list may put a footer beside it), or PGP text.
fn is_encrypted(tree: &Tree<'_>, body: &Body) -> bool {
    let smime =
        |media: &str| matches!(media, "application/pkcs7-mime" | "application/x-pkcs7-mime");
    let first_is_smime = tree.leaves.first().is_some_and(|leaf| {
        let name = leaf
            .media
            .text("name")
            .or_else(|| leaf.disposition.text("filename"))
            .unwrap_or_default();
        smime(&leaf.media.value)
            || leaf.media.value == "application/octet-stream"
                && name.eq_ignore_ascii_case("smime.p7m")
    });
    first_is_smime
        || tree
            .containers
            .iter()
            .take(2)
            .any(|c| c.value == "multipart/encrypted")
        || body
            .text
            .trim_start()
            .starts_with("-----BEGIN PGP MESSAGE-----")
}

/// The ids between angle brackets; where there is no bracket, the first word. Of too many, the last ones.
fn ids(value: &[u8]) -> Vec<String> {
    let text = words::text(value);
    let mut found: Vec<String> = text
        .split('<')
        .skip(1)
        .filter_map(|piece| piece.split_once('>'))
        .map(|(id, _)| {
            id.chars()
                .filter(|c| !c.is_whitespace())
                .collect::<String>()
        })
        .filter(|id| !id.is_empty() && id.len() <= MAX_ID)
        .collect();
    if found.is_empty() {
        found.extend(
            text.split_whitespace()
                .next()
                .filter(|w| w.len() <= MAX_ID && !w.contains('<'))
                .map(str::to_owned),
        );
    }
    found.split_off(found.len().saturating_sub(MAX_IDS))
}

/// RFC 5322 3.3 with the obsolete forms of 4.3.
fn date(value: &[u8]) -> Option<jiff::Timestamp> {
    let text = words::text(&headers::squeezed(value, 256));
    let date = mail_parser::DateTime::parse_rfc822(&format!("{text}\n"))?;
    if !date.is_valid() {
        return None;
    }
    jiff::Timestamp::from_second(date.to_timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_reply() {
        let raw = b"From: a@b.example\r\nTo: c@d\r\nCc: e@f\r\nSubject: one\r\nSubject: two\r\nMessage-ID: <1@b> \r\n\
            Date: Sat, 21 Nov 2026 19:00:00 +0100\r\nIn-Reply-To: <0@d>\r\nReferences: <x@y>\r\n <0@d>\r\n\
            X-Postel-Loop: mark\r\n\r\nbody\r\n";
        let mail = parse(raw);
        assert_eq!(
            mail.subject.as_deref(),
            Some("two"),
            "the field a signature covers"
        );
        assert_eq!(mail.message_id.as_deref(), Some("1@b"));
        assert_eq!(
            mail.date.map(|d| d.to_string()).as_deref(),
            Some("2026-11-21T18:00:00Z")
        );
        assert_eq!(mail.in_reply_to, ["0@d"]);
        assert_eq!(mail.references, ["x@y", "0@d"]);
        assert_eq!(mail.to_cc().collect::<Vec<_>>(), ["c@d", "e@f"]);
        assert_eq!(mail.loop_marks, ["mark"]);
        assert_eq!(raw.get(mail.body_offset..), Some(&b"body\r\n"[..]));
        let printed = format!("{mail:?}");
        assert!(
            !printed.contains("two") && !printed.contains("example") && !printed.contains("c@d"),
            "{printed}"
        );
    }

    #[test]
    fn dates() {
        let of = |text: &str| date(text.as_bytes()).map(|d| d.as_second());
        assert_eq!(of("Thu, 1 Jan 1970 00:00:10 +0000"), Some(10));
        assert_eq!(of("1 Jan 70 00:00:10 GMT"), Some(10));
        assert_eq!(of("Thu, 1 Jan 1970 00:00:10 +0000 (UTC)"), Some(10));
        for text in [
            "",
            "yesterday",
            "32 Foo 2020 99:99:99 +0000",
            "1 Jan 9999999999 00:00:00 +9999",
        ] {
            assert_eq!(of(text).filter(|s| *s > 253_402_300_799), None, "{text}");
        }
        assert_eq!(of("yesterday"), None);
    }

    #[test]
    fn what_cannot_be_read_is_said_and_gives_no_text() {
        for (header, body, why) in [
            (
                "Content-Type: multipart/encrypted; boundary=x",
                "--x\r\n\r\nhello\r\n--x--",
                Unreadable::Encrypted,
            ),
            (
                "Content-Type: application/pkcs7-mime; smime-type=enveloped-data",
                "MIAG",
                Unreadable::Encrypted,
            ),
            (
                "Content-Type: application/octet-stream; name=smime.p7m",
                "MIAG",
                Unreadable::Encrypted,
            ),
            (
                "X: y",
                "\r\n-----BEGIN PGP MESSAGE-----\r\nx",
                Unreadable::Encrypted,
            ),
            (
                "Content-Type: multipart/mixed; boundary=x",
                "--x\r\nContent-Type: application/pkcs7-mime\r\n\r\nMIAG\r\n--x\r\n\r\nlist footer\r\n--x--",
                Unreadable::Encrypted,
            ),
        ] {
            let mail = parse(format!("From: a@b\r\n{header}\r\n\r\n{body}").as_bytes());
            assert_eq!(
                (mail.unreadable, mail.body.text.as_str()),
                (Some(why), ""),
                "{header}"
            );
        }
        assert_eq!(parse(b"").unreadable, Some(Unreadable::NoHeader));
        assert_eq!(
            parse(b"\r\nFrom: a@b\r\n\r\n").unreadable,
            Some(Unreadable::NoHeader)
        );
        let signed = "From: a@b\r\nContent-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--x\r\nContent-Type: application/pkcs7-signature\r\n\r\nMIAG\r\n--x--";
        assert_eq!(parse(signed.as_bytes()).body.text, "hello");
    }
}
