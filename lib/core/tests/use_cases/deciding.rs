//! From the wire to a decision, and what is remembered and told of it.

use super::house::*;

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
async fn a_flood_of_refused_mail_leaves_so_many_records_in_a_minute() {
    let house = House::with([]).await;
    let stranger = MAIL.replace("ann@", "eve@");
    let envelope = House::envelope(&["0612345678"; 100]);
    for _ in 0..2 {
        for _ in 0..400 {
            let judged = house.intake.receive(&envelope, stranger.as_bytes()).await;
            assert!(matches!(judged.unwrap().outcome, Outcome::Refused(_)));
        }
        house.clock.advance(SignedDuration::from_mins(1));
    }
    let records = house.store.recent_mails(None, 10_000).await.unwrap();
    assert_eq!(records.len(), 2 * 300);
    assert!(records.iter().all(|r| r.recipients.len() == 10));
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
