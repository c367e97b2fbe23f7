//! One request to a provider's interface over HTTP, and the one distinction that all providers need: what
//! was *surely not taken* from what *may have been taken*.
//!
//! A request is made once: nothing is tried again, no redirect is followed. Where no connection came about
//! (DNS, TCP, TLS, a proxy's refusal) it was surely not taken; from the first byte written on, it may have
//! been. A kept connection that the server closed in between is replaced without a word, but only while the
//! request was not begun (hyper hands such a request back whole); else the text may have been taken.
//! Time and size are bounded. Proxies come from the environment (`HTTPS_PROXY`, `NO_PROXY`), as is usual, but
//! never for this machine itself. Must not know what a provider's answers mean.

mod endpoint;
mod retry_after;
mod trouble;

use std::time::Duration;

use postel_core::ports::LookUp;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, redirect, retry};

pub use endpoint::{Endpoint, EndpointFault};
pub(crate) use retry_after::seconds as retry_after;
pub(crate) use trouble::Trouble;

/// The longest answer to one text: those of both vendors are below 2 KB.
const ANSWER_BYTES: usize = 64 * 1024;
/// The longest page of a look-up.
const PAGE_BYTES: usize = 1024 * 1024;
/// A connection unused for so long is given up: sooner than servers usually do (5 s in Apache and Node), because
/// one that closes at the moment of a request leaves open whether that was taken.
const KEPT: Duration = Duration::from_secs(4);
/// Connections kept for the next texts.
const MOST_KEPT: usize = 64;

/// How long a provider is waited for, and whom to trust.
#[derive(Clone, Debug)]
pub struct Options {
    /// For DNS, TCP and TLS together.
    pub connect: Duration,
    /// For all of one request. The port promises an end within a minute.
    pub whole: Duration,
    /// Certificates (PEM) to trust beside the system's authorities.
    pub trust: Option<Vec<u8>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            whole: Duration::from_secs(45),
            trust: None,
        }
    }
}

/// Why a provider cannot be made from its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The file to trust.
    #[error("no certificate in PEM form is in it")]
    Trust,
    /// The system's authorities could not be read, or similar.
    #[error(
        "the TLS client cannot be started; are the system's certificates (ca-certificates) installed?"
    )]
    Tls,
}

/// A user's name and secret, sent with every request (RFC 7617). Prints redacted.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) secret: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// A provider's interface.
#[derive(Debug)]
pub(crate) struct Http {
    client: Client,
    endpoint: Endpoint,
    credentials: Credentials,
    whole: Duration,
}

/// What came back. Its status is known even where the rest is not.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `Retry-After` as written.
    pub(crate) retry_after: Option<String>,
    /// `None` where it broke off, came too late, or was too long.
    pub(crate) body: Option<Vec<u8>>,
}

impl Answer {
    /// Whether the request was taken, whatever the body says.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Checks certificates to trust.
///
/// # Errors
/// [`SetupError::Trust`] where none can be read.
pub fn check_trust(pem: &[u8]) -> Result<(), SetupError> {
    certificates(pem).map(drop)
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, SetupError> {
    match Certificate::from_pem_bundle(pem) {
        Ok(list) if !list.is_empty() => Ok(list),
        Ok(_) | Err(_) => Err(SetupError::Trust),
    }
}

impl Http {
    pub(crate) fn new(
        endpoint: Endpoint,
        credentials: Credentials,
        options: &Options,
    ) -> Result<Self, SetupError> {
        let mut client = Client::builder()
            .user_agent(concat!("postel/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .connect_timeout(options.connect)
            .timeout(options.whole)
            .pool_idle_timeout(KEPT)
            .pool_max_idle_per_host(MOST_KEPT);
        if endpoint.is_plain() {
            // This machine itself: no proxy, and no authorities to load.
            client = client.no_proxy().tls_certs_only([]);
        }
        if let Some(pem) = &options.trust {
            client = client.tls_certs_merge(certificates(pem)?);
        }
        Ok(Self {
            client: client.build().map_err(|_| SetupError::Tls)?,
            endpoint,
            credentials,
            whole: options.whole,
        })
    }

    /// Posts a body once.
    pub(crate) async fn post(
        &self,
        path: &str,
        kind: &'static str,
        body: Vec<u8>,
    ) -> Result<Answer, Trouble> {
        self.ask(Method::POST, path, Some((kind, body)), ANSWER_BYTES)
            .await
    }

    /// Lets a look-up of several requests take no longer than one.
    pub(crate) async fn within(&self, look_up: impl Future<Output = LookUp>) -> LookUp {
        let late = |_| LookUp::NotNow {
            detail: "the look-up took too long".to_owned(),
        };
        tokio::time::timeout(self.whole, look_up)
            .await
            .unwrap_or_else(late)
    }

    /// Reads something. Safe to do again.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Trouble> {
        self.ask(Method::GET, path, None, PAGE_BYTES).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Vec<u8>)>,
        limit: usize,
    ) -> Result<Answer, Trouble> {
        let Some(url) = self.endpoint.at(path) else {
            return Err(Trouble::NotSent("the address of the interface is not one"));
        };
        let mut request = self
            .client
            .request(method, url)
            .basic_auth(&self.credentials.user, Some(&self.credentials.secret));
        if let Some((kind, body)) = body {
            request = request.header(CONTENT_TYPE, kind).body(body);
        }
        let response = request.send().await.map_err(|e| Trouble::of(&e))?;
        let retry_after = response.headers().get(RETRY_AFTER);
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after: retry_after.and_then(|v| v.to_str().ok()).map(str::to_owned),
            body: whole(response, limit).await,
        })
    }
}

/// The body, where all of it came and it is not too long.
async fn whole(mut response: reqwest::Response, limit: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > limit {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}
