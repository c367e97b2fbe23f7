//! Received mails, when a message was first seen, and forgetting.
//!
//! The lists of mails hold pointers, written before the record and read against it: one that a crash left behind is never shown.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use postel_core::ledger::Row;
use postel_core::model::{AccountId, MailId, MailRecord, MessageKey, OutgoingMail};
use postel_core::ports::{Mails, StoreError};

use super::DynamoStore;
use super::call::{Expression, Query};
use super::item::{
    Item, Key, corrupt, get_content, get_text, get_time, hour, number, set, set_expiry, shard,
    shards, sortable, text, time,
};
use super::ledger::pointer_key;

/// How long it is remembered when a message was first seen.
const FIRST_SEEN_KEPT: SignedDuration = SignedDuration::from_hours(48);

fn mail_key(id: &MailId) -> Key {
    Key::alone(format!("mail#{id}"))
}

fn list_of(account: &AccountId) -> String {
    format!("mails-of#{account}")
}

/// The pointers to a record: in the list of all, and in that of each account.
fn pointers(record: &MailRecord) -> BTreeSet<(String, String)> {
    let sk = format!("{}#{}", sortable(record.received_at), record.id);
    let lists = record.accounts.iter().map(list_of);
    lists
        .chain([shard("mails", &record.id.0)])
        .map(|list| (list, sk.clone()))
        .collect()
}

impl DynamoStore {
    async fn record(&self, item: &Item) -> Result<MailRecord, StoreError> {
        let bytes = self.unstow(item).await?;
        serde_json::from_slice(&bytes).map_err(|_| corrupt("bytes_in"))
    }

    /// The newest pointers of these lists, newest first, each once.
    async fn newest(
        &self,
        lists: Vec<String>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let queries = lists.into_iter().map(|list| Query::newest(&list, limit));
        let mut found = Vec::new();
        for pointer in self.query_all(queries).await? {
            found.push((
                get_text(&pointer, "sk")?.to_owned(),
                get_text(&pointer, "pk")?.to_owned(),
            ));
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    /// The keys of one kind that expired, at most `limit`.
    async fn expired(
        &self,
        kind: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Key>, StoreError> {
        let mut found = Vec::new();
        for of in shards(kind) {
            let values = [(":of", text(of)), (":now", number(hour(now)))];
            let query = Query {
                index: Some("expiry"),
                keys: Expression::new("expires_of = :of AND expires_from <= :now", values),
                newest_first: false,
                // Some of the present hour may not have expired yet.
                limit: Some(limit.saturating_mul(2).max(100)),
            };
            for item in self.query(query).await? {
                found.push(Key::of(&item)?);
            }
        }
        Ok(found)
    }

    /// Forgets up to `limit` of one kind, each where it has truly expired, with what hangs on it.
    async fn forget_kind(
        &self,
        kind: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let mut count = 0;
        for key in self.expired(kind, now, limit).await? {
            if count == limit {
                break;
            }
            let past = Expression::new("expires <= :now", [(":now", time(now))]);
            let Some(gone) = self.delete_if(&key, past).await? else {
                continue;
            };
            count += 1;
            match kind {
                "row" => {
                    let row = get_content::<Row>(&gone)?;
                    self.give_up(&row).await?;
                    self.delete(&pointer_key(&row)).await?;
                }
                "mail" => {
                    let record = self.record(&gone).await?;
                    for (pk, sk) in pointers(&record) {
                        self.delete(&Key::new(pk, sk)).await?;
                    }
                    self.clear(&gone).await?;
                }
                "outgoing" => {
                    let mail: OutgoingMail = get_content(&gone)?;
                    let listed = Key::new(shard("outbox", &mail.id), get_text(&gone, "posted")?);
                    self.delete(&listed).await?;
                    self.clear(&gone).await?;
                }
                _ => {}
            }
        }
        Ok(count)
    }
}

#[async_trait]
impl Mails for DynamoStore {
    async fn put_mail(&self, record: &MailRecord) -> Result<(), StoreError> {
        let key = mail_key(&record.id);
        let bytes = serde_json::to_vec(record).map_err(|_| corrupt("bytes_in"))?;
        let ttl = record.expires_at.as_second();
        let mut item = key.item();
        set_expiry(&mut item, "mail", &record.id.0, record.expires_at);
        self.stow(&mut item, &key.pk, bytes, Some(ttl)).await?;
        let before = match self.get(&key).await? {
            Some(before) => pointers(&self.record(&before).await?),
            None => BTreeSet::new(),
        };
        let now = pointers(record);
        for (pk, sk) in &now {
            let mut pointer = Key::new(pk, sk).item();
            set(&mut pointer, "delete_after", number(ttl));
            self.put(pointer).await?;
        }
        self.put(item).await?;
        for (pk, sk) in before.difference(&now) {
            self.delete(&Key::new(pk, sk)).await?;
        }
        Ok(())
    }

    async fn mail(&self, id: &MailId) -> Result<Option<MailRecord>, StoreError> {
        match self.get(&mail_key(id)).await? {
            Some(item) => self.record(&item).await.map(Some),
            None => Ok(None),
        }
    }

    async fn recent_mails(
        &self,
        account: Option<&AccountId>,
        limit: usize,
    ) -> Result<Vec<MailRecord>, StoreError> {
        let lists = match account {
            Some(account) => vec![list_of(account)],
            None => shards("mails"),
        };
        let mut asked = limit;
        loop {
            let found = self.newest(lists.clone(), asked).await?;
            let mut records = Vec::new();
            for (sk, list) in &found {
                if records.len() == limit {
                    break;
                }
                let id = MailId(sk.split_once('#').map_or("", |(_, id)| id).to_owned());
                let record = self.mail(&id).await?;
                records
                    .extend(record.filter(|r| pointers(r).contains(&(list.clone(), sk.clone()))));
            }
            // Fewer than asked for: either there are no more, or pointers led nowhere and more must be read.
            if records.len() == limit || found.len() < asked {
                return Ok(records);
            }
            asked = asked.saturating_mul(2);
        }
    }

    async fn first_seen(&self, key: &MessageKey, now: Timestamp) -> Result<Timestamp, StoreError> {
        let mut item = Key::alone(format!("seen#{}", key.0)).item();
        let kept = now.checked_add(FIRST_SEEN_KEPT).unwrap_or(Timestamp::MAX);
        set(&mut item, "first", time(now));
        set(&mut item, "delete_after", number(kept.as_second()));
        match self.put_if(item, Expression::absent()).await? {
            Ok(()) => Ok(now),
            Err(there) => {
                get_time(&there.unwrap_or_default(), "first")?.ok_or_else(|| corrupt("first"))
            }
        }
    }

    async fn forget(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut count = 0;
        for kind in ["mail", "row", "counter"] {
            count += self.forget_kind(kind, now, limit).await?;
        }
        self.forget_kind("outgoing", now, limit).await?;
        self.forget_texts(now, limit).await?;
        Ok(count)
    }
}
