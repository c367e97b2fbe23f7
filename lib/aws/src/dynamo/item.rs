//! Items: keys, attributes and their spelling. Nothing here asks DynamoDB.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use postel_core::ports::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// An item as the SDK has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Over how many partitions a list is spread that every mail touches.
const SHARDS: u8 = 8;

/// The sort key of what stands alone in its partition.
pub(super) const ALONE: &str = "-";

/// Where an item stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    pub(super) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self {
            pk: pk.into(),
            sk: sk.into(),
        }
    }

    /// The key of what stands alone in its partition.
    pub(super) fn alone(pk: impl Into<String>) -> Self {
        Self::new(pk, ALONE)
    }

    /// An item that is nothing but its key.
    pub(super) fn item(&self) -> Item {
        HashMap::from([
            ("pk".to_owned(), text(&self.pk)),
            ("sk".to_owned(), text(&self.sk)),
        ])
    }

    /// The key of an item.
    pub(super) fn of(item: &Item) -> Result<Self, StoreError> {
        Ok(Self::new(get_text(item, "pk")?, get_text(item, "sk")?))
    }
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Nanoseconds since 1970: DynamoDB's numbers have 38 digits.
pub(super) fn time(at: Timestamp) -> AttributeValue {
    number(at.as_nanosecond())
}

/// Nanoseconds as a text that sorts by time, from the first year to the last that exists.
pub(super) fn sortable(at: Timestamp) -> String {
    format!("{:021}", at.as_nanosecond() + 400_000_000_000_000_000_000)
}

/// Adds an attribute.
pub(super) fn set(item: &mut Item, name: &str, value: AttributeValue) {
    item.insert(name.to_owned(), value);
}

pub(super) fn get_text<'a>(item: &'a Item, name: &str) -> Result<&'a str, StoreError> {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map(String::as_str)
        .ok_or_else(|| corrupt(name))
}

/// A number; `None` where the item has none of this name.
pub(super) fn get_number<T: std::str::FromStr>(
    item: &Item,
    name: &str,
) -> Result<Option<T>, StoreError> {
    let Some(value) = item.get(name) else {
        return Ok(None);
    };
    let number = value.as_n().ok().and_then(|digits| digits.parse().ok());
    number.map(Some).ok_or_else(|| corrupt(name))
}

/// A time written by [`time`].
pub(super) fn get_time(item: &Item, name: &str) -> Result<Option<Timestamp>, StoreError> {
    get_number(item, name)?
        .map(|ns: i128| Timestamp::from_nanosecond(ns).map_err(|_| corrupt(name)))
        .transpose()
}

/// Adds a value as JSON.
pub(super) fn set_content<T: Serialize>(item: &mut Item, value: &T) -> Result<(), StoreError> {
    let json = serde_json::to_string(value).map_err(|_| corrupt("content"))?;
    set(item, "content", text(json));
    Ok(())
}

/// Reads the value that [`set_content`] wrote.
pub(super) fn get_content<T: DeserializeOwned>(item: &Item) -> Result<T, StoreError> {
    serde_json::from_str(get_text(item, "content")?).map_err(|_| corrupt("content"))
}

/// What is stored is not as this code writes it.
pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("attribute {what}"))
}

/// The shard of something by its id, as part of a key.
pub(super) fn shard(kind: &str, id: &str) -> String {
    let first = Sha256::digest(id.as_bytes()).first().copied();
    format!("{kind}#{}", first.unwrap_or_default() % SHARDS)
}

/// All shards of a kind.
pub(super) fn shards(kind: &str) -> Vec<String> {
    (0..SHARDS).map(|n| format!("{kind}#{n}")).collect()
}

/// Sets when something is forgotten: to the nanosecond, by the hour for the index (so that a counter,
/// whose end moves with every claim, moves in the index once an hour), in seconds for DynamoDB's own deletion.
pub(super) fn set_expiry(item: &mut Item, kind: &str, id: &str, at: Timestamp) {
    set(item, "expires", time(at));
    set(item, "expires_of", text(shard(kind, id)));
    set(item, "expires_from", number(hour(at)));
    set(item, "delete_after", number(at.as_second()));
}

/// The beginning of the hour, in seconds.
pub(super) fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3600) * 3600
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_texts_from_end_to_end() {
        let times = [
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-21T00:00:00Z",
        ];
        let mut written: Vec<_> = times.iter().map(|t| sortable(t.parse().unwrap())).collect();
        written.insert(0, sortable(Timestamp::MIN));
        written.push(sortable(Timestamp::MAX));
        assert!(written.is_sorted(), "{written:?}");
        assert!(written.iter().all(|w| w.len() == 21), "{written:?}");
    }
}
