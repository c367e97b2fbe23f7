//! Cases for rows and opt-outs.
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::sync::Arc;

use super::race;
use super::samples::{DAY, ODD, account_id, at, email, holding, mail_id, number, row};
use crate::ledger::{Row, RowId, State};
use crate::ports::{Claim, OptOut, OptOutSource, Store};

type Shared = Arc<dyn Store>;

/// Every field survives, and the version is the claimed one.
pub async fn a_claimed_row_comes_back_as_claimed(store: Shared) {
    let mut row = holding(1, &[("c", 1, 10)]);
    for i in 0..70 {
        row.enter(State::Waiting, Some(at(i)), at(i), ODD);
    }
    assert_eq!(store.row(&row.id).await.unwrap(), None);
    assert_eq!(store.claim(&row).await.unwrap(), Claim::New);
    assert_eq!(store.row(&row.id).await.unwrap(), Some(row));
}

/// A redelivery is shown what became of the row, not what it was.
pub async fn a_second_claim_shows_the_row_as_it_is_now(store: Shared) {
    let first = row(1);
    store.claim(&first).await.unwrap();
    assert_eq!(
        store.claim(&first).await.unwrap(),
        Claim::Already(Box::new(first.clone()))
    );
    let mut sent = first.clone();
    sent.enter(State::Sent, None, at(60), "taken");
    assert!(store.update(&sent).await.unwrap());
    sent.version = 1;
    assert_eq!(
        store.claim(&first).await.unwrap(),
        Claim::Already(Box::new(sent))
    );
}

/// Thirty-two claims of one id: one is new, the rest see its row.
pub async fn of_concurrent_claims_one_is_new(store: Shared) {
    let answers = race(32, |i| {
        let store = Arc::clone(&store);
        let mut row = holding(1, &[("c", 1, 1)]);
        row.attempts = i;
        async move { store.claim(&row).await.unwrap() }
    })
    .await;
    let new: Vec<_> = (0..)
        .zip(&answers)
        .filter(|(_, a)| **a == Claim::New)
        .map(|(i, _)| i)
        .collect();
    assert_eq!(new.len(), 1);
    let stored = store.row(&row(1).id).await.unwrap().unwrap();
    assert_eq!(Some(&stored.attempts), new.first());
    let same = Claim::Already(Box::new(stored));
    assert_eq!(answers.iter().filter(|a| **a == same).count(), 31);
    assert_eq!(store.counters(&["c".to_owned()]).await.unwrap(), [1]);
}

/// The version counts up by one with each update.
pub async fn an_update_counts_the_version_up(store: Shared) {
    let mut row = row(1);
    store.claim(&row).await.unwrap();
    for version in 0..5 {
        row.version = version;
        row.enter(State::Sending, Some(at(200)), at(100), "asked");
        assert!(store.update(&row).await.unwrap());
    }
    row.version = 5;
    assert_eq!(store.row(&row.id).await.unwrap(), Some(row));
}

/// Neither an older nor a newer version than the stored one changes anything.
pub async fn a_stale_update_changes_nothing(store: Shared) {
    let mut row = row(1);
    store.claim(&row).await.unwrap();
    assert!(store.update(&row).await.unwrap());
    let stored = store.row(&row.id).await.unwrap();
    row.enter(State::Failed, None, at(70), "never");
    for version in [0, 2, u64::MAX] {
        row.version = version;
        assert!(!store.update(&row).await.unwrap(), "{version}");
        assert_eq!(store.row(&row.id).await.unwrap(), stored);
    }
}

/// An update makes no row.
pub async fn an_update_of_no_row_is_refused(store: Shared) {
    assert!(!store.update(&row(1)).await.unwrap());
    assert_eq!(store.row(&row(1).id).await.unwrap(), None);
}

