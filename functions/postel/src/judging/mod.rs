//! What would become of a mail: the real intake, with nothing stored and nothing sent.
//!
//! For `check mail` and `preview`. Without an account, a sample one is used that lists whoever
//! the mail says it is from, so that everything but the listing is judged.

mod sample;
mod sender;

use std::sync::Arc;

use postel_auth::dns::Dns;
use postel_auth::spf::{self, LIMIT};
use postel_auth::{Authenticator, dkim};
use postel_core::address::EmailAddress;
use postel_core::decision::Code;
use postel_core::evidence::{
    Connection, Dmarc, DmarcResult, Evidence, SesVerdicts, Spf, SpfResult,
};
use postel_core::intake::{Composition, Envelope, Intake, Judged, Outcome, Rules, composition};
use postel_core::model::{AccountId, CutPart, Language, Preferences, RecipientOutcome, User};
use postel_core::notice::Notices;
use postel_core::ports::{Clock as _, SenderEvidence as _, Store};
use postel_core::text::{OverLimit, SmsText};
use postel_mail::{FromField, Mail};

pub(crate) use sender::envelope_sender;

use crate::exit::Failure;
use crate::home::{self, Home};
use crate::system::{SystemClock, SystemIds};

/// A mail as it would come in.
pub(crate) struct Incoming {
    /// The whole mail.
    pub(crate) raw: Vec<u8>,
    /// The SMTP side.
    pub(crate) connection: Connection,
    /// `RCPT TO`, in order.
    pub(crate) recipients: Vec<String>,
}

/// What would become of it.
pub(crate) struct Verdict {
    /// What is known of the sender.
    pub(crate) evidence: Evidence,
    /// [`Code::Accepted`], or why none of the recipients gets a text.
    pub(crate) code: Code,
    /// The same in one sentence.
    pub(crate) why: String,
    /// The decoded body before anything is cut.
    pub(crate) body: String,
    /// The text as it would be sent, were it accepted.
    pub(crate) text: SmsText,
    /// What was cut.
    pub(crate) cut: Vec<CutPart>,
    /// Each recipient, in the order asked.
    pub(crate) recipients: Vec<RecipientOutcome>,
}

impl Verdict {
    /// Whether any text would be sent.
    pub(crate) fn is_accepted(&self) -> bool {
        self.code == Code::Accepted
    }

    /// The same mail, refused before it was looked at: evidence and text stay.
    pub(crate) fn refused(mut self, code: Code, why: &str) -> Self {
        for recipient in &mut self.recipients {
            recipient.code = code;
            why.clone_into(&mut recipient.why);
        }
        Self {
            code,
            why: why.to_owned(),
            ..self
        }
    }
}

/// Whose listing counts.
#[derive(Clone)]
pub(crate) enum Whose {
    /// The sample account, which lists every sender.
    Sample,
    /// The accounts of a home; where one is named, that one for every recipient.
    Home(Arc<Home>, Option<AccountId>),
}

/// Judges mails. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Judge {
    whose: Whose,
    dns: Dns,
}

/// A store and the rules that go with it.
struct Setting {
    store: Arc<dyn Store>,
    rules: Rules,
    notices: Notices,
}

impl Judge {
    /// A judge who asks `dns`.
    pub(crate) fn new(whose: Whose, dns: Dns) -> Self {
        Self { whose, dns }
    }

    /// Says what would become of the mail.
    pub(crate) async fn judge(&self, incoming: &Incoming) -> Result<Verdict, Failure> {
        let mail = postel_mail::parse(&incoming.raw);
        let from = single_from(&mail);
        let setting = self.setting(incoming, from.as_ref()).await?;
        let max_parts = setting.rules.max_parts;
        let authenticator = Authenticator::new(self.dns.clone(), "unknown").within(LIMIT);
        let intake = Intake::new(
            Arc::clone(&setting.store),
            Arc::new(authenticator.clone()),
            Arc::new(SystemClock),
            Arc::new(SystemIds),
            setting.notices,
            setting.rules,
        );
        let (ours, strangers): (Vec<&String>, Vec<&String>) = incoming
            .recipients
            .iter()
            .partition(|r| intake.screen(r) != Err(None));
        let envelope = Envelope {
            connection: incoming.connection.clone(),
            recipients: ours.iter().map(|r| self.addressed(r)).collect(),
            ses: SesVerdicts::default(),
            transport_id: None,
        };
        let judged = intake.judge(&envelope, &incoming.raw, None).await?;
        let (code, why) = decided(&judged, ours.is_empty() && !strangers.is_empty());
        let evidence = match (judged.record.evidence.clone(), &from) {
            (Some(evidence), _) => evidence,
            (None, Some(from)) => {
                authenticator
                    .evidence(&incoming.connection, from, &incoming.raw, SystemClock.now())
                    .await
            }
            (None, None) => self.without_from(incoming).await,
        };
        let (preferences, user) = self.listing(setting.store.as_ref(), from.as_ref()).await?;
        let Composition { text, cut } = composition(&mail, &preferences, user.as_ref(), max_parts);
        let text = text.or_else(|_| whole(&mail, &preferences, user.as_ref()));
        Ok(Verdict {
            evidence,
            code,
            why,
            body: mail.body.text.clone(),
            text: text.map_err(|e| Failure::Trouble(e.to_string()))?,
            cut,
            recipients: in_order(&incoming.recipients, &ours, judged, code),
        })
    }

