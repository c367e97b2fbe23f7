//! Cases for reservations: taken with the claim, given back with the update, all or nothing.
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::sync::Arc;

use super::race;
use super::samples::{DAY, at, holding, row};
use crate::ledger::{LimitKind, State};
use crate::ports::{Claim, Store};

type Shared = Arc<dyn Store>;

/// What the counters of these names hold.
async fn counters(store: &Shared, names: &[&str]) -> Vec<u32> {
    let names: Vec<_> = names.iter().map(|n| (*n).to_owned()).collect();
    store.counters(&names).await.unwrap()
}

/// Each reservation is taken from its own counter, and added to what others hold.
pub async fn a_claim_takes_its_reservations(store: Shared) {
    store
        .claim(&holding(1, &[("user", 3, 10), ("day", 3, 100)]))
        .await
        .unwrap();
    store
        .claim(&holding(2, &[("user", 2, 10), ("month", 2, 100)]))
        .await
        .unwrap();
    assert_eq!(counters(&store, &["user", "day", "month"]).await, [5, 3, 2]);
}

/// The ceiling itself may be reached, not passed.
pub async fn a_claim_may_fill_a_counter_to_its_ceiling(store: Shared) {
    assert_eq!(
        store.claim(&holding(1, &[("c", 7, 10)])).await.unwrap(),
        Claim::New
    );
    assert_eq!(
        store.claim(&holding(2, &[("c", 3, 10)])).await.unwrap(),
        Claim::New
    );
    let over = store.claim(&holding(3, &[("c", 1, 10)])).await.unwrap();
    assert_eq!(over, Claim::Over(LimitKind::UserHour));
    assert_eq!(counters(&store, &["c"]).await, [10]);
}

/// A claim that finds no room leaves neither row nor reservation.
pub async fn a_claim_over_a_ceiling_stores_nothing(store: Shared) {
    store.claim(&holding(1, &[("c", 9, 10)])).await.unwrap();
    let over = holding(2, &[("c", 2, 10)]);
    assert_eq!(
        store.claim(&over).await.unwrap(),
        Claim::Over(LimitKind::UserHour)
    );
    assert_eq!(store.row(&over.id).await.unwrap(), None);
    assert_eq!(store.due(at(DAY), 10).await.unwrap().len(), 1);
    assert_eq!(store.rows_of(&over.mail).await.unwrap().len(), 1);
    assert_eq!(counters(&store, &["c"]).await, [9]);
}

/// A counter that does not exist yet has a ceiling too.
pub async fn a_claim_above_the_ceiling_of_an_unused_counter_is_over(store: Shared) {
    let over = store.claim(&holding(1, &[("c", 11, 10)])).await.unwrap();
    assert_eq!(over, Claim::Over(LimitKind::UserHour));
    let over = store.claim(&holding(2, &[("c", 1, 0)])).await.unwrap();
    assert_eq!(over, Claim::Over(LimitKind::UserHour));
    assert_eq!(counters(&store, &["c"]).await, [0]);
}

/// Where the third of four has no room, the first two are not taken.
pub async fn a_full_third_counter_leaves_the_others_alone(store: Shared) {
    store
        .claim(&holding(1, &[("x", 1, 9), ("y", 1, 9), ("day", 5, 5)]))
        .await
        .unwrap();
    let over = holding(
        2,
        &[
            ("user", 1, 9),
            ("number", 1, 9),
            ("day", 1, 5),
            ("month", 1, 9),
        ],
    );
    assert_eq!(
        store.claim(&over).await.unwrap(),
        Claim::Over(LimitKind::AccountDay)
    );
    assert_eq!(
        counters(&store, &["user", "number", "day", "month"]).await,
        [0, 0, 5, 0]
    );
    assert_eq!(store.row(&over.id).await.unwrap(), None);
}

/// Of several full counters the first of the row is named.
pub async fn the_first_full_counter_is_named(store: Shared) {
    let over = holding(1, &[("user", 1, 9), ("number", 5, 4), ("day", 5, 4)]);
    assert_eq!(
        store.claim(&over).await.unwrap(),
        Claim::Over(LimitKind::NumberHour)
    );
}

