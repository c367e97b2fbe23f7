//! The real dispatcher and sweep over a store, with real clients of providers and a clock that is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use postel_core::dispatch::Dispatcher;
use postel_core::ledger::limits::Ceilings;
use postel_core::ledger::{LimitKind, Originator, Reservation, Row, RowId, State};
use postel_core::model::{Account, AccountId, Automated, Language, MailId, User, UserStatus};
use postel_core::notice::Notices;
use postel_core::number::PhoneNumber;
use postel_core::ports::{Claim, Directory as _, Ledger as _, Outbox as _, SmsProvider};
use postel_core::sweep::Sweeper;
use postel_core::testing::{ManualClock, MemoryStore, RecordingMailOut};
use postel_core::text::Encoding;
use postel_sms::{Options, Twilio, twilio};

use crate::vendor::Vendor;

/// How long a client waits for an answer here.
pub(crate) const PATIENCE: Duration = Duration::from_millis(700);

/// The counter that holds what the rows have reserved: one part each.
const COUNTER: &str = "parts";

/// A gateway from its ledger on.
pub(crate) struct House {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) sweeper: Sweeper,
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-11-21T12:00:00Z".parse().unwrap()))
}

/// The real client of Twilio, at this vendor.
pub(crate) fn twilio_at(vendor: &Vendor, clock: &Arc<ManualClock>) -> Arc<dyn SmsProvider> {
    let settings = twilio::Settings {
        account_sid: "AC00000000000000000000000000000001".to_owned(),
        key_sid: None,
        auth_token: "token".to_owned(),
        messaging_service_sid: None,
        url: vendor.url().parse().unwrap(),
    };
    let options = Options {
        connect: PATIENCE,
        whole: PATIENCE,
        trust: None,
    };
    Arc::new(Twilio::new(settings, &options, clock.clone()).unwrap())
}

fn acme() -> AccountId {
    "acme".parse().unwrap()
}

fn number(n: u32) -> PhoneNumber {
    serde_json::from_str(&format!("\"+336123{n:05}\"")).unwrap()
}

impl House {
    /// With an account and its user, and these providers.
    pub(crate) async fn with(
        clock: Arc<ManualClock>,
        providers: Vec<Arc<dyn SmsProvider>>,
    ) -> Self {
        let store = Arc::new(MemoryStore::new());
        store
            .save_account(&Account::new(acme()), &[])
            .await
            .unwrap();
        let user = User {
            account: acme(),
            sender: "ann@example.com".parse().unwrap(),
            version: 0,
            status: UserStatus::Accepted {
                at: Timestamp::UNIX_EPOCH,
            },
            default: true,
            automated: Automated::Allow,
            signature: None,
            password: None,
            added_at: Timestamp::UNIX_EPOCH,
        };
        store.save_user(&user, &[]).await.unwrap();
        let notices = Notices::new(
            store.clone(),
            "postel@sms.example.com".parse().unwrap(),
            "mark".to_owned(),
        );
        let dispatcher = Arc::new(Dispatcher::new(
            store.clone(),
            providers,
            clock.clone(),
            notices.clone(),
        ));
        let sweeper = Sweeper::new(
            store.clone(),
            dispatcher.clone(),
            Arc::new(RecordingMailOut::new()),
            clock.clone(),
            notices,
            Ceilings::default(),
        );
        Self {
            store,
            clock,
            dispatcher,
            sweeper,
        }
    }

    /// A claimed row to the `n`th number, valid for so long, that nobody has attended to yet.
    pub(crate) async fn row(&self, n: u32, valid: SignedDuration) -> Row {
        self.row_saying(n, n, &format!("text {n}"), valid).await
    }

    /// The same, with an id, a number and words of its own.
    pub(crate) async fn row_saying(
        &self,
        id: u32,
        to: u32,
        words: &str,
        valid: SignedDuration,
    ) -> Row {
        let now = jiff_now(&self.clock);
        let days = |n: i64| now + SignedDuration::from_hours(24 * n);
        let mut row = Row {
            id: RowId(format!("row-{id:05}")),
            version: 0,
            mail: MailId(format!("mail-{id}")),
            account: acme(),
            user: "ann@example.com".parse().unwrap(),
            to: number(to),
            text: words.to_owned(),
            encoding: Encoding::Gsm7,
            parts: 1,
            truncated: false,
            originator: Originator::Name("Acme".parse().unwrap()),
            language: Language::En,
            accepted_at: now,
            valid_until: now + valid,
            state: State::Waiting,
            due: None,
            attempts: 0,
            provider: None,
            provider_ref: None,
            reservations: vec![Reservation {
                counter: COUNTER.to_owned(),
                limit: LimitKind::AccountDay,
                amount: 1,
                ceiling: 1_000_000,
                expires_at: days(2),
            }],
            events: Vec::new(),
            text_expires_at: days(30),
            expires_at: days(30),
        };
        row.enter(State::Waiting, Some(now), now, "accepted");
        assert_eq!(self.store.claim(&row).await.unwrap(), Claim::New);
        row
    }

    /// The row as it is now.
    pub(crate) async fn now(&self, row: &Row) -> Row {
        self.store.row(&row.id).await.unwrap().unwrap()
    }

    /// Parts that are reserved.
    pub(crate) async fn reserved(&self) -> u32 {
        self.store.counters(&[COUNTER.to_owned()]).await.unwrap()[0]
    }

    /// Mails to the sender.
    pub(crate) async fn told(&self) -> usize {
        self.store.outbox(100_000).await.unwrap().len()
    }

    /// Moves the clock on, then sweeps until nothing is due.
    pub(crate) async fn later(&self, by: SignedDuration) {
        self.clock.advance(by);
        while self.sweeper.rows(200).await.unwrap() > 0 {}
    }

    /// Moves the clock on minute by minute until all of these have ended, for at most a day.
    pub(crate) async fn settle(&self, rows: &[Row]) {
        for _ in 0..24 * 60 {
            self.later(SignedDuration::from_mins(1)).await;
            let mut ended = true;
            for row in rows {
                ended &= self.now(row).await.state.is_final();
            }
            if ended {
                return;
            }
        }
        panic!("a row has not ended within a day");
    }
}

fn jiff_now(clock: &ManualClock) -> Timestamp {
    postel_core::ports::Clock::now(clock)
}
