//! Mail that no person wrote, told from the mail alone (RFC 3834, RFC 3464, RFC 8098, RFC 5965; DESIGN 4.3 steps 2 and 5).
//!
//! Two findings. [`Automatic`] is mail that answers mail: nothing may answer it, and nobody can allow it. [`Bulk`] is
//! mail a program sent, which a user may allow. The envelope is not known here: the null sender is core's to see.

use crate::headers::Headers;
use crate::mime::Tree;
use crate::words;

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

/// The first `;`-separated word of every field with this name, lower case, comments dropped.
fn words_of<'s>(headers: &'s Headers<'_>, name: &'s str) -> impl Iterator<Item = String> + 's {
    headers.all(name).map(|value| {
        words::text(value)
            .split([';', '(', ' '])
            .find(|w| !w.is_empty())
            .unwrap_or_default()
            .to_ascii_lowercase()
    })
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
) -> Option<Automatic> {
    by_type(tree)
        .or_else(|| by_header(headers))
        .or_else(|| by_sender(headers, subject))
        .or_else(|| by_subject(headers, subject))
}

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
    if compact.contains("mailerdaemon")
        || compact.contains("maildeliverysubsystem")
        || compact.contains("maildeliverysystem")
    {
        return found(AutomaticKind::DeliveryReport, "From");
    }
    let postmaster =
        compact.contains("postmaster@") || compact.is_empty() || compact.contains("maildaemon");
    if postmaster
        && BOUNCE_HINTS
            .iter()
            .any(|hint| subject.to_lowercase().contains(hint))
    {
        return found(AutomaticKind::DeliveryReport, "From and Subject");
    }
    None
}

/// Words in the subject of a bounce that is sent by a postmaster.
const BOUNCE_HINTS: &[&str] = &[
    "undeliver",
    "not deliver",
    "deliver",
    "returned",
    "failure",
    "failed",
    "bounce",
    "rejected",
    "unzustellbar",
    "non remis",
    "non distribu",
    "unknown user",
    "user unknown",
];

/// Subjects that mail systems and answering machines write word for word.
fn by_subject(headers: &Headers<'_>, subject: &str) -> Option<Automatic> {
    let subject = subject.to_lowercase();
    if BOUNCE_SUBJECTS.iter().any(|s| subject.starts_with(s)) || subject == "failure notice" {
        return found(AutomaticKind::DeliveryReport, "Subject");
    }
    if REPLY_SUBJECTS.iter().any(|s| subject.starts_with(s)) {
        return found(AutomaticKind::AutoReply, "Subject");
    }
    let suppressed = headers.has("x-auto-response-suppress");
    if suppressed && REPLY_HINTS.iter().any(|hint| subject.contains(hint)) {
        return found(AutomaticKind::AutoReply, "X-Auto-Response-Suppress");
    }
    None
}

const BOUNCE_SUBJECTS: &[&str] = &[
    "undelivered mail returned to sender",
    "mail delivery failed: returning message to sender",
    "mail delivery failed",
    "delivery status notification (",
    "returned mail: ",
    "undeliverable: ",
    "undeliverable mail",
    "undeliverable message",
    "delivery notification: delivery has failed",
    "mail system error - returned mail",
    "warning: message still undelivered",
    "nondeliverable mail",
    "non remis : ",
    "unzustellbar: ",
    "no se puede entregar: ",
    "non recapitabile: ",
    "onbestelbaar: ",
];

const REPLY_SUBJECTS: &[&str] = &[
    "automatic reply:",
    "auto-reply:",
    "autoreply:",
    "auto reply:",
    "auto:",
    "automatic response:",
    "out of office autoreply",
    "out of office:",
    "réponse automatique :",
    "réponse automatique:",
    "réponse automatique\u{a0}:",
    "automatische antwort:",
    "abwesenheitsnotiz:",
    "abwesenheitsnotiz",
    "respuesta automática:",
    "risposta automatica:",
    "automatisch antwoord:",
    "resposta automática:",
    "autosvar:",
    "automatiskt svar:",
];

const REPLY_HINTS: &[&str] = &[
    "out of office",
    "away",
    "vacation",
    "auto",
    "absence",
    "absent",
    "congé",
    "abwesen",
    "ausente",
    "assente",
    "fuori sede",
    "afwezig",
    "fora do escrit",
    "vacaciones",
    "ferie",
    "férias",
];
