//! What a client may use up: connections, memory, time.
//!
//! Must not know the protocol.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// What a client may use up. Reaching a limit is answered with the code named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections in all: 421 4.3.2.
    pub connections: usize,
    /// Open connections of one client address, or of one IPv6 /64: 421 4.7.0.
    pub connections_per_client: usize,
    /// Recipients of one mail, refused ones included: 452 4.5.3. RFC 5321 4.5.3.1.8 wants at least 100.
    pub recipients: usize,
    /// Size of one mail in octets: 552 5.3.4, at `SIZE=` and in the flow. Lines may be as long as
    /// they like: what is bounded is the mail.
    pub mail_bytes: usize,
    /// Memory for mails that are being received, and for small ones being decided. A mail that finds
    /// none left (or is over 256 KiB) goes to disk as it comes; one that finds none to begin with: 452 4.3.1.
    pub memory_bytes: usize,
    /// Disk for big mails that are being received: 452 4.3.1.
    pub disk_bytes: usize,
    /// Memory for big mails that are being decided; at least one always fits.
    pub big_mail_bytes: usize,
    /// How long a big mail waits for that memory: 452 4.3.1. Nobody waits for an answer so long as for DNS.
    pub big_mail_wait: Duration,
    /// One command line in octets with CR LF (RFC 5321 4.5.3.1.4: 512, and what extensions add): 500 5.5.2.
    pub command_line: usize,
    /// Faulty commands of one session: 421 4.7.0.
    pub errors: usize,
    /// Mails begun in one session: 421 4.7.0; the client connects again.
    pub mails: usize,
    /// Silence in DATA, and one command line whole: 421 4.4.2 (RFC 5321 4.5.3.2.7: at least five minutes).
    pub idle: Duration,
    /// The whole of one DATA: 421 4.4.2.
    pub data: Duration,
    /// The whole session: 421 4.4.2.
    pub session: Duration,
    /// A TLS handshake; over it, the connection is closed.
    pub handshake: Duration,
    /// The handler's answer to a mail: 451 4.3.0. The handler is left to end by itself.
    pub answer: Duration,
    /// Failed logins of one session: 421 4.7.0.
    pub failed_logins: usize,
    /// Failed logins of one client address, or of one IPv6 /64, within [`Limits::login_window`]: 454
    /// 4.7.0 to every further one.
    pub failed_logins_per_client: usize,
    /// How long they count, from the first on.
    pub login_window: Duration,
    /// No login fails sooner, whatever it failed for.
    pub login_wait: Duration,
    /// At shutdown: what a mail that is being received or decided may still take: 421 4.3.2.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 200,
            connections_per_client: 50,
            recipients: 100,
            mail_bytes: 40_000_000,
            memory_bytes: 64_000_000,
            disk_bytes: 1_000_000_000,
            big_mail_bytes: 80_000_000,
            big_mail_wait: Duration::from_secs(1),
            command_line: 1024,
            errors: 20,
            mails: 10_000,
            idle: Duration::from_secs(300),
            data: Duration::from_secs(900),
            session: Duration::from_secs(3600),
            handshake: Duration::from_secs(30),
            answer: Duration::from_secs(120),
            failed_logins: 3,
            failed_logins_per_client: 20,
            login_window: Duration::from_secs(600),
            login_wait: Duration::from_millis(300),
            grace: Duration::from_secs(10),
        }
    }
}

/// Who is connected, counted.
#[derive(Default)]
pub(super) struct Connections {
    clients: Mutex<HashMap<IpAddr, usize>>,
}

/// Which limit a connection ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crowded {
    Server,
    Client,
}

/// A counted connection; counted no more once dropped.
pub(super) struct Seat {
    connections: Arc<Connections>,
    client: IpAddr,
}

impl Connections {
    /// Counts a connection, or says which limit it ran into.
    /// A relay speaks for many, so only the limit of all holds for it.
    pub(super) fn seat(
        self: &Arc<Self>,
        ip: IpAddr,
        relay: bool,
        limits: &Limits,
    ) -> Result<Seat, Crowded> {
        let client = client(ip);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.values().sum::<usize>() >= limits.connections {
            return Err(Crowded::Server);
        }
        let count = clients.entry(client).or_insert(0);
        if *count >= limits.connections_per_client && !relay {
            return Err(Crowded::Client);
        }
        *count += 1;
        Ok(Seat {
            connections: Arc::clone(self),
            client,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut clients = self
            .connections
            .clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = clients.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                clients.remove(&self.client);
            }
        }
    }
}

/// One client: an IPv4 address, or the /64 that an IPv6 customer is given.
fn client(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

/// Clients whose failed logins are remembered at one time.
const REMEMBERED: usize = 10_000;

/// Failed logins, by client.
#[derive(Default)]
pub(super) struct Logins {
    clients: Mutex<HashMap<IpAddr, (usize, Instant)>>,
}

impl Logins {
    /// Counts a login as failed before it is tried, so that many at once count too; `false`: there were too many.
    pub(super) fn begin(&self, ip: IpAddr, limits: &Limits, now: Instant) -> bool {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = client(ip);
        let counts = |since: &Instant| now.duration_since(*since) < limits.login_window;
        if clients.len() >= REMEMBERED && !clients.contains_key(&client) {
            // Where that makes no room, all are forgotten but those who are kept out: nobody is for being one too many.
            let most = limits.failed_logins_per_client;
            clients.retain(|_, (failed, since)| counts(since) && *failed >= most);
            if clients.len() >= REMEMBERED {
                clients.clear();
            }
        }
        let (failed, since) = clients.entry(client).or_insert((0, now));
        if !counts(since) {
            (*failed, *since) = (0, now);
        }
        if *failed >= limits.failed_logins_per_client {
            return false;
        }
        *failed += 1;
        true
    }

    /// The login that was begun did not fail.
    pub(super) fn worked(&self, ip: IpAddr) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((failed, _)) = clients.get_mut(&client(ip)) {
            *failed = failed.saturating_sub(1);
        }
    }
}

