//! Mails in S3, as SES puts them there.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;

use crate::Clients;

/// The largest mail that is read, in bytes. SES takes no mail over 40 MB, headers included; its own block comes on top.
pub const MAX_MAIL: usize = 41 * 1024 * 1024;

/// Why a mail cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// There is no such object, or it may not be read: trying again rarely helps, the dead letters keep it.
    #[error("the mail is not in the bucket ({0})")]
    Missing(String),
    /// Larger than [`MAX_MAIL`].
    #[error("the mail is larger than SES takes mails")]
    TooLarge,
    /// S3 does not answer: try again.
    #[error("S3 does not answer ({0})")]
    Unavailable(String),
}

/// The bucket that SES writes to.
#[derive(Clone, Debug)]
pub struct Bucket {
    s3: aws_sdk_s3::Client,
    name: String,
}

/// A mail whose size is known and whose bytes are still to come.
#[derive(Debug)]
pub struct Opened {
    length: usize,
    body: ByteStream,
}

impl Bucket {
    /// The bucket of this name.
    #[must_use]
    pub fn new(clients: &Clients, name: &str) -> Self {
        Self {
            s3: clients.s3.clone(),
            name: name.to_owned(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens the object of exactly this key.
    ///
    /// # Errors
    /// [`MailError`] says which may be tried again.
    pub async fn open(&self, key: &str) -> Result<Opened, MailError> {
        let answer = self
            .s3
            .get_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await
            .map_err(|error| fault(&error))?;
        let length = answer
            .content_length()
            .and_then(|length| usize::try_from(length).ok())
            .ok_or_else(|| MailError::Unavailable("no length".to_owned()))?;
        if length > MAX_MAIL {
            return Err(MailError::TooLarge);
        }
        Ok(Opened {
            length,
            body: answer.body,
        })
    }
}

impl Opened {
    /// How many bytes are to come.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Reads them all.
    ///
    /// # Errors
    /// [`MailError`], as for [`Bucket::open`].
    pub async fn read(mut self) -> Result<Vec<u8>, MailError> {
        let mut bytes = Vec::with_capacity(self.length);
        while let Some(chunk) = self.body.next().await {
            let chunk = chunk.map_err(|_| MailError::Unavailable("it broke off".to_owned()))?;
            if bytes.len() + chunk.len() > MAX_MAIL {
                return Err(MailError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        if bytes.len() < self.length {
            return Err(MailError::Unavailable("it broke off".to_owned()));
        }
        Ok(bytes)
    }
}

fn fault<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> MailError {
    let code = error.code().unwrap_or("no answer").to_owned();
    match code.as_str() {
        "NoSuchKey" | "NoSuchBucket" | "AccessDenied" | "InvalidObjectState" => {
            MailError::Missing(code)
        }
        _ => MailError::Unavailable(code),
    }
}
