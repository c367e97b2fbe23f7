//! Asking DynamoDB: single items, pages, batches, and what its errors mean.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use postel_core::ports::StoreError;
use tokio::task::JoinSet;

use super::DynamoStore;
use super::item::{Item, Key, text};
use super::transact::{TRIES, pause};

/// DynamoDB's own limit.
const MOST_IN_A_BATCH: usize = 100;
/// An expression and the values its `:names` stand for.
#[derive(Clone, Default)]
pub(super) struct Expression {
    pub(super) text: String,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Expression {
    pub(super) fn new(
        text: &str,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Self {
        let values = values
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Self {
            text: text.to_owned(),
            values: values.collect(),
        }
    }

    /// That no such item is there.
    pub(super) fn absent() -> Self {
        Self::new("attribute_not_exists(pk)", [])
    }
}

/// One query: always of one partition, in the order of its sort key.
pub(super) struct Query {
    pub(super) index: Option<&'static str>,
    pub(super) keys: Expression,
    pub(super) newest_first: bool,
    /// At most so many items; `None`: all.
    pub(super) limit: Option<usize>,
}

impl Query {
    /// All of a partition.
    pub(super) fn partition(pk: &str) -> Self {
        Self {
            index: None,
            keys: Expression::new("pk = :pk", [(":pk", text(pk))]),
            newest_first: false,
            limit: None,
        }
    }

    /// What begins so in a partition.
    pub(super) fn beginning(pk: &str, sk: &str) -> Self {
        let values = [(":pk", text(pk)), (":sk", text(sk))];
        Self {
            keys: Expression::new("pk = :pk AND begins_with(sk, :sk)", values),
            ..Self::partition(pk)
        }
    }

    /// The last of a partition, the last first.
    pub(super) fn newest(pk: &str, limit: usize) -> Self {
        Self {
            newest_first: true,
            limit: Some(limit),
            ..Self::partition(pk)
        }
    }
}

impl DynamoStore {
    /// One item, as it is now.
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(key.item()))
            .consistent_read(true)
            .send()
            .await;
        Ok(answer.map_err(|e| fault(&e))?.item)
    }

