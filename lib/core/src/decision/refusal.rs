//! Why a text is not sent: every refusal with its code, its SMTP reply and what was measured.
//!
//! The sentences stand in [`super::words`].

use std::net::IpAddr;

use postel_mail::{FromFault, Unreadable};
use serde::{Deserialize, Serialize};

use crate::address::Domain;
use crate::evidence::Evidence;
use crate::ledger::LimitKind;
use crate::model::{AccountId, Language};
use crate::number::{Country, NotTextable};
use crate::recipient::RecipientFault;

/// The word for a decision: in trails, logs, JSON and metrics. Never renamed once released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// A text is sent.
    Accepted,
    /// 4.3 step 1.
    Unreadable,
    /// 4.3 step 2.
    AmbiguousSender,
    /// 4.3 steps 2 and 5.
    Automatic,
    /// 4.3 step 3.
    UnknownSender,
    /// 4.3 step 4.
    NotAcceptedYet,
    /// 4.3 step 6: no decision now.
    TryAgain,
    /// 4.3 step 7.
    NotVerified,
    /// 4.3 step 7.
    Unsafe,
    /// 4.3 step 8: the recipient is no telephone number.
    NotANumber,
    /// 4.3 step 8: a number whose type cannot receive texts, or that costs a premium.
    NotTextable,
    /// 4.3 step 8.
    CountryNotAllowed,
    /// 4.3 step 8.
    OptedOut,
    /// 4.3 step 8: neither a number nor a sender name can be shown.
    NoOriginator,
    /// 4.3 step 8: a limit of DESIGN 3 has no room.
    OverLimit,
    /// 4.3 step 8: more recipients than one mail may have.
    TooManyRecipients,
    /// 4.3 step 8: longer than the account's longest message, and it refuses rather than truncates.
    TooLong,
    /// 4.3 step 9.
    Empty,
}

impl Code {
    /// Every code, in the order of the decision.
    pub const ALL: [Self; 18] = [
        Self::Accepted,
        Self::Unreadable,
        Self::AmbiguousSender,
        Self::Automatic,
        Self::UnknownSender,
        Self::NotAcceptedYet,
        Self::TryAgain,
        Self::NotVerified,
        Self::Unsafe,
        Self::NotANumber,
        Self::NotTextable,
        Self::CountryNotAllowed,
        Self::OptedOut,
        Self::NoOriginator,
        Self::OverLimit,
        Self::TooManyRecipients,
        Self::TooLong,
        Self::Empty,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unreadable => "unreadable",
            Self::AmbiguousSender => "ambiguous-sender",
            Self::Automatic => "automatic",
            Self::UnknownSender => "unknown-sender",
            Self::NotAcceptedYet => "not-accepted-yet",
            Self::TryAgain => "try-again",
            Self::NotVerified => "not-verified",
            Self::Unsafe => "unsafe",
            Self::NotANumber => "not-a-number",
            Self::NotTextable => "not-textable",
            Self::CountryNotAllowed => "country-not-allowed",
            Self::OptedOut => "opted-out",
            Self::NoOriginator => "no-originator",
            Self::OverLimit => "over-limit",
            Self::TooManyRecipients => "too-many-recipients",
            Self::TooLong => "too-long",
            Self::Empty => "empty",
        }
    }
}

/// What says that a mail was written by a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AutomaticSign {
    /// The envelope sender is `<>`: bounces and reports (RFC 5321 4.5.5).
    NullSender,
    /// The mail itself: a report, an answer of an autoresponder.
    Mail(&'static str),
    /// It comes from our own domain.
    OurDomain,
    /// It carries our own loop header.
    Loop,
    /// A header that machines and lists write (step 5); the user may allow it.
    Bulk(&'static str),
}

/// What was measured when a sender was not proven.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Domain of the `From`.
    pub from: Domain,
    /// The client.
    pub client_ip: Option<IpAddr>,
    /// What DNS said; `None` where it was not asked.
    pub evidence: Option<Evidence>,
    /// Why each signature that verifies proves nothing here, and why a passing SPF does not, in order: for people who look closer.
    pub gaps: Vec<super::proof::Gap>,
}

/// Why no text is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Step 1.
    Unreadable(Unreadable),
    /// Step 2.
    AmbiguousSender(FromFault),
    /// Steps 2 and 5.
    Automatic(AutomaticSign),
    /// Step 3.
    UnknownSender,
    /// Step 3: an account lists the sender, but the address names this one, which does not, or does not exist.
    NotAUserOf(AccountId),
    /// Step 4.
    NotAcceptedYet,
    /// Step 6: DNS failed for a proof that could have been.
    TryAgain(Box<Measured>),
    /// Step 7.
    NotVerified(Box<Measured>),
    /// Step 7: SES says virus.
    Virus,
    /// Step 7: SES says spam.
    Spam,
    /// Step 8.
    NotANumber(RecipientFault),
    /// Step 8.
    NotTextable(NotTextable),
    /// Step 8.
    CountryNotAllowed(Country),
    /// Step 8.
    OptedOut,
    /// Step 8.
    NoOriginator,
    /// Step 8.
    OverLimit(LimitKind),
    /// Step 8.
    TooManyRecipients {
        /// The limit.
        limit: u32,
    },
    /// Step 8.
    TooLong {
        /// Parts it would take.
        parts: u32,
        /// Parts allowed.
        limit: u32,
    },
    /// Step 9: all of the mail's text was cut.
    Empty,
    /// Step 9: the mail never had any.
    NoText,
}

