//! The one process's tasks: what is slow or broken in one holds up none of the others.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod log;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use postel_core::address::EmailAddress;
use postel_core::decision::Gateway;
use postel_core::dispatch::Dispatcher;
use postel_core::evidence::{Connection, Evidence, SpfResult};
use postel_core::intake::{Intake, Rules};
use postel_core::ledger::State;
use postel_core::ledger::limits::Ceilings;
use postel_core::model::{Account, OutgoingMail, Sender};
use postel_core::notice::Notices;
use postel_core::ports::{
    Ledger as _, MailOut, MailOutError, ProviderLimits, Sms, SmsOutcome, SmsProvider,
};
use postel_core::settings::Settings;
use postel_core::sweep::Sweeper;
use postel_core::testing::{
    CountingIds, FixedEvidence, ManualClock, MemoryStore, ScriptedProvider, spf_alone,
};
use postel_local::home::{Door, Home};
use postel_local::smtp::{Envelope, MailHandler as _};
use postel_local::spool::Spool;
use tokio::sync::watch;
use tokio::task::JoinSet;

const MAIL: &[u8] = b"From: ann@example.com\r\nTo: x\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n\
                      Message-ID: <1@example.com>\r\n\r\nhello\r\n";

/// A mail server that takes the connection and never says anything.
struct Silent;

#[async_trait]
impl MailOut for Silent {
    async fn send(&self, _: &OutgoingMail) -> Result<(), MailOutError> {
        std::future::pending().await
    }
}

fn proven() -> Evidence {
    spf_alone(SpfResult::Pass, "example.com".parse().unwrap())
}

/// A home on twins, whose mail server never answers; closed when `close` is dropped.
struct Fixture {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    door: Arc<Door>,
    _close: watch::Sender<bool>,
    _tasks: JoinSet<()>,
    _folder: tempfile::TempDir,
}

/// With one text on its way at a time.
async fn home(provider: Arc<dyn SmsProvider>) -> Fixture {
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let (store, clock) = (
        Arc::new(MemoryStore::new()),
        Arc::new(ManualClock::new(now)),
    );
    let ids = Arc::new(CountingIds::new());
    let from: EmailAddress = "postel@sms.example.net".parse().unwrap();
    let notices = Notices::new(store.clone(), from, "mark".to_owned());
    let settings = Settings::new(
        store.clone(),
        clock.clone(),
        ids.clone(),
        notices.clone(),
        "https://x",
    );
    let (acme, ann): (_, Sender) = ("acme".parse().unwrap(), "ann@example.com".parse().unwrap());
    settings
        .add_account(Account::new("acme".parse().unwrap()), "test")
        .await
        .unwrap();
    // Posts the invitation that the mail server never takes.
    settings.add_user(&acme, ann.clone(), "test").await.unwrap();
    settings.accept_for(&acme, &ann, "test").await.unwrap();
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
    let evidence = Arc::new(FixedEvidence::new(proven()));
    let intake = Intake::new(
        store.clone(),
        evidence,
        clock.clone(),
        ids,
        notices.clone(),
        rules,
    );
    let dispatcher = Arc::new(Dispatcher::new(
        store.clone(),
        vec![provider],
        clock.clone(),
        notices.clone(),
    ));
    let sweeper = Sweeper::new(
        store.clone(),
        dispatcher.clone(),
        Arc::new(Silent),
        clock.clone(),
        notices,
        Ceilings::default(),
    );
    let folder = tempfile::tempdir().unwrap();
    let (spool, pending) = Spool::open(folder.path()).unwrap();
    let home = Home {
        intake: Arc::new(intake),
        dispatcher,
        sweeper: Arc::new(sweeper),
        spool,
        clock: clock.clone(),
        workers: 1,
        sweep_every: Duration::from_millis(20),
        store: store.clone(),
    };
    let (close, closing) = watch::channel(false);
    let (door, tasks) = home.start(pending, closing);
    Fixture {
        store,
        clock,
        door,
        _close: close,
        _tasks: tasks,
        _folder: folder,
    }
}

fn envelope() -> Envelope {
    Envelope {
        connection: Connection {
            client_ip: Some("192.0.2.7".parse().unwrap()),
            relay: None,
            helo: "mx.example.com".to_owned(),
            envelope_sender: Some("ann@example.com".parse().unwrap()),
            authenticated: None,
        },
        recipients: vec!["0612345678@sms.example.net".to_owned()],
    }
}

#[tokio::test]
async fn a_mail_server_that_hangs_holds_up_no_text() {
    let detail = "503".to_owned();
    let provider = Arc::new(ScriptedProvider::new(
        "first",
        [SmsOutcome::NotSent { detail }],
    ));
    let Fixture { door, clock, .. } = &home(provider.clone()).await;
    let envelope = envelope();
    let seen = log::Log::default();
    tracing::subscriber::with_default(seen.clone(), || {
        for (to, code) in [
            ("eve@sms.example.net", 550),
            ("0612345678@elsewhere.example", 550),
            ("postmaster@sms.example.net", 550),
            ("Postmaster", 550),
        ] {
            let refused = door.recipient(&envelope.connection, to).unwrap_err();
            assert_eq!(refused.code(), code);
        }
    });
    let said = seen.text();
    assert_eq!(said.matches("reason=\"not-a-number\"").count(), 3, "{said}");
    assert_eq!(said.matches("reason=\"other-domain\"").count(), 1, "{said}");
    assert!(!said.contains('@'), "{said}");
    assert!(door.mail(envelope, MAIL.to_vec()).await.is_success());
    for _ in 0..500 {
        match provider.texts().len() {
            0 => {}
            1 => clock.advance(SignedDuration::from_secs(1)),
            _ => return,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the text was not tried again");
}

/// A provider that takes a text and never says so.
struct Stuck;

#[async_trait]
impl SmsProvider for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    fn limits(&self) -> ProviderLimits {
        ProviderLimits {
            max_parts: 20,
            max_validity_hours: 72,
            needs_originator: false,
            looks_up: false,
        }
    }

    async fn send(&self, _: &Sms) -> SmsOutcome {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_provider_that_hangs_holds_up_the_entering_of_no_mail() {
    const MAILS: usize = 20;
    let Fixture { door, store, .. } = &home(Arc::new(Stuck)).await;
    for n in 0..MAILS {
        let mail = String::from_utf8(MAIL.to_vec()).unwrap();
        let mail = mail.replace("<1@", &format!("<{n}@"));
        assert!(door.mail(envelope(), mail.into()).await.is_success());
    }
    for _ in 0..500 {
        let rows = store.due(Timestamp::MAX, 2 * MAILS).await.unwrap();
        let sending = rows.iter().filter(|r| r.state == State::Sending).count();
        if rows.len() == MAILS && sending == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("mails waited for the provider");
}
