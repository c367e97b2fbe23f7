//! Each fault of a provider, and what becomes of the row, the limits, the sender and the bill.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use postel_core::ledger::State;
use postel_core::ledger::policy::LOOK_UP_AFTER;
use postel_core::ports::{Ledger as _, SmsProvider};
use postel_core::testing::ScriptedProvider;

use crate::house::{House, PATIENCE, clock, twilio_at};
use crate::process::wait_for;
use crate::vendor::{Answer, Door, Said, Vendor};

const DAY: SignedDuration = SignedDuration::from_hours(24);

const fn taken(said: Said) -> Answer {
    Answer::new(true, said)
}

const fn lost(said: Said) -> Answer {
    Answer::new(false, said)
}

const fn error(status: u16, code: u32) -> Said {
    Said::Error(status, code, None)
}

/// What a fault is to end in.
struct Case {
    fault: &'static str,
    answers: &'static [Answer],
    state: State,
    /// Requests to send, texts on the phone, parts still reserved, mails to the sender.
    counts: (usize, usize, u32, usize),
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    //     fault                                   answers                                                    state            sends texts kept told
    Case { fault: "none",                          answers: &[Answer::TAKEN],                                 state: State::Sent,    counts: (1, 1, 1, 0) },
    Case { fault: "slow",                          answers: &[Answer::TAKEN.late(Duration::from_millis(300))], state: State::Sent,   counts: (1, 1, 1, 0) },
    Case { fault: "429",                           answers: &[lost(Said::Error(429, 20_429, Some(30)))],      state: State::Sent,    counts: (2, 1, 1, 0) },
    Case { fault: "429 from a proxy",              answers: &[lost(error(429, 0)), lost(error(429, 0))],      state: State::Sent,    counts: (3, 1, 1, 0) },
    Case { fault: "500, taken",                    answers: &[taken(error(500, 20_500))],                     state: State::Sent,    counts: (1, 1, 1, 0) },
    Case { fault: "500, not taken",                answers: &[lost(error(500, 20_500))],                      state: State::Unknown, counts: (1, 0, 1, 1) },
    Case { fault: "502 from a proxy, taken",       answers: &[taken(error(502, 0))],                          state: State::Sent,    counts: (1, 1, 1, 0) },
    Case { fault: "503, not taken",                answers: &[lost(error(503, 0))],                           state: State::Unknown, counts: (1, 0, 1, 1) },
    Case { fault: "reset, taken",                  answers: &[taken(Said::Reset)],                            state: State::Sent,    counts: (1, 1, 1, 0) },
    Case { fault: "reset, not taken",              answers: &[lost(Said::Reset)],                             state: State::Unknown, counts: (1, 0, 1, 1) },
    Case { fault: "half an answer",                answers: &[taken(Said::Half)],                             state: State::Sent,    counts: (1, 1, 1, 0) },
    Case { fault: "rubbish",                       answers: &[taken(Said::Rubbish)],                          state: State::Sent,    counts: (1, 1, 1, 0) },
    Case { fault: "silence, taken",                answers: &[taken(Said::Nothing)],                          state: State::Sent,    counts: (1, 1, 1, 0) },
    Case { fault: "silence, not taken",            answers: &[lost(Said::Nothing)],                           state: State::Unknown, counts: (1, 0, 1, 1) },
    Case { fault: "too late, taken",               answers: &[Answer::TAKEN.late(PATIENCE.saturating_mul(2))], state: State::Sent,   counts: (1, 1, 1, 0) },
    Case { fault: "401, then mended",              answers: &[lost(error(401, 20_003)), lost(error(401, 0))], state: State::Sent,    counts: (3, 1, 1, 0) },
    Case { fault: "no such number",                answers: &[lost(error(400, 21_211))],                      state: State::Failed,  counts: (1, 0, 0, 1) },
    Case { fault: "opted out",                     answers: &[lost(error(400, 21_610))],                      state: State::Failed,  counts: (1, 0, 0, 1) },
    Case { fault: "400 of an unknown kind",        answers: &[lost(error(400, 29_999))],                      state: State::Failed,  counts: (1, 0, 0, 1) },
];

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_provider_has_its_end_and_no_text_is_sent_twice() {
    for case in CASES {
        let clock = clock();
        let vendor = Vendor::start(clock.clone());
        vendor.says(case.answers.iter().copied());
        let house = House::with(clock.clone(), vec![twilio_at(&vendor, &clock)]).await;
        let row = house.row(1, DAY).await;
        house.dispatcher.attend(row.clone()).await.unwrap();
        house.settle(std::slice::from_ref(&row)).await;
        for _ in 0..8 {
            house.later(SignedDuration::from_hours(1)).await;
        }
        let row = house.now(&row).await;
        let found = (
            vendor.sends(),
            vendor.texts().len(),
            house.reserved().await,
            house.told().await,
        );
        assert_eq!(
            (row.state, found),
            (case.state, case.counts),
            "{}: {:?}",
            case.fault,
            row.events
        );
        let sid = vendor.texts().first().map(|t| t.sid.clone());
        assert_eq!(row.provider_ref, sid, "{}", case.fault);
        assert_eq!(row.due, None, "{}", case.fault);
    }
    println!("conformance provider faults: {0} of {0}", CASES.len());
}

