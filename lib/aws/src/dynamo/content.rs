//! Values that may not fit into one item (400 KB): the rest lies in items of its own.
//!
//! Chunks stand under the hash of owner and bytes, so a put that is done again writes the same ones,
//! and one that broke off leaves nothing that is ever read. They are written before the item that
//! names them, and deleted after it.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use postel_core::ports::StoreError;
use sha2::{Digest, Sha256};

use super::DynamoStore;
use super::call::Query;
use super::item::{Item, Key, corrupt, get_number, get_text, number, set, text};

/// What stays in the item itself.
const INLINE: usize = 256 * 1024;
/// What one chunk holds: with its key well below 400 KB.
const CHUNK: usize = 380 * 1024;

impl DynamoStore {
    /// Puts bytes into an item, or beside it. `delete_after`: when DynamoDB may delete the chunks.
    pub(super) async fn stow(
        &self,
        item: &mut Item,
        owner: &str,
        bytes: Vec<u8>,
        ttl: Option<i64>,
    ) -> Result<(), StoreError> {
        if bytes.len() <= INLINE {
            set(item, "bytes_in", AttributeValue::B(Blob::new(bytes)));
            return Ok(());
        }
        let mut hash = Sha256::new();
        hash.update(owner.as_bytes());
        hash.update([0]);
        hash.update(&bytes);
        let place = format!("chunk#{:x}", hash.finalize());
        for (n, chunk) in bytes.chunks(CHUNK).enumerate() {
            let mut part = Key::new(&place, format!("{n:06}")).item();
            set(&mut part, "bytes_in", AttributeValue::B(Blob::new(chunk)));
            if let Some(ttl) = ttl {
                set(&mut part, "delete_after", number(ttl));
            }
            self.put(part).await?;
        }
        set(item, "bytes_at", text(place));
        set(item, "bytes_count", number(bytes.len()));
        Ok(())
    }

    /// The bytes that [`Self::stow`] put away.
    pub(super) async fn unstow(&self, item: &Item) -> Result<Vec<u8>, StoreError> {
        if !item.contains_key("bytes_at") {
            return inline(item);
        }
        let mut bytes = Vec::new();
        for part in self
            .query(Query::partition(get_text(item, "bytes_at")?))
            .await?
        {
            bytes.extend(inline(&part)?);
        }
        if get_number(item, "bytes_count")? == Some(bytes.len()) {
            Ok(bytes)
        } else {
            Err(corrupt("bytes_at"))
        }
    }

    /// Deletes the chunks of an item that is gone.
    pub(super) async fn clear(&self, item: &Item) -> Result<(), StoreError> {
        if let Ok(place) = get_text(item, "bytes_at") {
            for part in self.query(Query::partition(place)).await? {
                self.delete(&Key::of(&part)?).await?;
            }
        }
        Ok(())
    }
}

fn inline(item: &Item) -> Result<Vec<u8>, StoreError> {
    let bytes = item.get("bytes_in").and_then(|value| value.as_b().ok());
    bytes
        .map(|blob| blob.as_ref().to_vec())
        .ok_or_else(|| corrupt("bytes_in"))
}
