//! What rows take of counters and give back. Pure: nothing here asks DynamoDB.

use std::collections::HashMap;

use jiff::Timestamp;
use postel_core::ledger::{LimitKind, Reservation};

/// A counter as it was read.
#[derive(Clone, Copy, Default)]
pub(super) struct Counter {
    pub(super) amount: u64,
    pub(super) expires: Option<Timestamp>,
}

/// Counters by name; unknown ones are absent.
pub(super) type Held = HashMap<String, Counter>;

/// What a claim takes of one counter.
pub(super) struct Taking {
    pub(super) counter: String,
    pub(super) amount: u64,
    /// The counter may hold at most this much before.
    pub(super) room: u64,
    pub(super) expires_at: Timestamp,
}

/// What the reservations take, counter by counter; `None` where one cannot fit whatever its counter holds.
pub(super) fn takings(reservations: &[Reservation]) -> Option<Vec<Taking>> {
    let mut takings: Vec<Taking> = Vec::new();
    for r in reservations {
        let place = takings.iter().position(|t| t.counter == r.counter);
        let mut taking = match place {
            Some(place) => takings.swap_remove(place),
            None => Taking {
                counter: r.counter.clone(),
                amount: 0,
                room: u64::MAX,
                expires_at: r.expires_at,
            },
        };
        taking.amount += u64::from(r.amount);
        taking.room = taking
            .room
            .min(u64::from(r.ceiling).checked_sub(taking.amount)?);
        taking.expires_at = taking.expires_at.max(r.expires_at);
        takings.push(taking);
    }
    Some(takings)
}

/// The first reservation without room, given what the counters hold.
pub(super) fn first_full(reservations: &[Reservation], held: &Held) -> Option<LimitKind> {
    let mut taken: HashMap<&str, u64> = HashMap::new();
    for r in reservations {
        let before = held.get(&r.counter).copied().unwrap_or_default().amount;
        let sum = taken.entry(&r.counter).or_insert(before);
        *sum += u64::from(r.amount);
        if *sum > u64::from(r.ceiling) {
            return Some(r.limit);
        }
    }
    None
}

/// What the stored row holds and the new value does not.
pub(super) fn given_back(stored: &[Reservation], new: &[Reservation]) -> Vec<(String, u64)> {
    let held = |of: &[Reservation], counter: &str| -> u64 {
        let held = of.iter().filter(|r| r.counter == counter);
        held.map(|r| u64::from(r.amount)).sum()
    };
    let mut names: Vec<&str> = stored.iter().map(|r| r.counter.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let back = held(stored, name).saturating_sub(held(new, name));
            (name.to_owned(), back)
        })
        .filter(|(_, back)| *back > 0)
        .collect()
}
