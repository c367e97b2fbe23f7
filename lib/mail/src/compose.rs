//! Writes a mail of our own: values in, bytes out.
//!
//! No header can be injected: addresses, ids and header names are checked, and control characters are taken out of
//! what is text. Time and ids are arguments; the same values give the same bytes.

use std::fmt;

use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;

use crate::address::{AddrSpec, is_invisible};

/// Longest `References` that is written: the first id and the last ones (RFC 5322 3.6.4 sets no limit, relays do).
const MAX_REFERENCES: usize = 20;

/// An address with the name shown beside it.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Shown name.
    pub name: Option<String>,
    /// The address.
    pub address: AddrSpec,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox(redacted)")
    }
}

/// What `Auto-Submitted` says (RFC 3834 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoSubmitted {
    /// No field: a person caused this mail.
    No,
    /// `auto-generated`.
    Generated,
    /// `auto-replied`.
    Replied,
}

/// A mail to be sent. Prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Author.
    pub from: Mailbox,
    /// Recipients as shown; at least one.
    pub to: Vec<Mailbox>,
    /// Subject; may hold any text.
    pub subject: String,
    /// Plain text; lines end with `\n`.
    pub text: String,
    /// The same as HTML, where there is one.
    pub html: Option<String>,
    /// Without angle brackets.
    pub message_id: String,
    /// Goes into `Date`, to the second, as UTC.
    pub date: jiff::Timestamp,
    /// The id answered, without angle brackets.
    pub in_reply_to: Option<String>,
    /// Ids of the thread, oldest first; of more than 20 the first and the last 19 are written.
    pub references: Vec<String>,
    /// Whether a program wrote it.
    pub auto_submitted: AutoSubmitted,
    /// Further fields, such as [`crate::LOOP_HEADER`].
    pub extra: Vec<(String, String)>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Outgoing({} recipients, {} bytes of text)",
            self.to.len(),
            self.text.len()
        )
    }
}

/// Why a mail cannot be written. None of these goes away by trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComposeFault {
    /// No recipient.
    NoRecipient,
    /// An address that our own strict reader would not read back.
    BadAddress,
    /// A message id with blanks, control characters, brackets or letters outside ASCII, or an empty one.
    BadMessageId,
    /// A further field whose name is no field name, or one that this module writes itself.
    BadHeaderName,
}

impl fmt::Display for ComposeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ComposeFault::NoRecipient => "the mail has no recipient",
            ComposeFault::BadAddress => "an address is not valid",
            ComposeFault::BadMessageId => "a message id is not valid",
            ComposeFault::BadHeaderName => "a header name is not valid",
        })
    }
}

impl std::error::Error for ComposeFault {}

/// Fields that only this module writes.
const OWN_FIELDS: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "sender",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "auto-submitted",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
];

impl Outgoing {
    /// The mail as bytes with CRLF line ends, 7-bit clean unless an address is not (RFC 6532).
    pub fn to_bytes(&self) -> Result<Vec<u8>, ComposeFault> {
        if self.to.is_empty() {
            return Err(ComposeFault::NoRecipient);
        }
        let recipients = self.to.iter().map(written).collect::<Result<Vec<_>, _>>()?;
        let mut mail = MessageBuilder::new()
            .header("Date", Date::new(self.date.as_second()))
            .header("From", written(&self.from)?)
            .header("To", Address::new_list(recipients))
            .header("Subject", Text::new(clean(&self.subject)))
            .header("Message-ID", MessageId::new(checked_id(&self.message_id)?));
        if let Some(id) = &self.in_reply_to {
            mail = mail.header("In-Reply-To", MessageId::new(checked_id(id)?));
        }
        let references = self
            .references
            .iter()
            .map(|id| checked_id(id))
            .collect::<Result<Vec<_>, _>>()?;
        if !references.is_empty() {
            let skipped = references.len().saturating_sub(MAX_REFERENCES);
            let kept = references
                .iter()
                .enumerate()
                .filter(|(i, _)| *i == 0 || *i > skipped)
                .map(|(_, id)| *id);
            mail = mail.header("References", MessageId::new_list(kept));
        }
        match self.auto_submitted {
            AutoSubmitted::No => {}
            AutoSubmitted::Generated => {
                mail = mail.header("Auto-Submitted", Text::new("auto-generated"))
            }
            AutoSubmitted::Replied => {
                mail = mail.header("Auto-Submitted", Text::new("auto-replied"))
            }
        }
        for (name, value) in &self.extra {
            mail = mail.header(
                checked_name(name)?,
                HeaderType::Text(Text::new(clean(value))),
            );
        }
        let mut bytes = Vec::new();
        mail.body(self.body()).serialize(&mut bytes);
        Ok(bytes)
    }

    fn body(&self) -> MimePart<'_> {
        let text = MimePart::new("text/plain", body_text(&self.text));
        let Some(html) = &self.html else {
            return text;
        };
        // Taken from the id, so that the same mail is the same bytes; `=_` cannot stand in encoded text.
        let tail: String = self
            .message_id
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(60)
            .collect();
        let media =
            ContentType::new("multipart/alternative").attribute("boundary", format!("=_{tail}"));
        MimePart::new(
            media,
            vec![text, MimePart::new("text/html", body_text(html))],
        )
    }
}

