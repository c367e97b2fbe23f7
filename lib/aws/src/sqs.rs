//! A batch of SQS messages as Lambda is given it, and the answer that says which of them failed.
//!
//! Bodies are kept as text: one that cannot be read must not harm its neighbours.

use serde::{Deserialize, Serialize};

/// The event. What is not needed is not read.
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<Message>,
}

/// One message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// SQS's id: what a failure is reported under.
    pub message_id: String,
    /// The body; empty where there is none.
    #[serde(default)]
    pub body: String,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({})", self.message_id)
    }
}

/// The messages that are to be delivered again; all others are done with. Only heeded where the
/// event source has `ReportBatchItemFailures`.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// One entry for each failed message.
    pub batch_item_failures: Vec<Failure>,
}

/// A failed message.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// SQS's id of it.
    pub item_identifier: String,
}

impl BatchResponse {
    /// The answer that these messages failed.
    #[must_use]
    pub fn failed(ids: Vec<String>) -> Self {
        let failure = |item_identifier| Failure { item_identifier };
        Self {
            batch_item_failures: ids.into_iter().map(failure).collect(),
        }
    }
}
