//! A whole gateway on twins of every port, and the mail that goes through it.

pub(crate) use std::sync::Arc;

pub(crate) use jiff::{SignedDuration, Timestamp};
pub(crate) use postel_core::decision::Gateway;
pub(crate) use postel_core::dispatch::Dispatcher;
pub(crate) use postel_core::evidence::{Connection, Evidence, SesVerdicts, SpfResult};
pub(crate) use postel_core::intake::{Accepted, Envelope, Intake, Outcome, Rules};
pub(crate) use postel_core::ledger::limits::Ceilings;
pub(crate) use postel_core::ledger::{Row, State};
pub(crate) use postel_core::model::{Account, Language, Sender};
pub(crate) use postel_core::notice::Notices;
pub(crate) use postel_core::ports::{
    Directory, Ledger, Mails, OptOut, OptOutSource, SmsOutcome, SmsProvider,
};
pub(crate) use postel_core::settings::{Added, Settings, SettingsError};
pub(crate) use postel_core::sweep::Sweeper;
pub(crate) use postel_core::testing::{
    CountingIds, FixedEvidence, ManualClock, MemoryStore, RecordingMailOut, ScriptedProvider,
    spf_alone,
};

pub(crate) const MAIL: &str = "From: ann@example.com\r\nTo: x\r\nSubject: s\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n\
                    Message-ID: <1@example.com>\r\n\r\nhello\r\n";

/// A whole gateway in memory.
pub(crate) struct House {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) evidence: Arc<FixedEvidence>,
    pub(crate) providers: Vec<Arc<ScriptedProvider>>,
    pub(crate) mailbox: Arc<RecordingMailOut>,
    pub(crate) intake: Intake,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) sweeper: Sweeper,
    pub(crate) settings: Settings,
}

pub(crate) fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn detail() -> String {
    "503".to_owned()
}

pub(crate) fn evidence(result: SpfResult) -> Evidence {
    spf_alone(result, "example.com".parse().unwrap())
}

impl House {
    /// With one provider that answers so, then takes everything.
    pub(crate) async fn with(script: impl IntoIterator<Item = SmsOutcome>) -> Self {
        Self::with_providers(vec![ScriptedProvider::new("first", script)], |_| ()).await
    }

    pub(crate) async fn with_providers(
        providers: Vec<ScriptedProvider>,
        change: impl Fn(&mut Account),
    ) -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(start()));
        let evidence = Arc::new(FixedEvidence::new(evidence(SpfResult::Pass)));
        let providers: Vec<_> = providers.into_iter().map(Arc::new).collect();
        let mailbox = Arc::new(RecordingMailOut::new());
        let ids = Arc::new(CountingIds::new());
        let notices = Notices::new(
            store.clone(),
            "postel@sms.example.net".parse().unwrap(),
            "mark".to_owned(),
        );
        let rules = Rules {
            gateway: Gateway {
                domains: vec!["sms.example.net".parse().unwrap()],
                loop_mark: "mark".to_owned(),
                any_server: false,
            },
            ceilings: Ceilings::default(),
            stranger_days: 7,
            needs_originator: false,
            max_parts: 20,
        };
        let asked: Vec<Arc<dyn SmsProvider>> = providers
            .iter()
            .map(|p| p.clone() as Arc<dyn SmsProvider>)
            .collect();
        let dispatcher = Arc::new(Dispatcher::new(
            store.clone(),
            asked,
            clock.clone(),
            notices.clone(),
        ));
        let house = Self {
            intake: Intake::new(
                store.clone(),
                evidence.clone(),
                clock.clone(),
                ids.clone(),
                notices.clone(),
                rules,
            ),
            sweeper: Sweeper::new(
                store.clone(),
                dispatcher.clone(),
                mailbox.clone(),
                clock.clone(),
                notices.clone(),
                Ceilings::default(),
            ),
            settings: Settings::new(
                store.clone(),
                clock.clone(),
                ids,
                notices,
                "https://sms.example.net/",
            )
            .with_gateway_domains(&["sms.example.net".parse().unwrap()]),
            store,
            clock,
            evidence,
            providers,
            mailbox,
            dispatcher,
        };
        let mut account = Account::new("acme".parse().unwrap());
        account.admins = vec!["boss@example.com".parse().unwrap()];
        change(&mut account);
        house.settings.add_account(account, "test").await.unwrap();
        house
            .settings
            .add_user(&acme(), ann(), "test")
            .await
            .unwrap();
        house
            .settings
            .accept_for(&acme(), &ann(), "test")
            .await
            .unwrap();
        house
    }

    pub(crate) fn envelope(recipients: &[&str]) -> Envelope {
        Envelope {
            connection: Connection {
                client_ip: Some("192.0.2.7".parse().unwrap()),
                relay: None,
                helo: "mx.example.com".to_owned(),
                envelope_sender: Some("ann@example.com".parse().unwrap()),
                authenticated: None,
            },
            recipients: recipients
                .iter()
                .map(|r| format!("{r}@sms.example.net"))
                .collect(),
            ses: SesVerdicts::default(),
            transport_id: None,
        }
    }

    pub(crate) async fn accept(&self, raw: &str, recipients: &[&str]) -> Accepted {
        match self
            .intake
            .receive(&Self::envelope(recipients), raw.as_bytes())
            .await
            .unwrap()
            .outcome
        {
            Outcome::Accepted(accepted) => *accepted,
            other => panic!("{other:?}"),
        }
    }

    /// From the wire to the providers, as a worker does it.
    pub(crate) async fn deliver(&self, raw: &str, recipients: &[&str]) -> Vec<Row> {
        let accepted = self.accept(raw, recipients).await;
        for row in self.intake.enter(&accepted).await.unwrap() {
            self.dispatcher.attend(row).await.unwrap();
        }
        self.store.rows_of(&accepted.record.id).await.unwrap()
    }

    pub(crate) async fn sweep_after(&self, wait: SignedDuration) {
        self.clock.advance(wait);
        self.sweeper.run(100).await.unwrap();
    }

    pub(crate) fn handed(&self) -> usize {
        self.providers.iter().map(|p| p.texts().len()).sum()
    }

    /// Header and decoded text of every mail of ours.
    pub(crate) fn mails(&self) -> Vec<String> {
        let read = |raw: &[u8]| {
            let mail = postel_mail::parse(raw);
            let header = String::from_utf8_lossy(&raw[..mail.body_offset]).into_owned();
            format!("{header}{}", mail.body.text)
        };
        self.mailbox.mails().iter().map(|m| read(&m.raw)).collect()
    }

    pub(crate) async fn row(&self, of: &Row) -> Row {
        self.store.row(&of.id).await.unwrap().unwrap()
    }

    /// Parts taken from the account's day.
    pub(crate) async fn day(&self) -> u32 {
        self.store
            .counters(&["day/acme/2026-11-21".to_owned()])
            .await
            .unwrap()[0]
    }
}

pub(crate) fn acme() -> postel_core::model::AccountId {
    "acme".parse().unwrap()
}

pub(crate) fn ann() -> Sender {
    "ann@example.com".parse().unwrap()
}