/// Line ends as SMTP wants them.
fn body_text(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace(['\r', '\0'], "")
        .replace('\n', "\r\n")
}

fn written(mailbox: &Mailbox) -> Result<Address<'_>, ComposeFault> {
    let address = mailbox.address.to_string();
    if AddrSpec::parse(&address).as_ref() != Some(&mailbox.address) {
        return Err(ComposeFault::BadAddress);
    }
    let name = mailbox
        .name
        .as_deref()
        .map(clean)
        .filter(|name| !name.is_empty());
    Ok(Address::new_address(name, address))
}

/// Text for a header: every control or direction character becomes a blank.
fn clean(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if is_invisible(c) { ' ' } else { c })
        .collect();
    text.trim().to_owned()
}

fn checked_id(id: &str) -> Result<&str, ComposeFault> {
    let sound = !id.is_empty()
        && id.len() <= 900
        && id
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>');
    if sound {
        Ok(id)
    } else {
        Err(ComposeFault::BadMessageId)
    }
}

fn checked_name(name: &str) -> Result<String, ComposeFault> {
    let sound = !name.is_empty()
        && name.len() <= 76
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !OWN_FIELDS.contains(&name.to_ascii_lowercase().as_str());
    if sound {
        Ok(name.to_owned())
    } else {
        Err(ComposeFault::BadHeaderName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FromField, parse};

    fn mailbox(name: &str, address: &str) -> Mailbox {
        Mailbox {
            name: Some(name.to_owned()),
            address: AddrSpec::parse(address).unwrap(),
        }
    }

    fn sample() -> Outgoing {
        Outgoing {
            from: mailbox("+33 6 12 34 56 78", "p33612345678@sms.example.com"),
            to: vec![mailbox("Zoé, \"la\" <boss>", "zoe@example.com")],
            subject: "Re: été\r\nBcc: evil@example.net".to_owned(),
            text: "Bonjour,\nça va ?\n.\nFrom here\n".to_owned(),
            html: None,
            message_id: "1@sms.example.com".to_owned(),
            date: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
            in_reply_to: Some("0@example.com".to_owned()),
            references: (0..40).map(|n| format!("{n}@example.com")).collect(),
            auto_submitted: AutoSubmitted::Generated,
            extra: vec![("X-Postel-Loop".to_owned(), "a\r\nTo: x@y".to_owned())],
        }
    }

    #[test]
    fn what_is_written_reads_back_and_injects_nothing() {
        let bytes = sample().to_bytes().unwrap();
        let mail = parse(&bytes);
        assert_eq!(mail.from, FromField::One(sample().from.address));
        assert_eq!(mail.to, ["zoe@example.com"]);
        assert_eq!(
            mail.subject.as_deref(),
            Some("Re: été  Bcc: evil@example.net")
        );
        assert_eq!(mail.message_id.as_deref(), Some("1@sms.example.com"));
        assert_eq!(mail.date, Some(sample().date));
        assert_eq!(mail.in_reply_to, ["0@example.com"]);
        assert_eq!(
            (mail.references.len(), mail.references.first()),
            (20, Some(&"0@example.com".to_owned()))
        );
        assert_eq!(mail.references.last().unwrap(), "39@example.com");
        assert_eq!(mail.loop_marks, ["a To: x@y"]);
        assert_eq!(mail.body.text.trim_end(), sample().text.trim_end());
        assert!(mail.bulk.is_some());
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            !text.contains("\nBcc:") && text.matches("\nTo:").count() == 1,
            "{text}"
        );
        assert!(text.is_ascii() && !text.replace("\r\n", "").contains(['\r', '\n']));
    }

    #[test]
    fn the_same_values_give_the_same_bytes_with_html_too() {
        let mut outgoing = sample();
        outgoing.html = Some("<p>Bonjour</p>".to_owned());
        assert_eq!(outgoing.to_bytes(), outgoing.to_bytes());
        assert_eq!(
            parse(&outgoing.to_bytes().unwrap()).body.text.trim_end(),
            sample().text.trim_end()
        );
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let with = |change: fn(&mut Outgoing)| {
            let mut outgoing = sample();
            change(&mut outgoing);
            outgoing.to_bytes().unwrap_err()
        };
        assert_eq!(with(|o| o.to.clear()), ComposeFault::NoRecipient);
        assert_eq!(
            with(|o| o.from.address.local = "a\r\nb".to_owned()),
            ComposeFault::BadAddress
        );
        assert_eq!(
            with(|o| o.from.address.domain = "x>, <b@c".to_owned()),
            ComposeFault::BadAddress
        );
        assert_eq!(
            with(|o| o.message_id = "a b".to_owned()),
            ComposeFault::BadMessageId
        );
        assert_eq!(
            with(|o| o.references = vec!["<a>".to_owned()]),
            ComposeFault::BadMessageId
        );
        assert_eq!(
            with(|o| o.extra = vec![("Bcc".to_owned(), String::new())]),
            ComposeFault::BadHeaderName
        );
        assert_eq!(
            with(|o| o.extra = vec![("X: y\r\nZ".to_owned(), String::new())]),
            ComposeFault::BadHeaderName
        );
    }
}
