//! For the benchmarks: a provider that takes every text at once, and a client that knows when each mail was
//! answered for. Both in one process, so that their times come from one clock, and on one thread, so that they take
//! as little as may be from what is measured. Must not know Postel: it speaks HTTP and SMTP.
//!
//!   usage: load ADDRESS
//!
//! `POST` to any path is counted and answered, under `/2010-04-01` with 201 and a message as Twilio's API shows it, else
//! with 200. `GET /count` tells how many there were. `GET /run?smtp=…&from=…&to=…&mails=…&sessions=…&rate=…` sends so
//! many mails of 4 KB, `rate` a second in all (0: as fast as they are taken), each with a mark in its text by which its
//! `POST` is known, waits for them all and tells the milliseconds from each 250 to its `POST`.
#![expect(
    clippy::print_stdout,
    reason = "what it is for; a tool for measuring, not a part of the product"
)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Marks of mails are `q` and seven digits, which no encoding of a text changes.
const DIGITS: usize = 7;
/// Octets of a mail: a text of three parts, and below `-- ` what companies write below their mails.
const MAIL: usize = 4_096;
const TEXT: &str = "The pump of station 4 has stopped; the level rises by 3 cm an hour.\r\n";
const BELOW: &str =
    "This mail is meant for whom it is addressed to, and for nobody else at all.\r\n";
/// A run ends after so long without a `POST`.
const SILENCE: Duration = Duration::from_secs(30);

/// When things happened to the mails of a run, in microseconds since its beginning and one; 0: not yet.
struct Run {
    began: Instant,
    answered: Vec<AtomicU64>,
    called: Vec<AtomicU64>,
}

impl Run {
    fn new(mails: usize) -> Self {
        let times = || (0..mails).map(|_| AtomicU64::new(0)).collect();
        Self {
            began: Instant::now(),
            answered: times(),
            called: times(),
        }
    }

    fn note(&self, times: &[AtomicU64], mail: usize) {
        let now = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX - 1);
        if let Some(time) = times.get(mail) {
            time.store(now + 1, Ordering::Relaxed);
        }
    }
}

#[derive(Default)]
struct Sink {
    posts: AtomicU64,
    /// The last run.
    run: Mutex<Option<Arc<Run>>>,
}

impl Sink {
    fn run(&self) -> Option<Arc<Run>> {
        self.run
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1);
    let address =
        address.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "usage: load ADDRESS"))?;
    let listener = TcpListener::bind(&address).await?;
    println!("{}", listener.local_addr()?);
    let sink = Arc::new(Sink::default());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(Arc::clone(&sink), stream));
    }
}

