//! Mails of our own that must leave, and the simulated phone's memory.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use postel_core::model::{HandsetText, OutgoingMail};
use postel_core::ports::{HANDSET_KEPT, Handset, Outbox, StoreError};

use super::DynamoStore;
use super::call::{Expression, Query};
use super::directory::busy;
use super::item::{
    Item, Key, get_content, get_text, number, set, set_content, set_expiry, shard, shards,
    sortable, text, time,
};
use super::transact::{TRIES, Transacted, pause};

/// How long a mail of ours that is done with is kept after its `expires_at`, so that its cause does not mail again.
const SETTLED_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often it is looked for mails to take, at one taking.
const LOOKS: u32 = 3;

fn mail_key(id: &str) -> Key {
    Key::alone(format!("outgoing#{id}"))
}

impl DynamoStore {
    /// A mail of ours as an item: its bytes apart from the rest, `posted` its place in the list.
    async fn outgoing_item(&self, mail: &OutgoingMail, posted: &str) -> Result<Item, StoreError> {
        let key = mail_key(&mail.id);
        let mut item = key.item();
        let rest = OutgoingMail {
            raw: Vec::new(),
            ..mail.clone()
        };
        set_content(&mut item, &rest)?;
        self.stow(&mut item, &key.pk, mail.raw.clone(), None)
            .await?;
        set(&mut item, "posted", text(posted));
        match mail.due {
            Some(due) => {
                set(&mut item, "due_of", text(shard("outgoing", &mail.id)));
                set(&mut item, "due", time(due));
            }
            None => {
                let kept = mail.expires_at.checked_add(SETTLED_KEPT);
                set_expiry(
                    &mut item,
                    "outgoing",
                    &mail.id,
                    kept.unwrap_or(Timestamp::MAX),
                );
            }
        }
        Ok(item)
    }

    /// The mail of an item. Whether and when it is due says the index's attribute, which lending moves.
    async fn outgoing(&self, item: &Item) -> Result<OutgoingMail, StoreError> {
        let rest: OutgoingMail = get_content(item)?;
        Ok(OutgoingMail {
            raw: self.unstow(item).await?,
            due: super::item::get_time(item, "due")?,
            ..rest
        })
    }

    /// Stores a mail that is new together with its place in the list. `false`: it is there already.
    async fn post_new(&self, mail: &OutgoingMail) -> Result<bool, StoreError> {
        let posted = self.stamp();
        let item = self.outgoing_item(mail, &posted).await?;
        let mut pointer = Key::new(shard("outbox", &mail.id), &posted).item();
        set(&mut pointer, "mail", text(&mail.id));
        let changes = vec![
            self.to_put(item, Some(Expression::absent()))?,
            self.to_put(pointer, None)?,
        ];
        for tries in 1..=TRIES {
            match self.transact(changes.clone()).await? {
                Transacted::Done => return Ok(true),
                Transacted::Refused => return Ok(false),
                Transacted::Busy => pause(tries, &posted).await,
            }
        }
        Err(busy())
    }

    /// Lends a mail until then, where it is still due as it was seen.
    async fn lend(
        &self,
        item: &Item,
        until: Timestamp,
    ) -> Result<Option<OutgoingMail>, StoreError> {
        let mut mail = self.outgoing(item).await?;
        let Some(seen) = mail.due.replace(until) else {
            return Ok(None);
        };
        let mut lent = item.clone();
        set(&mut lent, "due", time(until));
        let condition = Expression::new("due = :seen", [(":seen", time(seen))]);
        Ok(self.put_if(lent, condition).await?.ok().map(|()| mail))
    }
}

#[async_trait]
impl Outbox for DynamoStore {
    async fn post(&self, mail: &OutgoingMail) -> Result<(), StoreError> {
        self.post_new(mail).await.map(drop)
    }

    async fn take_due(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<OutgoingMail>, StoreError> {
        let mut taken: Vec<OutgoingMail> = Vec::new();
        // What others lent before us is due no more, so the next look shows what comes after it; but the
        // index may lag, so not for long: what is left is taken the next time.
        for _ in 0..LOOKS {
            let wanted = limit.saturating_sub(taken.len());
            let keys = self.due_keys("outgoing", now, wanted).await?;
            if keys.is_empty() {
                break;
            }
            for item in self.in_order(keys).await? {
                let due = super::item::get_time(&item, "due")?;
                if due.is_some_and(|due| due <= now) {
                    taken.extend(self.lend(&item, until).await?);
                }
            }
        }
        Ok(taken)
    }

    async fn settle(&self, mail: &OutgoingMail) -> Result<(), StoreError> {
        let Some(before) = self.get(&mail_key(&mail.id)).await? else {
            self.post_new(mail).await?;
            return Ok(());
        };
        let item = self
            .outgoing_item(mail, get_text(&before, "posted")?)
            .await?;
        self.put(item).await
    }

    async fn outbox(&self, limit: usize) -> Result<Vec<OutgoingMail>, StoreError> {
        let queries = shards("outbox")
            .into_iter()
            .map(|list| Query::newest(&list, limit));
        let mut found = Vec::new();
        for pointer in self.query_all(queries).await? {
            let id = get_text(&pointer, "mail")?;
            found.push((get_text(&pointer, "sk")?.to_owned(), mail_key(id)));
        }
        found.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        found.truncate(limit);
        let mut mails = Vec::new();
        for item in self
            .in_order(found.into_iter().map(|(_, key)| key).collect())
            .await?
        {
            mails.push(self.outgoing(&item).await?);
        }
        Ok(mails)
    }
}

impl DynamoStore {
    /// Forgets up to `limit` texts of the simulated phone that have been there for [`HANDSET_KEPT`].
    pub(super) async fn forget_texts(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<(), StoreError> {
        let until = now.checked_sub(HANDSET_KEPT).unwrap_or(Timestamp::MIN);
        // `$` follows the `#` between time and stamp.
        let values = [
            (":pk", text("handset")),
            (":until", text(format!("{}$", sortable(until)))),
        ];
        let query = Query {
            index: None,
            keys: Expression::new("pk = :pk AND sk < :until", values),
            newest_first: false,
            limit: Some(limit),
        };
        for item in self.query(query).await? {
            self.delete(&Key::of(&item)?).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Handset for DynamoStore {
    async fn arrive(&self, text: &HandsetText) -> Result<(), StoreError> {
        let sk = format!("{}#{}", sortable(text.at), self.stamp());
        let mut item = Key::new("handset", sk).item();
        set_content(&mut item, text)?;
        let kept = text.at.as_second().saturating_add(HANDSET_KEPT.as_secs());
        set(&mut item, "delete_after", number(kept));
        self.put(item).await
    }

    async fn texts(&self, limit: usize) -> Result<Vec<HandsetText>, StoreError> {
        let texts = self.query(Query::newest("handset", limit)).await?;
        texts.iter().map(get_content).collect()
    }
}
