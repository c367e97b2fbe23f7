//! From a row to a provider, and what follows its answer (P3, P7).

use postel_core::ports::{LookUp, ProviderLimits};

use super::house::*;

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
    let house = House::with_providers(vec![asked_later(1)], |_| ()).await;
    let rows = house.deliver(MAIL, &["0612345678"]).await;
    assert_eq!(rows[0].state, State::Sending);
    house.providers[0].answers_look_ups(LookUp::Seen(vec!["sm-1".to_owned()]));
    house.sweep_after(SignedDuration::from_secs(239)).await;
    assert_eq!(house.row(&rows[0]).await.state, State::Sending, "too soon");
    house.sweep_after(SignedDuration::from_secs(2)).await;
    let row = house.row(&rows[0]).await;
    assert_eq!(
        (row.state, row.provider_ref.as_deref()),
        (State::Sent, Some("sm-1"))
    );
    assert_eq!(house.handed(), 1);
}

#[tokio::test]
async fn one_taken_text_explains_one_of_two_rows_that_are_alike() {
    let house = House::with_providers(vec![asked_later(2)], |_| ()).await;
    let second = MAIL.replace("<1@", "<2@");
    let rows = [
        house.deliver(MAIL, &["0612345678"]).await.remove(0),
        house.deliver(&second, &["0612345678"]).await.remove(0),
    ];
    let third = MAIL.replace("<1@", "<3@");
    let sent = house.deliver(&third, &["0612345678"]).await.remove(0);
    let known = sent.provider_ref.unwrap();
    house.providers[0].answers_look_ups(LookUp::Seen(vec![known, "sm-1".to_owned()]));
    house.sweep_after(SignedDuration::from_mins(5)).await;
    let mut ends = Vec::new();
    for row in &rows {
        let row = house.row(row).await;
        ends.push((row.state, row.provider_ref));
    }
    ends.sort_by_key(|(state, _)| *state == State::Unknown);
    assert_eq!(
        ends,
        [
            (State::Sent, Some("sm-1".to_owned())),
            (State::Unknown, None)
        ]
    );
    assert_eq!(house.handed(), 3);
}

/// A provider whose first answers are ambiguous and which can be asked later.
fn asked_later(ambiguous: usize) -> ScriptedProvider {
    let answers = std::iter::repeat_n(SmsOutcome::Ambiguous { detail: detail() }, ambiguous);
    ScriptedProvider::new("first", answers).with_look_up()
}

#[tokio::test]
async fn a_provider_that_cannot_be_asked_is_asked_again_for_six_hours() {
    let house = House::with_providers(vec![asked_later(2)], |_| ()).await;
    let down = LookUp::NotNow { detail: detail() };
    house.providers[0].answers_look_ups(down);
    let first = house.deliver(MAIL, &["0612345678"]).await.remove(0);
    for _ in 0..20 {
        house.sweep_after(SignedDuration::from_mins(15)).await;
        assert_eq!(house.row(&first).await.state, State::Sending);
    }
    for _ in 0..6 {
        house.sweep_after(SignedDuration::from_mins(15)).await;
    }
    assert_eq!(house.row(&first).await.state, State::Unknown);
    let second = MAIL.replace("<1@", "<2@");
    let second = house.deliver(&second, &["0612345678"]).await.remove(0);
    house.providers[0].answers_look_ups(LookUp::Seen(Vec::new()));
    house.sweep_after(SignedDuration::from_mins(5)).await;
    let second = house.row(&second).await;
    assert_eq!((second.state, second.due), (State::Unknown, None));
    assert_eq!(house.handed(), 2);
    assert_eq!(house.day().await, 2, "both may have been billed");
}

#[tokio::test]
async fn a_held_account_is_probed_by_one_row_a_minute_and_released_by_its_passing() {
    let hold = || SmsOutcome::AccountHold { detail: detail() };
    let house = House::with([hold(), hold(), hold()]).await;
    let mut rows = Vec::new();
    for n in 0..20 {
        let mail = MAIL.replace("<1@", &format!("<{n}@"));
        rows.push(house.deliver(&mail, &["0612345678"]).await.remove(0));
    }
    assert_eq!(house.handed(), 1, "one found out; the others wait");
    house.sweep_after(SignedDuration::from_secs(59)).await;
    assert_eq!(house.handed(), 1, "not yet");
    house.sweep_after(SignedDuration::from_secs(2)).await;
    assert_eq!(house.handed(), 2, "the one that found out asks again");
    for _ in 0..15 {
        house.sweep_after(SignedDuration::from_secs(61)).await;
    }
    for row in &rows {
        assert_eq!(house.row(row).await.state, State::Sent);
    }
    assert_eq!(house.handed(), 3 + 20);
}

#[tokio::test]
async fn a_clock_that_is_put_back_keeps_no_provider_held() {
    let house = House::with([SmsOutcome::AccountHold { detail: detail() }]).await;
    house.clock.advance(SignedDuration::from_hours(6));
    house.deliver(MAIL, &["0612345678"]).await;
    house.clock.advance(SignedDuration::from_hours(-6));
    let rows = house
        .deliver(&MAIL.replace("<1@", "<2@"), &["0612345678"])
        .await;
    assert_eq!((rows[0].state, house.handed()), (State::Sent, 2));
}

#[tokio::test]
async fn a_text_of_more_parts_than_a_provider_takes_goes_to_another_or_fails() {
    let short = || {
        ScriptedProvider::new("short", []).with_limits(ProviderLimits {
            max_parts: 1,
            max_validity_hours: 72,
            needs_originator: false,
            looks_up: false,
        })
    };
    let long = MAIL.replace("hello", &"many words ".repeat(30));
    let two = vec![short(), ScriptedProvider::new("second", [])];
    let house = House::with_providers(two, |_| ()).await;
    let rows = house.deliver(&long, &["0612345678"]).await;
    assert_eq!(rows[0].provider.as_deref(), Some("second"));
    let house = House::with_providers(vec![short()], |_| ()).await;
    let rows = house.deliver(&long, &["0612345678"]).await;
    assert_eq!(
        (rows[0].state, house.handed(), house.day().await),
        (State::Failed, 0, 0)
    );
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
