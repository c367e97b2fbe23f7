//! The use cases on twins of every port: what the promises P2, P3 and P7 mean, case by case.
#![cfg(feature = "testing")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "an integration test: a panic is its failure"
)]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use postel_core::decision::Gateway;
use postel_core::dispatch::Dispatcher;
use postel_core::evidence::{
    Connection, Dmarc, DmarcResult, Evidence, SesVerdicts, Spf, SpfResult, SpfWidth,
};
use postel_core::intake::{Accepted, Envelope, Intake, Outcome, Rules};
use postel_core::ledger::limits::Ceilings;
use postel_core::ledger::{Row, State};
use postel_core::model::{Account, Language, Sender};
use postel_core::notice::Notices;
use postel_core::ports::{Directory, Ledger, Mails, OptOut, OptOutSource, SmsOutcome, SmsProvider};
use postel_core::settings::{Added, Settings, SettingsError};
use postel_core::sweep::Sweeper;
use postel_core::testing::{
    CountingIds, FixedEvidence, ManualClock, MemoryStore, RecordingMailOut, ScriptedProvider,
};

const MAIL: &str = "From: ann@example.com\r\nTo: x\r\nSubject: s\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n\
                    Message-ID: <1@example.com>\r\n\r\nhello\r\n";

/// A whole gateway in memory.
struct House {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    evidence: Arc<FixedEvidence>,
    providers: Vec<Arc<ScriptedProvider>>,
    mailbox: Arc<RecordingMailOut>,
    intake: Intake,
    dispatcher: Arc<Dispatcher>,
    sweeper: Sweeper,
    settings: Settings,
}

fn start() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn detail() -> String {
    "503".to_owned()
}

fn evidence(result: SpfResult) -> Evidence {
    Evidence {
        spf: Spf {
            result,
            domain: Some("example.com".parse().unwrap()),
            width: Some(SpfWidth::Range {
                prefix: 32,
                v6: false,
            }),
            lookups: 0,
            explanation: None,
            why: "Because.".to_owned(),
        },
        dkim: vec![],
        dmarc: Dmarc {
            result: DmarcResult::None,
            policy: None,
            why: "Because.".to_owned(),
        },
    }
}

impl House {
    /// With one provider that answers so, then takes everything.
    async fn with(script: impl IntoIterator<Item = SmsOutcome>) -> Self {
        Self::with_providers(vec![ScriptedProvider::new("first", script)], |_| ()).await
    }

