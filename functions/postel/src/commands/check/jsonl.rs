//! JSON lines: one line in, one line out, in order, whatever a line holds.
//!
//! Lines are answered side by side, printed in the order of the input, and flushed whenever the
//! next answer is not ready yet, so that a person or a program may talk to a command line by
//! line. Must not know what is asked.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::exit::{Answer, Failure, Outcome};

/// The longest line, its end not counted.
const LONGEST: usize = 64 * 1024 * 1024;
/// Kibibytes of input that may be in work at one time.
const ROOM: u32 = 128 * 1024;
/// Lines that may be in work at one time.
const SIDE_BY_SIDE: usize = 64;

/// The `id` of a line, kept as the very bytes it was written with.
#[derive(Default)]
struct Id<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw)))
    }
}

#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow, default)]
    id: Id<'a>,
}

#[derive(Serialize)]
struct Reply<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(flatten)]
    answer: T,
}

#[derive(Serialize)]
struct Bad {
    error: String,
}

/// What was read from the input.
enum Line {
    Whole(Vec<u8>),
    TooLong,
    Broken(io::Error),
}

/// Answers every line of standard input. `answer` says why a line is bad as its error.
///
/// # Errors
/// Where standard output or input fails; a bad line is no error.
pub(super) async fn run<Q, A, F>(answer: impl Fn(Q) -> F + Send + Sync + 'static) -> Outcome
where
    Q: DeserializeOwned + Send + 'static,
    A: Serialize,
    F: Future<Output = Result<A, String>> + Send + 'static,
{
    let answer = Arc::new(answer);
    let mut out = io::BufWriter::new(io::stdout());
    let mut lines = read_lines();
    let mut working: VecDeque<JoinHandle<Vec<u8>>> = VecDeque::new();
    let mut more = true;
    while more || !working.is_empty() {
        // The oldest answer first where it is ready; else what is written goes out before waiting.
        let ready = working.front().is_some_and(JoinHandle::is_finished);
        if !ready {
            out.flush()?;
        }
        let room_left = more && working.len() < SIDE_BY_SIDE;
        let oldest = working.front_mut();
        tokio::select! {
            biased;
            reply = async { match oldest { Some(task) => task.await, None => std::future::pending().await } } => {
                working.pop_front();
                let reply = reply.unwrap_or_else(|_| bad(None, "this line could not be worked on: an internal fault"));
                out.write_all(&reply)?;
            }
            line = lines.recv(), if room_left => match line {
                None => more = false,
                Some((Line::Broken(e), _)) => return Err(Failure::Trouble(format!("standard input cannot be read: {e}"))),
                Some((line, room)) => {
                    let answer = Arc::clone(&answer);
                    working.push_back(tokio::spawn(async move {
                        let reply = reply(line, answer.as_ref()).await;
                        drop(room);
                        reply
                    }));
                }
            },
        }
    }
    out.flush()?;
    Ok(Answer::Yes)
}

async fn reply<Q, A, F>(line: Line, answer: &(impl Fn(Q) -> F + Sync)) -> Vec<u8>
where
    Q: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, String>>,
{
    let Line::Whole(bytes) = line else {
        return bad(
            None,
            &format!("the line is longer than {} MB", LONGEST / 1024 / 1024),
        );
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return bad(None, "the line is not UTF-8");
    };
    let id = serde_json::from_str::<Identified<'_>>(text)
        .ok()
        .and_then(|line| line.id.0);
    let question = match serde_json::from_str::<Q>(text) {
        Ok(question) => question,
        Err(e) if e.is_data() => return bad(id, &format!("a field is missing or wrong: {e}")),
        Err(e) => return bad(id, &format!("the line is not JSON: {e}")),
    };
    match answer(question).await {
        Ok(answer) => written(&Reply { id, answer }),
        Err(why) => bad(id, &why),
    }
}

fn bad(id: Option<&RawValue>, why: &str) -> Vec<u8> {
    written(&Reply {
        id,
        answer: Bad {
            error: why.to_owned(),
        },
    })
}

fn written(reply: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_string(reply)
        .unwrap_or_else(|_| r#"{"error":"the answer could not be written as JSON"}"#.to_owned());
    // JSON allows these in strings as they are, but many a reader takes them for ends of lines.
    for (end, escaped) in LINE_ENDS {
        if line.contains(end) {
            line = line.replace(end, escaped);
        }
    }
    line.push('\n');
    line.into_bytes()
}

/// What Unicode calls an end of line and JSON does not escape. The ASCII ones are always escaped.
const LINE_ENDS: [(char, &str); 3] = [
    ('\u{85}', "\\u0085"),
    ('\u{2028}', "\\u2028"),
    ('\u{2029}', "\\u2029"),
];

/// Reads standard input on a thread of its own, no further ahead than [`ROOM`] allows.
fn read_lines() -> mpsc::Receiver<(Line, OwnedSemaphorePermit)> {
    let (sender, receiver) = mpsc::channel(SIDE_BY_SIDE);
    let room = Arc::new(Semaphore::new(ROOM as usize));
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let mut input = BufReader::with_capacity(64 * 1024, io::stdin());
        let mut first = true;
        loop {
            let line = match next_line(&mut input) {
                Ok(None) => return,
                Ok(Some(Line::Whole(bytes))) if is_blank(&bytes, first) => continue,
                Ok(Some(Line::Whole(mut bytes))) => {
                    if first && bytes.starts_with(BOM) {
                        bytes.drain(..BOM.len());
                    }
                    Line::Whole(bytes)
                }
                Ok(Some(line)) => line,
                Err(e) => Line::Broken(e),
            };
            first = false;
            let last = matches!(line, Line::Broken(_));
            let weight = match &line {
                Line::Whole(bytes) => u32::try_from(bytes.len() / 1024 + 1).unwrap_or(ROOM),
                Line::TooLong | Line::Broken(_) => 1,
            };
            let permit = runtime.block_on(Arc::clone(&room).acquire_many_owned(weight.min(ROOM)));
            let Ok(permit) = permit else { return };
            if sender.blocking_send((line, permit)).is_err() || last {
                return;
            }
        }
    });
    receiver
}

/// What some programs write before the first line.
const BOM: &[u8] = b"\xef\xbb\xbf";

fn is_blank(line: &[u8], first: bool) -> bool {
    let line = if first {
        line.strip_prefix(BOM).unwrap_or(line)
    } else {
        line
    };
    line.iter().all(u8::is_ascii_whitespace)
}

/// The next line without its end; `None` at the end of the input. Of a line that is too long, nothing is kept.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let limit = u64::try_from(LONGEST + 1).unwrap_or(u64::MAX);
    let mut line = Vec::new();
    let read = input.by_ref().take(limit).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > LONGEST {
        drop(line);
        skip_line(input)?;
        return Ok(Some(Line::TooLong));
    }
    Ok(Some(Line::Whole(line)))
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (skip, done) = match buffer.iter().position(|b| *b == b'\n') {
            Some(end) => (end + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(skip);
        if done {
            return Ok(());
        }
    }
}
