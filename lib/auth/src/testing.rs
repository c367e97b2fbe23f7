//! A DNS server on loopback that answers from a zone in memory: for tests and for `postel demo`.
//!
//! It speaks real DNS over UDP and TCP, so that what is tested is the real resolver. It answers
//! as a recursive server would, with whole CNAME chains. Must not be reachable from outside.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, NULL, PTR, SOA, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::{JoinHandle, JoinSet};

use crate::dns::Unanswered;

/// TCP connections served at once; more are closed.
const CONNECTIONS: usize = 16;
/// How long a TCP connection may be silent.
const SILENCE: Duration = Duration::from_secs(5);
/// CNAMEs followed for one question.
const CHAIN: usize = 8;
/// UDP answers beyond this are cut, so that the client comes back by TCP.
const UDP_PAYLOAD: u16 = 1232;
/// Type 99, the SPF record that RFC 7208 3.1 abolished.
const SPF_TYPE: u16 = 99;

/// One record of a [`Zone`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// TXT, by its strings (255 octets each at most); none at all breaks RFC 1035, as some domains do.
    Txt(Vec<Vec<u8>>),
    /// The SPF record type 99, by its strings; none is sent as an empty one.
    Spf(Vec<Vec<u8>>),
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// Preference and exchange; an empty exchange is the null MX.
    Mx(u16, String),
    /// The name of an address.
    Ptr(String),
    /// Another name for this one.
    Cname(String),
    /// No record: questions for types that this name does not hold are answered SERVFAIL.
    Failure,
    /// No record: no question about this name is ever answered.
    Silence,
}

/// What a [`ZoneServer`] knows. Names outside it do not exist.
#[derive(Clone, Debug)]
pub struct Zone {
    names: HashMap<Vec<u8>, Vec<(u32, Data)>>,
    negative_ttl: u32,
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            names: HashMap::new(),
            negative_ttl: 60,
        }
    }
}

impl Zone {
    /// An empty zone, whose absences hold for a minute.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record with its TTL in seconds. Records are answered in the order they were added.
    #[must_use]
    pub fn with(mut self, name: &str, ttl: u32, data: Data) -> Self {
        let key = key(name.strip_suffix('.').unwrap_or(name).as_bytes());
        self.names.entry(key).or_default().push((ttl, data));
        self
    }

    /// Adds a TXT record of any length with a TTL of a minute.
    #[must_use]
    pub fn txt(self, name: &str, text: &str) -> Self {
        let strings = text.as_bytes().chunks(255).map(<[u8]>::to_vec).collect();
        self.with(name, 60, Data::Txt(strings))
    }

    /// Adds an address with a TTL of a minute.
    #[must_use]
    pub fn address(self, name: &str, ip: IpAddr) -> Self {
        let data = match ip {
            IpAddr::V4(ip) => Data::A(ip),
            IpAddr::V6(ip) => Data::Aaaa(ip),
        };
        self.with(name, 60, data)
    }

    /// How long it may be remembered that a record is absent, in seconds (RFC 2308).
    #[must_use]
    pub fn negative_ttl(mut self, seconds: u32) -> Self {
        self.negative_ttl = seconds;
        self
    }

    fn is_silent(&self, name: &Name) -> bool {
        let records = self.names.get(&key_of(name));
        records.is_some_and(|r| r.iter().any(|(_, data)| *data == Data::Silence))
    }

    fn answer(&self, request: &Message) -> Message {
        let mut response = Message::new(request.metadata.id, MessageType::Response, OpCode::Query);
        response.metadata.recursion_desired = request.metadata.recursion_desired;
        response.metadata.recursion_available = true;
        let Some(query) = request.queries.first() else {
            response.metadata.response_code = ResponseCode::FormErr;
            return response;
        };
        response.add_query(query.clone());
        response.metadata.response_code = self.resolve(query, &mut response);
        response
    }

