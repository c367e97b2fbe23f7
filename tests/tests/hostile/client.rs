//! An SMTP client that sends octets exactly as told, and waits for its answers only so long.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::process::{Gateway, USER};

/// The phone that most mails are for.
pub(crate) const PHONE: &str = "0612345678@sms.example.com";

pub(crate) struct Client {
    lines: BufReader<TcpStream>,
}

/// Connects from this address of loopback.
pub(crate) fn connect_from(gateway: &Gateway, from: Ipv4Addr) -> TcpStream {
    let to: SocketAddr = gateway.smtp.parse().unwrap();
    let connect = async move {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((IpAddr::V4(from), 0).into()).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    };
    let stream = tokio::runtime::Handle::current().block_on(connect);
    stream.set_nonblocking(false).unwrap();
    stream
}

impl Client {
    /// A client that has read the greeting.
    pub(crate) fn new(gateway: &Gateway) -> Self {
        Self::over(TcpStream::connect(&gateway.smtp).unwrap())
    }

    /// The same from another address, of which SPF knows nothing.
    pub(crate) fn from(gateway: &Gateway, address: Ipv4Addr) -> Self {
        Self::over(connect_from(gateway, address))
    }

    fn over(stream: TcpStream) -> Self {
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self {
            lines: BufReader::new(stream),
        };
        client.must_say("220 ");
        client
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.lines.get_mut()
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.lines.into_inner()
    }

    /// Sends octets; says whether they could be sent.
    pub(crate) fn send(&mut self, octets: impl AsRef<[u8]>) -> bool {
        self.stream().write_all(octets.as_ref()).is_ok()
    }

    /// The last line of the next reply; empty where the server has hung up.
    pub(crate) fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            match self.lines.read_line(&mut line) {
                Ok(0) | Err(_) => return String::new(),
                Ok(_) if line.as_bytes().get(3) == Some(&b'-') => {}
                Ok(_) => return line.trim_end().to_owned(),
            }
        }
    }

    pub(crate) fn must_say(&mut self, begin: &str) -> String {
        let reply = self.reply();
        assert!(
            reply.starts_with(begin),
            "answered {reply:?}, not {begin:?}"
        );
        reply
    }

    pub(crate) fn expect(&mut self, command: &str, begin: &str) -> String {
        assert!(self.send(format!("{command}\r\n")), "{command}");
        self.must_say(begin)
    }

    /// Up to the 354, from this envelope sender.
    pub(crate) fn envelope(&mut self, sender: &str) {
        self.expect("EHLO client.example", "250 ");
        self.expect(&format!("MAIL FROM:<{sender}>"), "250 ");
        self.expect(&format!("RCPT TO:<{PHONE}>"), "250 ");
        self.expect("DATA", "354 ");
    }

    /// Sends a mail after the 354. The answer, and how long it took from the end of DATA.
    pub(crate) fn mail(&mut self, raw: &[u8]) -> (String, Duration) {
        let ends = if raw.ends_with(b"\r\n") { "" } else { "\r\n" };
        self.send(stuffed(raw));
        self.send(format!("{ends}.\r\n"));
        let start = Instant::now();
        (self.reply(), start.elapsed())
    }
}

/// With dots doubled at the beginnings of lines.
fn stuffed(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + 1024);
    for line in raw.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out
}

/// Sends one mail of the listed user in a session of its own.
pub(crate) fn deliver(gateway: &Gateway, raw: &[u8]) -> (String, Duration) {
    let mut client = Client::new(gateway);
    client.envelope(USER);
    client.mail(raw)
}
