//! Cases for mails of our own and for the simulated phone.
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;

use super::race;
use super::samples::{DAY, ODD, at, handset_text, outgoing};
use crate::model::OutgoingMail;
use crate::ports::HANDSET_KEPT;
use crate::ports::Store;

type Shared = Arc<dyn Store>;

fn ids(mails: &[OutgoingMail]) -> Vec<&str> {
    mails.iter().map(|m| m.id.as_str()).collect()
}

/// The same cause mails once: a second post changes nothing, also after the mail has left.
pub async fn a_mail_is_posted_once(store: Shared) {
    let first = outgoing("receipt/1", 10);
    store.post(&first).await.unwrap();
    let mut second = outgoing("receipt/1", 5);
    second.raw = b"other".to_vec();
    store.post(&second).await.unwrap();
    assert_eq!(
        store.outbox(10).await.unwrap(),
        std::slice::from_ref(&first)
    );
    let left = OutgoingMail { due: None, ..first };
    store.settle(&left).await.unwrap();
    store.post(&second).await.unwrap();
    assert_eq!(store.outbox(10).await.unwrap(), [left]);
    assert_eq!(store.take_due(at(DAY), at(2 * DAY), 10).await.unwrap(), []);
}

/// A lent mail is given to nobody else.
pub async fn a_lent_mail_is_nobody_elses(store: Shared) {
    store.post(&outgoing("a", 10)).await.unwrap();
    assert_eq!(store.take_due(at(9), at(60), 10).await.unwrap(), []);
    let taken = store.take_due(at(10), at(60), 10).await.unwrap();
    assert_eq!(ids(&taken), ["a"]);
    assert_eq!(taken.first().unwrap().raw, outgoing("a", 10).raw);
    assert_eq!(store.take_due(at(59), at(90), 10).await.unwrap(), []);
}

/// Who took a mail and died has it for a while only.
pub async fn a_lent_mail_comes_back_in_the_end(store: Shared) {
    store.post(&outgoing("a", 10)).await.unwrap();
    for now in [10, 60, 110] {
        let taken = store.take_due(at(now), at(now + 50), 10).await.unwrap();
        assert_eq!(ids(&taken), ["a"], "at {now}");
    }
}

/// Sixteen takers of five mails each share forty mails without giving one twice.
pub async fn concurrent_takers_share_no_mail(store: Shared) {
    for i in 0..40 {
        store.post(&outgoing(&format!("m{i}"), i)).await.unwrap();
    }
    let taken = race(16, |_| {
        let store = Arc::clone(&store);
        async move { store.take_due(at(100), at(200), 5).await.unwrap() }
    })
    .await;
    assert!(taken.iter().all(|t| t.len() <= 5));
    let all: Vec<_> = taken.iter().flatten().map(|m| m.id.clone()).collect();
    let different: BTreeSet<_> = all.iter().collect();
    assert_eq!(all.len(), different.len(), "a mail was lent twice");
    let rest = store.take_due(at(100), at(200), 100).await.unwrap();
    assert_eq!(all.len() + rest.len(), 40);
}

/// The longest due first, no more than asked for.
pub async fn due_mails_come_longest_due_first(store: Shared) {
    for (id, due) in [("b", 20), ("d", 40), ("a", 10), ("c", 30)] {
        store.post(&outgoing(id, due)).await.unwrap();
    }
    assert_eq!(
        ids(&store.take_due(at(35), at(99), 2).await.unwrap()),
        ["a", "b"]
    );
    assert_eq!(
        ids(&store.take_due(at(35), at(99), 2).await.unwrap()),
        ["c"]
    );
    assert_eq!(store.take_due(at(98), at(99), 0).await.unwrap(), []);
}

/// A mail that is done with stays for people to see, and is not sent again.
pub async fn a_settled_mail_is_not_taken_again(store: Shared) {
    store.post(&outgoing("a", 10)).await.unwrap();
    let mut mail = store
        .take_due(at(10), at(60), 1)
        .await
        .unwrap()
        .pop()
        .unwrap();
    mail.due = None;
    mail.attempts = 1;
    mail.note = Some("250 2.0.0 taken".to_owned());
    store.settle(&mail).await.unwrap();
    assert_eq!(store.take_due(at(DAY), at(2 * DAY), 10).await.unwrap(), []);
    assert_eq!(store.outbox(10).await.unwrap(), [mail]);
}

