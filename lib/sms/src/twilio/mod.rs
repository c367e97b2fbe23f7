//! Twilio's Messages resource (https://www.twilio.com/docs/messaging/api/message-resource), API 2010-04-01.
//!
//! One text is one form and one answer. Twilio knows no key that makes a request repeatable, so what may have
//! been taken is looked up in the list of messages. Must not know accounts or the ledger.

mod answer;
mod codes;
mod look_up;
mod request;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use postel_core::ports::{Clock, LookUp, ProviderLimits, Sms, SmsOutcome, SmsProvider};

use serde::Deserialize;

use crate::http::{Credentials, Endpoint, Http, Options, SetupError, Trouble};
use crate::probe::{Probe, Standing, body_or_standing};

/// Somebody else answers there.
const NOT_TWILIO: &str = "the answer is not Twilio’s: look at url";

/// `Body` takes 1,600 characters. Counted as UTF-16 units, which are never fewer.
const MAX_CHARACTERS: usize = 1600;

/// `ValidityPeriod`: ten hours.
const MAX_VALIDITY_SECONDS: i64 = 36_000;

/// What Twilio takes at most.
pub const LIMITS: ProviderLimits = ProviderLimits {
    // Ten parts of 153 septets are 1,530 characters; eleven could be 1,683.
    max_parts: 10,
    max_validity_hours: 10,
    needs_originator: true,
    looks_up: true,
};

/// What stands in the configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// An API key's `SK…`; `None`: the account itself signs in.
    pub key_sid: Option<String>,
    /// The account's auth token, or the key's secret.
    pub auth_token: String,
    /// `MG…`: a messaging service whose rules hold for every text.
    pub messaging_service_sid: Option<String>,
    /// Usually `https://api.twilio.com`.
    pub url: Endpoint,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "twilio::Settings({})", self.url)
    }
}

/// Whether it is a prefix and 32 hexadecimal digits, as all of Twilio's ids are.
#[must_use]
pub fn is_sid(written: &str, prefix: &str) -> bool {
    written
        .strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Twilio as a provider.
pub struct Twilio {
    http: Http,
    account_sid: String,
    /// Whether an API key signs in.
    by_key: bool,
    messaging_service: Option<String>,
    clock: Arc<dyn Clock>,
}

impl Twilio {
    /// A client for one Twilio account. Asks nothing yet.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(
        settings: Settings,
        options: &Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let by_key = settings.key_sid.is_some();
        let credentials = Credentials {
            user: settings
                .key_sid
                .unwrap_or_else(|| settings.account_sid.clone()),
            secret: settings.auth_token,
        };
        Ok(Self {
            http: Http::new(settings.url, credentials, options)?,
            account_sid: settings.account_sid,
            by_key,
            messaging_service: settings.messaging_service_sid,
            clock,
        })
    }

    fn messages(&self) -> String {
        format!("/2010-04-01/Accounts/{}/Messages.json", self.account_sid)
    }
}

#[async_trait]
impl SmsProvider for Twilio {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn limits(&self) -> ProviderLimits {
        LIMITS
    }

    async fn send(&self, sms: &Sms) -> SmsOutcome {
        let service = self.messaging_service.as_deref();
        let form = match request::form(sms, service, self.clock.now()) {
            Ok(form) => form,
            Err(why) => {
                return SmsOutcome::Rejected {
                    detail: why.to_owned(),
                };
            }
        };
        let kind = "application/x-www-form-urlencoded";
        match self.http.post(&self.messages(), kind, form.into()).await {
            Ok(answer) => answer::outcome(&answer, self.clock.now()),
            Err(Trouble::NotSent(words)) => SmsOutcome::NotSent {
                detail: words.to_owned(),
            },
            Err(Trouble::Unsure(words)) => SmsOutcome::Ambiguous {
                detail: words.to_owned(),
            },
        }
    }

    /// Reads the list of messages to that number. All of it ends within the time of one request.
    async fn look_up(&self, sms: &Sms, taken: Range<Timestamp>) -> LookUp {
        let messages = self.messages();
        let list = look_up::look_up(&self.http, &messages, sms, &taken);
        self.http.within(list).await
    }
}

/// The account, as far as it matters.
#[derive(Deserialize)]
struct Account {
    status: String,
}

#[async_trait]
impl Probe for Twilio {
    /// Reads the account. API keys may not do that, so with one the newest message is asked for.
    async fn standing(&self) -> Standing {
        let account = format!("/2010-04-01/Accounts/{}.json", self.account_sid);
        let (path, mend) = if self.by_key {
            let path = format!("{}?PageSize=1", self.messages());
            (path, "account_sid, key_sid and auth_token_file")
        } else {
            (account, "account_sid and auth_token_file")
        };
        let body = match body_or_standing(self.http.get(&path).await, mend) {
            Ok(body) => body,
            Err(standing) => return standing,
        };
        if self.by_key {
            return match serde_json::from_slice::<serde_json::Value>(&body) {
                Ok(page) if page.get("messages").is_some() => {
                    Standing::Works("the key may read messages".to_owned())
                }
                Ok(_) | Err(_) => Standing::Refused(NOT_TWILIO.to_owned()),
            };
        }
        match serde_json::from_slice::<Account>(&body) {
            Ok(account) if account.status == "active" => {
                Standing::Works("the account is active".to_owned())
            }
            Ok(account) if ["suspended", "closed"].contains(&account.status.as_str()) => {
                Standing::Refused(format!(
                    "the account is {}; see Twilio’s console",
                    account.status
                ))
            }
            Ok(_) | Err(_) => Standing::Refused(NOT_TWILIO.to_owned()),
        }
    }
}
