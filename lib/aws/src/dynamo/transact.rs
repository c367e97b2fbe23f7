//! Changes of several items at once, all or nothing, and the waiting of those who meet there.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError as TransactError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use postel_core::ports::StoreError;
use sha2::{Digest, Sha256};

use super::DynamoStore;
use super::call::{Expression, fault, unbuilt};
use super::item::{Item, Key};

/// DynamoDB's own limit.
const MOST_IN_A_TRANSACTION: usize = 100;
/// How often a change that met another is tried again: some seconds in all.
pub(super) const TRIES: u32 = 60;

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Transacted {
    Done,
    /// Another transaction is under way on one of the items: try again.
    Busy,
    /// A condition does not hold; nothing was written.
    Refused,
}

impl DynamoStore {
    /// Writes all or nothing.
    pub(super) async fn transact(
        &self,
        items: Vec<TransactWriteItem>,
    ) -> Result<Transacted, StoreError> {
        if items.len() > MOST_IN_A_TRANSACTION {
            return Err(StoreError::Corrupt(
                "more than 100 items change at once".to_owned(),
            ));
        }
        let answer = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .send()
            .await;
        let error = match answer {
            Ok(_) => return Ok(Transacted::Done),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(TransactError::TransactionCanceledException(cancelled)) => {
                let codes: Vec<&str> = cancelled
                    .cancellation_reasons()
                    .iter()
                    .map(|reason| reason.code().unwrap_or("None"))
                    .collect();
                if let Some(code) = codes
                    .iter()
                    .find(|c| matches!(**c, "ValidationError" | "ItemCollectionSizeLimitExceeded"))
                {
                    return Err(StoreError::Corrupt((*code).to_owned()));
                }
                if codes.contains(&"ConditionalCheckFailed") {
                    Ok(Transacted::Refused)
                } else {
                    Ok(Transacted::Busy)
                }
            }
            Some(TransactError::TransactionInProgressException(_)) => Ok(Transacted::Busy),
            _ => Err(fault(&error)),
        }
    }

    pub(super) fn to_put(
        &self,
        item: Item,
        condition: Option<Expression>,
    ) -> Result<TransactWriteItem, StoreError> {
        let (text, values) = split(condition);
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(item))
            .set_condition_expression(text)
            .set_expression_attribute_values(values);
        let put = put.build().map_err(|e| unbuilt(&e))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    pub(super) fn to_update(
        &self,
        key: &Key,
        change: Expression,
        condition: &str,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(key.item()))
            .update_expression(change.text)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(change.values));
        let update = update.build().map_err(|e| unbuilt(&e))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    pub(super) fn to_delete(
        &self,
        key: &Key,
        condition: Option<Expression>,
    ) -> Result<TransactWriteItem, StoreError> {
        let (text, values) = split(condition);
        let delete = Delete::builder()
            .table_name(&*self.table)
            .set_key(Some(key.item()))
            .set_condition_expression(text)
            .set_expression_attribute_values(values);
        let delete = delete.build().map_err(|e| unbuilt(&e))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}

fn split(
    condition: Option<Expression>,
) -> (Option<String>, Option<HashMap<String, AttributeValue>>) {
    match condition {
        Some(condition) => (
            Some(condition.text),
            Some(condition.values).filter(|v| !v.is_empty()),
        ),
        None => (None, None),
    }
}

/// Waits before the next try: longer each time up to a fifth of a second, and not as long as others who met here.
pub(super) async fn pause(tries: u32, who: &str) {
    let most = 10_u64.saturating_mul(1 << tries.min(5)).min(200);
    let mut hash = Sha256::new();
    hash.update(who.as_bytes());
    hash.update(tries.to_be_bytes());
    let share = u64::from(hash.finalize().first().copied().unwrap_or_default());
    tokio::time::sleep(Duration::from_millis(5 + most * share / 256)).await;
}
