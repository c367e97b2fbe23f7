//! Users and settings: invitations, proofs, deletions, the audit log.

use super::house::*;

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
