//! `kill -9` at random moments under load, and what both sides have counted when all has come to rest.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::params;

use crate::load::{self, Heard, Load};
use crate::process::{Gateway, USER, wait_for};
use crate::random::{Chance, seed};

/// Sessions of the senders.
const SESSIONS: u32 = 8;

/// A row of the ledger, as far as it is counted.
#[derive(Debug)]
struct Counted {
    state: String,
    provider_ref: Option<String>,
}

/// Number and words: every text of a load differs in them.
type Key = (String, String);

/// The ways to end a process without its help.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// While mails come in and texts go out.
    UnderLoad,
    /// While it starts, before or after it answers.
    Starting,
    /// While it ends because it was told to.
    Ending,
    /// While it settles what the former left: time has passed in between.
    Settling,
}

impl Cut {
    fn of(chance: &mut Chance) -> Self {
        match chance.below(6) {
            0 => Self::Starting,
            1 => Self::Ending,
            2 => Self::Settling,
            _ => Self::UnderLoad,
        }
    }

    fn make(self, gateway: &mut Gateway, chance: &mut Chance) {
        let mut pause = |most: u64| {
            std::thread::park_timeout(Duration::from_micros(chance.below(most * 1_000)));
        };
        match self {
            Self::UnderLoad => {
                gateway.start();
                pause(900);
            }
            Self::Starting => {
                gateway.begin();
                pause(250);
            }
            Self::Ending => {
                gateway.start();
                pause(300);
                gateway.signal("TERM");
                pause(150);
            }
            Self::Settling => {
                hours_later(gateway);
                gateway.start();
                pause(400);
            }
        }
        gateway.kill();
    }
}

/// What is due some time is due now, and what is being sent is stale: as if the process had been down for long.
fn hours_later(gateway: &Gateway) {
    let changed = gateway.database().execute(
        "UPDATE ledger SET due = 1, doc = json_set(doc, '$.due', json_extract(doc, '$.accepted_at')) \
         WHERE due IS NOT NULL AND state IN ('waiting', 'sending')",
        [],
    );
    changed.unwrap();
}

fn rows(gateway: &Gateway) -> BTreeMap<Key, Vec<Counted>> {
    let database = gateway.database();
    let mut query = database
        .prepare("SELECT number, json_extract(doc, '$.text'), state, json_extract(doc, '$.provider_ref') FROM ledger")
        .unwrap();
    let mut rows: BTreeMap<Key, Vec<Counted>> = BTreeMap::new();
    let found = query.query_map(params![], |r| {
        let counted = Counted {
            state: r.get(2)?,
            provider_ref: r.get(3)?,
        };
        Ok(((r.get(0)?, r.get(1)?), counted))
    });
    for row in found.unwrap() {
        let (key, counted) = row.unwrap();
        rows.entry(key).or_default().push(counted);
    }
    rows
}

/// What arrived: number and words, and the provider's ids.
fn arrived(gateway: &Gateway) -> BTreeMap<Key, Vec<String>> {
    let database = gateway.database();
    let mut query = database
        .prepare("SELECT json_extract(doc, '$.to'), json_extract(doc, '$.text'), json_extract(doc, '$.reference') FROM handset")
        .unwrap();
    let mut texts: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    let found = query.query_map(params![], |r| Ok(((r.get(0)?, r.get(1)?), r.get(2)?)));
    for text in found.unwrap() {
        let (key, sid) = text.unwrap();
        texts.entry(key).or_default().push(sid);
    }
    texts
}

/// Every `250` is one row, every row one text or a state that can be seen, every text one row's.
fn both_sides_agree(
    heard: &Heard,
    rows: &BTreeMap<Key, Vec<Counted>>,
    texts: &BTreeMap<Key, Vec<String>>,
) {
    assert_eq!(heard.refused, [""; 0], "no mail of this load is refused");
    assert!(heard.open.is_empty(), "every mail was answered for");
    let expected: Vec<Key> = heard
        .accepted
        .keys()
        .flat_map(|n| load::texts(*n))
        .collect();
    for key in &expected {
        assert!(rows.contains_key(key), "250 without a row: {key:?}");
    }
    assert_eq!(rows.len(), expected.len(), "rows without a 250");
    for (key, same) in rows {
        let [row] = same.as_slice() else {
            panic!("{key:?} has {} rows: {same:?}", same.len());
        };
        let sids = texts.get(key).map(Vec::as_slice).unwrap_or_default();
        let right = match row.state.as_str() {
            "sent" => sids.len() == 1 && row.provider_ref == sids.first().cloned(),
            "unknown" => sids.len() <= 1,
            "failed" => sids.is_empty(),
            _ => false,
        };
        assert!(right, "{key:?}: {row:?}, texts {sids:?}");
    }
    for key in texts.keys() {
        assert!(rows.contains_key(key), "a text without a row: {key:?}");
    }
}

fn states(rows: &BTreeMap<Key, Vec<Counted>>) -> BTreeMap<&str, usize> {
    let mut states = BTreeMap::new();
    for row in rows.values().flatten() {
        *states.entry(row.state.as_str()).or_default() += 1;
    }
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_nothing_and_sends_nothing_twice() {
    let seed = seed();
    let mut chance = Chance::new(seed);
    let mut gateway = Gateway::set_up("killed").await;
    // `make soak` pulls the plug oftener.
    let rounds = std::env::var("POSTEL_SOAK").map_or(25, |_| 300);
    let load = Load::start(&gateway.smtp, USER, SESSIONS);
    gateway.kill();
    let mut cuts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..rounds {
        let cut = Cut::of(&mut chance);
        cut.make(&mut gateway, &mut chance);
        *cuts.entry(format!("{cut:?}")).or_default() += 1;
    }
    gateway.start();
    let heard = load.finish();
    gateway.stop();
    hours_later(&gateway);
    gateway.start();
    wait_for("all rows to end", || {
        let rows = gateway.rows();
        let moving = ["waiting", "sending"].iter().any(|s| rows.contains_key(*s));
        (!moving).then_some(())
    });
    gateway.stop();
    let (rows, texts) = (rows(&gateway), arrived(&gateway));
    println!(
        "killed {rounds} times ({cuts:?}, seed {seed}): mails {} ({} tries unanswered), rows {:?}, texts {}",
        heard.accepted.len(),
        heard.unanswered,
        states(&rows),
        texts.values().flatten().count(),
    );
    both_sides_agree(&heard, &rows, &texts);
    assert!(heard.accepted.len() > 200, "the load was real");
}
