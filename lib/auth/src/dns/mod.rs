//! Asking DNS: the few record types that sender evidence needs, as plain values.
//!
//! Every answer is one of three: records, nothing (an empty list: NODATA or NXDOMAIN), or
//! [`Unanswered`]. Must not know SPF, DKIM or DMARC. Time, retries, answer sizes (one DNS
//! message, 64 KiB) and the cache are bounded here, so that nobody above has to.

mod cache;
mod udp;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::Resolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use cache::Cache;
use postel_core::measure;
use udp::Runtime;

/// One try at one server, retransmissions included.
const TRY: Duration = Duration::from_secs(2);
/// One question with all its tries, CNAMEs and the change to TCP.
const QUESTION: Duration = Duration::from_secs(5);

/// DNS gave no usable answer (time-out, SERVFAIL, REFUSED, no connection): trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("DNS did not answer")]
pub struct Unanswered;

/// The resolver cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no DNS resolver: {0}; name one as HOST:PORT")]
pub struct NoResolver(String);

/// A mail exchanger (RFC 5321 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// The host, lower case, without the trailing dot; empty for the null MX (RFC 7505).
    pub exchange: String,
}

/// What a question was answered with. Records of an answer keep the server's order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Data {
    Txt(Vec<u8>),
    Ip(IpAddr),
    Mx(Mx),
    Name(String),
}

/// A handle on a caching stub resolver; clones share the cache.
///
/// Works inside a Tokio runtime. A question ends after five seconds at the latest. Answers are kept for their
/// TTL (at most a day), the absence of records for the SOA's (RFC 2308, at most an hour; not at
/// all without one), failures never.
#[derive(Clone)]
pub struct Dns {
    resolver: Resolver<Runtime>,
    cache: Arc<Cache>,
    /// Questions end then, whatever their own limit.
    deadline: Option<tokio::time::Instant>,
    /// Answers instead of the resolver and the cache.
    #[cfg(any(test, feature = "testing"))]
    script: Option<Arc<crate::testing::Script>>,
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dns")
    }
}

impl Dns {
    /// Asks the servers of the system's configuration (`/etc/resolv.conf`).
    ///
    /// # Errors
    /// [`NoResolver`] when it cannot be read or names no server.
    pub fn system() -> Result<Self, NoResolver> {
        let (config, _) = hickory_resolver::system_conf::read_system_conf()
            .map_err(|e| NoResolver(e.to_string()))?;
        let servers = config.name_servers().to_vec();
        Self::with(servers)
    }

    /// Asks one server, over UDP, and over TCP where an answer is too long for that.
    ///
    /// # Errors
    /// [`NoResolver`] should not happen here.
    pub fn server(address: SocketAddr) -> Result<Self, NoResolver> {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
            .map(|mut connection| {
                connection.port = address.port();
                connection
            })
            .to_vec();
        Self::with(vec![NameServerConfig::new(address.ip(), true, connections)])
    }

    fn with(servers: Vec<NameServerConfig>) -> Result<Self, NoResolver> {
        // No search list: a mail domain is never looked for below our own.
        let config = ResolverConfig::from_name_servers(servers);
        let mut builder = Resolver::builder_with_config(config, Runtime::default());
        *builder.options_mut() = options();
        let resolver = builder.build().map_err(|e| NoResolver(e.to_string()))?;
        Ok(Self {
            resolver,
            cache: Arc::new(Cache::new()),
            deadline: None,
            #[cfg(any(test, feature = "testing"))]
            script: None,
        })
    }

    /// Asks nobody: every question is answered by the script at once.
    ///
    /// # Errors
    /// [`NoResolver`] should not happen here.
    #[cfg(any(test, feature = "testing"))]
    pub fn scripted(script: Arc<crate::testing::Script>) -> Result<Self, NoResolver> {
        Ok(Self {
            script: Some(script),
            ..Self::with(Vec::new())?
        })
    }