/// Answers requests until the client closes.
async fn serve(sink: Arc<Sink>, mut stream: TcpStream) -> Result<()> {
    let mut have = Vec::with_capacity(16 * 1024);
    loop {
        let Some((head, whole)) = measure(&have) else {
            if stream.read_buf(&mut have).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let head = have.get(..head).unwrap_or_default();
        let line = head.split(|b| *b == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line).into_owned();
        let mut words = line.split(' ');
        let (method, path) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let answer = if method == "POST" {
            let post = sink.posts.fetch_add(1, Ordering::Relaxed);
            if let Some(run) = sink.run()
                && let Some(mail) = have.get(..whole).and_then(mark)
            {
                run.note(&run.called, mail);
            }
            taken(path, post)
        } else if let Some(query) = path.strip_prefix("/run?") {
            ok(&run(&sink, query).await?)
        } else {
            ok(&sink.posts.load(Ordering::Relaxed).to_string())
        };
        stream.write_all(answer.as_bytes()).await?;
        have.drain(..whole);
    }
}

/// Lengths of a request's head and of all of it; `None` as long as not all has come.
fn measure(have: &[u8]) -> Option<(usize, usize)> {
    let head = have.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let fields = std::str::from_utf8(have.get(..head)?).ok()?;
    let length = fields
        .split("\r\n")
        .filter_map(|field| field.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse::<usize>().ok())
        .unwrap_or(0);
    (have.len() >= head + length).then_some((head, head + length))
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn taken(path: &str, post: u64) -> String {
    if !path.starts_with("/2010-04-01") {
        return ok("{}");
    }
    let body = format!(
        r#"{{"sid":"SM{post:032x}","status":"queued","error_code":null,"error_message":null,"num_segments":"1","direction":"outbound-api","api_version":"2010-04-01"}}"#
    );
    format!(
        "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The mark in a request.
fn mark(request: &[u8]) -> Option<usize> {
    request.windows(DIGITS + 2).find_map(|w| {
        let digits = w.strip_prefix(b"q")?.strip_suffix(b"q")?;
        let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    })
}

/// What all sessions of a run share.
struct Plan {
    smtp: String,
    from: String,
    to: String,
    mails: usize,
    /// Tells the mails of this run from another's.
    run: u64,
    next: AtomicU64,
    /// Between two mails.
    pause: Duration,
}

/// Sends the mails and says what was measured, as JSON.
async fn run(sink: &Arc<Sink>, query: &str) -> Result<String> {
    let wrong = |what: &str| Error::new(ErrorKind::InvalidInput, what.to_owned());
    let fields: HashMap<&str, &str> = query.split('&').filter_map(|f| f.split_once('=')).collect();
    let word = |name: &str| {
        fields
            .get(name)
            .map(ToString::to_string)
            .ok_or_else(|| wrong(name))
    };
    let number = |name: &str| word(name)?.parse::<u32>().map_err(|_| wrong(name));
    let mails = usize::try_from(number("mails")?).unwrap_or(usize::MAX);
    let rate = number("rate")?;
    let plan = Arc::new(Plan {
        smtp: word("smtp")?,
        from: word("from")?,
        to: word("to")?,
        mails,
        run: sink.posts.load(Ordering::Relaxed),
        next: AtomicU64::new(0),
        pause: Duration::from_secs(1).checked_div(rate).unwrap_or_default(),
    });
    let times = Arc::new(Run::new(mails));
    *sink.run.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&times));
    let mut sessions = tokio::task::JoinSet::new();
    for _ in 0..number("sessions")? {
        sessions.spawn(session(Arc::clone(&times), Arc::clone(&plan)));
    }
    while let Some(ended) = sessions.join_next().await {
        ended.map_err(Error::other)??;
    }
    let accepted = times.began.elapsed().as_secs_f64();
    let (mut seen, mut since) = (0, Instant::now());
    while seen < mails && since.elapsed() < SILENCE {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let now = times
            .called
            .iter()
            .filter(|t| t.load(Ordering::Relaxed) > 0)
            .count();
        if now > seen {
            (seen, since) = (now, Instant::now());
        }
    }
    Ok(report(&times, accepted))
}

fn report(times: &Run, accepted: f64) -> String {
    let mut waits: Vec<f64> = times
        .answered
        .iter()
        .zip(&times.called)
        .map(|(a, c)| (a.load(Ordering::Relaxed), c.load(Ordering::Relaxed)))
        .filter(|(answered, called)| *answered > 0 && *called > 0)
        // The provider may be called before the client has read its 250.
        .map(|(answered, called)| called.saturating_sub(answered))
        .filter_map(|micros| u32::try_from(micros).ok())
        .map(|micros| f64::from(micros) / 1_000.0)
        .collect();
    waits.sort_by(f64::total_cmp);
    let mut out = format!(
        r#"{{"mails":{},"called":{},"seconds_to_accept":{accepted:.3}"#,
        times.answered.len(),
        waits.len()
    );
    for (name, hundredths) in [("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)] {
        let place = (waits.len() * hundredths).div_ceil(100).saturating_sub(1);
        let wait = waits.get(place).copied().unwrap_or(f64::NAN);
        // Writing into a string cannot fail.
        write!(out, r#","{name}":{wait:.2}"#).ok();
    }
    out.push('}');
    out
}

/// Mails of one connection: servers end those that go on for ever.
const MAILS_A_CONNECTION: usize = 1_000;

/// An SMTP session to the server, greeted.
async fn connect(plan: &Plan) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(&plan.smtp).await?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    reply(&mut stream).await?;
    say(&mut stream, "EHLO bench.example\r\n").await?;
    Ok(stream)
}

/// One SMTP client, which takes mail after mail of the plan.
async fn session(times: Arc<Run>, plan: Arc<Plan>) -> Result<()> {
    let mut stream = connect(&plan).await?;
    for sent in 1.. {
        if sent % MAILS_A_CONNECTION == 0 {
            say(&mut stream, "QUIT\r\n").await?;
            stream = connect(&plan).await?;
        }
        let number = plan.next.fetch_add(1, Ordering::Relaxed);
        let mail = usize::try_from(number).unwrap_or(usize::MAX);
        if mail >= plan.mails {
            stream.write_all(b"QUIT\r\n").await?;
            return Ok(());
        }
        let due = plan.pause * u32::try_from(number).unwrap_or(u32::MAX);
        tokio::time::sleep(due.saturating_sub(times.began.elapsed())).await;
        say(&mut stream, &format!("MAIL FROM:<{}>\r\n", plan.from)).await?;
        say(&mut stream, &format!("RCPT TO:<{}>\r\n", plan.to)).await?;
        say(&mut stream, "DATA\r\n").await?;
        say(&mut stream, &text(&plan, mail)).await?;
        times.note(&times.answered, mail);
    }
    Ok(())
}

fn text(plan: &Plan, mail: usize) -> String {
    let mut out = format!(
        "From: <{}>\r\nTo: <{}>\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{mail}.{}.{}@bench.example>\r\nSubject: Alarm\r\n\r\nq{mail:0DIGITS$}q\r\n",
        plan.from,
        plan.to,
        plan.run,
        std::process::id(),
    );
    out.push_str(&TEXT.repeat(5));
    out.push_str("-- \r\n");
    while out.len() < MAIL {
        out.push_str(BELOW);
    }
    out.push_str(".\r\n");
    out
}

async fn say(stream: &mut BufReader<TcpStream>, words: &str) -> Result<()> {
    stream.write_all(words.as_bytes()).await?;
    reply(stream).await
}

/// Reads a whole reply; an error where it is a refusal.
async fn reply(stream: &mut BufReader<TcpStream>) -> Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            break;
        }
    }
    match line.as_bytes().first() {
        Some(b'2' | b'3') => Ok(()),
        _ => Err(Error::other(line)),
    }
}
