//! Rows, limits and opt-outs.
//!
//! A claim is one transaction: the row where there is none, its pointer from the mail, and each counter where
//! it has room. An update replaces the row where its version is the one read and gives back in the same transaction.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::Timestamp;
use postel_core::address::EmailAddress;
use postel_core::ledger::{Row, RowId, State};
use postel_core::model::{AccountId, MailId};
use postel_core::number::PhoneNumber;
use postel_core::ports::{Claim, Ledger, OptOut, StoreError};
use sha2::{Digest as _, Sha256};

use super::DynamoStore;
use super::call::{Expression, Query};
use super::counters::{Counter, Held, Taking, first_full, given_back, takings};
use super::directory::busy;
use super::item::{
    Item, Key, get_content, get_number, get_text, get_time, hour, number, set, set_content,
    set_expiry, shard, shards, text, time,
};
use super::transact::{TRIES, Transacted, pause};

/// How long the pointer from a mail to its row outlives the row, in seconds.
const POINTER_OUTLIVES: i64 = 90 * 86_400;

pub(super) fn row_key(id: &RowId) -> Key {
    Key::alone(format!("row#{id}"))
}

/// The pointer from the mail.
pub(super) fn pointer_key(row: &Row) -> Key {
    let sk = format!("row#{}#{}", row.to.as_e164(), row.id);
    Key::new(format!("mail#{}", row.mail), sk)
}

pub(super) fn counter_key(name: &str) -> Key {
    Key::alone(format!("counter#{name}"))
}

fn waiting_of(account: &AccountId, user: &EmailAddress) -> String {
    format!("{account}#{user}")
}

/// The hash of provider and reference: whatever a provider answers fits into a key.
fn reference_key((provider, reference): (&str, &str)) -> Key {
    let mut hash = Sha256::new();
    hash.update(provider.as_bytes());
    hash.update([0]);
    hash.update(reference.as_bytes());
    Key::alone(format!("reference#{:x}", hash.finalize()))
}

fn opt_out_key(account: &AccountId, number: &PhoneNumber) -> Key {
    Key::alone(format!("opt-out#{account}#{}", number.as_e164()))
}

impl DynamoStore {
    /// The row as an item, seen by the indexes that concern its state.
    fn row_item(row: &Row, writer: &str) -> Result<Item, StoreError> {
        let mut item = row_key(&row.id).item();
        set_content(&mut item, row)?;
        set(&mut item, "version", number(row.version));
        set(&mut item, "writer", text(writer));
        if let Some(due) = row.due {
            set(&mut item, "due_of", text(shard("row", &row.id.0)));
            set(&mut item, "due", time(due));
        }
        if row.state == State::Waiting {
            set(
                &mut item,
                "waiting_of",
                text(waiting_of(&row.account, &row.user)),
            );
        }
        if row.state.is_final() {
            set_expiry(&mut item, "row", &row.id.0, row.expires_at);
        }
        Ok(item)
    }

    fn claiming(
        &self,
        row: &Row,
        takings: &[Taking],
        held: &Held,
        writer: &str,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut pointer = pointer_key(row).item();
        let kept = row.expires_at.as_second().saturating_add(POINTER_OUTLIVES);
        set(&mut pointer, "delete_after", number(kept));
        let mut changes = vec![
            self.to_put(Self::row_item(row, writer)?, Some(Expression::absent()))?,
            self.to_put(pointer, None)?,
        ];
        for taking in takings {
            changes.push(self.taking(taking, held)?);
        }
        Ok(changes)
    }

    /// Adds to a counter that has room, and moves its end. An end that is later stays: it was then seen, and ends only move on.
    fn taking(&self, taking: &Taking, held: &Held) -> Result<TransactWriteItem, StoreError> {
        let key = counter_key(&taking.counter);
        let values = [
            (":amount", number(taking.amount)),
            (":room", number(taking.room)),
        ];
        if held
            .get(&taking.counter)
            .is_some_and(|c| c.expires > Some(taking.expires_at))
        {
            let change = Expression::new("ADD amount :amount", values);
            return self.to_update(&key, change, "amount <= :room");
        }
        let mut change = Expression::new(
            "ADD amount :amount SET expires = :at, expires_of = :of, expires_from = :from, delete_after = :after",
            values,
        );
        change.values.extend([
            (":at".to_owned(), time(taking.expires_at)),
            (":of".to_owned(), text(shard("counter", &taking.counter))),
            (":from".to_owned(), number(hour(taking.expires_at))),
            (":after".to_owned(), number(taking.expires_at.as_second())),
        ]);
        let room = "attribute_not_exists(pk) OR (amount <= :room AND expires <= :at)";
        self.to_update(&key, change, room)
    }

