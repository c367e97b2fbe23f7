//! Esendex (Commify): message dispatcher, message headers and accounts, API v1.0, in XML.
//!
//! One text is one batch of one message for one recipient, because the answer names ids but no recipients.
//! Esendex knows no key that makes a request repeatable, so what may have been taken is looked up in the
//! list of sent messages. Must not know accounts of ours or the ledger.

mod answer;
mod look_up;
mod request;
mod xml;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use postel_core::ports::{Clock, LookUp, ProviderLimits, Sms, SmsOutcome, SmsProvider};

use crate::http::{Credentials, Endpoint, Http, Options, SetupError, Trouble};
use crate::probe::{Probe, Standing, body_or_standing};

/// Hours that a text may be valid.
const MAX_VALIDITY_HOURS: u32 = 72;

/// What stands in the configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// The Esendex account that pays: `EX` and digits.
    pub account_reference: String,
    /// The user's mail address.
    pub user: String,
    /// Its API password.
    pub password: String,
    /// Parts that the account takes. Esendex documents none; its accounts can be limited.
    pub max_parts: u32,
    /// Usually `https://api.esendex.com`.
    pub url: Endpoint,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "esendex::Settings({})", self.url)
    }
}

impl Settings {
    /// What Esendex takes at most.
    #[must_use]
    pub fn limits(&self) -> ProviderLimits {
        ProviderLimits {
            max_parts: self.max_parts,
            max_validity_hours: MAX_VALIDITY_HOURS,
            needs_originator: true,
            looks_up: true,
        }
    }
}

/// Esendex as a provider.
pub struct Esendex {
    http: Http,
    account_reference: String,
    limits: ProviderLimits,
    clock: Arc<dyn Clock>,
}

impl Esendex {
    /// A client for one Esendex account. Asks nothing yet.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(
        settings: Settings,
        options: &Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let limits = settings.limits();
        let credentials = Credentials {
            user: settings.user,
            secret: settings.password,
        };
        Ok(Self {
            http: Http::new(settings.url, credentials, options)?,
            account_reference: settings.account_reference,
            limits,
            clock,
        })
    }
}

#[async_trait]
impl SmsProvider for Esendex {
    fn name(&self) -> &'static str {
        "esendex"
    }

    fn limits(&self) -> ProviderLimits {
        self.limits
    }

    async fn send(&self, sms: &Sms) -> SmsOutcome {
        let batch = match request::batch(sms, &self.account_reference, self.clock.now()) {
            Ok(batch) => batch,
            Err(why) => {
                return SmsOutcome::Rejected {
                    detail: why.to_owned(),
                };
            }
        };
        let kind = "application/xml; charset=utf-8";
        let posted = self
            .http
            .post("/v1.0/messagedispatcher", kind, batch.into());
        match posted.await {
            Ok(answer) => answer::outcome(&answer, self.clock.now()),
            Err(Trouble::NotSent(words)) => SmsOutcome::NotSent {
                detail: words.to_owned(),
            },
            Err(Trouble::Unsure(words)) => SmsOutcome::Ambiguous {
                detail: words.to_owned(),
            },
        }
    }

    /// Reads the list of sent messages. All of it ends within the time of one request.
    async fn look_up(&self, sms: &Sms, taken: Range<Timestamp>) -> LookUp {
        let list = look_up::look_up(&self.http, &self.account_reference, sms, &taken);
        self.http.within(list).await
    }
}

#[async_trait]
impl Probe for Esendex {
    /// Reads the accounts that the user may use, with their credit.
    async fn standing(&self) -> Standing {
        let asked = self.http.get("/v1.0/accounts").await;
        match body_or_standing(asked, "user and password_file") {
            Ok(body) => answer::standing(&body, &self.account_reference),
            Err(standing) => standing,
        }
    }
}
