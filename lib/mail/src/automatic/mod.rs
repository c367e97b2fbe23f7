//! Mail that no person wrote, told from the mail alone (RFC 3834, RFC 3464, RFC 8098, RFC 5965; DESIGN 4.3 steps 2 and 5).
//!
//! Two findings. [`Automatic`] is mail that answers mail: nothing may answer it, and nobody can allow it. [`Bulk`] is
//! mail a program sent, which a user may allow. The envelope is not known here: the null sender is core's to see.

mod phrases;

use crate::headers::Headers;
use crate::mime::Tree;
use crate::params::Params;
use crate::words;
use phrases::{
    BOUNCE_HINTS, BOUNCE_SUBJECTS, BOUNCE_SUBJECTS_WHOLE, FAILURES, REPLY_HINTS, REPLY_SUBJECTS,
    REPLY_SUBJECTS_OF_ANSWERS, TRACES,
};

/// A report or an answer written by a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Automatic {
    /// What it is.
    pub kind: AutomaticKind,
    /// The header or the shape that showed it; never something personal.
    pub because: &'static str,
}

/// Kinds of mail that answer mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutomaticKind {
    /// A delivery report or bounce.
    DeliveryReport,
    /// A read receipt (RFC 8098).
    ReadReceipt,
    /// A complaint (RFC 5965).
    FeedbackReport,
    /// A vacation notice or another automatic answer.
    AutoReply,
}

/// Mail sent by a program or to a list, and the header that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulk {
    /// Which header said it.
    pub header: BulkHeader,
    /// Its value, as far as it is one of the known words; empty for `List-Id`.
    pub value: String,
}

/// The headers of step 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkHeader {
    /// `Auto-Submitted` other than `no` (RFC 3834 5).
    AutoSubmitted,
    /// `Precedence: bulk`, `junk` or `list`.
    Precedence,
    /// `List-Id` (RFC 2919).
    ListId,
}

/// The first word of every field with this name, lower case, without comments and parameters.
fn words_of<'s>(headers: &'s Headers<'_>, name: &'s str) -> impl Iterator<Item = String> + 's {
    headers.all(name).map(|value| Params::parse(value).value)
}

/// Step 5: what a user's `automated mail` setting decides about.
pub(crate) fn bulk(headers: &Headers<'_>) -> Option<Bulk> {
    if let Some(value) = words_of(headers, "auto-submitted").find(|v| v != "no") {
        let value = if matches!(
            value.as_str(),
            "auto-generated" | "auto-replied" | "auto-notified"
        ) {
            value
        } else {
            String::new()
        };
        return Some(Bulk {
            header: BulkHeader::AutoSubmitted,
            value,
        });
    }
    if let Some(value) =
        words_of(headers, "precedence").find(|v| matches!(v.as_str(), "bulk" | "junk" | "list"))
    {
        return Some(Bulk {
            header: BulkHeader::Precedence,
            value,
        });
    }
    headers.has("list-id").then(|| Bulk {
        header: BulkHeader::ListId,
        value: String::new(),
    })
}

/// Step 2: reports and automatic answers.
pub(crate) fn automatic(
    headers: &Headers<'_>,
    tree: &Tree<'_>,
    subject: &str,
    text: &str,
) -> Option<Automatic> {
    let subject = subject.to_lowercase();
    let text = text
        .get(..text.floor_char_boundary(MAX_LOOK))
        .unwrap_or(text)
        .to_lowercase();
    by_type(tree)
        .or_else(|| by_header(headers))
        .or_else(|| by_sender(headers, &subject))
        .or_else(|| by_subject(headers, &subject))
        .or_else(|| by_text(headers, tree, &text))
}

/// How much of the text is looked at, in bytes: a report says what it is at its beginning.
const MAX_LOOK: usize = 16 * 1024;

fn found(kind: AutomaticKind, because: &'static str) -> Option<Automatic> {
    Some(Automatic { kind, because })
}

/// Media types that only reports have. A report somebody forwards is inside a `message/rfc822`, which is not opened.
fn by_type(tree: &Tree<'_>) -> Option<Automatic> {
    use AutomaticKind::{DeliveryReport, FeedbackReport, ReadReceipt};
    for leaf in &tree.leaves {
        match leaf.media.value.as_str() {
            "message/delivery-status" | "message/global-delivery-status" => {
                return found(DeliveryReport, "message/delivery-status");
            }
            "message/disposition-notification" | "message/global-disposition-notification" => {
                return found(ReadReceipt, "message/disposition-notification");
            }
            "message/feedback-report" => return found(FeedbackReport, "message/feedback-report"),
            _ => {}
        }
    }
    if tree
        .containers
        .iter()
        .any(|c| c.value == "multipart/report")
    {
        return found(DeliveryReport, "multipart/report");
    }
    None
}