    /// Replaces a row and gives back; what a counter does not hold (it was forgotten) is not asked of it.
    async fn replacing(
        &self,
        item: Item,
        condition: Expression,
        back: &[(String, u64)],
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let held = self
            .held(back.iter().map(|(name, _)| name.as_str()))
            .await?;
        let mut changes = vec![self.to_put(item, Some(condition))?];
        for (name, back) in back {
            let amount = held.get(name).copied().unwrap_or_default().amount;
            if amount == 0 {
                continue;
            }
            let values = [
                (":back", number(*back.min(&amount))),
                (":seen", number(amount)),
            ];
            let change = Expression::new("SET amount = amount - :back", values);
            // A counter that holds less than is owed goes to zero, but from no other value than was seen.
            let (change, condition) = if amount >= *back {
                let values = [(":back", number(*back))];
                (Expression::new(&change.text, values), "amount >= :back")
            } else {
                (change, "amount = :seen")
            };
            changes.push(self.to_update(&counter_key(name), change, condition)?);
        }
        Ok(changes)
    }

    /// These counters as they are now.
    async fn held(&self, names: impl Iterator<Item = &str>) -> Result<Held, StoreError> {
        let mut held = Held::new();
        for (key, item) in self.get_all(names.map(counter_key).collect()).await? {
            let name = key.pk.strip_prefix("counter#").unwrap_or_default();
            let counter = Counter {
                amount: get_number(&item, "amount")?.unwrap_or_default(),
                expires: get_time(&item, "expires")?,
            };
            held.insert(name.to_owned(), counter);
        }
        Ok(held)
    }

    /// Rows by their items' keys, as they are now, in the order of the keys.
    async fn rows(&self, keys: Vec<Key>) -> Result<Vec<Row>, StoreError> {
        self.in_order(keys).await?.iter().map(get_content).collect()
    }

    /// Lets a reference lead to the row, unless it leads to another: the first that brings it keeps it.
    async fn bring(&self, row: &Row, reference: (&str, &str)) -> Result<(), StoreError> {
        let mut item = reference_key(reference).item();
        set(&mut item, "leads_to", text(&row.id.0));
        let kept = row.expires_at.as_second().saturating_add(POINTER_OUTLIVES);
        set(&mut item, "delete_after", number(kept));
        // Refused: it leads to a row already, perhaps to this one.
        let _brought = self.put_if(item, Expression::absent()).await?;
        Ok(())
    }

    /// Takes from a row the reference it held, where it was the first to bring it.
    pub(super) async fn give_up(&self, row: &Row) -> Result<(), StoreError> {
        if let Some(reference) = row.reference() {
            let own = Expression::new("leads_to = :row", [(":row", text(&row.id.0))]);
            self.delete_if(&reference_key(reference), own).await?;
        }
        Ok(())
    }

    /// The keys of one index entry kind that are due, longest first: shards asked at once, then merged.
    pub(super) async fn due_keys(
        &self,
        kind: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Key>, StoreError> {
        let due = |of: String| Query {
            index: Some("due"),
            keys: Expression::new(
                "due_of = :of AND due <= :now",
                [(":of", text(of)), (":now", time(now))],
            ),
            newest_first: false,
            limit: Some(limit),
        };
        let mut found = Vec::new();
        for item in self.query_all(shards(kind).into_iter().map(due)).await? {
            found.push((get_number::<i128>(&item, "due")?, Key::of(&item)?));
        }
        found.sort_by_key(|(due, _)| *due);
        found.truncate(limit);
        Ok(found.into_iter().map(|(_, key)| key).collect())
    }
}

#[async_trait]
impl Ledger for DynamoStore {
    async fn claim(&self, row: &Row) -> Result<Claim, StoreError> {
        let writer = self.stamp();
        let takings = takings(&row.reservations);
        let mut held = Held::new();
        for tries in 1..=TRIES {
            if let Some(takings) = &takings {
                let changes = self.claiming(row, takings, &held, &writer)?;
                match self.transact(changes).await? {
                    Transacted::Done => return Ok(Claim::New),
                    Transacted::Busy => {
                        pause(tries, &writer).await;
                        continue;
                    }
                    Transacted::Refused => {}
                }
            }
            if let Some(there) = self.row(&row.id).await? {
                return Ok(Claim::Already(Box::new(there)));
            }
            let names = row.reservations.iter().map(|r| r.counter.as_str());
            held = self.held(names).await?;
            if let Some(limit) = first_full(&row.reservations, &held) {
                return Ok(Claim::Over(limit));
            }
            // A counter ends later than was thought, or room was given back meanwhile.
            pause(tries, &writer).await;
        }
        Err(busy())
    }