/// Memory is lent in this many octets.
const GRAIN: usize = 1024;

/// The octets all sessions share.
#[derive(Clone)]
pub(super) struct Budget(Arc<Semaphore>);

impl Budget {
    pub(super) fn new(octets: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            (octets / GRAIN + 1).min(Semaphore::MAX_PERMITS),
        )))
    }

    /// Octets nobody holds.
    pub(super) fn left(&self) -> usize {
        self.0.available_permits().saturating_mul(GRAIN)
    }

    /// Holds `octets`, once there is room for so many; no more than there are in all.
    pub(super) async fn wait_for(&self, octets: usize) -> Held {
        let grains = u32::try_from(octets.div_ceil(GRAIN)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.0).acquire_many_owned(grains).await;
        Held {
            budget: self.clone(),
            // The semaphore is never closed.
            permit: permit.ok(),
        }
    }

    /// Nothing held yet.
    pub(super) fn hold(&self) -> Held {
        Held {
            budget: self.clone(),
            permit: None,
        }
    }
}

/// Octets held of the budget; given back once dropped.
pub(super) struct Held {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// Holds `octets` in all, where there is room; holds what it held, else.
    pub(super) fn grow_to(&mut self, octets: usize) -> bool {
        let held = self
            .permit
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let more = octets.div_ceil(GRAIN).saturating_sub(held);
        let Some(permit) = u32::try_from(more)
            .ok()
            .and_then(|n| Arc::clone(&self.budget.0).try_acquire_many_owned(n).ok())
        else {
            return false;
        };
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        true
    }

    /// Gives all back.
    pub(super) fn release(&mut self) {
        self.permit = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_counted_by_client_and_in_all() {
        let limits = Limits {
            connections: 3,
            connections_per_client: 2,
            ..Limits::default()
        };
        let connections = Arc::new(Connections::default());
        let seat = |ip: &str| connections.seat(ip.parse().unwrap(), false, &limits);
        let a = seat("192.0.2.1").unwrap();
        let _b = seat("::ffff:192.0.2.1").unwrap();
        assert_eq!(seat("192.0.2.1").err(), Some(Crowded::Client));
        let _c = seat("2001:db8::1").unwrap();
        assert_eq!(seat("192.0.2.9").err(), Some(Crowded::Server));
        drop(a);
        let relay = connections.seat("192.0.2.1".parse().unwrap(), true, &limits);
        drop(relay.unwrap());
        let _d = seat("2001:db8::2").unwrap();
        assert_eq!(
            connections.clients.lock().unwrap().len(),
            2,
            "two addresses of one /64 are one client"
        );
    }

    #[tokio::test]
    async fn failed_logins_are_counted_by_client_for_a_while() {
        let limits = Limits {
            failed_logins_per_client: 2,
            ..Limits::default()
        };
        let logins = Logins::default();
        let now = Instant::now();
        let begin = |ip: &str, at| logins.begin(ip.parse().unwrap(), &limits, at);
        assert!(begin("192.0.2.1", now) && begin("192.0.2.1", now));
        assert!(!begin("192.0.2.1", now), "the third");
        assert!(begin("192.0.2.2", now), "another client");
        logins.worked("192.0.2.1".parse().unwrap());
        assert!(begin("192.0.2.1", now) && !begin("192.0.2.1", now));
        assert!(begin("192.0.2.1", now + limits.login_window));
        assert!(begin("2001:db8::1", now) && begin("2001:db8::2", now));
        assert!(!begin("2001:db8::3", now), "one /64 is one client");
    }

    #[tokio::test]
    async fn many_clients_keep_nobody_out_and_let_nobody_in() {
        let limits = Limits {
            failed_logins_per_client: 2,
            ..Limits::default()
        };
        let logins = Logins::default();
        let now = Instant::now();
        let begin = |ip: u32| logins.begin(std::net::Ipv4Addr::from_bits(ip).into(), &limits, now);
        assert!(begin(1) && begin(1) && !begin(1));
        for n in 2..=30_000 {
            assert!(begin(n), "{n}");
        }
        assert!(!begin(1), "still kept out");
        for n in 100_000..=130_000 {
            assert!(begin(n) && begin(n), "{n}");
        }
        assert!(logins.clients.lock().unwrap().len() <= REMEMBERED);
    }

    #[test]
    fn the_budget_is_shared_and_comes_back() {
        let budget = Budget::new(10 * GRAIN);
        let (mut a, mut b) = (budget.hold(), budget.hold());
        assert!(a.grow_to(8 * GRAIN) && a.grow_to(5 * GRAIN));
        assert!(!b.grow_to(4 * GRAIN) && b.grow_to(3 * GRAIN));
        a.release();
        assert!(b.grow_to(11 * GRAIN));
        assert_eq!(budget.left(), 0);
        drop(b);
        assert_eq!(budget.left(), 11 * GRAIN);
    }
}
