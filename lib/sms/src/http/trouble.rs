//! Why no answer came, split at the moment from which a request may have been taken. Must not repeat a
//! library's words: they hold addresses.

use std::error::Error as _;
use std::io;

/// No answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Surely not taken: there was no connection to write to.
    NotSent(&'static str),
    /// It may have been taken.
    Unsure(&'static str),
}

impl Trouble {
    /// What the words are for.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NotSent(words) | Self::Unsure(words) => words,
        }
    }

    /// Sorts a library's error. Whatever is not certain is [`Trouble::Unsure`].
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        if error.is_builder() {
            return Self::NotSent("the request could not be written");
        }
        if error.is_connect() {
            return Self::NotSent(match cause(error) {
                _ if error.is_dns() => "the provider’s name does not resolve",
                Some(io::ErrorKind::ConnectionRefused) => "the connection was refused",
                Some(
                    io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkDown,
                ) => "there is no way to the provider’s network",
                Some(io::ErrorKind::InvalidData) => {
                    "TLS could not be agreed on (protocol or certificate)"
                }
                _ if error.is_timeout() => "no connection came about in time",
                _ => "no connection came about",
            });
        }
        Self::Unsure(if error.is_timeout() {
            "no answer came in time"
        } else {
            "the connection broke before an answer came"
        })
    }
}

/// The innermost reason that the system gave.
fn cause(error: &reqwest::Error) -> Option<io::ErrorKind> {
    let mut kind = None;
    let mut source = error.source();
    while let Some(e) = source {
        if let Some(e) = e.downcast_ref::<io::Error>() {
            kind = Some(e.kind());
        }
        source = e.source();
    }
    kind
}
