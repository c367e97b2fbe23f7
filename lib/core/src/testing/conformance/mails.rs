//! Cases for received mails and for forgetting.
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::sync::Arc;

use jiff::SignedDuration;

use super::race;
use super::samples::{DAY, account_id, at, holding, mail, mail_id, row};
use crate::ledger::State;
use crate::model::MessageKey;
use crate::ports::{Claim, Store};

type Shared = Arc<dyn Store>;

/// Every field survives.
pub async fn a_mail_comes_back_as_stored(store: Shared) {
    assert_eq!(store.mail(&mail_id(1)).await.unwrap(), None);
    store.put_mail(&mail(1)).await.unwrap();
    assert_eq!(store.mail(&mail_id(1)).await.unwrap(), Some(mail(1)));
}

/// A record stored again is the new one everywhere: also under the account it belongs to now.
pub async fn a_mail_stored_again_is_replaced(store: Shared) {
    let (acme, globex) = (account_id("acme"), account_id("globex"));
    store.put_mail(&mail(1)).await.unwrap();
    let mut changed = mail(1);
    changed.accounts = vec![globex.clone()];
    changed.subject = None;
    store.put_mail(&changed).await.unwrap();
    assert_eq!(
        store.mail(&mail_id(1)).await.unwrap(),
        Some(changed.clone())
    );
    assert_eq!(
        store.recent_mails(None, 10).await.unwrap(),
        [changed.clone()]
    );
    assert_eq!(store.recent_mails(Some(&acme), 10).await.unwrap(), []);
    assert_eq!(
        store.recent_mails(Some(&globex), 10).await.unwrap(),
        [changed]
    );
}

/// The newest come first, only so many, whatever the order in which they were stored.
pub async fn recent_mails_are_newest_first(store: Shared) {
    for n in [3, 1, 5, 2, 4] {
        store.put_mail(&mail(n)).await.unwrap();
    }
    assert_eq!(
        store.recent_mails(None, 3).await.unwrap(),
        [mail(5), mail(4), mail(3)]
    );
    assert_eq!(store.recent_mails(None, 0).await.unwrap(), []);
}

/// An account sees what concerns it, once; strangers' mail is seen only without an account.
pub async fn recent_mails_of_an_account_are_its_own(store: Shared) {
    let (acme, globex) = (account_id("acme"), account_id("globex"));
    let mut both = mail(1);
    both.accounts = vec![acme.clone(), globex.clone()];
    let mut stranger = mail(3);
    stranger.accounts.clear();
    for record in [&both, &mail(2), &stranger] {
        store.put_mail(record).await.unwrap();
    }
    assert_eq!(
        store.recent_mails(Some(&acme), 10).await.unwrap(),
        [mail(2), both.clone()]
    );
    assert_eq!(store.recent_mails(Some(&acme), 1).await.unwrap(), [mail(2)]);
    assert_eq!(store.recent_mails(Some(&globex), 10).await.unwrap(), [both]);
    assert_eq!(store.recent_mails(None, 10).await.unwrap().len(), 3);
    assert_eq!(
        store
            .recent_mails(Some(&account_id("nobody")), 10)
            .await
            .unwrap(),
        []
    );
}

/// A record of a megabyte, in letters of one to four bytes, survives.
pub async fn a_megabyte_of_unicode_comes_back(store: Shared) {
    let mut record = mail(1);
    record.subject = Some("aé漢🚀\u{0}".chars().cycle().take(400_000).collect());
    assert!(record.subject.as_ref().unwrap().len() >= 800_000);
    record.helo = "h".repeat(250_000);
    store.put_mail(&record).await.unwrap();
    assert_eq!(store.mail(&record.id).await.unwrap(), Some(record));
}

/// The first time counts, to the nanosecond, for each message by itself.
pub async fn a_message_is_first_seen_once(store: Shared) {
    let key = MessageKey("a'b".to_owned());
    let first = at(10) + SignedDuration::from_nanos(123_456_789);
    assert_eq!(store.first_seen(&key, first).await.unwrap(), first);
    for now in [at(11), at(3_600), at(0)] {
        assert_eq!(store.first_seen(&key, now).await.unwrap(), first);
    }
    let other = MessageKey("a".to_owned());
    assert_eq!(store.first_seen(&other, at(20)).await.unwrap(), at(20));
}