/// Thirty-two workers take one due row: one may send it.
pub async fn of_concurrent_updates_one_wins(store: Shared) {
    store.claim(&row(1)).await.unwrap();
    let answers = race(32, |i| {
        let store = Arc::clone(&store);
        let mut row = row(1);
        row.enter(State::Sending, Some(at(500)), at(100), i.to_string());
        async move { store.update(&row).await.unwrap() }
    })
    .await;
    assert_eq!(answers.iter().filter(|won| **won).count(), 1);
    let winner = answers.iter().position(|won| *won).unwrap();
    let stored = store.row(&row(1).id).await.unwrap().unwrap();
    assert_eq!(stored.version, 1);
    assert_eq!(stored.events.last().unwrap().note, winner.to_string());
}

/// A row that a provider took under this reference, as stored.
async fn taken(store: &Shared, n: u32, provider: &str, reference: &str) -> Row {
    let mut row = row(n);
    row.provider_ref = None;
    store.claim(&row).await.unwrap();
    row.provider = Some(provider.to_owned());
    row.provider_ref = Some(reference.to_owned());
    row.enter(State::Sent, None, at(60), "taken");
    assert!(store.update(&row).await.unwrap());
    row.version += 1;
    assert_eq!(store.row(&row.id).await.unwrap(), Some(row.clone()));
    row
}

/// Found by provider and reference to the letter, from the update on that brought it, through all later ones.
pub async fn a_reference_leads_to_its_row(store: Shared) {
    let long = "r".repeat(5_000);
    let references = ["abc", "ABC", "abc ", "", "a#b", ODD, &long];
    let by_ref = async |provider: &str, reference: &str| {
        store.row_by_ref(provider, reference).await.unwrap()
    };
    for (n, reference) in (1..).zip(references) {
        assert_eq!(by_ref("esendex", reference).await, None);
        let mut row = taken(&store, n, "esendex", reference).await;
        row.enter(State::Delivered, None, at(70), "arrived");
        assert!(store.update(&row).await.unwrap());
    }
    for (n, reference) in (1..).zip(references) {
        assert_eq!(by_ref("esendex", reference).await, Some(row(n).id));
        assert_eq!(by_ref("twilio", reference).await, None);
    }
    let other = taken(&store, 20, "twilio", "abc").await;
    assert_eq!(by_ref("twilio", "abc").await, Some(other.id));
    assert_eq!(by_ref("esendex", "abc").await, Some(row(1).id));
    assert_eq!(by_ref("esendex#a", "b").await, None);
}

/// A second row with a reference is stored with it, and changes nothing for the first.
pub async fn the_first_row_keeps_a_reference(store: Shared) {
    let first = taken(&store, 2, "esendex", "abc").await;
    let mut second = taken(&store, 1, "esendex", "abc").await;
    second.enter(State::Delivered, None, at(70), "arrived");
    assert!(store.update(&second).await.unwrap());
    let found = store.row_by_ref("esendex", "abc").await.unwrap();
    assert_eq!(found, Some(first.id));
}

/// Two identical rows that a look-up gives one taken text: only one of them is named.
pub async fn concurrent_bringers_agree_on_one(store: Shared) {
    race(16, |n| {
        let store = Arc::clone(&store);
        async move { taken(&store, n, "esendex", "abc").await }
    })
    .await;
    let found = store.row_by_ref("esendex", "abc").await.unwrap().unwrap();
    assert!((0..16).any(|n| row(n).id == found));
    assert_eq!(
        store.row_by_ref("esendex", "abc").await.unwrap(),
        Some(found)
    );
}

/// Who is slower than others brings nothing.
pub async fn a_stale_update_brings_no_reference(store: Shared) {
    let mut row = taken(&store, 1, "esendex", "abc").await;
    for version in [0, 2] {
        row.version = version;
        row.provider_ref = Some("def".to_owned());
        assert!(!store.update(&row).await.unwrap());
    }
    assert_eq!(store.row_by_ref("esendex", "def").await.unwrap(), None);
    let found = store.row_by_ref("esendex", "abc").await.unwrap();
    assert_eq!(found, Some(row.id));
}

