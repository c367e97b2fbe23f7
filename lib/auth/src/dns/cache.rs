//! Answers kept for as long as their TTL allows, bounded in number and in bytes.
//!
//! Must not know how answers are got, nor what time it is.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::proto::rr::{Name, RecordType};

use super::Data;

/// Answers kept at most; the oldest goes first.
const ENTRIES: usize = 4096;
/// Bytes kept at most, names and records together, roughly counted.
const BYTES: usize = 8 << 20;
/// The longest an answer is kept, whatever its TTL.
const POSITIVE: Duration = Duration::from_secs(86_400);
/// The longest that absence is believed (RFC 2308 5 suggests one to three hours).
pub(super) const NEGATIVE: Duration = Duration::from_secs(3_600);

type Key = (Name, RecordType);

#[derive(Default)]
struct State {
    entries: HashMap<Key, Entry>,
    /// In the order of arrival; a number that no entry bears any more is stale.
    order: VecDeque<(u64, Key)>,
    next: u64,
    bytes: usize,
}

struct Entry {
    number: u64,
    until: Instant,
    bytes: usize,
    data: Vec<Data>,
}

/// The answers of one [`super::Dns`] and its clones.
#[derive(Default)]
pub(super) struct Cache(Mutex<State>);

impl Cache {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// An answer that is still good.
    pub(super) fn get(&self, name: &Name, kind: RecordType, now: Instant) -> Option<Vec<Data>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = state.entries.get(&(name.clone(), kind))?;
        (now < entry.until).then(|| entry.data.clone())
    }

    /// Keeps an answer for `ttl`. A TTL of nought means: for this question only (RFC 1035 3.2.1).
    pub(super) fn put(
        &self,
        name: Name,
        kind: RecordType,
        data: Vec<Data>,
        now: Instant,
        ttl: Duration,
    ) {
        if ttl.is_zero() {
            return;
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = state.next;
        state.next += 1;
        let key = (name, kind);
        let bytes = weight(&key, &data);
        let entry = Entry {
            number,
            until: now + ttl.min(POSITIVE),
            bytes,
            data,
        };
        if let Some(old) = state.entries.insert(key.clone(), entry) {
            state.bytes -= old.bytes;
        }
        state.bytes += bytes;
        state.order.push_back((number, key));
        state.shrink();
    }
}

impl State {
    fn shrink(&mut self) {
        // Stale numbers count too, so that renewing one name for ever does not grow the queue.
        while self.order.len() > ENTRIES || self.bytes > BYTES {
            let Some((number, key)) = self.order.pop_front() else {
                return;
            };
            if self.entries.get(&key).is_some_and(|e| e.number == number)
                && let Some(old) = self.entries.remove(&key)
            {
                self.bytes -= old.bytes;
            }
        }
    }
}

fn weight(key: &Key, data: &[Data]) -> usize {
    let records: usize = data
        .iter()
        .map(|d| match d {
            Data::Txt(bytes) => bytes.len(),
            Data::Ip(_) => 0,
            Data::Mx(mx) => mx.exchange.len(),
            Data::Name(name) => name.len(),
        })
        .sum();
    2 * key.0.len() + 128 + records + size_of_val(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(s: &str) -> Name {
        Name::from_ascii(s).unwrap()
    }

    const TXT: RecordType = RecordType::TXT;

    #[test]
    fn an_answer_lives_as_long_as_its_ttl() {
        let (cache, start) = (Cache::new(), Instant::now());
        let ttl = Duration::from_secs(60);
        cache.put(
            name("a.example."),
            TXT,
            vec![Data::Txt(b"x".to_vec())],
            start,
            ttl,
        );
        let at = |s| cache.get(&name("a.example."), TXT, start + Duration::from_secs(s));
        assert_eq!(at(59), Some(vec![Data::Txt(b"x".to_vec())]));
        assert_eq!(at(60), None);
        assert_eq!(cache.get(&name("a.example."), RecordType::A, start), None);
    }

    #[test]
    fn absence_is_kept_too_and_a_ttl_of_nought_keeps_nothing() {
        let (cache, start) = (Cache::new(), Instant::now());
        cache.put(
            name("no.example."),
            TXT,
            vec![],
            start,
            Duration::from_secs(5),
        );
        assert_eq!(cache.get(&name("no.example."), TXT, start), Some(vec![]));
        cache.put(name("now.example."), TXT, vec![], start, Duration::ZERO);
        assert_eq!(cache.get(&name("now.example."), TXT, start), None);
    }

    #[test]
    fn no_ttl_is_believed_beyond_a_day() {
        let (cache, start) = (Cache::new(), Instant::now());
        let ttl = Duration::from_secs(u32::MAX.into());
        cache.put(name("a.example."), TXT, vec![], start, ttl);
        assert_eq!(cache.get(&name("a.example."), TXT, start + POSITIVE), None);
    }

    #[test]
    fn the_number_of_answers_and_their_bytes_are_bounded() {
        let (cache, start) = (Cache::new(), Instant::now());
        let ttl = Duration::from_secs(60);
        for i in 0..2 * ENTRIES {
            cache.put(name(&format!("n{i}.example.")), TXT, vec![], start, ttl);
            cache.put(name("same.example."), TXT, vec![], start, ttl);
        }
        {
            let state = cache.0.lock().unwrap();
            assert!(state.entries.len() <= ENTRIES && state.order.len() <= ENTRIES);
        }
        for i in 0..400 {
            let big = vec![Data::Txt(vec![b'x'; 60_000])];
            cache.put(name(&format!("big{i}.example.")), TXT, big, start, ttl);
        }
        let state = cache.0.lock().unwrap();
        assert!(state.bytes <= BYTES);
        let counted: usize = state.entries.values().map(|e| e.bytes).sum();
        assert_eq!(counted, state.bytes);
    }
}