/// Thirty-two sightings at different times agree on one of them.
pub async fn concurrent_sightings_agree(store: Shared) {
    let times = race(32, |i| {
        let store = Arc::clone(&store);
        async move {
            store
                .first_seen(&MessageKey("m".to_owned()), at(i64::from(i)))
                .await
                .unwrap()
        }
    })
    .await;
    let agreed = store
        .first_seen(&MessageKey("m".to_owned()), at(DAY))
        .await
        .unwrap();
    assert!(times.iter().all(|t| *t == agreed), "{times:?}");
}

/// Within a day forgetting leaves it alone.
pub async fn first_seen_outlives_a_day(store: Shared) {
    let key = MessageKey("m".to_owned());
    store.first_seen(&key, at(0)).await.unwrap();
    store.forget(at(DAY - 1), 100).await.unwrap();
    assert_eq!(store.first_seen(&key, at(DAY - 1)).await.unwrap(), at(0));
}

/// Mails, final rows and counters go once their time has passed, and are counted; the rest stays.
pub async fn what_has_expired_is_forgotten(store: Shared) {
    for n in 1..=4 {
        let mut record = mail(n);
        record.expires_at = at(i64::from(n) * 100);
        store.put_mail(&record).await.unwrap();
        let mut row = holding(n, &[(if n < 3 { "early" } else { "late" }, 1, 99)]);
        row.expires_at = at(i64::from(n) * 100);
        for r in &mut row.reservations {
            r.expires_at = at(if n < 3 { 100 } else { 1_000 });
        }
        row.enter(State::Delivered, None, at(60), "arrived");
        store.claim(&row).await.unwrap();
    }
    assert_eq!(store.forget(at(50), 100).await.unwrap(), 0);
    assert_eq!(store.forget(at(250), 100).await.unwrap(), 5);
    assert_eq!(store.forget(at(250), 100).await.unwrap(), 0);
    let mails: Vec<_> = store
        .recent_mails(None, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|m| m.id)
        .collect();
    assert_eq!(mails, [mail_id(4), mail_id(3)]);
    assert_eq!(
        store
            .recent_mails(Some(&account_id("acme")), 10)
            .await
            .unwrap()
            .len(),
        2
    );
    let rows: Vec<_> = store
        .rows_of(&mail_id(1))
        .await
        .unwrap()
        .into_iter()
        .map(|r| r.id)
        .collect();
    assert_eq!(rows, [row(3).id, row(4).id]);
    let counters = store
        .counters(&["early".to_owned(), "late".to_owned()])
        .await
        .unwrap();
    assert_eq!(counters, [0, 2]);
}

/// A row that is not final is work: it stays however old it is.
pub async fn what_must_still_be_sent_is_not_forgotten(store: Shared) {
    for (n, state) in [
        (1, State::Waiting),
        (2, State::Sending),
        (3, State::Unknown),
    ] {
        let mut row = row(n);
        row.enter(state, Some(at(100)), at(50), "so");
        store.claim(&row).await.unwrap();
    }
    assert_eq!(store.forget(at(1_000 * DAY), 100).await.unwrap(), 1);
    assert_eq!(store.due(at(1_000), 10).await.unwrap().len(), 2);
}

/// At most so many of each kind at once; the rest next time.
pub async fn forgetting_keeps_to_its_limit(store: Shared) {
    for n in 0..5 {
        store.put_mail(&mail(n)).await.unwrap();
    }
    let late = at(99 * DAY);
    assert_eq!(store.forget(late, 2).await.unwrap(), 2);
    assert_eq!(store.recent_mails(None, 10).await.unwrap().len(), 3);
    assert_eq!(store.forget(late, 2).await.unwrap(), 2);
    assert_eq!(store.forget(late, 2).await.unwrap(), 1);
    assert_eq!(store.forget(late, 2).await.unwrap(), 0);
}

/// What is forgotten leaves nothing that a new claim would meet.
pub async fn a_forgotten_row_may_be_claimed_again(store: Shared) {
    let mut sent = row(1);
    sent.enter(State::Sent, None, at(60), "taken");
    store.claim(&sent).await.unwrap();
    store.forget(at(31 * DAY), 100).await.unwrap();
    assert_eq!(store.row(&sent.id).await.unwrap(), None);
    assert_eq!(store.claim(&row(1)).await.unwrap(), Claim::New);
}