/// A row that gets another reference, or none, no longer answers to the former; another row may bring it then.
pub async fn a_reference_given_up_is_free(store: Shared) {
    let mut first = taken(&store, 1, "esendex", "abc").await;
    let second = taken(&store, 2, "esendex", "def").await;
    first.provider_ref = Some("ghi".to_owned());
    assert!(store.update(&first).await.unwrap());
    let by_ref = async |reference: &str| store.row_by_ref("esendex", reference).await.unwrap();
    assert_eq!(by_ref("abc").await, None);
    assert_eq!(by_ref("ghi").await, Some(first.id.clone()));
    let third = taken(&store, 3, "esendex", "abc").await;
    assert_eq!(by_ref("abc").await, Some(third.id));
    // Of a reference that another row keeps, nothing is given up.
    let mut fourth = taken(&store, 4, "esendex", "def").await;
    fourth.provider_ref = None;
    assert!(store.update(&fourth).await.unwrap());
    assert_eq!(by_ref("def").await, Some(second.id));
}

/// With the row goes its reference, but not one that another row keeps.
pub async fn a_reference_is_forgotten_with_its_row(store: Shared) {
    for (n, reference, expires_at) in [
        (1, "abc", 100),
        (2, "def", 300),
        (3, "def", 100),
        (4, ODD, 100),
    ] {
        let mut row = taken(&store, n, "esendex", reference).await;
        row.expires_at = at(expires_at);
        assert!(store.update(&row).await.unwrap());
    }
    assert_eq!(store.forget(at(200), 100).await.unwrap(), 3);
    let by_ref = async |reference: &str| store.row_by_ref("esendex", reference).await.unwrap();
    assert_eq!((by_ref("abc").await, by_ref(ODD).await), (None, None));
    assert_eq!(by_ref("def").await, Some(row(2).id));
    let again = taken(&store, 5, "esendex", "abc").await;
    assert_eq!(by_ref("abc").await, Some(again.id));
}

/// The rows of one mail, whatever their state, by number; of no other mail.
pub async fn rows_of_a_mail_come_by_number(store: Shared) {
    for n in [3, 1, 2] {
        let mut row = row(n);
        row.id = RowId(format!("z{}", 9 - n));
        store.claim(&row).await.unwrap();
        row.enter(State::Sent, None, at(60), "taken");
        store.update(&row).await.unwrap();
    }
    let mut other = row(4);
    other.mail = mail_id(2);
    store.claim(&other).await.unwrap();
    let rows = store.rows_of(&mail_id(1)).await.unwrap();
    assert_eq!(
        rows.iter().map(|r| r.to.clone()).collect::<Vec<_>>(),
        [number(1), number(2), number(3)]
    );
    assert_eq!(store.rows_of(&mail_id(3)).await.unwrap(), []);
}

/// Rows whose time has come, to the moment; the longest due first, whatever the order of arrival.
pub async fn due_rows_come_longest_due_first(store: Shared) {
    for (n, due) in [
        (1, Some(100)),
        (2, Some(50)),
        (3, None),
        (4, Some(101)),
        (5, Some(-DAY)),
        (6, Some(99)),
    ] {
        let mut row = row(n);
        row.due = due.map(at);
        store.claim(&row).await.unwrap();
    }
    let due: Vec<_> = store
        .due(at(100), 10)
        .await
        .unwrap()
        .into_iter()
        .map(|r| r.id)
        .collect();
    assert_eq!(due, [5, 2, 6, 1].map(|n| row(n).id));
}

/// No more rows than asked for, and those are the longest due.
pub async fn due_rows_stop_at_the_limit(store: Shared) {
    for n in 0..20 {
        let mut row = row(n);
        row.due = Some(at(i64::from(100 - n)));
        store.claim(&row).await.unwrap();
    }
    let due: Vec<_> = store
        .due(at(1_000), 3)
        .await
        .unwrap()
        .into_iter()
        .map(|r| r.id)
        .collect();
    assert_eq!(due, [19, 18, 17].map(|n| row(n).id));
    assert_eq!(store.due(at(1_000), 0).await.unwrap(), []);
}