    /// The same resolver with a common end for all questions asked of it: past `limit` from now each is [`Unanswered`],
    /// unless the cache knows.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self {
            deadline: Some(tokio::time::Instant::now() + limit),
            ..self.clone()
        }
    }

    /// The TXT records of `name`, each with its strings joined and its bytes as they are.
    ///
    /// # Errors
    /// [`Unanswered`]: try again.
    pub async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        Ok(self
            .ask(name, RecordType::TXT)
            .await?
            .into_iter()
            .filter_map(|d| match d {
                Data::Txt(bytes) => Some(bytes),
                _ => None,
            })
            .collect())
    }

    /// The IPv4 addresses of `name`.
    ///
    /// # Errors
    /// [`Unanswered`]: try again.
    pub async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        Ok(self
            .ask(name, RecordType::A)
            .await?
            .into_iter()
            .filter_map(|d| match d {
                Data::Ip(IpAddr::V4(ip)) => Some(ip),
                _ => None,
            })
            .collect())
    }

    /// The IPv6 addresses of `name`.
    ///
    /// # Errors
    /// [`Unanswered`]: try again.
    pub async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        Ok(self
            .ask(name, RecordType::AAAA)
            .await?
            .into_iter()
            .filter_map(|d| match d {
                Data::Ip(IpAddr::V6(ip)) => Some(ip),
                _ => None,
            })
            .collect())
    }

    /// The mail exchangers of `name`, in the server's order.
    ///
    /// # Errors
    /// [`Unanswered`]: try again.
    pub async fn mx(&self, name: &str) -> Result<Vec<Mx>, Unanswered> {
        Ok(self
            .ask(name, RecordType::MX)
            .await?
            .into_iter()
            .filter_map(|d| match d {
                Data::Mx(mx) => Some(mx),
                _ => None,
            })
            .collect())
    }

    /// The names of an address, lower case, as its owner claims them: unproven.
    ///
    /// # Errors
    /// [`Unanswered`]: try again.
    pub async fn ptr(&self, ip: IpAddr) -> Result<Vec<String>, Unanswered> {
        Ok(self
            .ask_name(Name::from(ip), RecordType::PTR)
            .await?
            .into_iter()
            .filter_map(|d| match d {
                Data::Name(name) => Some(name),
                _ => None,
            })
            .collect())
    }

    /// A name that cannot exist has no records.
    async fn ask(&self, name: &str, kind: RecordType) -> Result<Vec<Data>, Unanswered> {
        match to_name(name) {
            Some(name) => self.ask_name(name, kind).await,
            None => Ok(Vec::new()),
        }
    }

    async fn ask_name(&self, mut name: Name, kind: RecordType) -> Result<Vec<Data>, Unanswered> {
        name.set_fqdn(true);
        let name = name.to_lowercase();
        #[cfg(any(test, feature = "testing"))]
        if let Some(script) = &self.script {
            let records = script.answer(&name, kind)?;
            return Ok(records.iter().filter_map(to_data).collect());
        }
        if let Some(known) = self.cache.get(&name, kind, Instant::now()) {
            measure::DNS_QUERIES.count(&["cached"]);
            return Ok(known);
        }
        let end = tokio::time::Instant::now() + QUESTION;
        let end = self.deadline.map_or(end, |deadline| deadline.min(end));
        let answer = tokio::time::timeout_at(end, self.resolver.lookup(name.clone(), kind)).await;
        let found = match answer {
            Ok(Ok(lookup)) => Ok(positive(&name, kind, &lookup)),
            Ok(Err(error)) => negative(&name, &error).map(|keep| (Vec::new(), keep)),
            Err(_) => Err(Unanswered),
        };
        measure::DNS_QUERIES.count(&[match &found {
            Ok((data, _)) if data.is_empty() => "nothing",
            Ok(_) => "records",
            Err(Unanswered) => "unanswered",
        }]);
        let (data, keep) = found?;
        if let Some(ttl) = keep {
            self.cache
                .put(name, kind, data.clone(), Instant::now(), ttl);
        }
        Ok(data)
    }
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = TRY;
    options.attempts = 1;
    options.edns0 = true;
    // Ours instead: its cache loses the TTLs of a CNAME chain that comes in several answers.
    options.cache_size = 0;
    options.preserve_intermediates = true;
    options.use_hosts_file = ResolveHosts::Never;
    options
}

/// The records that answer the question, over its CNAMEs, and how long they may be kept.
fn positive(asked: &Name, kind: RecordType, lookup: &Lookup) -> (Vec<Data>, Option<Duration>) {
    let mut owner = asked;
    let mut ttl = u32::MAX;
    // Each CNAME is followed once at most, so a loop ends.
    for _ in lookup.answers() {
        let next = lookup.answers().iter().find_map(|r| match &r.data {
            RData::CNAME(target) if &r.name == owner => Some((&target.0, r.ttl)),
            _ => None,
        });
        let Some((target, cname_ttl)) = next else {
            break;
        };
        (owner, ttl) = (target, ttl.min(cname_ttl));
    }
    let mut data = Vec::new();
    for record in lookup.answers() {
        if record.record_type() == kind && (&record.name == owner || &record.name == asked) {
            ttl = ttl.min(record.ttl);
            data.extend(to_data(record));
        }
    }
    (data, Some(Duration::from_secs(ttl.into())))
}

/// How long it may be remembered that there is nothing.
fn negative(asked: &Name, error: &NetError) -> Result<Option<Duration>, Unanswered> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            // At the end of a CNAME its own TTL is not known any more: ask again.
            let direct = none.query.name() == asked;
            Ok(none
                .negative_ttl
                .filter(|_| direct)
                .map(|ttl| Duration::from_secs(ttl.into()).min(cache::NEGATIVE)))
        }
        _ => Err(Unanswered),
    }
}

fn to_data(record: &Record) -> Option<Data> {
    match &record.data {
        RData::TXT(txt) => Some(Data::Txt(txt.txt_data.concat())),
        RData::A(a) => Some(Data::Ip(IpAddr::V4(a.0))),
        RData::AAAA(a) => Some(Data::Ip(IpAddr::V6(a.0))),
        RData::MX(mx) => Some(Data::Mx(Mx {
            preference: mx.preference,
            exchange: from_name(&mx.exchange)?,
        })),
        RData::PTR(name) => Some(Data::Name(from_name(&name.0)?)),
        _ => None,
    }
}

/// A written name as DNS labels, whatever their characters; a trailing dot is dropped.
fn to_name(written: &str) -> Option<Name> {
    let written = written.strip_suffix('.').unwrap_or(written);
    if written.is_empty() || written.len() > 253 {
        return None;
    }
    Name::from_labels(written.split('.').map(str::as_bytes)).ok()
}

/// A name as text. One whose labels hold dots, backslashes or anything unprintable has no
/// faithful spelling here and is left out, so that it cannot pass for another.
fn from_name(name: &Name) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    for label in name.iter() {
        let plain = label
            .iter()
            .all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'.' | b'\\'));
        if !plain {
            return None;
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.extend(label.iter().map(|b| char::from(b.to_ascii_lowercase())));
    }
    Some(text)
}
