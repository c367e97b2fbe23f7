//! Never twice: redeliveries, replays, and processes that die (P2).

use super::house::*;

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

/// An alarm panel without a battery, after each of two power cuts: no Message-ID, and the year 2000.
#[tokio::test]
async fn a_clock_that_begins_anew_makes_no_two_mails_the_same() {
    let house = House::with([]).await;
    let panel = MAIL.replace("Message-ID: <1@example.com>\r\n", "");
    house.deliver(&panel, &["0612345678"]).await;
    house.deliver(&panel, &["0612345678"]).await;
    assert_eq!(
        house.handed(),
        1,
        "a date that may be true stands for an id"
    );
    let panel = panel.replace("Sat, 21 Nov 2026", "Sat, 1 Jan 2000");
    house.deliver(&panel, &["0612345678"]).await;
    house.deliver(&panel, &["0612345678"]).await;
    assert_eq!(house.handed(), 3);
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