    async fn with_providers(
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

    fn envelope(recipients: &[&str]) -> Envelope {
        Envelope {
            connection: Connection {
                client_ip: Some("192.0.2.7".parse().unwrap()),
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

    async fn accept(&self, raw: &str, recipients: &[&str]) -> Accepted {
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
    async fn deliver(&self, raw: &str, recipients: &[&str]) -> Vec<Row> {
        let accepted = self.accept(raw, recipients).await;
        for row in self.intake.enter(&accepted).await.unwrap() {
            self.dispatcher.attend(row).await.unwrap();
        }
        self.store.rows_of(&accepted.record.id).await.unwrap()
    }

    async fn sweep_after(&self, wait: SignedDuration) {
        self.clock.advance(wait);
        self.sweeper.run(100).await.unwrap();
    }

    fn handed(&self) -> usize {
        self.providers.iter().map(|p| p.texts().len()).sum()
    }

    /// Header and decoded text of every mail of ours.
    fn mails(&self) -> Vec<String> {
        let read = |raw: &[u8]| {
            let mail = postel_mail::parse(raw);
            let header = String::from_utf8_lossy(&raw[..mail.body_offset]).into_owned();
            format!("{header}{}", mail.body.text)
        };
        self.mailbox.mails().iter().map(|m| read(&m.raw)).collect()
    }

    async fn row(&self, of: &Row) -> Row {
        self.store.row(&of.id).await.unwrap().unwrap()
    }

    /// Parts taken from the account's day.
    async fn day(&self) -> u32 {
        self.store
            .counters(&["day/acme/2026-11-21".to_owned()])
            .await
            .unwrap()[0]
    }
}

fn acme() -> postel_core::model::AccountId {
    "acme".parse().unwrap()
}

fn ann() -> Sender {
    "ann@example.com".parse().unwrap()
}

#[tokio::test]
async fn a_mail_becomes_a_text() {
    let house = House::with([]).await;
    let rows = house.deliver(MAIL, &["0612345678"]).await;
    assert_eq!((rows.len(), rows[0].state), (1, State::Sent));
    let sent = house.providers[0].texts();
    assert_eq!(
        (sent.len(), sent[0].text.as_str(), sent[0].to.as_e164()),
        (1, "hello", "+33612345678")
    );
    assert_eq!(house.day().await, 1);
}

#[tokio::test]
async fn the_same_mail_again_sends_nothing_again() {
    let house = House::with([]).await;
    for _ in 0..3 {
        house.deliver(MAIL, &["0612345678"]).await;
        house.clock.advance(SignedDuration::from_hours(24));
    }
    assert_eq!(house.handed(), 1);
    assert_eq!(house.day().await, 1);
}

#[tokio::test]
async fn entering_the_same_accepted_mail_twice_sends_once() {
    let house = House::with([]).await;
    let accepted = house.accept(MAIL, &["0612345678"]).await;
    let (once, twice) = (
        house.intake.enter(&accepted).await.unwrap(),
        house.intake.enter(&accepted).await.unwrap(),
    );
    assert_eq!((once.len(), twice.len()), (1, 0));
}

#[tokio::test]
async fn a_redelivery_sends_to_recipients_that_are_new() {
    let house = House::with([]).await;
    house.deliver(MAIL, &["0612345678"]).await;
    house.deliver(MAIL, &["0612345678", "0698765432"]).await;
    assert_eq!(house.handed(), 2);
}

#[tokio::test]
async fn another_mail_with_the_same_words_is_another_text() {
    let house = House::with([]).await;
    house.deliver(MAIL, &["0612345678"]).await;
    house
        .deliver(&MAIL.replace("<1@", "<2@"), &["0612345678"])
        .await;
    assert_eq!(house.handed(), 2);
}

#[tokio::test]
async fn two_spellings_of_a_number_are_one_text() {
    let house = House::with([]).await;
    let rows = house
        .deliver(
            MAIL,
            &[
                "0612345678",
                "+33612345678",
                "06.12.34.56.78",
                "p33612345678",
            ],
        )
        .await;
    assert_eq!((rows.len(), house.handed()), (1, 1));
}

#[tokio::test]
async fn refused_recipients_do_not_hold_up_the_others_and_the_sender_is_told() {
    let house = House::with([]).await;
    let rows = house.deliver(MAIL, &["0612345678", "0142685300"]).await;
    assert_eq!((rows.len(), house.handed()), (1, 1));
    house.sweep_after(SignedDuration::ZERO).await;
    let told = house.mails().pop().unwrap();
    assert!(
        told.contains("0142685300") && told.contains("In-Reply-To: <1@example.com>"),
        "{told}"
    );
}

#[tokio::test]
async fn a_surely_unsent_text_waits_and_is_sent() {
    let house = House::with([
        SmsOutcome::NotSent { detail: detail() },
        SmsOutcome::Throttled {
            after: None,
            detail: detail(),
        },
    ])
    .await;
    let rows = house.deliver(MAIL, &["0612345678"]).await;
    assert_eq!(rows[0].state, State::Waiting);
    house.sweep_after(SignedDuration::from_secs(5)).await;
    assert_eq!(house.row(&rows[0]).await.state, State::Waiting);
    house.sweep_after(SignedDuration::from_secs(10)).await;
    assert_eq!(house.row(&rows[0]).await.state, State::Sent);
    assert_eq!(house.handed(), 3);
    assert_eq!(house.day().await, 1);
}

#[tokio::test]
async fn a_provider_down_for_longer_than_the_validity_ends_in_expired_and_the_sender_is_told() {
    let down = std::iter::repeat_with(|| SmsOutcome::NotSent { detail: detail() }).take(1_000);
    let house = House::with(down).await;
    let rows = house.deliver(MAIL, &["0612345678"]).await;
    for _ in 0..(25 * 4) {
        house.sweep_after(SignedDuration::from_mins(15)).await;
    }
    let row = house.row(&rows[0]).await;
    assert_eq!((row.state, row.due), (State::Expired, None));
    assert!(
        house.handed() < 120,
        "the back-off holds: {}",
        house.handed()
    );
    assert_eq!(house.day().await, 0);
    assert_eq!(
        house
            .mails()
            .iter()
            .filter(|m| m.contains("given up"))
            .count(),
        1
    );
}

#[tokio::test]
async fn an_unknown_outcome_is_told_and_never_sent_again() {
    let house = House::with([SmsOutcome::Ambiguous { detail: detail() }]).await;
    let rows = house.deliver(MAIL, &["0612345678"]).await;
    assert_eq!(rows[0].state, State::Unknown);
    for _ in 0..10 {
        house.sweep_after(SignedDuration::from_hours(3)).await;
    }
    house.deliver(MAIL, &["0612345678"]).await;
    assert_eq!(house.handed(), 1);
    assert_eq!(house.day().await, 1, "it may have been billed");
    assert_eq!(
        house
            .mails()
            .iter()
            .filter(|m| m.contains("not known whether"))
            .count(),
        1
    );
}

#[tokio::test]
async fn an_ambiguous_answer_that_the_provider_can_explain_is_sent() {
    let house = House::with([SmsOutcome::Ambiguous { detail: detail() }]).await;
    let accepted = house.accept(MAIL, &["0612345678"]).await;
    house.providers[0].knows(accepted.rows[0].id.clone(), "sm-1");
    for row in house.intake.enter(&accepted).await.unwrap() {
        house.dispatcher.attend(row).await.unwrap();
    }
    let row = house.row(&accepted.rows[0]).await;
    assert_eq!(
        (row.state, row.provider_ref.as_deref()),
        (State::Sent, Some("sm-1"))
    );
}

#[tokio::test]
async fn a_process_that_died_while_sending_leaves_unknown_not_a_second_text() {
    let house = House::with([]).await;
    let accepted = house.accept(MAIL, &["0612345678"]).await;
    let mut row = house.intake.enter(&accepted).await.unwrap().remove(0);
    row.provider = Some("first".to_owned());
    row.enter(
        State::Sending,
        Some(start() + SignedDuration::from_mins(5)),
        start(),
        "handed to first",
    );
    assert!(house.store.update(&row).await.unwrap());
    house.sweep_after(SignedDuration::from_mins(4)).await;
    assert_eq!(house.row(&row).await.state, State::Sending);
    house.sweep_after(SignedDuration::from_mins(2)).await;
    assert_eq!(house.row(&row).await.state, State::Unknown);
    assert_eq!(house.handed(), 0);
}

#[tokio::test]
async fn a_process_that_died_before_sending_leaves_a_row_that_the_sweep_sends() {
    let house = House::with([]).await;
    let accepted = house.accept(MAIL, &["0612345678"]).await;
    house.intake.enter(&accepted).await.unwrap();
    house.sweep_after(SignedDuration::from_secs(31)).await;
    assert_eq!(house.row(&accepted.rows[0]).await.state, State::Sent);
}

#[tokio::test]
async fn a_rejected_text_gives_back_its_parts_and_its_sender_is_told() {
    let house = House::with([SmsOutcome::Rejected { detail: detail() }]).await;
    let rows = house.deliver(MAIL, &["0612345678"]).await;
    assert_eq!((rows[0].state, house.day().await), (State::Failed, 0));
    house.sweep_after(SignedDuration::ZERO).await;
    assert_eq!(house.mails().len(), 2, "the invitation and this");
}

#[tokio::test]
async fn an_opt_out_at_the_provider_suppresses_the_number_for_the_account() {
    let house = House::with([SmsOutcome::OptedOut { detail: detail() }]).await;
    house.deliver(MAIL, &["0612345678"]).await;
    let again = house
        .intake
        .receive(
            &House::envelope(&["0612345678"]),
            MAIL.replace("<1@", "<2@").as_bytes(),
        )
        .await
        .unwrap();
    assert_eq!(again.record.recipients[0].code.as_str(), "opted-out");
    assert_eq!(house.handed(), 1);
}

#[tokio::test]
async fn an_opt_out_while_a_text_waits_stops_it() {
    let house = House::with([SmsOutcome::NotSent { detail: detail() }]).await;
    let rows = house.deliver(MAIL, &["0612345678"]).await;
    let stop = OptOut {
        at: start(),
        source: OptOutSource::Text,
    };
    house
        .store
        .set_opt_out(&acme(), &rows[0].to, Some(&stop))
        .await
        .unwrap();
    house.sweep_after(SignedDuration::from_secs(5)).await;
    assert_eq!(house.row(&rows[0]).await.state, State::Refused);
    assert_eq!((house.handed(), house.day().await), (1, 0));
}

#[tokio::test]
async fn another_provider_is_asked_only_where_the_first_surely_did_not_take_it() {
    let first = |outcome| {
        vec![
            ScriptedProvider::new("first", [outcome]),
            ScriptedProvider::new("second", []),
        ]
    };
    for (outcome, second, state) in [
        (SmsOutcome::NotSent { detail: detail() }, 1, State::Sent),
        (
            SmsOutcome::Throttled {
                after: None,
                detail: detail(),
            },
            1,
            State::Sent,
        ),
        (
            SmsOutcome::Ambiguous { detail: detail() },
            0,
            State::Unknown,
        ),
        (SmsOutcome::Rejected { detail: detail() }, 0, State::Failed),
        (SmsOutcome::OptedOut { detail: detail() }, 0, State::Failed),
        (
            SmsOutcome::AccountHold { detail: detail() },
            0,
            State::Waiting,
        ),
    ] {
        let house = House::with_providers(first(outcome.clone()), |_| ()).await;
        let rows = house.deliver(MAIL, &["0612345678"]).await;
        assert_eq!(
            (house.providers[1].texts().len(), rows[0].state),
            (second, state),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_limit_refuses_before_anything_is_sent() {
    let house = House::with_providers(vec![ScriptedProvider::new("first", [])], |a| {
        a.limits.parts_per_day = 2
    })
    .await;
    for n in 0..4 {
        let raw = MAIL.replace("<1@", &format!("<{n}@"));
        let judged = house
            .intake
            .receive(&House::envelope(&["0612345678"]), raw.as_bytes())
            .await
            .unwrap();
        if let Outcome::Accepted(accepted) = judged.outcome {
            for row in house.intake.enter(&accepted).await.unwrap() {
                house.dispatcher.attend(row).await.unwrap();
            }
        }
    }
    assert_eq!((house.handed(), house.day().await), (2, 2));
}

#[tokio::test]
async fn a_limit_that_fills_up_after_acceptance_ends_as_refused_and_is_told() {
    let house = House::with_providers(vec![ScriptedProvider::new("first", [])], |a| {
        a.limits.parts_per_day = 1
    })
    .await;
    let first = house.accept(MAIL, &["0612345678"]).await;
    let second = house
        .accept(&MAIL.replace("<1@", "<2@"), &["0612345678"])
        .await;
    assert_eq!(house.intake.enter(&first).await.unwrap().len(), 1);
    assert_eq!(house.intake.enter(&second).await.unwrap().len(), 0);
    assert_eq!(house.row(&second.rows[0]).await.state, State::Refused);
    house.sweep_after(SignedDuration::ZERO).await;
    assert_eq!(
        house
            .mails()
            .iter()
            .filter(|m| m.contains("over the limit"))
            .count(),
        1
    );
}

#[tokio::test]
async fn admins_are_warned_once_at_80_and_once_at_100_percent() {
    let house = House::with_providers(vec![ScriptedProvider::new("first", [])], |a| {
        a.limits.parts_per_day = 5
    })
    .await;
    for n in 0..5 {
        house
            .deliver(&MAIL.replace("<1@", &format!("<{n}@")), &["0612345678"])
            .await;
        house.sweep_after(SignedDuration::from_secs(1)).await;
        house.sweep_after(SignedDuration::from_secs(1)).await;
    }
    let count = |words: &str| house.mails().iter().filter(|m| m.contains(words)).count();
    assert_eq!(
        (count("80 % of a limit"), count("100 % of a limit")),
        (1, 1)
    );
}

#[tokio::test]
async fn a_cut_text_is_told_once_for_the_mail() {
    let house = House::with([]).await;
    let long = MAIL.replace("hello", &"many words ".repeat(200));
    let rows = house.deliver(&long, &["0612345678", "0698765432"]).await;
    assert!(
        rows.iter()
            .all(|r| r.truncated && r.parts == 6 && r.text.ends_with("..."))
    );
    house.sweep_after(SignedDuration::ZERO).await;
    assert_eq!(
        house
            .mails()
            .iter()
            .filter(|m| m.contains("cut to 6 parts"))
            .count(),
        1
    );
}

#[tokio::test]
async fn dns_trouble_is_tried_again_for_six_hours_and_then_refused() {
    let house = House::with([]).await;
    house.evidence.set(evidence(SpfResult::Temperror));
    let ask = || async {
        let judged = house
            .intake
            .receive(&House::envelope(&["0612345678"]), MAIL.as_bytes())
            .await
            .unwrap();
        judged
            .record
            .recipients
            .first()
            .map_or("try-again", |r| r.code.as_str())
    };
    assert_eq!(ask().await, "try-again");
    house.clock.advance(SignedDuration::from_hours(5));
    assert_eq!(ask().await, "try-again");
    house.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(ask().await, "not-verified");
    assert_eq!(house.handed(), 0);
}

#[tokio::test]
async fn strangers_cost_no_dns_and_leave_metadata_only() {
    let house = House::with([]).await;
    let raw = MAIL.replace("ann@example.com", "eve@example.org");
    let judged = house
        .intake
        .receive(&House::envelope(&["0612345678"]), raw.as_bytes())
        .await
        .unwrap();
    assert_eq!(house.evidence.asked(), 0);
    let kept = house.store.mail(&judged.record.id).await.unwrap().unwrap();
    assert_eq!((kept.subject, kept.cut.len()), (None, 0));
    assert_eq!(
        kept.expires_at,
        start() + SignedDuration::from_hours(7 * 24)
    );
}

#[tokio::test]
async fn a_short_retention_empties_the_text_and_keeps_the_row() {
    let house = House::with_providers(vec![ScriptedProvider::new("first", [])], |a| {
        a.retention.days = 2
    })
    .await;
    let rows = house.deliver(MAIL, &["0612345678"]).await;
    house.sweep_after(SignedDuration::from_hours(47)).await;
    assert_eq!(house.row(&rows[0]).await.text, "hello");
    house.sweep_after(SignedDuration::from_hours(2)).await;
    assert_eq!(house.row(&rows[0]).await.text, "");
    house.sweep_after(SignedDuration::from_hours(24 * 10)).await;
    house.deliver(MAIL, &["0612345678"]).await;
    assert_eq!(house.handed(), 1, "still known");
    house.sweep_after(SignedDuration::from_hours(24 * 10)).await;
    assert!(house.store.row(&rows[0].id).await.unwrap().is_none());
}

#[tokio::test]
async fn deleting_a_user_stops_its_waiting_texts() {
    let house = House::with([SmsOutcome::NotSent { detail: detail() }]).await;
    let rows = house.deliver(MAIL, &["0612345678"]).await;
    assert_eq!(
        house
            .settings
            .delete_user(&acme(), &ann(), "test")
            .await
            .unwrap(),
        1
    );
    house.sweep_after(SignedDuration::from_mins(1)).await;
    assert_eq!(
        (house.row(&rows[0]).await.state, house.handed()),
        (State::Refused, 1)
    );
}

/// A process that dies at any of its calls to the store, in any outcome: the text is handed over at
/// most once, its row ends, and its sender hears of every end that is not a text.
#[tokio::test]
async fn wherever_the_process_dies_nothing_is_sent_twice_or_lost_in_silence() {
    let long = MAIL.replace("hello", &"many words ".repeat(200));
    let answers = [
        SmsOutcome::Sent { provider_ref: None },
        SmsOutcome::Rejected { detail: detail() },
        SmsOutcome::OptedOut { detail: detail() },
        SmsOutcome::Ambiguous { detail: detail() },
    ];
    for (answer, dies) in answers.iter().flat_map(|a| (0..25).map(move |n| (a, n))) {
        let house = House::with([answer.clone()]).await;
        house.sweep_after(SignedDuration::ZERO).await;
        let accepted = house.accept(&long, &["0612345678", "0142685300"]).await;
        house.store.break_after(dies);
        if let Ok(rows) = house.intake.enter(&accepted).await {
            for row in rows {
                drop(house.dispatcher.attend(row).await);
            }
        }
        house.store.set_broken(false);
        house.intake.enter(&accepted).await.unwrap();
        for _ in 0..4 {
            house.sweep_after(SignedDuration::from_mins(6)).await;
        }
        let row = house.row(&accepted.rows[0]).await;
        let context = format!("{answer:?} dying at call {dies}: {:?}", row.state);
        assert!(row.state.is_final(), "{context}");
        assert_eq!(row.due, None, "{context}");
        assert!(house.handed() <= 1, "{context}");
        let told = house.mails().split_off(1);
        assert_eq!(told.len(), 2, "{context}: {told:?}");
    }
}

#[tokio::test]
async fn a_row_that_fails_holds_up_no_other() {
    for failing in 0..3 {
        let house = House::with([]).await;
        let accepted = house
            .accept(MAIL, &["0612345678", "0698765432", "0612345679"])
            .await;
        house.intake.enter(&accepted).await.unwrap();
        house.clock.advance(SignedDuration::from_mins(1));
        house.store.fail_once_after(1 + failing);
        assert!(house.sweeper.run(100).await.is_err());
        assert_eq!(house.handed(), 2, "call {failing}");
    }
}

#[tokio::test]
async fn a_slow_provider_holds_up_no_other_row() {
    let slow = ScriptedProvider::new("slow", []).with_delay(std::time::Duration::from_millis(500));
    let house = House::with_providers(vec![slow], |_| ()).await;
    let accepted = house
        .accept(MAIL, &["0612345678", "0698765432", "0612345679"])
        .await;
    house.intake.enter(&accepted).await.unwrap();
    house.clock.advance(SignedDuration::from_mins(1));
    let begun = std::time::Instant::now();
    house.sweeper.rows(100).await.unwrap();
    assert_eq!(house.handed(), 3);
    assert!(begun.elapsed() < std::time::Duration::from_millis(1_400));
}

#[tokio::test]
async fn a_text_refused_after_acceptance_is_forgotten_in_time() {
    let house = House::with_providers(vec![ScriptedProvider::new("first", [])], |a| {
        a.limits.parts_per_day = 1;
        a.retention.days = 2;
    })
    .await;
    let first = house.accept(MAIL, &["0612345678"]).await;
    let second = house
        .accept(&MAIL.replace("<1@", "<2@"), &["0612345678"])
        .await;
    for accepted in [&first, &second] {
        house.intake.enter(accepted).await.unwrap();
    }
    assert_eq!(
        house
            .settings
            .delete_user(&acme(), &ann(), "test")
            .await
            .unwrap(),
        1
    );
    house.sweep_after(SignedDuration::from_secs(1)).await;
    for _ in 0..3 {
        house.sweep_after(SignedDuration::from_hours(17)).await;
    }
    for row in [&first.rows[0], &second.rows[0]] {
        assert_eq!(house.row(row).await.text, "");
    }
}

#[tokio::test]
async fn deleting_a_domain_stops_the_texts_of_its_addresses_and_their_receipts() {
    let house = House::with([SmsOutcome::NotSent { detail: detail() }]).await;
    let domain: Sender = "@example.com".parse().unwrap();
    house
        .settings
        .delete_user(&acme(), &ann(), "test")
        .await
        .unwrap();
    house
        .settings
        .add_user(&acme(), domain.clone(), "test")
        .await
        .unwrap();
    house
        .settings
        .accept_for(&acme(), &domain, "test")
        .await
        .unwrap();
    let rows = house.deliver(MAIL, &["0612345678"]).await;
    house
        .settings
        .delete_user(&acme(), &domain, "test")
        .await
        .unwrap();
    let before = house.mails().len();
    house.sweep_after(SignedDuration::from_mins(1)).await;
    let row = house.row(&rows[0]).await;
    assert_eq!((row.state, house.handed()), (State::Refused, 1));
    assert_eq!(house.day().await, 0);
    assert!(
        house.mails()[before..]
            .iter()
            .all(|m| !m.contains("Text message"))
    );
}

#[tokio::test]
async fn a_recipient_refused_beside_one_that_is_sent_is_told_whatever_the_reason() {
    let house = House::with([]).await;
    let rows = house
        .deliver(MAIL, &["0612345678", "0698765432+other"])
        .await;
    assert_eq!((rows.len(), house.handed()), (1, 1));
    house.sweep_after(SignedDuration::ZERO).await;
    let told = house.mails().pop().unwrap();
    assert!(told.contains("0698765432+other"), "{told}");
}

#[tokio::test]
async fn an_account_that_lists_somebody_sees_none_of_the_mail_for_others() {
    let house = House::with([]).await;
    let spy = Account::new("spy".parse().unwrap());
    house.settings.add_account(spy, "test").await.unwrap();
    let id = "spy".parse().unwrap();
    house.settings.add_user(&id, ann(), "test").await.unwrap();
    house.deliver(MAIL, &["0612345678"]).await;
    assert_eq!(
        house.store.recent_mails(Some(&id), 10).await.unwrap().len(),
        0
    );
    assert_eq!(
        house
            .store
            .recent_mails(Some(&acme()), 10)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_redelivered_mail_says_in_its_trail_which_mail_it_is() {
    let house = House::with([]).await;
    let first = house.deliver(MAIL, &["0612345678"]).await;
    let again = house.accept(MAIL, &["0612345678"]).await;
    house.intake.enter(&again).await.unwrap();
    let record = house.store.mail(&again.record.id).await.unwrap().unwrap();
    assert!(
        record.recipients[0].why.contains(&first[0].mail.0),
        "{}",
        record.recipients[0].why
    );
}

#[tokio::test]
async fn alarms_that_differ_in_their_subject_alone_are_two_texts() {
    let house = House::with([]).await;
    let panel = MAIL
        .replace("Message-ID: <1@example.com>\r\n", "")
        .replace("hello\r\n", "");
    house.deliver(&panel, &["0612345678"]).await;
    house
        .deliver(
            &panel.replace("Subject: s", "Subject: fire"),
            &["0612345678"],
        )
        .await;
    assert_eq!(house.handed(), 2);
}

/// DKIM's relaxed canonicalization (RFC 6376 3.4.4) lets them all verify.
#[tokio::test]
async fn blanks_added_to_a_signed_mail_send_it_no_second_time() {
    let house = House::with([]).await;
    let mail = MAIL.replace("hello\r\n", "hello you\r\n\r\n there\r\n");
    house.deliver(&mail, &["0612345678"]).await;
    for replayed in [
        mail.replace("hello you", "hello  \tyou"),
        mail.replace("you\r\n", "you \t\r\n"),
        mail.replace("you\r\n\r\n", "you\r\n  \r\n"),
        format!("{mail}\r\n \r\n\r\n"),
    ] {
        house.deliver(&replayed, &["0612345678"]).await;
        assert_eq!(house.handed(), 1, "{replayed:?}");
    }
    for (n, other) in [
        mail.replace("hello you", "helloyou"),
        mail.replace("\r\n\r\n there", "\r\n there"),
    ]
    .iter()
    .enumerate()
    {
        house.deliver(other, &["0612345678"]).await;
        assert_eq!(house.handed(), n + 2, "{other:?}");
    }
}

#[tokio::test]
async fn dns_is_asked_once_for_a_mail_that_is_put_off() {
    let house = House::with([]).await;
    house.evidence.set(evidence(SpfResult::Temperror));
    for asked in 1..3 {
        let judged = house
            .intake
            .receive(&House::envelope(&["0612345678"]), MAIL.as_bytes())
            .await
            .unwrap();
        assert!(matches!(judged.outcome, Outcome::TryAgain(_)));
        assert_eq!(house.evidence.asked(), asked);
    }
}

/// The link of the newest invitation.
fn token(house: &House) -> String {
    let mail = house
        .mails()
        .into_iter()
        .rfind(|m| m.contains("/invitation/"))
        .unwrap();
    let (_, link) = mail.split_once("/invitation/").unwrap();
    link.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn an_invitation_is_accepted_by_its_button_once_and_within_a_week() {
    let house = House::with([]).await;
    let bob: Sender = "bob@example.com".parse().unwrap();
    house
        .settings
        .add_user(&acme(), bob.clone(), "test")
        .await
        .unwrap();
    house.sweep_after(SignedDuration::ZERO).await;
    let link = token(&house);
    for _ in 0..3 {
        house.settings.invitation(&link).await.unwrap();
    }
    assert!(
        !house
            .store
            .user(&acme(), &bob)
            .await
            .unwrap()
            .unwrap()
            .is_accepted(),
        "opening it changes nothing"
    );
    house.settings.accept(&link).await.unwrap();
    assert!(
        house
            .store
            .user(&acme(), &bob)
            .await
            .unwrap()
            .unwrap()
            .is_accepted()
    );
    assert!(matches!(
        house.settings.accept(&link).await,
        Err(SettingsError::NoInvitation)
    ));
}

#[tokio::test]
async fn an_invitation_sent_again_replaces_the_former_and_expires() {
    let house = House::with([]).await;
    let bob: Sender = "bob@example.com".parse().unwrap();
    house
        .settings
        .add_user(&acme(), bob.clone(), "test")
        .await
        .unwrap();
    house.sweep_after(SignedDuration::ZERO).await;
    let former = token(&house);
    house.settings.resend(&acme(), &bob, "test").await.unwrap();
    house.sweep_after(SignedDuration::from_secs(1)).await;
    let newer = token(&house);
    assert!(matches!(
        house.settings.accept(&former).await,
        Err(SettingsError::NoInvitation)
    ));
    house.clock.advance(SignedDuration::from_hours(24 * 7 + 1));
    assert!(matches!(
        house.settings.accept(&newer).await,
        Err(SettingsError::NoInvitation)
    ));
}

#[tokio::test]
async fn a_domain_is_listed_only_after_its_txt_proof() {
    let house = House::with([]).await;
    let added = house
        .settings
        .add_user(&acme(), "@corp.example".parse().unwrap(), "test")
        .await
        .unwrap();
    let Added::ProofWanted { name, value } = added else {
        panic!("a proof is wanted")
    };
    assert_eq!(name, "_postel.corp.example");
    let domain = "corp.example".parse().unwrap();
    let wrong = house
        .settings
        .verify_domain(&acme(), &domain, &["postel=no".to_owned()], "test")
        .await;
    assert!(matches!(wrong, Err(SettingsError::NoProof { .. })));
    house
        .settings
        .verify_domain(&acme(), &domain, &[value], "test")
        .await
        .unwrap();
    let refused = house
        .settings
        .add_user(&acme(), "@gmail.com".parse().unwrap(), "test")
        .await;
    assert!(matches!(refused, Err(SettingsError::PublicDomain(_))));
}

#[tokio::test]
async fn every_change_is_audited_and_bad_values_are_refused() {
    let house = House::with([]).await;
    let before = house.store.audit(&acme(), 100).await.unwrap().len();
    house
        .settings
        .change(&acme(), "boss", "preferences.max-parts", |a| {
            a.preferences.max_parts = 3;
            Ok(())
        })
        .await
        .unwrap();
    let bad = house
        .settings
        .change(&acme(), "boss", "preferences.max-parts", |a| {
            a.preferences.max_parts = 21;
            Ok(())
        })
        .await;
    assert!(matches!(bad, Err(SettingsError::Invalid(_))));
    let log = house.store.audit(&acme(), 100).await.unwrap();
    assert_eq!(log.len(), before + 1);
    assert_eq!(
        (log[0].actor.as_str(), log[0].what.as_str()),
        ("boss", "preferences.max-parts")
    );
}

#[tokio::test]
async fn an_account_that_does_not_list_the_sender_is_named_to_whoever_reads_the_trail() {
    let house = House::with([]).await;
    for (n, name) in ["other", "absent"].iter().enumerate() {
        if n == 0 {
            let other = Account::new("other".parse().unwrap());
            house.settings.add_account(other, "test").await.unwrap();
        }
        let to = format!("0612345678+{name}");
        let judged = house
            .intake
            .receive(&House::envelope(&[&to]), MAIL.as_bytes())
            .await
            .unwrap();
        let said = &judged.record.recipients[0];
        assert_eq!(said.code.as_str(), "unknown-sender");
        assert!(
            said.why.contains(&format!("not a user of {name}")),
            "{}",
            said.why
        );
    }
}

#[tokio::test]
async fn mail_that_is_refused_unread_still_says_who_it_is_from() {
    let house = House::with([]).await;
    let bounce = MAIL.replace(
        "Subject: s",
        "Subject: s\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x",
    );
    let encrypted = MAIL.replace(
        "Subject: s",
        "Subject: s\r\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data",
    );
    let two = MAIL.replace(
        "From: ann@example.com",
        "From: ann@example.com, b@example.com",
    );
    for (raw, code, from) in [
        (bounce, "automatic", Some("ann@example.com")),
        (encrypted, "unreadable", Some("ann@example.com")),
        (two, "ambiguous-sender", None),
    ] {
        let judged = house
            .intake
            .receive(&House::envelope(&["0612345678"]), raw.as_bytes())
            .await
            .unwrap();
        assert_eq!(judged.record.recipients[0].code.as_str(), code);
        let found = judged.record.from.map(|from| from.to_string());
        assert_eq!(found.as_deref(), from, "{code}");
    }
}

#[tokio::test]
async fn neither_registries_nor_the_gateway_itself_are_listed() {
    let house = House::with([]).await;
    for sender in [
        "@com",
        "@co.uk",
        "@github.io",
        "@sms.example.net",
        "0612345678@sms.example.net",
        "postel@sms.example.net",
    ] {
        let refused = house
            .settings
            .add_user(&acme(), sender.parse().unwrap(), "test")
            .await;
        assert!(
            matches!(refused, Err(SettingsError::Invalid(_))),
            "{sender}: {refused:?}"
        );
    }
    house
        .settings
        .add_user(&acme(), "@example.net".parse().unwrap(), "test")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_domains_record_is_said_again_unchanged() {
    let house = House::with([]).await;
    let domain: Sender = "@corp.example".parse().unwrap();
    let first = house
        .settings
        .add_user(&acme(), domain.clone(), "test")
        .await
        .unwrap();
    let again = house
        .settings
        .resend(&acme(), &domain, "test")
        .await
        .unwrap();
    assert_eq!(first, again);
}

#[tokio::test]
async fn accepting_for_an_accepted_user_leaves_the_evidence() {
    let house = House::with([]).await;
    let before = house.store.user(&acme(), &ann()).await.unwrap();
    house.clock.advance(SignedDuration::from_hours(1));
    let refused = house.settings.accept_for(&acme(), &ann(), "test").await;
    assert!(matches!(refused, Err(SettingsError::Invalid(_))));
    assert_eq!(house.store.user(&acme(), &ann()).await.unwrap(), before);
}

#[tokio::test]
async fn a_users_signature_is_one_line_as_the_accounts_is() {
    let house = House::with([]).await;
    for (line, good) in [("Ann Example", true), ("Ann\nExample", false), (" ", false)] {
        let set = house
            .settings
            .change_user(&acme(), &ann(), "test", "user.signature", |user| {
                user.signature = Some(line.to_owned());
                Ok(())
            })
            .await;
        assert_eq!(set.is_ok(), good, "{line:?}");
    }
}

#[tokio::test]
async fn mailboxes_that_people_expect_have_words_of_their_own() {
    let house = House::with([]).await;
    for address in [
        "Postmaster",
        "postmaster@sms.example.net",
        "abuse@sms.example.net",
        "postel@sms.example.net",
    ] {
        let refused = house.intake.screen(address).unwrap_err().unwrap().smtp();
        assert_eq!(
            (refused.code, refused.subject, refused.detail),
            (550, 1, 1),
            "{address}"
        );
        assert!(refused.text.contains("Nobody reads mail here"), "{address}");
    }
    assert!(house.intake.screen("0612345678@sms.example.net").is_ok());
    assert!(
        house
            .intake
            .screen("abuse@example.com")
            .unwrap_err()
            .is_none()
    );
}

#[tokio::test]
async fn a_mail_of_a_picture_alone_is_told_that_it_has_no_text() {
    let house = House::with_providers(vec![ScriptedProvider::new("first", [])], |a| {
        a.preferences.subject = postel_core::model::BodySubject::Ignore
    })
    .await;
    let picture = MAIL.replace("\r\n\r\nhello", "\r\nContent-Type: image/png\r\n\r\nx");
    for (raw, words) in [
        (picture, "has no text,"),
        (MAIL.replace("hello", "-- \r\nAnn"), "above the signature"),
    ] {
        let judged = house
            .intake
            .receive(&House::envelope(&["0612345678"]), raw.as_bytes())
            .await
            .unwrap();
        let said = &judged.record.recipients[0];
        assert_eq!(said.code.as_str(), "empty");
        assert!(said.why.contains(words), "{}", said.why);
    }
}

#[tokio::test]
async fn an_invitation_says_its_last_day_in_words() {
    for (language, wanted) in [
        (Language::En, "until Saturday 28 November 2026."),
        (Language::Fr, "jusqu’au samedi 28 novembre 2026."),
    ] {
        let house = House::with_providers(vec![ScriptedProvider::new("first", [])], |a| {
            a.preferences.language = language
        })
        .await;
        house.sweep_after(SignedDuration::ZERO).await;
        let mail = house.mails().pop().unwrap();
        assert!(mail.contains(wanted), "{mail}");
    }
}