    fn resolve(&self, query: &Query, response: &mut Message) -> ResponseCode {
        let mut name = query.name().clone();
        for _ in 0..CHAIN {
            let Some(records) = self.names.get(&key_of(&name)) else {
                return self.nothing(&name, response);
            };
            let found: Vec<Record> = records
                .iter()
                .filter_map(|(ttl, data)| record(&name, *ttl, data))
                .filter(|r| r.record_type() == query.query_type())
                .collect();
            if !found.is_empty() {
                response.add_answers(found);
                return ResponseCode::NoError;
            }
            let alias = records.iter().find_map(|(ttl, data)| match data {
                Data::Cname(target) => Some((*ttl, to_name(target)?)),
                _ => None,
            });
            if let Some((ttl, target)) = alias {
                let rdata = RData::CNAME(CNAME(target.clone()));
                response.add_answer(Record::from_rdata(name, ttl, rdata));
                name = target;
                continue;
            }
            if records.iter().any(|(_, data)| *data == Data::Failure) {
                return ResponseCode::ServFail;
            }
            return self.nothing(&name, response);
        }
        ResponseCode::NoError
    }

    fn nothing(&self, name: &Name, response: &mut Message) -> ResponseCode {
        let soa = SOA::new(
            Name::root(),
            Name::root(),
            1,
            3600,
            600,
            86_400,
            self.negative_ttl,
        );
        let rdata = RData::SOA(soa);
        response.add_authority(Record::from_rdata(Name::root(), self.negative_ttl, rdata));
        let name = key_of(name);
        let exists = self.names.keys().any(|known| {
            known == &name
                || known
                    .strip_suffix(name.as_slice())
                    .is_some_and(|rest| rest.ends_with(b"."))
        });
        if exists {
            ResponseCode::NoError
        } else {
            ResponseCode::NXDomain
        }
    }
}

fn key(name: &[u8]) -> Vec<u8> {
    name.to_ascii_lowercase()
}

fn key_of(name: &Name) -> Vec<u8> {
    key(&name.iter().collect::<Vec<_>>().join(&b'.'))
}

fn to_name(written: &str) -> Option<Name> {
    let written = written.strip_suffix('.').unwrap_or(written);
    if written.is_empty() {
        return Some(Name::root());
    }
    Name::from_labels(written.split('.').map(str::as_bytes)).ok()
}

fn record(name: &Name, ttl: u32, data: &Data) -> Option<Record> {
    let rdata = match data {
        Data::Txt(strings) => {
            RData::TXT(TXT::from_bytes(strings.iter().map(Vec::as_slice).collect()))
        }
        Data::Spf(strings) => {
            let mut bytes = if strings.is_empty() { vec![0] } else { vec![] };
            for string in strings {
                bytes.push(u8::try_from(string.len()).ok()?);
                bytes.extend_from_slice(string);
            }
            RData::Unknown {
                code: RecordType::from(SPF_TYPE),
                rdata: NULL::with(bytes),
            }
        }
        Data::A(ip) => RData::A(A(*ip)),
        Data::Aaaa(ip) => RData::AAAA(AAAA(*ip)),
        Data::Mx(preference, exchange) => RData::MX(MX::new(*preference, to_name(exchange)?)),
        Data::Ptr(target) => RData::PTR(PTR(to_name(target)?)),
        Data::Cname(_) | Data::Failure | Data::Silence => return None,
    };
    Some(Record::from_rdata(name.clone(), ttl, rdata))
}

/// A zone that answers in the process, without any server: for tests that ask millions of questions.
#[derive(Debug, Default)]
pub struct Script {
    zone: Mutex<Zone>,
    asked: AtomicUsize,
}

impl Script {
    /// Answers from this zone from now on, and counts questions from nought.
    pub fn play(&self, zone: Zone) {
        *self.zone.lock().unwrap_or_else(PoisonError::into_inner) = zone;
        self.asked.store(0, Ordering::Relaxed);
    }