    /// The recipient as it names the account to be judged for, where one is to be and it names none.
    fn addressed(&self, recipient: &str) -> String {
        match (&self.whose, recipient.rsplit_once('@')) {
            (Whose::Home(_, Some(account)), Some((local, domain)))
                if !local.trim_start_matches('+').contains('+') =>
            {
                format!("{local}+{account}@{domain}")
            }
            _ => recipient.to_owned(),
        }
    }

    async fn setting(
        &self,
        incoming: &Incoming,
        from: Option<&EmailAddress>,
    ) -> Result<Setting, Failure> {
        match &self.whose {
            Whose::Home(home, _) => Ok(Setting {
                store: Arc::clone(&home.store),
                rules: home::rules(&home.config),
                notices: home.notices.clone(),
            }),
            Whose::Sample => sample::sample(incoming, from).await,
        }
    }

    /// How the text is to be made: as the account that would send it says.
    async fn listing(
        &self,
        store: &dyn Store,
        from: Option<&EmailAddress>,
    ) -> Result<(Preferences, Option<User>), Failure> {
        let named = match &self.whose {
            Whose::Home(_, Some(account)) => Some(account),
            Whose::Home(_, None) | Whose::Sample => None,
        };
        let listings = match from {
            Some(from) => store.listings(from).await?,
            None => Vec::new(),
        };
        let listed = listings
            .into_iter()
            .find(|(_, account)| named.is_none_or(|n| *n == account.id));
        if let Some((user, account)) = listed {
            return Ok((account.preferences, Some(user)));
        }
        let account = match named {
            Some(name) => store.account(name).await?,
            None => None,
        };
        Ok((account.map(|a| a.preferences).unwrap_or_default(), None))
    }

    /// Evidence for a mail without a single `From`: there is no domain whose DMARC policy could be asked.
    async fn without_from(&self, incoming: &Incoming) -> Evidence {
        let now = SystemClock.now();
        let connection = &incoming.connection;
        let dns = self.dns.within(LIMIT);
        let spf = match (connection.client_ip, &connection.envelope_sender) {
            (Some(ip), Some(sender)) => {
                let sender = sender.to_string();
                let question = spf::Question {
                    ip,
                    helo: &connection.helo,
                    sender: &sender,
                    receiver: "unknown",
                    now,
                };
                spf::check(&dns, &question, LIMIT).await
            }
            (_, sender) => Spf {
                result: SpfResult::None,
                domain: sender.as_ref().map(|s| s.domain().clone()),
                width: None,
                lookups: 0,
                explanation: None,
                why: "Without a client address and an envelope sender there is nothing to check."
                    .to_owned(),
            },
        };
        Evidence {
            spf,
            dkim: dkim::verify(&dns, &incoming.raw, now).await,
            dmarc: Dmarc {
                result: DmarcResult::None,
                policy: None,
                why: "The mail does not name one sender, so no policy applies.".to_owned(),
            },
        }
    }
}

/// The text however long it is: what an account that refuses long texts would have been asked to send.
fn whole(
    mail: &Mail,
    preferences: &Preferences,
    user: Option<&User>,
) -> Result<SmsText, postel_core::text::TooLong> {
    let unlimited = Preferences {
        max_parts: u32::MAX,
        over_long: OverLimit::Truncate,
        ..preferences.clone()
    };
    composition(mail, &unlimited, user, u32::MAX).text
}

fn single_from(mail: &Mail) -> Option<EmailAddress> {
    match &mail.from {
        FromField::One(spec) => EmailAddress::new(&spec.local, &spec.domain).ok(),
        FromField::Ambiguous(_) => None,
    }
}

/// The decision for the mail as a whole.
fn decided(judged: &Judged, nothing_for_us: bool) -> (Code, String) {
    match &judged.outcome {
        Outcome::Accepted(_) => {
            let first = judged
                .record
                .recipients
                .iter()
                .find(|r| r.code == Code::Accepted);
            (
                Code::Accepted,
                first.map(|r| r.why.clone()).unwrap_or_default(),
            )
        }
        Outcome::Refused(_) if nothing_for_us => (Code::NotANumber, ELSEWHERE.to_owned()),
        Outcome::Refused(refusal) | Outcome::TryAgain(refusal) => {
            (refusal.code(), refusal.why(Language::En))
        }
    }
}

/// Why a recipient at another domain is refused.
const ELSEWHERE: &str =
    "This is not an address of this gateway, and mail for others is not passed on.";

/// The outcomes in the order the recipients were asked in, under the addresses they were asked with.
fn in_order(
    asked: &[String],
    ours: &[&String],
    judged: Judged,
    code: Code,
) -> Vec<RecipientOutcome> {
    let mut outcomes = judged.record.recipients.into_iter();
    let undecided = match judged.outcome {
        Outcome::TryAgain(refusal) => refusal.why(Language::En),
        Outcome::Accepted(_) | Outcome::Refused(_) => String::new(),
    };
    asked
        .iter()
        .map(|address| {
            let blank = |code, why: &str| RecipientOutcome {
                address: address.clone(),
                number: None,
                account: None,
                code,
                why: why.to_owned(),
            };
            if !ours.contains(&address) {
                return blank(Code::NotANumber, ELSEWHERE);
            }
            match outcomes.next() {
                // Where DNS keeps the decision from the mail, no recipient after that one was judged.
                Some(outcome) if code != Code::TryAgain => RecipientOutcome {
                    address: address.clone(),
                    ..outcome
                },
                Some(_) | None => blank(code, &undecided),
            }
        })
        .collect()
}
