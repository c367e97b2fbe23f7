//! A vendor's interface on loopback, as well or as badly behaved as a test wants it, which keeps what it was sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use postel_core::ledger::{Originator, RowId};
use postel_core::ports::Sms;
use postel_core::testing::ManualClock;
use postel_core::text;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the vendor does with the next connection or request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Answers and keeps the connection.
    Say(Vec<u8>),
    /// Answers and closes the connection.
    SayAndClose(Vec<u8>),
    /// Says this without having been asked, and closes.
    Greet(Vec<u8>),
    /// Resets the connection as soon as it is there.
    ResetAtOnce,
    /// Reads the whole request, then resets.
    ResetAfterReading,
    /// Reads the whole request, then closes in good order.
    CloseAfterReading,
    /// Reads the whole request, then says nothing.
    Silence,
}

/// A whole answer.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `POST /path HTTP/1.1` and the header fields, as written.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Vendor {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: JoinHandle<()>,
}

impl Vendor {
    /// Serves these acts, one for each request (or connection, where it never gets so far), the last for ever.
    pub(crate) async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let acts: Vec<Act> = acts.into_iter().collect();
        let (log, next) = (Arc::clone(&asked), Arc::new(Mutex::new(acts.into_iter())));
        let server = tokio::spawn(async move {
            let last = Arc::new(Mutex::new(Act::Silence));
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(
                    socket,
                    Arc::clone(&next),
                    Arc::clone(&last),
                    Arc::clone(&log),
                ));
            }
        });
        Self { url, asked, server }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Acts = Arc<Mutex<std::vec::IntoIter<Act>>>;

fn next_act(acts: &Acts, last: &Mutex<Act>) -> Act {
    let mut last = last.lock().unwrap();
    if let Some(act) = acts.lock().unwrap().next() {
        *last = act;
    }
    last.clone()
}

async fn serve(
    mut socket: TcpStream,
    acts: Acts,
    last: Arc<Mutex<Act>>,
    log: Arc<Mutex<Vec<Asked>>>,
) {
    loop {
        let act = next_act(&acts, &last);
        if matches!(act, Act::ResetAtOnce) {
            socket.set_zero_linger().unwrap();
            return;
        }
        if let Act::Greet(bytes) = act {
            socket.write_all(&bytes).await.unwrap_or(());
            return;
        }
        let Some(asked) = read(&mut socket).await else {
            return;
        };
        log.lock().unwrap().push(asked);
        match act {
            Act::Say(bytes) => socket.write_all(&bytes).await.unwrap_or(()),
            Act::SayAndClose(bytes) => {
                socket.write_all(&bytes).await.unwrap_or(());
                return;
            }
            Act::ResetAfterReading => {
                socket.set_zero_linger().unwrap();
                return;
            }
            Act::CloseAfterReading | Act::ResetAtOnce | Act::Greet(_) => return,
            Act::Silence => tokio::time::sleep(Duration::from_secs(60)).await,
        }
    }
}

/// One request, or none where the connection ends before all of it came.
async fn read(socket: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let length = head.lines().find_map(|l| {
        let (name, value) = l.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().unwrap())
    });
    let length = length.unwrap_or(0);
    while bytes.len() < head_end + length {
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked {
        head,
        body: bytes[head_end..].to_vec(),
    })
}

/// The time in these tests.
pub(crate) const NOW: &str = "2026-11-21T18:00:00Z";

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(NOW.parse().unwrap()))
}

/// A text for a French mobile number, valid for four hours.
pub(crate) fn sms(words: &str) -> Sms {
    let measured = text::measure(words);
    Sms {
        reference: RowId("row-1".to_owned()),
        to: "+33612345678".parse().unwrap(),
        originator: Originator::Number("+33755512345".parse().unwrap()),
        text: measured.text,
        encoding: measured.encoding,
        parts: measured.parts,
        valid_until: "2026-11-21T22:00:00Z".parse().unwrap(),
    }
}
