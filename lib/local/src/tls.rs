//! The listener's TLS: a PEM certificate chain and its key, read again when they change.
//!
//! Must not know the protocol that is protected.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio::time::Instant;

/// Why TLS cannot be offered. Each says which file it is about and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {error}. Check that the file is there and that the user running postel may read it", path = .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is not PEM, or does not hold what it should.
    #[error("{path} holds no usable {what} ({why}). It must be PEM: a text with `-----BEGIN {begin}-----`", path = .path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// The line that would begin it.
        begin: &'static str,
        /// Why it does not.
        why: String,
    },
    /// Certificate and key cannot be used together.
    #[error("the certificate in {cert} and the key in {key} do not work together: {why}. Take both from the same issue, the server's own certificate first in its file", cert = .cert.display(), key = .key.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What the TLS library says.
        why: rustls::Error,
    },
}

/// How often, at most, the files are looked at.
const LOOKED_AT: Duration = Duration::from_secs(5);

/// A certificate and its key in two files, as they are now: handshakes get the newest pair that can be used.
pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    every: Duration,
    state: Mutex<State>,
}

struct State {
    config: Arc<ServerConfig>,
    /// What the files were when `config` was read.
    stamp: Option<Stamp>,
    looked_at: Instant,
    /// What they were when they could not be used, and whether that was told.
    unusable: Option<(Option<Stamp>, bool)>,
}

/// What changes when a file is written or replaced: inode, size, times of change.
type Stamp = [(u64, u64, u64, i64, i64, i64, i64); 2];

impl Certificate {
    /// Reads both files ([`load`]).
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(cert: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        Self::looked_at_every(LOOKED_AT, cert, key)
    }

    /// The same, looking at the files at most so often.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn looked_at_every(
        every: Duration,
        cert: &Path,
        key: &Path,
    ) -> Result<Arc<Self>, TlsError> {
        // Before the files are read: what is written meanwhile is seen at the next look.
        let stamp = stamp(cert, key);
        let state = State {
            config: load(cert, key)?,
            stamp,
            looked_at: Instant::now(),
            unusable: None,
        };
        Ok(Arc::new(Self {
            cert: cert.to_owned(),
            key: key.to_owned(),
            every,
            state: Mutex::new(state),
        }))
    }

    /// What a handshake is to use now. Where the files have changed, they are read first; where what
    /// stands in them cannot be used, the former pair stays.
    pub async fn now(self: &Arc<Self>) -> Arc<ServerConfig> {
        {
            let mut state = self.state();
            if state.looked_at.elapsed() < self.every {
                return Arc::clone(&state.config);
            }
            state.looked_at = Instant::now();
        }
        let this = Arc::clone(self);
        match tokio::task::spawn_blocking(move || this.look()).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => tracing::info!("the certificate has changed and was read again"),
            Ok(Err(error)) => {
                tracing::error!(%error, "alarm: the certificate has changed and cannot be used; the former one stays in use");
            }
            Err(_) => tracing::error!("looking at the certificate failed; the one in use stays"),
        }
        Arc::clone(&self.state().config)
    }

    /// Reads the files where they have changed, and says whether they had; an error is to be told.
    fn look(&self) -> Result<bool, TlsError> {
        let stamp = stamp(&self.cert, &self.key);
        if stamp.is_some() && self.state().stamp == stamp {
            self.state().unusable = None;
            return Ok(false);
        }
        let read = load(&self.cert, &self.key);
        let mut state = self.state();
        match read {
            Ok(config) => {
                state.config = config;
                state.stamp = stamp;
                state.unusable = None;
                Ok(true)
            }
            // Two files are never replaced at once: what cannot be used is complained of when it stays, and once.
            Err(error) => match &mut state.unusable {
                Some((before, told)) if *before == stamp => {
                    if std::mem::replace(told, true) {
                        Ok(false)
                    } else {
                        Err(error)
                    }
                }
                other => {
                    *other = Some((stamp, false));
                    Ok(false)
                }
            },
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What both files are now; `None` where one cannot be seen.
fn stamp(cert: &Path, key: &Path) -> Option<Stamp> {
    let of = |path: &Path| {
        let m = std::fs::metadata(path).ok()?;
        Some((
            m.dev(),
            m.ino(),
            m.size(),
            m.mtime(),
            m.mtime_nsec(),
            m.ctime(),
            m.ctime_nsec(),
        ))
    };
    Some([of(cert)?, of(key)?])
}

/// Reads a certificate chain (the server's own first) and its unencrypted key, both PEM, for TLS
/// 1.2 and 1.3.
///
/// # Errors
/// [`TlsError`]; trying again helps only once the files have changed.
pub fn load(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let certificate = |why: &dyn ToString| TlsError::Content {
        path: cert.to_owned(),
        what: "certificate",
        begin: "CERTIFICATE",
        why: why.to_string(),
    };
    let chain = CertificateDer::pem_slice_iter(&read(cert)?)
        .collect::<Result<Vec<_>, pem::Error>>()
        .map_err(|e| certificate(&e))?;
    if chain.is_empty() {
        return Err(certificate(&"there is none in it"));
    }
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|e| TlsError::Content {
        path: key.to_owned(),
        what: "private key",
        begin: "PRIVATE KEY",
        why: e.to_string(),
    })?;
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        })
        .map(Arc::new)
        .map_err(|why| TlsError::Mismatch {
            cert: cert.to_owned(),
            key: key.to_owned(),
            why,
        })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Unreadable {
        path: path.to_owned(),
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("postel-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_pair_is_loaded_and_a_wrong_one_is_explained() {
        let folder = folder("pair");
        let (cert, key, other) = (
            folder.join("cert.pem"),
            folder.join("key.pem"),
            folder.join("other.pem"),
        );
        let pair = rcgen::generate_simple_self_signed(["sms.example.com".to_owned()]).unwrap();
        std::fs::write(&cert, pair.cert.pem()).unwrap();
        std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
        std::fs::write(&other, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(load(&cert, &key).is_ok());
        for (cert, key, words) in [
            (&cert, &folder.join("absent.pem"), "cannot read"),
            (&key, &key, "no usable certificate"),
            (&cert, &cert, "no usable private key"),
            (&cert, &other, "do not work together"),
        ] {
            let said = load(cert, key).unwrap_err().to_string();
            assert!(said.contains(words) && said.contains(".pem"), "{said}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
