//! Texts that wait are made due by hand.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use postel_core::ledger::{Originator, Row, RowId, State};
use postel_core::model::{Language, MailId, MessageKey};
use postel_core::number::PhoneNumber;
use postel_core::ports::{Claim, Ledger as _};
use postel_core::text::Encoding;
use postel_local::sqlite::SqliteStore;

use crate::support::Place;

pub fn row(mail: &str, state: State) -> Row {
    let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let later = at
        .checked_add(SignedDuration::from_hours(24 * 3650))
        .unwrap();
    let to: PhoneNumber = "+33612345678".parse().unwrap();
    Row {
        id: RowId::new(&MessageKey(mail.to_owned()), &to),
        version: 0,
        mail: MailId(mail.to_owned()),
        account: "acme".parse().unwrap(),
        user: "ann@example.com".parse().unwrap(),
        to,
        text: "Hello".to_owned(),
        encoding: Encoding::Gsm7,
        parts: 1,
        truncated: false,
        originator: Originator::Shared,
        language: Language::En,
        accepted_at: at,
        valid_until: later,
        state,
        due: Some(later),
        attempts: 3,
        provider: Some("handset".to_owned()),
        provider_ref: None,
        reservations: Vec::new(),
        events: Vec::new(),
        text_expires_at: later,
        expires_at: later,
    }
}

#[test]
fn only_texts_that_wait_are_made_due() {
    let place = Place::configured();
    place.run(&["account", "add", "acme"]).ok();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let path = place.folder.join("data/postel.sqlite");
    let (waiting, other, sent) = (
        row("a1", State::Waiting),
        row("b2", State::Waiting),
        row("c3", State::Sent),
    );
    runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(&path).unwrap());
        for row in [&waiting, &other, &sent] {
            assert_eq!(store.claim(row).await.unwrap(), Claim::New);
        }
        store.close().await.unwrap();
    });
    assert!(
        place
            .run(&["replay", "a1", "--account", "acme"])
            .ok()
            .contains("due now: 1")
    );
    let none = place.run(&["replay", "c3"]);
    assert_eq!(none.code, 1);
    assert!(none.err.contains("postel trail"), "{}", none.err);
    assert!(place.run(&["replay"]).ok().contains("due now: 2"));
    let trail = place.run(&["trail", &waiting.id.0]).ok();
    assert!(trail.contains("made due by hand"), "{trail}");
    let (before, after) = runtime.block_on(async {
        let store = SqliteStore::open(&path).unwrap();
        (
            store.row(&sent.id).await.unwrap().unwrap(),
            store.row(&other.id).await.unwrap().unwrap(),
        )
    });
    assert_eq!(before, sent);
    assert!(after.due < sent.due);
}
