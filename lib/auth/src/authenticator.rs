//! All evidence about the sender of one mail, gathered at once and in bounded time.
//!
//! Must not judge it: that is core's.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use postel_core::address::{Domain, EmailAddress};
use postel_core::evidence::{Connection, Evidence, Spf, SpfResult};
use postel_core::ports::SenderEvidence;

use crate::dns::Dns;
use crate::{dkim, dmarc, spf};

/// Gathers SPF, DKIM and DMARC over one resolver. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    dns: Dns,
    receiver: String,
    limit: Duration,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Short enough that the answer to DATA comes within five seconds (DESIGN 4.3). What is late
    /// is a temporary error; the answers that did come are in the cache when the mail comes again.
    pub const LIMIT: Duration = Duration::from_secs(4);

    /// Evidence over `dns`, within [`Self::LIMIT`]. `receiver` is our own host name, for SPF explanations.
    #[must_use]
    pub fn new(dns: Dns, receiver: &str) -> Self {
        Self {
            dns,
            receiver: receiver.to_owned(),
            limit: Self::LIMIT,
        }
    }

    /// Another limit for all of one mail's evidence, where nobody is waiting.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    async fn spf(&self, connection: &Connection, now: Timestamp) -> Spf {
        let sender = connection.envelope_sender.as_ref();
        match (connection.client_ip, sender.map(EmailAddress::to_string)) {
            (Some(ip), Some(sender)) => {
                let question = spf::Question {
                    ip,
                    helo: &connection.helo,
                    sender: &sender,
                    receiver: &self.receiver,
                    now,
                };
                spf::check(&self.dns, &question, self.limit).await
            }
            // The HELO name is no proof of any `From` (DESIGN 4.2).
            (_, None) => unchecked(
                None,
                "The mail came without an envelope sender, so there is no domain whose SPF record could be asked.",
            ),
            (None, Some(_)) => unchecked(
                sender.map(|s| s.domain().clone()),
                "It is not known which client handed the mail over, so SPF cannot be checked.",
            ),
        }
    }
}

#[async_trait]
impl SenderEvidence for Authenticator {
    async fn evidence(
        &self,
        connection: &Connection,
        from: &EmailAddress,
        raw: &[u8],
        now: Timestamp,
    ) -> Evidence {
        let dns = self.dns.within(self.limit);
        let (spf, dkim, policy) = tokio::join!(
            self.spf(connection, now),
            dkim::verify(&dns, raw, now),
            dmarc::published(&dns, from.domain()),
        );
        let dmarc = dmarc::judge(from.domain(), &policy, &spf, &dkim);
        Evidence { spf, dkim, dmarc }
    }
}

fn unchecked(domain: Option<Domain>, why: &str) -> Spf {
    Spf {
        result: SpfResult::None,
        domain,
        width: None,
        lookups: 0,
        explanation: None,
        why: why.to_owned(),
    }
}