impl Refusal {
    /// The word for it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Unreadable(_) => Code::Unreadable,
            Self::AmbiguousSender(_) => Code::AmbiguousSender,
            Self::Automatic(_) => Code::Automatic,
            Self::UnknownSender | Self::NotAUserOf(_) => Code::UnknownSender,
            Self::NotAcceptedYet => Code::NotAcceptedYet,
            Self::TryAgain(_) => Code::TryAgain,
            Self::NotVerified(_) => Code::NotVerified,
            Self::Virus | Self::Spam => Code::Unsafe,
            Self::NotANumber(_) => Code::NotANumber,
            Self::NotTextable(_) => Code::NotTextable,
            Self::CountryNotAllowed(_) => Code::CountryNotAllowed,
            Self::OptedOut => Code::OptedOut,
            Self::NoOriginator => Code::NoOriginator,
            Self::OverLimit(_) => Code::OverLimit,
            Self::TooManyRecipients { .. } => Code::TooManyRecipients,
            Self::TooLong { .. } => Code::TooLong,
            Self::Empty | Self::NoText => Code::Empty,
        }
    }

    /// Why, and what to change, in one or two sentences for the person who sent or administers.
    #[must_use]
    pub fn why(&self, language: Language) -> String {
        super::words::why(self, language)
    }

    /// What the sender's server hears: code, enhanced code (RFC 3463) and words.
    ///
    /// Strangers, forgers, senders not accepted yet and automatic mail of a listed sender (judged before
    /// the proof) hear the same words, so that nobody learns who is listed (DESIGN 4.3).
    #[must_use]
    pub fn smtp(&self) -> SmtpReply {
        let (code, (subject, detail), text): (u16, (u16, u16), String) = match self {
            Self::UnknownSender
            | Self::NotAUserOf(_)
            | Self::NotAcceptedYet
            | Self::NotVerified(_)
            | Self::AmbiguousSender(_)
            | Self::Automatic(AutomaticSign::Bulk(_)) => (
                550,
                (7, 1),
                "This sender may not send texts here, or the mail could not be proven to come from it".to_owned(),
            ),
            Self::TryAgain(_) => (451, (4, 3), "DNS did not answer; please try again later".to_owned()),
            Self::Automatic(_) => (550, (7, 1), "Automatic mail is not turned into texts".to_owned()),
            Self::Unreadable(_) => (554, (6, 0), self.why(Language::En)),
            Self::Virus | Self::Spam => (554, (7, 1), "The mail was judged unsafe".to_owned()),
            Self::NotANumber(RecipientFault::Nobody) => (550, (1, 1), self.why(Language::En)),
            Self::NotANumber(_) => (550, (1, 3), self.why(Language::En)),
            Self::NotTextable(_) | Self::CountryNotAllowed(_) | Self::OptedOut | Self::NoOriginator => {
                (550, (7, 1), self.why(Language::En))
            }
            Self::OverLimit(_) => (452, (7, 1), self.why(Language::En)),
            Self::TooManyRecipients { .. } => (550, (5, 3), self.why(Language::En)),
            Self::TooLong { .. } => (552, (3, 4), self.why(Language::En)),
            Self::Empty | Self::NoText => (554, (6, 0), self.why(Language::En)),
        };
        SmtpReply {
            code,
            subject,
            detail,
            text,
        }
    }

    /// Whether the sender, once proven, is known to be himself: only then is anything told to him by mail.
    #[must_use]
    pub fn is_after_proof(&self) -> bool {
        matches!(
            self.code(),
            Code::NotANumber
                | Code::NotTextable
                | Code::CountryNotAllowed
                | Code::OptedOut
                | Code::NoOriginator
                | Code::OverLimit
                | Code::TooManyRecipients
                | Code::TooLong
                | Code::Empty
                | Code::Unsafe
        )
    }
}

/// A reply of the SMTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpReply {
    /// RFC 5321 4.2.
    pub code: u16,
    /// RFC 3463, the second number; the first is that of `code`.
    pub subject: u16,
    /// RFC 3463, the third number.
    pub detail: u16,
    /// Words, one line of printable ASCII.
    pub text: String,
}
