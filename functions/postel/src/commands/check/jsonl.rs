//! JSON lines: one line in, one line out, in order, whatever a line holds.
//!
//! Lines are answered side by side, printed in the order of the input, and flushed whenever the
//! next answer is not ready yet, so that a person or a program may talk to a command line by
//! line. Must not know what is asked.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
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

/// The `id` of a line, kept as the very bytes it was written with; the last where there are several.
#[derive(Default)]
struct Id<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Id<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Option<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut id = None;
                while let Some(name) = map.next_key::<Cow<'_, str>>()? {
                    if name == "id" {
                        id = Some(map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(id)
            }
        }
        deserializer.deserialize_map(Fields).map(Self)
    }
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

/// Answers every line of standard input. `answer` says why a line is bad as its error; `sample` is a good line.
///
/// # Errors
/// Where standard output or input fails; a bad line is no error.
pub(super) async fn run<Q, A, F>(
    sample: &'static str,
    answer: impl Fn(Q) -> F + Send + Sync + 'static,
) -> Outcome
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
                        let reply = reply(line, sample, answer.as_ref()).await;
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

async fn reply<Q, A, F>(line: Line, sample: &str, answer: &(impl Fn(Q) -> F + Sync)) -> Vec<u8>
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
    let id = serde_json::from_str::<Id<'_>>(text)
        .ok()
        .and_then(|id| id.0);
    // A list would be taken for the fields in their order.
    let is_object = text.trim_start().starts_with('{');
    let question = match serde_json::from_str::<Q>(text) {
        Ok(question) if is_object => question,
        Err(e) if !e.is_data() => return bad(id, &format!("the line is not JSON: {e}")),
        Err(e) if is_object => return bad(id, &format!("a field is missing or wrong: {e}")),
        Ok(_) | Err(_) => return bad(id, &format!("write an object such as {sample}")),
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