/// A mail put off is lent again when it is due, not when the former loan would have ended.
pub async fn a_mail_put_off_is_taken_when_due(store: Shared) {
    store.post(&outgoing("a", 10)).await.unwrap();
    for (loan, due) in [(500, 100), (110, 300)] {
        let now = if due == 100 { 10 } else { 100 };
        let mut mail = store
            .take_due(at(now), at(loan), 1)
            .await
            .unwrap()
            .pop()
            .unwrap();
        mail.due = Some(at(due));
        mail.attempts += 1;
        store.settle(&mail).await.unwrap();
    }
    assert_eq!(store.take_due(at(299), at(400), 1).await.unwrap(), []);
    let mail = store
        .take_due(at(300), at(400), 1)
        .await
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!(mail.attempts, 2);
}

/// The last posted come first, only so many, settled or not.
pub async fn the_newest_mails_come_first(store: Shared) {
    for id in ["first", "second", "third", "fourth"] {
        store.post(&outgoing(id, 10)).await.unwrap();
    }
    store
        .settle(&OutgoingMail {
            due: None,
            ..outgoing("first", 10)
        })
        .await
        .unwrap();
    assert_eq!(
        ids(&store.outbox(3).await.unwrap()),
        ["fourth", "third", "second"]
    );
    assert_eq!(
        ids(&store.outbox(9).await.unwrap()),
        ["fourth", "third", "second", "first"]
    );
}

/// A mail is bytes: a megabyte of every value survives, under an odd id.
pub async fn any_bytes_come_back(store: Shared) {
    let mut mail = outgoing(ODD, 10);
    mail.raw = (0..=u8::MAX).cycle().take(1_048_576).collect();
    store.post(&mail).await.unwrap();
    let taken = store
        .take_due(at(10), at(60), 1)
        .await
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!(taken.id, ODD);
    assert!(taken.raw == mail.raw, "the bytes differ");
    mail.due = None;
    store.settle(&mail).await.unwrap();
    assert!(
        store.outbox(1).await.unwrap() == [mail],
        "the settled mail differs"
    );
}

/// A mail that still has a due time is never forgotten: somebody must first give it up.
pub async fn a_mail_that_must_leave_is_not_forgotten(store: Shared) {
    store.post(&outgoing("a", 10)).await.unwrap();
    store.forget(at(9_999 * DAY), 100).await.unwrap();
    assert_eq!(
        ids(&store.take_due(at(10), at(60), 1).await.unwrap()),
        ["a"]
    );
}

/// Texts come newest first, those of one moment last arrived first, only so many.
pub async fn the_handset_shows_the_newest_first(store: Shared) {
    for (second, text) in [(2, "b"), (1, "a"), (3, "c"), (3, "d")] {
        store.arrive(&handset_text(second, text)).await.unwrap();
    }
    let of = |texts: Vec<crate::model::HandsetText>| {
        texts.into_iter().map(|t| t.text).collect::<String>()
    };
    assert_eq!(of(store.texts(3).await.unwrap()), "dcb");
    assert_eq!(of(store.texts(9).await.unwrap()), "dcba");
    store.arrive(&handset_text(9, ODD)).await.unwrap();
    assert_eq!(store.texts(1).await.unwrap(), [handset_text(9, ODD)]);
}

/// A phone shows twice what arrives twice; so a double send is seen.
pub async fn the_handset_keeps_what_arrives_twice(store: Shared) {
    for _ in 0..2 {
        store.arrive(&handset_text(1, "same")).await.unwrap();
    }
    assert_eq!(store.texts(9).await.unwrap().len(), 2);
}

/// The handset holds numbers and words, so it does not hold them for ever.
pub async fn the_handset_forgets_after_a_month(store: Shared) {
    let (old, young) = (handset_text(0, "old"), handset_text(60, "young"));
    store.arrive(&old).await.unwrap();
    store.arrive(&young).await.unwrap();
    store.forget(old.at + HANDSET_KEPT, 100).await.unwrap();
    assert_eq!(store.texts(10).await.unwrap(), [young]);
}