    /// Questions asked since.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn answer(&self, name: &Name, kind: RecordType) -> Result<Vec<Record>, Unanswered> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut message = Message::new(0, MessageType::Response, OpCode::Query);
        let zone = self.zone.lock().unwrap_or_else(PoisonError::into_inner);
        match zone.resolve(&Query::query(name.clone(), kind), &mut message) {
            ResponseCode::NoError | ResponseCode::NXDomain => {
                let mut records = std::mem::take(&mut message.answers);
                records.retain(|record| record.record_type() == kind);
                Ok(records)
            }
            _ => Err(Unanswered),
        }
    }
}

struct Shared {
    zone: Zone,
    /// How often each name was asked for, whatever the type.
    asked: Mutex<HashMap<Vec<u8>, usize>>,
}

impl Shared {
    /// The bytes of the answer; `None` for what is no question.
    fn reply(&self, request: &[u8], over_udp: bool) -> Option<Vec<u8>> {
        let request = Message::from_vec(request).ok()?;
        if request.metadata.message_type != MessageType::Query {
            return None;
        }
        if let Some(query) = request.queries.first() {
            if self.zone.is_silent(query.name()) {
                return None;
            }
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            *asked.entry(key_of(query.name())).or_default() += 1;
        }
        let response = self.zone.answer(&request);
        let bytes = response.to_vec().ok()?;
        let room = usize::from(request.max_payload().min(UDP_PAYLOAD));
        if over_udp && bytes.len() > room {
            return response.truncate().to_vec().ok();
        }
        Some(bytes)
    }
}

/// The server. It stops when dropped.
pub struct ZoneServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

impl ZoneServer {
    /// Listens on a free port of 127.0.0.1, UDP and TCP.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(zone: Zone) -> io::Result<Self> {
        let (tcp, udp) = listen().await?;
        let address = tcp.local_addr()?;
        let shared = Arc::new(Shared {
            zone,
            asked: Mutex::default(),
        });
        let tasks = [
            tokio::spawn(serve_udp(udp, Arc::clone(&shared))),
            tokio::spawn(serve_tcp(tcp, Arc::clone(&shared))),
        ];
        Ok(Self {
            address,
            shared,
            tasks,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often `name` was asked for so far.
    #[must_use]
    pub fn asked(&self, name: &str) -> usize {
        let asked = self
            .shared
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        asked.get(&key(name.as_bytes())).copied().unwrap_or(0)
    }

    /// How many questions came so far.
    #[must_use]
    pub fn questions(&self) -> usize {
        let asked = self
            .shared
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        asked.values().sum()
    }
}

impl Drop for ZoneServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// One port number that is free for both.
async fn listen() -> io::Result<(TcpListener, UdpSocket)> {
    let mut last = None;
    for _ in 0..16 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((tcp, udp)),
            Err(e) => last = Some(e),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrInUse)))
}

async fn serve_udp(socket: UdpSocket, shared: Arc<Shared>) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let reply = buffer.get(..length).and_then(|b| shared.reply(b, true));
        if let Some(reply) = reply {
            // A client that is gone does not concern the others.
            drop(socket.send_to(&reply, client).await);
        }
    }
}

async fn serve_tcp(listener: TcpListener, shared: Arc<Shared>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        while connections.try_join_next().is_some() {}
        if connections.len() < CONNECTIONS {
            connections.spawn(serve_connection(stream, Arc::clone(&shared)));
        }
    }
}

async fn serve_connection(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    loop {
        let length = tokio::time::timeout(SILENCE, stream.read_u16()).await??;
        let mut request = vec![0; usize::from(length)];
        tokio::time::timeout(SILENCE, stream.read_exact(&mut request)).await??;
        let Some(reply) = shared.reply(&request, false) else {
            return Ok(());
        };
        let Ok(length) = u16::try_from(reply.len()) else {
            return Ok(());
        };
        stream.write_u16(length).await?;
        stream.write_all(&reply).await?;
    }
}