/// Headers that only answering machines write.
fn by_header(headers: &Headers<'_>) -> Option<Automatic> {
    use AutomaticKind::{AutoReply, DeliveryReport};
    if words_of(headers, "auto-submitted").any(|v| v == "auto-replied") {
        return found(AutoReply, "Auto-Submitted");
    }
    if headers.has("x-failed-recipients") {
        return found(DeliveryReport, "X-Failed-Recipients");
    }
    if words_of(headers, "precedence")
        .any(|v| matches!(v.as_str(), "auto_reply" | "auto-reply" | "autoreply"))
    {
        return found(AutoReply, "Precedence");
    }
    let names = [
        ("x-autoreply", "X-Autoreply"),
        ("x-auto-reply", "X-Auto-Reply"),
        ("x-autoreply-from", "X-Autoreply-From"),
        ("x-autorespond", "X-Autorespond"),
        ("x-autoresponder", "X-Autoresponder"),
        ("x-mail-autoreply", "X-Mail-Autoreply"),
        ("x-vacation", "X-Vacation"),
        ("x-autogenerated", "X-Autogenerated"),
        ("x-apple-action", "X-Apple-Action"),
    ];
    for (name, because) in names {
        if words_of(headers, name).any(|v| !matches!(v.as_str(), "no" | "false" | "0")) {
            return found(AutoReply, because);
        }
    }
    None
}

/// The mail system writing in its own name.
fn by_sender(headers: &Headers<'_>, subject: &str) -> Option<Automatic> {
    let from = words::text(headers.last("from").unwrap_or_default()).to_ascii_lowercase();
    let compact: String = from
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '@')
        .collect();
    if [
        "mailerdaemon",
        "maildeliverysubsystem",
        "maildeliverysystem",
    ]
    .iter()
    .any(|name| compact.contains(name))
    {
        return found(AutomaticKind::DeliveryReport, "From");
    }
    // A postmaster is a person too: only with a bounce's subject.
    let postmaster =
        compact.contains("postmaster@") || compact.is_empty() || compact.contains("maildaemon");
    if postmaster && BOUNCE_HINTS.iter().any(|hint| subject.contains(hint)) {
        return found(AutomaticKind::DeliveryReport, "From and Subject");
    }
    None
}

/// Subjects that mail systems and answering machines write word for word.
fn by_subject(headers: &Headers<'_>, subject: &str) -> Option<Automatic> {
    use AutomaticKind::{AutoReply, DeliveryReport, FeedbackReport};
    let begins = |list: &[&str]| list.iter().any(|words| subject.starts_with(words));
    if begins(BOUNCE_SUBJECTS) || BOUNCE_SUBJECTS_WHOLE.contains(&subject) {
        return found(DeliveryReport, "Subject");
    }
    // Outlook.com's complaints carry no report type.
    if subject.starts_with("complaint about message from ") {
        return found(FeedbackReport, "Subject");
    }
    if begins(REPLY_SUBJECTS) {
        return found(AutoReply, "Subject");
    }
    let answers = headers.has("in-reply-to") || headers.has("references");
    if answers && begins(REPLY_SUBJECTS_OF_ANSWERS) {
        return found(AutoReply, "Subject of an answer");
    }
    let suppressed = headers.has("x-auto-response-suppress");
    if suppressed && REPLY_HINTS.iter().any(|hint| subject.contains(hint)) {
        return found(AutoReply, "X-Auto-Response-Suppress");
    }
    None
}

/// Reports of old mail systems: only the text says what they are. Three things must come together, because people
/// write of undelivered mail too: a robot's name, a failure, and a trace of the mail that failed.
fn by_text(headers: &Headers<'_>, tree: &Tree<'_>, text: &str) -> Option<Automatic> {
    use AutomaticKind::{DeliveryReport, FeedbackReport};
    let says = |list: &[&str]| list.iter().any(|words| text.contains(words));
    // Amazon SES's own reports, sent on by SNS.
    if headers.has("x-amz-sns-message-id") && says(&["notificationtype", "eventtype"]) {
        if says(&[
            "\"bounce\\\"",
            "\"bounce\"",
            "\"delivery\\\"",
            "\"delivery\"",
        ]) {
            return found(DeliveryReport, "x-amz-sns-message-id");
        }
        if says(&["\"complaint\\\"", "\"complaint\""]) {
            return found(FeedbackReport, "x-amz-sns-message-id");
        }
    }
    let returned = tree.leaves.iter().any(|leaf| {
        matches!(
            leaf.media.value.as_str(),
            "message/rfc822" | "text/rfc822-headers" | "message/rfc822-headers"
        )
    });
    if is_robot(headers) && says(FAILURES) && (returned || says(TRACES)) {
        return found(DeliveryReport, "From and text");
    }
    None
}