/// Two reservations of one row on one counter are both taken, or neither.
pub async fn two_reservations_of_one_counter_add_up(store: Shared) {
    let over = store
        .claim(&holding(1, &[("c", 6, 10), ("c", 5, 10)]))
        .await
        .unwrap();
    assert_eq!(over, Claim::Over(LimitKind::NumberHour));
    assert_eq!(counters(&store, &["c"]).await, [0]);
    let mut row = holding(2, &[("c", 6, 10), ("c", 4, 10)]);
    assert_eq!(store.claim(&row).await.unwrap(), Claim::New);
    assert_eq!(counters(&store, &["c"]).await, [10]);
    row.reservations.pop();
    assert!(store.update(&row).await.unwrap());
    assert_eq!(counters(&store, &["c"]).await, [6]);
}

/// A claim of a row that is there takes nothing, even where there would be no room.
pub async fn a_redelivery_takes_nothing(store: Shared) {
    let row = holding(1, &[("c", 6, 10)]);
    store.claim(&row).await.unwrap();
    for _ in 0..3 {
        assert_eq!(
            store.claim(&row).await.unwrap(),
            Claim::Already(Box::new(row.clone()))
        );
    }
    assert_eq!(counters(&store, &["c"]).await, [6]);
}

/// Forty claims of three parts against a ceiling of thirty: ten go through.
pub async fn concurrent_claims_never_pass_a_ceiling(store: Shared) {
    let answers = race(40, |i| {
        let store = Arc::clone(&store);
        async move { store.claim(&holding(i, &[("c", 3, 30)])).await.unwrap() }
    })
    .await;
    assert_eq!(answers.iter().filter(|a| **a == Claim::New).count(), 10);
    assert_eq!(
        answers
            .iter()
            .filter(|a| **a == Claim::Over(LimitKind::UserHour))
            .count(),
        30
    );
    assert_eq!(counters(&store, &["c"]).await, [30]);
    assert_eq!(store.due(at(DAY), 100).await.unwrap().len(), 10);
}

/// Claims that race for two counters in opposite order hold both or none.
pub async fn concurrent_claims_are_all_or_nothing(store: Shared) {
    let answers = race(32, |i| {
        let store = Arc::clone(&store);
        let held = if i % 2 == 0 {
            [("a", 1, 12), ("b", 1, 9)]
        } else {
            [("b", 1, 9), ("a", 1, 12)]
        };
        async move { store.claim(&holding(i, &held)).await.unwrap() }
    })
    .await;
    assert_eq!(answers.iter().filter(|a| **a == Claim::New).count(), 9);
    assert_eq!(counters(&store, &["a", "b"]).await, [9, 9]);
}

/// Counters are answered in the order asked, also twice, also none.
pub async fn unknown_counters_are_zero(store: Shared) {
    store
        .claim(&holding(1, &[("a", 1, 9), ("b", 2, 9)]))
        .await
        .unwrap();
    assert_eq!(
        counters(&store, &["b", "never", "a", "b"]).await,
        [2, 0, 1, 2]
    );
    assert_eq!(counters(&store, &[]).await, Vec::<u32>::new());
}

/// Amounts near the end of their range are refused, not wrapped.
pub async fn huge_amounts_do_not_wrap(store: Shared) {
    let max = u32::MAX;
    assert_eq!(
        store.claim(&holding(1, &[("c", max, max)])).await.unwrap(),
        Claim::New
    );
    assert_eq!(counters(&store, &["c"]).await, [max]);
    let over = store.claim(&holding(2, &[("c", max, max)])).await.unwrap();
    assert_eq!(over, Claim::Over(LimitKind::UserHour));
    let over = store
        .claim(&holding(3, &[("d", max, max), ("d", 1, max)]))
        .await
        .unwrap();
    assert_eq!(over, Claim::Over(LimitKind::NumberHour));
    assert_eq!(counters(&store, &["c", "d"]).await, [max, 0]);
}

