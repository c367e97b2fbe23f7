//! The use cases over the AWS home.

use std::sync::Arc;
use std::time::Duration;

use postel_auth::Authenticator;
use postel_auth::dns::Dns;
use postel_aws::dynamo::DynamoStore;
use postel_aws::{Bucket, Clients};
use postel_core::decision::Gateway;
use postel_core::dispatch::Dispatcher;
use postel_core::intake::{Intake, Rules};
use postel_core::ledger::limits::Ceilings;
use postel_core::notice::Notices;
use postel_core::ports::{Clock, Ids, SmsProvider, Store};
use postel_sms::Handset;

use crate::{Config, Inbound};

/// For all evidence of one mail: nobody waits for an answer here.
const EVIDENCE: Duration = Duration::from_secs(10);

/// Days for which metadata of strangers' mail is kept (DESIGN 3).
const STRANGER_DAYS: u32 = 7;

impl Inbound {
    /// The handler over these services, with the simulated phone as its only provider.
    #[must_use]
    pub fn wired(
        clients: &Clients,
        config: &Config,
        dns: Dns,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let store: Arc<dyn Store> = Arc::new(DynamoStore::new(
            clients,
            &config.table,
            Arc::clone(&clock),
            Arc::clone(&ids),
        ));
        let own = config.domains.first().map_or("", |domain| domain.as_str());
        let notices = Notices::new(Arc::clone(&store), config.mail_from.clone(), own.to_owned());
        let rules = Rules {
            gateway: Gateway {
                domains: config.domains.clone(),
                loop_mark: own.to_owned(),
                any_server: config.any_server,
            },
            ceilings: Ceilings::default(),
            stranger_days: STRANGER_DAYS,
            needs_originator: false,
            max_parts: Handset::LIMITS.max_parts,
        };
        let handset: Arc<dyn SmsProvider> =
            Arc::new(Handset::new(Arc::clone(&store), Arc::clone(&clock)));
        let evidence = Arc::new(Authenticator::new(dns, own).within(EVIDENCE));
        let dispatcher = Dispatcher::new(
            Arc::clone(&store),
            vec![handset],
            Arc::clone(&clock),
            notices.clone(),
        );
        let intake = Intake::new(store, evidence, clock, ids, notices, rules);
        Self::new(Bucket::new(clients, &config.bucket), intake, dispatcher)
    }
}