/// A sender whose name says that nobody reads its mail.
fn is_robot(headers: &Headers<'_>) -> bool {
    let from = words::text(headers.last("from").unwrap_or_default()).to_ascii_lowercase();
    let address = from.rsplit('<').next().unwrap_or_default();
    let local: String = address
        .split('@')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    local.is_empty()
        || [
            "postmaster",
            "maildaemon",
            "mdaemon",
            "noreply",
            "donotreply",
            "bounce",
        ]
        .iter()
        .any(|n| local.contains(n))
        || ["admin", "owner", "request", "daemon"]
            .iter()
            .any(|n| local.ends_with(n) || local.starts_with(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn of(header: &str, body: &str) -> Option<AutomaticKind> {
        parse(format!("{header}\r\n\r\n{body}").as_bytes())
            .automatic
            .map(|a| a.kind)
    }

    #[test]
    fn machines_that_answer() {
        use AutomaticKind::*;
        for (header, body, kind) in [
            (
                "From: a@b\r\nAuto-Submitted: auto-replied (vacation)",
                "",
                AutoReply,
            ),
            (
                "From: a@b\r\nSubject: Automatic reply: hello",
                "",
                AutoReply,
            ),
            (
                "From: a@b\r\nSubject: =?utf-8?q?R=C3=A9ponse_automatique=C2=A0:_x?=",
                "",
                AutoReply,
            ),
            ("From: a@b\r\nX-Autoreply: yes", "", AutoReply),
            ("From: a@b\r\nPrecedence: auto_reply", "", AutoReply),
            (
                "From: a@b\r\nIn-Reply-To: <x@y>\r\nSubject: Out of office",
                "",
                AutoReply,
            ),
            (
                "From: MAILER-DAEMON@b (Mail Delivery System)",
                "",
                DeliveryReport,
            ),
            (
                "From: postmaster@b\r\nSubject: Delivery failure",
                "",
                DeliveryReport,
            ),
            (
                "From: a@b\r\nContent-Type: multipart/report; boundary=x",
                "--x--",
                DeliveryReport,
            ),
            (
                "From: a@b\r\nContent-Type: message/disposition-notification",
                "x",
                ReadReceipt,
            ),
            (
                "From: a@b\r\nContent-Type: message/feedback-report",
                "x",
                FeedbackReport,
            ),
            (
                "From: no-reply@b",
                "Your mail could not be delivered\r\nRCPT TO:<c@d>",
                DeliveryReport,
            ),
        ] {
            assert_eq!(of(header, body), Some(kind), "{header} {body}");
        }
    }

    #[test]
    fn people_who_write_about_such_things() {
        for (header, body) in [
            ("From: a@b\r\nSubject: Auto: kaputt", "komme später"),
            ("From: a@b\r\nSubject: Out of office tomorrow", "call me"),
            (
                "From: a@b\r\nSubject: Re: Undeliverable: hello",
                "did you see this?",
            ),
            ("From: postmaster@b\r\nSubject: meeting", "at ten"),
            (
                "From: a@b",
                "My mail could not be delivered, it says 550 user unknown, message-id: x",
            ),
            (
                "From: noreply@shop.example\r\nSubject: Your parcel",
                "It could not be delivered today.",
            ),
            (
                "From: a@b\r\nX-Auto-Response-Suppress: All\r\nSubject: lunch",
                "?",
            ),
            ("From: a@b\r\nX-Autoreply: no", ""),
        ] {
            assert_eq!(of(header, body), None, "{header} {body}");
        }
    }

    #[test]
    fn bulk_says_which_header_said_it() {
        let of = |header: &str| {
            parse(format!("From: a@b\r\n{header}\r\n\r\n").as_bytes())
                .bulk
                .map(|b| (b.header, b.value))
        };
        assert_eq!(
            of("Auto-Submitted: auto-generated; x"),
            Some((BulkHeader::AutoSubmitted, "auto-generated".to_owned()))
        );
        assert_eq!(of("Auto-Submitted: (c) no"), None);
        assert_eq!(of("Auto-Submitted: No"), None);
        assert_eq!(
            of("Precedence: Bulk"),
            Some((BulkHeader::Precedence, "bulk".to_owned()))
        );
        assert_eq!(of("Precedence: first-class"), None);
        assert_eq!(
            of("List-Id: <x.y>"),
            Some((BulkHeader::ListId, String::new()))
        );
        assert_eq!(of("List-Unsubscribe: <mailto:x@y>"), None);
    }
}