/// A connection that is reset before anything is read: nothing was taken, but only the vendor knows.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_before_reading_is_unknown_or_waits_but_is_never_two_texts() {
    let clock = clock();
    let vendor = Vendor::start(clock.clone());
    vendor.door(Door::Resets);
    let house = House::with(clock.clone(), vec![twilio_at(&vendor, &clock)]).await;
    let row = house.row(1, DAY).await;
    house.dispatcher.attend(row.clone()).await.unwrap();
    vendor.door(Door::Open);
    house.settle(std::slice::from_ref(&row)).await;
    let row = house.now(&row).await;
    match row.state {
        State::Unknown => assert_eq!((vendor.sends(), house.told().await), (0, 1)),
        State::Sent => assert_eq!((vendor.sends(), vendor.texts().len()), (1, 1)),
        other => panic!("{other:?}: {:?}", row.events),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_that_fails_is_tried_again_for_hours_then_the_sender_is_told() {
    for (mended, state, told) in [(true, State::Sent, 0), (false, State::Unknown, 1)] {
        let clock = clock();
        let vendor = Vendor::start(clock.clone());
        vendor.says([taken(Said::Reset)]);
        vendor.look_ups_hear(lost(error(503, 0)));
        let house = House::with(clock.clone(), vec![twilio_at(&vendor, &clock)]).await;
        let row = house.row(1, DAY).await;
        house.dispatcher.attend(row.clone()).await.unwrap();
        for _ in 0..5 * 12 {
            house.later(SignedDuration::from_mins(5)).await;
        }
        assert_eq!(house.now(&row).await.state, State::Sending);
        let asked = vendor.look_ups();
        assert!((5..40).contains(&asked), "{asked} look-ups in five hours");
        if mended {
            vendor.look_ups_hear(Answer::TAKEN);
        }
        house.settle(std::slice::from_ref(&row)).await;
        let row = house.now(&row).await;
        let found = (row.state, house.told().await, vendor.texts().len());
        assert_eq!(found, (state, told, 1), "{:?}", row.events);
        assert_eq!(vendor.sends(), 1);
    }
}

/// What surely was not taken goes to the next provider at once; what may have been, and what an account's hold
/// keeps, never does.
#[tokio::test(flavor = "multi_thread")]
async fn another_provider_is_asked_only_where_the_first_surely_did_not_take_it() {
    let refused: (&str, Option<Answer>, usize) = ("refused connection", None, 1);
    for (fault, answer, second) in [
        refused,
        ("429", Some(lost(Said::Error(429, 20_429, Some(600)))), 1),
        ("500, not taken", Some(lost(error(500, 20_500))), 0),
        ("500, taken", Some(taken(error(500, 20_500))), 0),
        ("reset, not taken", Some(lost(Said::Reset)), 0),
        ("silence, not taken", Some(lost(Said::Nothing)), 0),
        ("401", Some(lost(error(401, 20_003))), 0),
        ("no such number", Some(lost(error(400, 21_211))), 0),
    ] {
        let clock = clock();
        let vendor = Vendor::start(clock.clone());
        match answer {
            None => vendor.door(Door::Refuses),
            Some(answer) => vendor.decides(move |_| answer),
        }
        let other = Arc::new(ScriptedProvider::new("other", []));
        let providers = vec![
            twilio_at(&vendor, &clock),
            Arc::clone(&other) as Arc<dyn SmsProvider>,
        ];
        let house = House::with(clock.clone(), providers).await;
        let row = house.row(1, DAY).await;
        house.dispatcher.attend(row.clone()).await.unwrap();
        assert_eq!(other.texts().len(), second, "{fault}, at once");
        for _ in 0..30 {
            house.later(SignedDuration::from_mins(60)).await;
        }
        let all = other.texts().len() + vendor.texts().len();
        assert!(all <= 1, "{fault}: {all} texts");
        assert_eq!(other.texts().len(), second, "{fault}");
        let state = house.now(&row).await.state;
        assert!(state.is_final(), "{fault}: {state:?}");
    }
}

/// The process is stopped (a laptop's lid, SIGSTOP, a machine moved) while a provider answers, for longer than an
/// attempt may take: the sweep settles the row, and the answer comes after that.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_after_the_row_was_settled_sends_nothing_again() {
    let late = Duration::from_millis(400);
    for (answer, state) in [
        (Answer::TAKEN.late(late), State::Sent),
        (
            lost(Said::Error(429, 20_429, None)).late(late),
            State::Unknown,
        ),
        (taken(error(500, 20_500)).late(late), State::Sent),
    ] {
        let clock = clock();
        let vendor = Vendor::start(clock.clone());
        vendor.says([answer]);
        let house = House::with(clock.clone(), vec![twilio_at(&vendor, &clock)]).await;
        let row = house.row(1, DAY).await;
        let (dispatcher, sent) = (Arc::clone(&house.dispatcher), row.clone());
        let attempt = tokio::spawn(async move { dispatcher.attend(sent).await });
        wait_for("the request", || (vendor.sends() == 1).then_some(()));
        house.later(SignedDuration::from_mins(6)).await;
        assert!(!attempt.is_finished(), "the answer is still to come");
        assert_eq!(house.now(&row).await.state, state);
        attempt.await.unwrap().unwrap();
        for _ in 0..30 {
            house.later(SignedDuration::from_mins(30)).await;
        }
        let row = house.now(&row).await;
        assert_eq!((row.state, vendor.sends()), (state, 1), "{:?}", row.events);
    }
}

