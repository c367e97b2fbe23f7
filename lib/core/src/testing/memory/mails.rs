//! Mails in, mails out and the simulated phone in memory.

use std::cmp::Reverse;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::MemoryStore;
use super::ledger::give_up;
use crate::model::{AccountId, HandsetText, MailId, MailRecord, MessageKey, OutgoingMail};
use crate::ports::{HANDSET_KEPT, Handset, Mails, Outbox, StoreError};

/// How long it is remembered when a message was first seen.
const FIRST_SEEN_KEPT: SignedDuration = SignedDuration::from_hours(48);

/// How long a mail of ours that is done with is kept after its `expires_at`, so that its cause does not mail again.
const SETTLED_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Removes up to `limit` entries that `gone` names, and gives them.
fn remove<K: Ord + Clone, V>(
    map: &mut std::collections::BTreeMap<K, V>,
    limit: usize,
    gone: impl Fn(&V) -> bool,
) -> Vec<V> {
    let keys: Vec<K> = map
        .iter()
        .filter(|(_, v)| gone(v))
        .map(|(k, _)| k.clone())
        .take(limit)
        .collect();
    keys.iter().filter_map(|key| map.remove(key)).collect()
}

#[async_trait]
impl Mails for MemoryStore {
    async fn put_mail(&self, record: &MailRecord) -> Result<(), StoreError> {
        self.state()?
            .mails
            .insert(record.id.clone(), record.clone());
        Ok(())
    }

    async fn mail(&self, id: &MailId) -> Result<Option<MailRecord>, StoreError> {
        Ok(self.state()?.mails.get(id).cloned())
    }

    async fn recent_mails(
        &self,
        account: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<MailRecord>, StoreError> {
        let state = self.state()?;
        let of = |m: &&MailRecord| account.is_none_or(|a| m.accounts.contains(a));
        let mut mails: Vec<_> = state.mails.values().filter(of).cloned().collect();
        mails.sort_by_key(|m| Reverse((m.received_at, m.id.clone())));
        mails.truncate(limit);
        Ok(mails)
    }

    async fn first_seen(&self, key: &MessageKey, now: Timestamp) -> Result<Timestamp, StoreError> {
        Ok(*self.state()?.first_seen.entry(key.clone()).or_insert(now))
    }

    async fn forget(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut state = self.state()?;
        let past =
            |at: Timestamp, kept: SignedDuration| at.checked_add(kept).is_ok_and(|end| end <= now);
        let mut count = remove(&mut state.mails, limit, |m| m.expires_at <= now).len();
        let rows = remove(&mut state.rows, limit, |r| {
            r.state.is_final() && r.expires_at <= now
        });
        for row in &rows {
            give_up(&mut state.references, row);
        }
        count += rows.len();
        count += remove(&mut state.counters, limit, |c| c.expires_at <= now).len();
        remove(&mut state.first_seen, limit, |at| {
            past(*at, FIRST_SEEN_KEPT)
        });
        state
            .outbox
            .retain(|m| m.due.is_some() || !past(m.expires_at, SETTLED_KEPT));
        state.handset.retain(|t| !past(t.at, HANDSET_KEPT));
        Ok(count)
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    async fn post(&self, mail: &OutgoingMail) -> Result<(), StoreError> {
        let mut state = self.state()?;
        if !state.outbox.iter().any(|m| m.id == mail.id) {
            state.outbox.push(mail.clone());
        }
        Ok(())
    }

    async fn take_due(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<OutgoingMail>, StoreError> {
        let mut state = self.state()?;
        let mut due: Vec<_> = state
            .outbox
            .iter_mut()
            .filter(|m| m.due.is_some_and(|due| due <= now))
            .collect();
        due.sort_by_key(|m| m.due);
        due.truncate(limit);
        // Lent: not due again before `until`.
        Ok(due
            .into_iter()
            .map(|mail| {
                mail.due = Some(until);
                mail.clone()
            })
            .collect())
    }

    async fn settle(&self, mail: &OutgoingMail) -> Result<(), StoreError> {
        let mut state = self.state()?;
        match state.outbox.iter_mut().find(|m| m.id == mail.id) {
            Some(stored) => *stored = mail.clone(),
            None => state.outbox.push(mail.clone()),
        }
        Ok(())
    }

    async fn outbox(&self, limit: usize) -> Result<Vec<OutgoingMail>, StoreError> {
        Ok(self
            .state()?
            .outbox
            .iter()
            .rev()
            .take(limit)
            .cloned()
            .collect())
    }
}

#[async_trait]
impl Handset for MemoryStore {
    async fn arrive(&self, text: &HandsetText) -> Result<(), StoreError> {
        self.state()?.handset.push(text.clone());
        Ok(())
    }

    async fn texts(&self, limit: usize) -> Result<Vec<HandsetText>, StoreError> {
        let mut texts = self.state()?.handset.clone();
        texts.reverse();
        texts.sort_by_key(|t| Reverse(t.at));
        texts.truncate(limit);
        Ok(texts)
    }
}