/// What an update sets is what the sweeper sees: put off, sending with a time to go stale, done.
pub async fn a_row_is_due_as_it_was_last_updated(store: Shared) {
    let mut row = row(1);
    store.claim(&row).await.unwrap();
    row.enter(State::Waiting, Some(at(300)), at(100), "put off");
    store.update(&row).await.unwrap();
    assert_eq!(store.due(at(299), 10).await.unwrap(), []);
    row.version = 1;
    row.enter(State::Sending, Some(at(400)), at(300), "asked");
    store.update(&row).await.unwrap();
    row.version = 2;
    assert_eq!(store.due(at(400), 10).await.unwrap(), [row.clone()]);
    row.enter(State::Sent, None, at(400), "taken");
    row.due = None;
    store.update(&row).await.unwrap();
    assert_eq!(store.due(at(DAY * 99), 10).await.unwrap(), []);
}

/// Only what still waits, only this user's, only in this account.
pub async fn waiting_rows_are_the_users_own(store: Shared) {
    let mut rows: Vec<_> = (0..6).map(row).collect();
    for (row, n) in rows.iter_mut().zip(0..) {
        match n {
            0 => row.account = account_id("globex"),
            1 => row.user = email("bob@example.com"),
            2 => row.enter(State::Sending, Some(at(200)), at(100), "asked"),
            3 => row.enter(State::Refused, None, at(100), "limit"),
            _ => {}
        }
        store.claim(row).await.unwrap();
    }
    let of = async |user: &str| -> Vec<RowId> {
        let rows = store
            .waiting_of(&account_id("acme"), &email(user))
            .await
            .unwrap();
        let mut ids: Vec<_> = rows.into_iter().map(|r| r.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(of("ann@example.com").await, [row(4).id, row(5).id]);
    assert_eq!(of("max@example.com").await, []);
    let mut stopped = row(4);
    stopped.enter(State::Refused, None, at(100), "user deleted");
    store.update(&stopped).await.unwrap();
    assert_eq!(of("ann@example.com").await, [row(5).id]);
}

/// Ids and counters of letters that queries and keys give a meaning to are told apart.
pub async fn odd_ids_stay_apart(store: Shared) {
    let odd = [
        "a", "A", "a ", " a", "a'", "a\"", "a%", "a_", "a#b", "a|b", "é", "e\u{301}", "漢", "🚀",
        ODD,
    ];
    for (id, n) in odd.iter().zip(1..) {
        let mut row = holding(n, &[(*id, n, 100)]);
        row.id = RowId((*id).to_owned());
        assert_eq!(store.claim(&row).await.unwrap(), Claim::New, "{id:?}");
    }
    for (id, n) in odd.iter().zip(1..) {
        let stored = store.row(&RowId((*id).to_owned())).await.unwrap().unwrap();
        assert_eq!(stored.to, number(n), "{id:?}");
        assert_eq!(
            store.counters(&[(*id).to_owned()]).await.unwrap(),
            [n],
            "{id:?}"
        );
    }
}

/// An opt-out holds for one account and one number.
pub async fn an_opt_out_is_the_accounts_own(store: Shared) {
    let (acme, globex) = (account_id("acme"), account_id("globex"));
    let stop = OptOut {
        at: at(1),
        source: OptOutSource::Text,
    };
    store
        .set_opt_out(&acme, &number(1), Some(&stop))
        .await
        .unwrap();
    assert_eq!(store.opt_out(&acme, &number(1)).await.unwrap(), Some(stop));
    assert_eq!(store.opt_out(&globex, &number(1)).await.unwrap(), None);
    assert_eq!(store.opt_out(&acme, &number(2)).await.unwrap(), None);
}

/// The last word counts; lifting what was not set is no error.
pub async fn an_opt_out_is_replaced_and_lifted(store: Shared) {
    let acme = account_id("acme");
    for source in [OptOutSource::Provider, OptOutSource::Admin] {
        let opt_out = OptOut { at: at(2), source };
        store
            .set_opt_out(&acme, &number(1), Some(&opt_out))
            .await
            .unwrap();
        assert_eq!(
            store.opt_out(&acme, &number(1)).await.unwrap(),
            Some(opt_out)
        );
    }
    for _ in 0..2 {
        store.set_opt_out(&acme, &number(1), None).await.unwrap();
        assert_eq!(store.opt_out(&acme, &number(1)).await.unwrap(), None);
    }
}
