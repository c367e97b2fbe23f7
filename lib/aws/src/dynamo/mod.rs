//! The store on one DynamoDB table.
//!
//! Every item has `pk` and `sk`; values are JSON in `content`. What must be found at once is read
//! from the base table, consistently; the three indexes are sparse, hold keys only, and only feed
//! the sweep and the stopping of waiting texts, where a second's delay does no harm.
//!
//! | item | `pk` | `sk` |
//! | --- | --- | --- |
//! | account | `account#ID` | `-` |
//! | … in the list of all | `accounts` | `ID` |
//! | user, so also listing | `sender#SENDER` | `user#ACCOUNT` |
//! | guard of a sender's listings | `sender#SENDER` | `guard` |
//! | … in its account | `account#ID` | `user#SENDER` |
//! | invitation | `invitation#HASH` | `-` |
//! | audit entry | `audit#ACCOUNT` | time, stamp, place |
//! | row | `row#ID` | `-` |
//! | … of its mail | `mail#ID` | `row#NUMBER#ROW` |
//! | … of a provider's reference | `reference#HASH` | `-` |
//! | counter | `counter#NAME` | `-` |
//! | opt-out | `opt-out#ACCOUNT#NUMBER` | `-` |
//! | mail | `mail#ID` | `-` |
//! | … in the lists | `mails#SHARD`, `mails-of#ACCOUNT` | time, id |
//! | first seen | `seen#KEY` | `-` |
//! | mail of ours | `outgoing#ID` | `-` |
//! | … in the list | `outbox#SHARD` | stamp |
//! | simulated phone | `handset` | time, stamp |
//! | what is too large for one item | `chunk#HASH` | place |
//!
//! | index | keys | holds |
//! | --- | --- | --- |
//! | `due` | `due_of` (kind, shard), `due` (ns) | rows and mails of ours with something to do |
//! | `waiting` | `waiting_of` (account, user), `pk` | rows in `waiting` |
//! | `expiry` | `expires_of` (kind, shard), `expires_from` (the hour) | what is forgotten in the end |
//!
//! No scans; every partition that all mails touch has eight shards, but for the operator's counter
//! of the day, which cannot be exact in parts: claims that meet there wait for one another. `delete_after`
//! (seconds) lets DynamoDB delete what [`Mails::forget`](postel_core::ports::Mails::forget) has not
//! come to. An update that brings a row a provider's reference costs one put more, before it: so the reference leads
//! to the row for a moment before the row holds it. A claim is one transaction of row, pointer and counters; a change of a sender's listings
//! is one transaction that counts the guard up. Must not know the rules.

mod call;
mod content;
mod counters;
mod directory;
mod item;
mod ledger;
mod mails;
mod outbox;
#[cfg(any(test, feature = "testing"))]
mod table;
mod transact;
#[cfg(any(test, feature = "testing"))]
pub(crate) use table::create as create_table;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use postel_core::ports::{Clock, Ids};

use crate::Clients;

/// The store. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct DynamoStore {
    client: Client,
    table: Arc<str>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl DynamoStore {
    /// The store in this table. Clock and ids only order what people see and tell writers apart.
    #[must_use]
    pub fn new(clients: &Clients, table: &str, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self {
            client: clients.dynamo.clone(),
            table: table.into(),
            clock,
            ids,
        }
    }

    /// A new text that sorts by the time of its making.
    fn stamp(&self) -> String {
        let now = self.clock.now();
        format!("{}#{}", item::sortable(now), self.ids.mail_id(now))
    }
}

impl std::fmt::Debug for DynamoStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DynamoStore({})", self.table)
    }
}
