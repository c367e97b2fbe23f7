//! Mail servers that speak SMTP in several sessions, and try again whatever was not answered for, as real ones do.
//! Must not know what becomes of a mail.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::random;

/// Longest wait for a line.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the senders heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// Mails that got `250`, and how often.
    pub(crate) accepted: BTreeMap<u32, u32>,
    /// Mails begun and not answered for yet.
    pub(crate) open: BTreeSet<u32>,
    /// Tries that got no answer, or `4xx`.
    pub(crate) unanswered: u32,
    /// Answers that no mail of this load should get.
    pub(crate) refused: Vec<String>,
}

#[derive(Default)]
struct Shared {
    heard: Mutex<Heard>,
    again: Mutex<VecDeque<u32>>,
    next: Mutex<u32>,
    stopped: AtomicBool,
}

/// The senders at work.
pub(crate) struct Load {
    shared: Arc<Shared>,
    sessions: Vec<JoinHandle<()>>,
}

/// The texts that mail `n` is to become: number and words.
pub(crate) fn texts(n: u32) -> Vec<(String, String)> {
    let words = format!("load {n}");
    let number = |k: u32| format!("+3361234{:04}", (n * 7 + k) % 10_000);
    // Every fifth is for two.
    (0..=u32::from(n.is_multiple_of(5)))
        .map(|k| (number(k), words.clone()))
        .collect()
}

impl Load {
    /// So many sessions begin to send mails of `from` to this server.
    pub(crate) fn start(server: &str, from: &'static str, sessions: u32) -> Self {
        let shared = Arc::new(Shared::default());
        let sessions = (0..sessions)
            .map(|session| {
                let (shared, server) = (Arc::clone(&shared), server.to_owned());
                std::thread::spawn(move || shared.run(&server, from, session))
            })
            .collect();
        Self { shared, sessions }
    }

    /// How many mails got `250` so far.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.heard.lock().unwrap().accepted.len()
    }

    /// Begins no new mail, tries those that are open until they are answered for, and says what was heard.
    pub(crate) fn finish(mut self) -> Heard {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for session in self.sessions.drain(..) {
            session.join().unwrap();
        }
        self.shared.heard.lock().unwrap().clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn run(&self, server: &str, from: &str, session: u32) {
        let mut connection: Option<Connection> = None;
        let mut turn: u64 = 0;
        while let Some(n) = self.next() {
            turn += 1;
            let pause = random::nth(u64::from(session), turn) % 10;
            std::thread::park_timeout(Duration::from_millis(pause));
            let answer = match connection.take() {
                Some(open) => Ok(open),
                None => Connection::open(server),
            }
            .and_then(|mut open| {
                let answer = open.deliver(n, from)?;
                connection = Some(open);
                Ok(answer)
            });
            if answer.is_err() {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            self.note(n, answer);
        }
    }

    /// A mail that is to be tried again, else a new one; `None` once stopped and all are answered for.
    fn next(&self) -> Option<u32> {
        loop {
            if let Some(n) = self.again.lock().unwrap().pop_front() {
                return Some(n);
            }
            if !self.stopped.load(Ordering::Relaxed) {
                let mut next = self.next.lock().unwrap();
                *next += 1;
                self.heard.lock().unwrap().open.insert(*next);
                return Some(*next);
            }
            if self.heard.lock().unwrap().open.is_empty() {
                return None;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    fn note(&self, n: u32, answer: std::io::Result<String>) {
        let mut heard = self.heard.lock().unwrap();
        match answer {
            Ok(line) if line.starts_with("250") => {
                heard.open.remove(&n);
                *heard.accepted.entry(n).or_default() += 1;
                // A server whose memory of the answer was lost sends it again.
                if n.is_multiple_of(97) && heard.accepted.get(&n) == Some(&1) {
                    heard.open.insert(n);
                    self.again.lock().unwrap().push_back(n);
                }
            }
            Ok(line) if line.starts_with('5') => {
                heard.open.remove(&n);
                heard.refused.push(line);
            }
            Ok(_) | Err(_) => {
                heard.unanswered += 1;
                self.again.lock().unwrap().push_back(n);
            }
        }
    }
}

struct Connection {
    lines: BufReader<TcpStream>,
}

impl Connection {
    fn open(server: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut connection = Self {
            lines: BufReader::new(stream),
        };
        connection.line()?;
        connection.ask("EHLO mx.company.example")?;
        Ok(connection)
    }

    /// The answer to the end of the mail, or the first that is not what goes on.
    fn deliver(&mut self, n: u32, from: &str) -> std::io::Result<String> {
        let mut begun = vec![format!("MAIL FROM:<{from}>")];
        for (number, _) in texts(n) {
            begun.push(format!("RCPT TO:<{number}@sms.example.com>"));
        }
        begun.push("DATA".to_owned());
        for command in begun {
            let answer = self.ask(&command)?;
            if !answer.starts_with(['2', '3']) {
                self.ask("RSET")?;
                return Ok(answer);
            }
        }
        self.ask(&format!(
            "From: {from}\r\nTo: phones\r\nSubject: load\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n\
             Message-ID: <load-{n}@company.example>\r\n\r\nload {n}\r\n."
        ))
    }

    fn ask(&mut self, line: &str) -> std::io::Result<String> {
        self.lines
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())?;
        self.line()
    }

    /// The last line of an answer.
    fn line(&mut self) -> std::io::Result<String> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
    }
}
