//! DynamoDB, S3 and SES: the AWS home.
//!
//! The only crate that knows an AWS SDK. Must not know providers, DNS or what is decided about a mail.

mod bucket;
mod clients;
pub mod dynamo;
pub mod ses;
pub mod sqs;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use bucket::{Bucket, MAX_MAIL, MailError, Opened};
pub use clients::Clients;