/// What is dropped goes back to its own counter, what is kept stays, and nothing goes back twice.
pub async fn an_update_gives_back_what_it_no_longer_holds(store: Shared) {
    store
        .claim(&holding(2, &[("user", 5, 99), ("day", 5, 99)]))
        .await
        .unwrap();
    let mut row = holding(1, &[("user", 2, 99), ("number", 2, 99), ("day", 2, 99)]);
    store.claim(&row).await.unwrap();
    row.reservations.retain(|r| r.counter != "user");
    assert!(store.update(&row).await.unwrap());
    assert_eq!(
        counters(&store, &["user", "number", "day"]).await,
        [5, 2, 7]
    );
    row.version = 1;
    row.reservations.clear();
    row.enter(State::Failed, None, at(60), "refused");
    assert!(store.update(&row).await.unwrap());
    assert_eq!(
        counters(&store, &["user", "number", "day"]).await,
        [5, 0, 5]
    );
    row.version = 2;
    assert!(store.update(&row).await.unwrap());
    assert_eq!(
        counters(&store, &["user", "number", "day"]).await,
        [5, 0, 5]
    );
}

/// A text that is sent keeps what it took.
pub async fn an_update_that_keeps_its_reservations_gives_nothing_back(store: Shared) {
    let mut row = holding(1, &[("user", 2, 99), ("day", 2, 99)]);
    store.claim(&row).await.unwrap();
    row.enter(State::Sent, None, at(60), "taken");
    assert!(store.update(&row).await.unwrap());
    assert_eq!(counters(&store, &["user", "day"]).await, [2, 2]);
}

/// Who was too late gives nothing back.
pub async fn a_stale_update_gives_nothing_back(store: Shared) {
    let mut row = holding(1, &[("user", 2, 99)]);
    store.claim(&row).await.unwrap();
    assert!(store.update(&row).await.unwrap());
    row.reservations.clear();
    assert!(!store.update(&row).await.unwrap());
    assert_eq!(counters(&store, &["user"]).await, [2]);
}

/// Thirty-two updates that give back: the counter moves once.
pub async fn concurrent_updates_give_back_once(store: Shared) {
    store.claim(&holding(2, &[("c", 50, 99)])).await.unwrap();
    store.claim(&holding(1, &[("c", 2, 99)])).await.unwrap();
    let answers = race(32, |_| {
        let store = Arc::clone(&store);
        async move { store.update(&row(1)).await.unwrap() }
    })
    .await;
    assert_eq!(answers.iter().filter(|won| **won).count(), 1);
    assert_eq!(counters(&store, &["c"]).await, [50]);
}

/// A counter that was forgotten and begun anew is not driven below zero by who held the old one.
pub async fn giving_back_never_goes_below_zero(store: Shared) {
    let mut old = holding(1, &[("c", 5, 99), ("gone", 5, 99)]);
    store.claim(&old).await.unwrap();
    store.forget(at(3 * DAY), 100).await.unwrap();
    store.claim(&holding(2, &[("c", 1, 99)])).await.unwrap();
    old.reservations.clear();
    assert!(store.update(&old).await.unwrap());
    assert_eq!(counters(&store, &["c", "gone"]).await, [0, 0]);
    assert_eq!(
        store.claim(&holding(3, &[("c", 99, 99)])).await.unwrap(),
        Claim::New
    );
}

/// A counter is not forgotten while any of those who took from it still counts, whoever came last.
pub async fn a_counter_lives_as_long_as_its_longest_reservation(store: Shared) {
    for (n, days) in [(1, 1), (2, 5), (3, 2)] {
        let mut row = holding(n, &[("c", 1, 99)]);
        for r in &mut row.reservations {
            r.expires_at = at(days * DAY);
        }
        store.claim(&row).await.unwrap();
    }
    store.forget(at(4 * DAY), 100).await.unwrap();
    assert_eq!(counters(&store, &["c"]).await, [3]);
    store.forget(at(6 * DAY), 100).await.unwrap();
    assert_eq!(counters(&store, &["c"]).await, [0]);
}

/// Room that was given back is room.
pub async fn room_given_back_can_be_taken_again(store: Shared) {
    let mut first = holding(1, &[("c", 10, 10)]);
    store.claim(&first).await.unwrap();
    let second = holding(2, &[("c", 10, 10)]);
    assert_eq!(
        store.claim(&second).await.unwrap(),
        Claim::Over(LimitKind::UserHour)
    );
    first.reservations.clear();
    assert!(store.update(&first).await.unwrap());
    assert_eq!(store.claim(&second).await.unwrap(), Claim::New);
    assert_eq!(counters(&store, &["c"]).await, [10]);
}
