//! Rows, limits and opt-outs in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Counter, MemoryStore};
use crate::address::EmailAddress;
use crate::ledger::{Reservation, Row, RowId, State};
use crate::model::{AccountId, MailId};
use crate::number::PhoneNumber;
use crate::ports::{Claim, Ledger, OptOut, StoreError};

/// How much of a counter these reservations hold.
fn held(reservations: &[Reservation], counter: &str) -> u32 {
    reservations
        .iter()
        .filter(|r| r.counter == counter)
        .fold(0, |sum, r| sum.saturating_add(r.amount))
}

/// Takes from a row the reference it holds, where it was the first to bring it.
pub(super) fn give_up(references: &mut BTreeMap<(String, String), RowId>, row: &Row) {
    if let Some((provider, reference)) = row.reference() {
        let key = (provider.to_owned(), reference.to_owned());
        if references.get(&key) == Some(&row.id) {
            references.remove(&key);
        }
    }
}

#[async_trait]
impl Ledger for MemoryStore {
    async fn claim(&self, row: &Row) -> Result<Claim, StoreError> {
        let mut state = self.state()?;
        if let Some(there) = state.rows.get(&row.id) {
            return Ok(Claim::Already(Box::new(there.clone())));
        }
        let mut taken = BTreeMap::<String, Counter>::new();
        for r in &row.reservations {
            let before = taken
                .get(&r.counter)
                .or_else(|| state.counters.get(&r.counter));
            let (amount, expires_at) =
                before.map_or((0, r.expires_at), |c| (c.amount, c.expires_at));
            match amount.checked_add(r.amount) {
                Some(amount) if amount <= r.ceiling => {
                    let expires_at = expires_at.max(r.expires_at);
                    taken.insert(r.counter.clone(), Counter { amount, expires_at });
                }
                _ => return Ok(Claim::Over(r.limit)),
            }
        }
        state.counters.extend(taken);
        state.rows.insert(row.id.clone(), row.clone());
        Ok(Claim::New)
    }

    async fn update(&self, row: &Row) -> Result<bool, StoreError> {
        let mut state = self.state()?;
        let stored = match state.rows.get(&row.id) {
            Some(stored) if stored.version == row.version => stored.clone(),
            _ => return Ok(false),
        };
        if stored.reference() != row.reference() {
            give_up(&mut state.references, &stored);
            if let Some((provider, reference)) = row.reference() {
                state
                    .references
                    .entry((provider.to_owned(), reference.to_owned()))
                    .or_insert_with(|| row.id.clone());
            }
        }
        let before = stored.reservations;
        let names: std::collections::BTreeSet<_> =
            before.iter().map(|r| r.counter.as_str()).collect();
        for name in names {
            let back = held(&before, name).saturating_sub(held(&row.reservations, name));
            if let Some(counter) = state.counters.get_mut(name) {
                counter.amount = counter.amount.saturating_sub(back);
            }
        }
        let mut row = row.clone();
        row.version += 1;
        state.rows.insert(row.id.clone(), row);
        Ok(true)
    }

    async fn row(&self, id: &RowId) -> Result<Option<Row>, StoreError> {
        Ok(self.state()?.rows.get(id).cloned())
    }

    async fn row_by_ref(
        &self,
        provider: &str,
        provider_ref: &str,
    ) -> Result<Option<RowId>, StoreError> {
        let key = (provider.to_owned(), provider_ref.to_owned());
        Ok(self.state()?.references.get(&key).cloned())
    }

    async fn rows_of(&self, mail: &MailId) -> Result<Vec<Row>, StoreError> {
        let state = self.state()?;
        let mut rows: Vec<_> = state
            .rows
            .values()
            .filter(|r| r.mail == *mail)
            .cloned()
            .collect();
        rows.sort_by(|a, b| a.to.cmp(&b.to));
        Ok(rows)
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Row>, StoreError> {
        let state = self.state()?;
        let mut rows: Vec<_> = state
            .rows
            .values()
            .filter(|r| r.due.is_some_and(|due| due <= now))
            .cloned()
            .collect();
        rows.sort_by_key(|r| r.due);
        rows.truncate(limit);
        Ok(rows)
    }

    async fn waiting_of(
        &self,
        account: &AccountId,
        user: &EmailAddress,
    ) -> Result<Vec<Row>, StoreError> {
        let state = self.state()?;
        let waits =
            |r: &&Row| r.state == State::Waiting && r.account == *account && r.user == *user;
        Ok(state.rows.values().filter(waits).cloned().collect())
    }

    async fn counters(&self, names: &[String]) -> Result<Vec<u32>, StoreError> {
        let state = self.state()?;
        Ok(names
            .iter()
            .map(|name| state.counters.get(name).map_or(0, |c| c.amount))
            .collect())
    }

    async fn opt_out(
        &self,
        account: &AccountId,
        number: &PhoneNumber,
    ) -> Result<Option<OptOut>, StoreError> {
        Ok(self
            .state()?
            .opt_outs
            .get(&(account.clone(), number.clone()))
            .cloned())
    }

    async fn set_opt_out(
        &self,
        account: &AccountId,
        number: &PhoneNumber,
        opt_out: Option<&OptOut>,
    ) -> Result<(), StoreError> {
        let mut state = self.state()?;
        let key = (account.clone(), number.clone());
        match opt_out {
            Some(opt_out) => state.opt_outs.insert(key, opt_out.clone()),
            None => state.opt_outs.remove(&key),
        };
        Ok(())
    }
}