    async fn update(&self, row: &Row) -> Result<bool, StoreError> {
        let writer = self.stamp();
        for tries in 1..=TRIES {
            let stored = match self.row(&row.id).await? {
                Some(stored) if stored.version == row.version => stored,
                _ => return Ok(false),
            };
            let moved = stored.reference() != row.reference();
            if moved && let Some(reference) = row.reference() {
                self.bring(row, reference).await?;
            }
            let mut next = row.clone();
            next.version = next.version.saturating_add(1);
            let item = Self::row_item(&next, &writer)?;
            let unchanged = Expression::new("version = :seen", [(":seen", number(row.version))]);
            let back = given_back(&stored.reservations, &row.reservations);
            let done = if back.is_empty() {
                Some(match self.put_if(item, unchanged).await? {
                    Ok(()) => true,
                    // The SDK asked again after an answer was lost: the first put was ours.
                    Err(there) => {
                        there.is_some_and(|there| get_text(&there, "writer") == Ok(&*writer))
                    }
                })
            } else {
                let changes = self.replacing(item, unchanged, &back).await?;
                matches!(self.transact(changes).await?, Transacted::Done).then_some(true)
            };
            if let Some(done) = done {
                if done && moved {
                    self.give_up(&stored).await?;
                }
                return Ok(done);
            }
            pause(tries, &writer).await;
        }
        Err(busy())
    }

    async fn row(&self, id: &RowId) -> Result<Option<Row>, StoreError> {
        let item = self.get(&row_key(id)).await?;
        item.map(|item| get_content(&item)).transpose()
    }

    async fn row_by_ref(
        &self,
        provider: &str,
        provider_ref: &str,
    ) -> Result<Option<RowId>, StoreError> {
        match self.get(&reference_key((provider, provider_ref))).await? {
            Some(item) => Ok(Some(RowId(get_text(&item, "leads_to")?.to_owned()))),
            None => Ok(None),
        }
    }

    async fn rows_of(&self, mail: &MailId) -> Result<Vec<Row>, StoreError> {
        let mut keys = Vec::new();
        for pointer in self
            .query(Query::beginning(&format!("mail#{mail}"), "row#"))
            .await?
        {
            let rest = get_text(&pointer, "sk")?
                .strip_prefix("row#")
                .unwrap_or_default();
            if let Some((_, id)) = rest.split_once('#') {
                keys.push(row_key(&RowId(id.to_owned())));
            }
        }
        let mut rows = self.rows(keys).await?;
        rows.retain(|row| row.mail == *mail);
        rows.sort_by(|a, b| a.to.cmp(&b.to));
        Ok(rows)
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Row>, StoreError> {
        let keys = self.due_keys("row", now, limit).await?;
        let mut rows = self.rows(keys).await?;
        rows.retain(|row| row.due.is_some_and(|due| due <= now));
        rows.sort_by_key(|row| row.due);
        Ok(rows)
    }

    async fn waiting_of(
        &self,
        account: &AccountId,
        user: &EmailAddress,
    ) -> Result<Vec<Row>, StoreError> {
        let of = waiting_of(account, user);
        let found = self.query(Query {
            index: Some("waiting"),
            keys: Expression::new("waiting_of = :of", [(":of", text(of))]),
            newest_first: false,
            limit: None,
        });
        let keys = found.await?.iter().map(Key::of).collect::<Result<_, _>>()?;
        let mut rows = self.rows(keys).await?;
        rows.retain(|row| row.state == State::Waiting);
        Ok(rows)
    }

    async fn counters(&self, names: &[String]) -> Result<Vec<u32>, StoreError> {
        let held = self.held(names.iter().map(String::as_str)).await?;
        let amount = |name: &String| held.get(name).copied().unwrap_or_default().amount;
        Ok(names
            .iter()
            .map(|name| u32::try_from(amount(name)).unwrap_or(u32::MAX))
            .collect())
    }

    async fn opt_out(
        &self,
        account: &AccountId,
        number: &PhoneNumber,
    ) -> Result<Option<OptOut>, StoreError> {
        let item = self.get(&opt_out_key(account, number)).await?;
        item.map(|item| get_content(&item)).transpose()
    }

    async fn set_opt_out(
        &self,
        account: &AccountId,
        number: &PhoneNumber,
        opt_out: Option<&OptOut>,
    ) -> Result<(), StoreError> {
        let key = opt_out_key(account, number);
        let Some(opt_out) = opt_out else {
            return self.delete(&key).await;
        };
        let mut item = key.item();
        set_content(&mut item, opt_out)?;
        self.put(item).await
    }
}