    /// These items as they are now; absent ones are left out. In no order.
    pub(super) async fn get_all(
        &self,
        mut keys: Vec<Key>,
    ) -> Result<HashMap<Key, Item>, StoreError> {
        let mut found = HashMap::new();
        let mut tries = 0;
        keys.sort_by(|a, b| (&a.pk, &a.sk).cmp(&(&b.pk, &b.sk)));
        keys.dedup();
        let mut waiting: Vec<Item> = keys.iter().map(Key::item).collect();
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(MOST_IN_A_BATCH));
            let asked = KeysAndAttributes::builder()
                .set_keys(Some(waiting))
                .consistent_read(true)
                .build()
                .map_err(|e| unbuilt(&e))?;
            let answer = self
                .client
                .batch_get_item()
                .request_items(&*self.table, asked)
                .send()
                .await
                .map_err(|e| fault(&e))?;
            for item in answer
                .responses
                .into_iter()
                .flatten()
                .flat_map(|(_, items)| items)
            {
                found.insert(Key::of(&item)?, item);
            }
            let left = answer.unprocessed_keys.into_iter().flatten();
            waiting = left.flat_map(|(_, asked)| asked.keys).collect();
            if !waiting.is_empty() {
                tries += 1;
                if tries > TRIES {
                    return Err(StoreError::Unavailable("throttled".to_owned()));
                }
                pause(tries, "batch").await;
            }
            waiting.extend(rest);
        }
        Ok(found)
    }

    /// The items of one query, through all its pages.
    pub(super) async fn query(&self, query: Query) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut after = None;
        loop {
            let room = query.limit.map(|limit| limit.saturating_sub(items.len()));
            if room == Some(0) {
                return Ok(items);
            }
            let page = self
                .client
                .query()
                .table_name(&*self.table)
                .set_index_name(query.index.map(str::to_owned))
                .consistent_read(query.index.is_none())
                .key_condition_expression(&query.keys.text)
                .set_expression_attribute_values(Some(query.keys.values.clone()))
                .scan_index_forward(!query.newest_first)
                .set_limit(room.map(|n| i32::try_from(n).unwrap_or(i32::MAX)))
                .set_exclusive_start_key(after)
                .send()
                .await
                .map_err(|e| fault(&e))?;
            items.extend(page.items.into_iter().flatten());
            after = page.last_evaluated_key;
            if after.is_none() {
                return Ok(items);
            }
        }
    }

    /// Several queries at once; their items one after the other.
    pub(super) async fn query_all(
        &self,
        queries: impl IntoIterator<Item = Query>,
    ) -> Result<Vec<Item>, StoreError> {
        let mut running = JoinSet::new();
        for query in queries {
            let store = self.clone();
            running.spawn(async move { store.query(query).await });
        }
        let mut items = Vec::new();
        while let Some(answer) = running.join_next().await {
            items.extend(
                answer.map_err(|_| StoreError::Unavailable("a query ended early".to_owned()))??,
            );
        }
        Ok(items)
    }

    /// Puts an item, whatever was there.
    pub(super) async fn put(&self, item: Item) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&*self.table);
        put.set_item(Some(item))
            .send()
            .await
            .map_err(|e| fault(&e))?;
        Ok(())
    }

    /// Puts an item where the condition holds. Where it does not: what is there, if anything.
    pub(super) async fn put_if(
        &self,
        item: Item,
        condition: Expression,
    ) -> Result<Result<(), Option<Item>>, StoreError> {
        use aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException;
        use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
        let answer = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .condition_expression(condition.text)
            .set_expression_attribute_values(Some(condition.values).filter(|v| !v.is_empty()))
            .return_values_on_condition_check_failure(AllOld)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Ok(())),
            Err(SdkError::ServiceError(e))
                if matches!(e.err(), ConditionalCheckFailedException(_)) =>
            {
                match e.into_err() {
                    ConditionalCheckFailedException(failed) => Ok(Err(failed.item)),
                    other => Err(StoreError::Unavailable(
                        other.code().unwrap_or("unknown").to_owned(),
                    )),
                }
            }
            Err(e) => Err(fault(&e)),
        }
    }

    /// Deletes an item where the condition holds, and says what it was.
    pub(super) async fn delete_if(
        &self,
        key: &Key,
        condition: Expression,
    ) -> Result<Option<Item>, StoreError> {
        use aws_sdk_dynamodb::operation::delete_item::DeleteItemError::ConditionalCheckFailedException;
        let answer = self
            .client
            .delete_item()
            .table_name(&*self.table)
            .set_key(Some(key.item()))
            .condition_expression(condition.text)
            .set_expression_attribute_values(Some(condition.values).filter(|v| !v.is_empty()))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(answer.attributes),
            Err(SdkError::ServiceError(e))
                if matches!(e.err(), ConditionalCheckFailedException(_)) =>
            {
                Ok(None)
            }
            Err(e) => Err(fault(&e)),
        }
    }

    /// Deletes an item; no error where there is none.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let delete = self.client.delete_item().table_name(&*self.table);
        delete
            .set_key(Some(key.item()))
            .send()
            .await
            .map_err(|e| fault(&e))?;
        Ok(())
    }
}

/// What an error means for the caller. Only the code is kept: messages may hold keys, so addresses.
pub(super) fn fault<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> StoreError {
    match error.code() {
        Some(
            code @ ("ValidationException"
            | "SerializationException"
            | "ItemCollectionSizeLimitExceededException"),
        ) => StoreError::Corrupt(code.to_owned()),
        Some(code) => StoreError::Unavailable(code.to_owned()),
        None => StoreError::Unavailable("DynamoDB does not answer".to_owned()),
    }
}

pub(super) fn unbuilt(error: &BuildError) -> StoreError {
    StoreError::Corrupt(error.to_string())
}