/// Alarm panels say the same words to the same number again and again. A text whose fate is unknown must not be
/// called sent because of another that is on its way just then.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_on_its_way_is_not_taken_for_an_older_one_with_the_same_words() {
    let clock = clock();
    let vendor = Vendor::start(clock.clone());
    vendor.says([
        lost(Said::Reset),
        Answer::TAKEN.late(Duration::from_millis(400)),
    ]);
    let house = House::with(clock.clone(), vec![twilio_at(&vendor, &clock)]).await;
    let first = house.row_saying(1, 1, "fire", DAY).await;
    house.dispatcher.attend(first.clone()).await.unwrap();
    clock.advance(LOOK_UP_AFTER - SignedDuration::from_secs(1));
    let second = house.row_saying(2, 1, "fire", DAY).await;
    let (dispatcher, sent) = (Arc::clone(&house.dispatcher), second.clone());
    let attempt = tokio::spawn(async move { dispatcher.attend(sent).await });
    wait_for("the request", || (vendor.sends() == 2).then_some(()));
    house.later(SignedDuration::from_secs(2)).await;
    assert!(!attempt.is_finished(), "the answer is still to come");
    attempt.await.unwrap().unwrap();
    house.settle(&[first.clone(), second.clone()]).await;
    let states = (
        house.now(&first).await.state,
        house.now(&second).await.state,
    );
    assert_eq!(states, (State::Unknown, State::Sent));
    assert_eq!(vendor.texts().len(), 1);
}

/// Of texts that are alike, as many rows are called sent as were taken.
#[tokio::test(flavor = "multi_thread")]
async fn of_texts_that_are_alike_as_many_are_sent_as_were_taken() {
    let clock = clock();
    let vendor = Vendor::start(clock.clone());
    // Every second is lost, every third answered for.
    vendor.decides(|n| match (n % 2, n % 3) {
        (0, 0) => Answer::TAKEN,
        (0, _) => taken(error(500, 20_500)),
        (_, _) => lost(error(500, 20_500)),
    });
    let house = House::with(clock.clone(), vec![twilio_at(&vendor, &clock)]).await;
    let mut rows = Vec::new();
    for id in 0..60 {
        rows.push(house.row_saying(id, id % 2, "fire", DAY).await);
        if id % 10 == 9 {
            house.later(SignedDuration::from_secs(20)).await;
        }
    }
    house.settle(&rows).await;
    let mut refs = std::collections::BTreeSet::new();
    for row in &rows {
        let row = house.now(row).await;
        match row.state {
            State::Sent => assert!(refs.insert(row.provider_ref.unwrap()), "one id, two rows"),
            State::Unknown => assert_eq!(row.provider_ref, None),
            other => panic!("{other:?}"),
        }
    }
    let texts: std::collections::BTreeSet<_> = vendor.texts().into_iter().map(|t| t.sid).collect();
    assert_eq!(refs, texts);
    assert_eq!((texts.len(), vendor.sends()), (30, 60));
}

/// Four processes on one store, all of them sweeping.
#[tokio::test(flavor = "multi_thread")]
async fn several_sweeps_at_once_send_each_text_once() {
    let clock = clock();
    let vendor = Vendor::start(clock.clone());
    vendor.decides(|n| {
        if n % 5 == 0 {
            taken(Said::Reset)
        } else {
            Answer::TAKEN
        }
    });
    let provider = twilio_at(&vendor, &clock);
    let house = Arc::new(House::with(clock.clone(), vec![provider]).await);
    let mut rows = Vec::new();
    for n in 0..300 {
        rows.push(house.row(n, DAY).await);
    }
    for _ in 0..5 {
        house.clock.advance(SignedDuration::from_mins(2));
        let sweeps: Vec<_> = (0..4)
            .map(|_| {
                let house = Arc::clone(&house);
                tokio::spawn(async move { house.sweeper.rows(300).await.unwrap() })
            })
            .collect();
        for sweep in sweeps {
            sweep.await.unwrap();
        }
    }
    for row in &rows {
        assert_eq!(house.now(row).await.state, State::Sent);
    }
    assert_eq!((vendor.sends(), vendor.texts().len()), (300, 300));
    let due = house.store.due(jiff::Timestamp::MAX, 1_000).await.unwrap();
    assert_eq!(due.len(), 0);
}
