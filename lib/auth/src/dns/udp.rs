//! The resolver's UDP sockets, with one mend: a TXT record without any string.
//!
//! RFC 1035 3.3.14 asks for one string at least; some domains publish none, and hickory refuses the whole
//! answer for it, with the SPF record beside. Such a record is made one of the root before it is
//! read, where nobody asks for it. Must not change anything else. TCP is left alone: answers with empty records are short.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hickory_resolver::net::runtime::{DnsUdpSocket, RuntimeProvider, TokioRuntimeProvider};
use tokio::net::UdpSocket;

/// Octets of a message before its first question.
const HEADER: usize = 12;
/// Type, class, TTL and length of a record.
const FIXED: usize = 10;
const TXT: u16 = 16;

/// Tokio, with mended UDP.
#[derive(Clone, Default)]
pub(super) struct Runtime(TokioRuntimeProvider);

type Connecting<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl RuntimeProvider for Runtime {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = <TokioRuntimeProvider as RuntimeProvider>::Timer;
    type Udp = Mended;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.0.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        limit: Option<Duration>,
    ) -> Connecting<Self::Tcp> {
        self.0.connect_tcp(server, local, limit)
    }

    fn bind_udp(&self, local: SocketAddr, server: SocketAddr) -> Connecting<Self::Udp> {
        let socket = self.0.bind_udp(local, server);
        Box::pin(async move { socket.await.map(Mended) })
    }
}

/// A socket whose answers are mended.
pub(super) struct Mended(UdpSocket);

impl DnsUdpSocket for Mended {
    type Time = <UdpSocket as DnsUdpSocket>::Time;

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let (length, from) = ready!(DnsUdpSocket::poll_recv_from(&self.0, cx, buf))?;
        if let Some(message) = buf.get_mut(..length) {
            // What cannot be walked is left to hickory's own judgement.
            let _: Option<()> = mend(message);
        }
        Poll::Ready(Ok((length, from)))
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        DnsUdpSocket::poll_send_to(&self.0, cx, buf, target)
    }
}

/// Gives every empty TXT record the root as owner and one string in the room that frees; the
/// message keeps its length.
fn mend(message: &mut [u8]) -> Option<()> {
    let count = |at| number(message, at).map(usize::from);
    let questions = count(4)?;
    let records = count(6)? + count(8)? + count(10)?;
    let mut at = HEADER;
    for _ in 0..questions {
        at = name_end(message, at)? + 4;
    }
    for _ in 0..records {
        let fixed = name_end(message, at)?;
        let end = fixed + FIXED + usize::from(number(message, fixed + FIXED - 2)?);
        if number(message, fixed)? == TXT && end == fixed + FIXED {
            // The owner's first octet becomes the root, the others the record's data.
            let freed = u8::try_from(fixed - at - 1).ok()?;
            let string = freed.checked_sub(1)?;
            message.copy_within(fixed..end, at + 1);
            *message.get_mut(at)? = 0;
            let data = at + 1 + FIXED;
            message
                .get_mut(data - 2..data)?
                .copy_from_slice(&[0, freed]);
            *message.get_mut(data)? = string;
        }
        at = end;
    }
    Some(())
}

/// Where the name that starts at `at` ends in the message itself.
fn name_end(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            pointer if pointer >= 0xc0 => return Some(at + 2),
            length => at += usize::from(length) + 1,
        }
    }
}

fn number(message: &[u8], at: usize) -> Option<u16> {
    let octets = message.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::op::Message;

    const QUESTION: &[u8] = b"\0\x01\x81\x80\0\x01\0\x02\0\0\0\0\x01a\x07example\0\0\x10\0\x01";
    const TEXT: &[u8] = b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\0\x03\x02hi";

    #[test]
    fn an_empty_text_spoils_the_others_no_longer() {
        for empty in [
            &b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\0\0"[..],
            &b"\x01a\x07example\0\0\x10\0\x01\0\0\0\x3c\0\0"[..],
        ] {
            let mut message = [QUESTION, empty, TEXT].concat();
            let before = message.len();
            assert!(Message::from_vec(&message).is_err());
            assert_eq!(mend(&mut message), Some(()));
            assert_eq!(message.len(), before);
            let read = Message::from_vec(&message).unwrap();
            let owners: Vec<String> = read.answers.iter().map(|r| r.name.to_string()).collect();
            assert_eq!(owners, [".", "a.example."]);
        }
    }

    #[test]
    fn other_answers_stay_as_they_are_and_rubbish_does_no_harm() {
        let whole = [QUESTION, TEXT, TEXT].concat();
        let mut message = whole.clone();
        assert_eq!(mend(&mut message), Some(()));
        assert_eq!(message, whole);
        for cut in 0..whole.len() {
            let mut part = whole.get(..cut).unwrap().to_vec();
            mend(&mut part);
        }
        // A small generator is random enough to look for panics.
        let mut seed: u32 = 1;
        for length in 0..2_000 {
            let mut rubbish: Vec<u8> = (0..length % 200)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    seed.to_be_bytes()[0]
                })
                .collect();
            mend(&mut rubbish);
        }
    }
}
