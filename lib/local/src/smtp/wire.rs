//! The connection of one client: bytes in and out, plain or through TLS.
//!
//! Must not know what the bytes mean.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Either kind of stream.
trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Replies are collected up to this size while the client's commands keep coming (RFC 2920 3.2).
const PENDING: usize = 8 * 1024;
/// At the end, what the client still sends is read for at most this long, in at most this many
/// pieces: closing with unread bytes would take our last reply from the client.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_PIECES: usize = 64;

/// A client's connection.
pub(super) struct Wire {
    io: BufReader<Box<dyn Io>>,
    out: Vec<u8>,
}

impl Wire {
    pub(super) fn new(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self {
            io: BufReader::with_capacity(16 * 1024, Box::new(io)),
            out: Vec::new(),
        }
    }

    /// Where replies are written before they are sent.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Writes octets as they are.
    pub(super) fn write(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    /// What has come and is not taken yet.
    pub(super) fn arrived(&self) -> &[u8] {
        self.io.buffer()
    }

    /// Takes that many octets of what has come.
    pub(super) fn take(&mut self, octets: usize) {
        self.io.consume(octets);
    }

    /// Whether so many replies are waiting that they should be sent now.
    pub(super) fn is_full(&self) -> bool {
        self.out.len() > PENDING
    }

    /// Sends what was written.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let stream = self.io.get_mut();
        while !self.out.is_empty() {
            // Not write_all: a flush given up half-way must not send the first half again.
            let sent = stream.write(&self.out).await?;
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.out.drain(..sent);
        }
        stream.flush().await
    }

    /// Sends what was written, then waits for more to arrive; `false` at the end of the stream.
    pub(super) async fn more(&mut self) -> io::Result<bool> {
        self.flush().await?;
        Ok(!self.io.fill_buf().await?.is_empty())
    }

    /// Goes on through TLS. Whatever arrived before the handshake is thrown away: it was not
    /// protected and may be another's (CVE-2011-0411).
    pub(super) async fn secure(&mut self, acceptor: &TlsAcceptor) -> io::Result<()> {
        self.flush().await?;
        let nothing = Self::new(tokio::io::empty());
        let plain = std::mem::replace(self, nothing).io.into_inner();
        *self = Self::new(acceptor.accept(plain).await?);
        Ok(())
    }

    /// Sends what was written and closes.
    pub(super) async fn close(mut self) {
        let closing = async {
            self.flush().await?;
            let stream = self.io.get_mut();
            stream.shutdown().await?;
            let mut piece = [0; 4096];
            for _ in 0..LINGER_PIECES {
                if stream.read(&mut piece).await? == 0 {
                    break;
                }
            }
            io::Result::Ok(())
        };
        if !matches!(timeout(LINGER, closing).await, Ok(Ok(()))) {
            tracing::debug!("the client did not wait for the end");
        }
    }
}
