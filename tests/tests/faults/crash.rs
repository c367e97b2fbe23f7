//! `kill -9` at random moments under load, and what both sides have counted when all has come to rest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use postel_core::ports::Clock;

use rusqlite::params;

use crate::load::{self, Heard, Load};
use crate::process::{Gateway, USER, wait_for};
use crate::random::{Chance, nth, seed};
use crate::vendor::{Answer, Said, Vendor};

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
    /// After it stood still for longer than an attempt may take, and goes on where it was.
    Frozen,
}

impl Cut {
    fn of(chance: &mut Chance) -> Self {
        match chance.below(8) {
            0 => Self::Starting,
            1 => Self::Ending,
            2 => Self::Settling,
            3 => Self::Frozen,
            _ => Self::UnderLoad,
        }
    }

    fn make(self, gateway: &mut Gateway, load: &Load, chance: &mut Chance) {
        match self {
            Self::UnderLoad => {
                gateway.start();
                flow(load, chance.below(60));
            }
            Self::Starting => {
                gateway.begin();
                pause(chance.below(250));
            }
            Self::Ending => {
                gateway.start();
                flow(load, chance.below(20));
                gateway.signal("TERM");
                pause(chance.below(150));
            }
            Self::Settling => {
                assert!(hours_later(gateway));
                gateway.start();
                pause(chance.below(400));
            }
            Self::Frozen => {
                gateway.start();
                flow(load, chance.below(40));
                gateway.signal("STOP");
                while !hours_later(gateway) {
                    // It stands in the middle of a change.
                    gateway.signal("CONT");
                    pause(chance.below(5));
                    gateway.signal("STOP");
                }
                gateway.signal("CONT");
                pause(chance.below(600));
            }
        }
        // At no special point of what it does.
        pause(chance.below(30));
        gateway.kill();
    }
}

fn pause(milliseconds: u64) {
    std::thread::park_timeout(Duration::from_millis(milliseconds));
}

/// Lets so many mails be accepted, where that takes less than four seconds.
fn flow(load: &Load, mails: u64) {
    let (begun, before) = (Instant::now(), load.accepted());
    let enough = before + usize::try_from(mails).unwrap();
    while load.accepted() < enough && begun.elapsed() < Duration::from_secs(4) {
        pause(2);
    }
}

/// What is due some time is due now, and what is being sent is stale, as if hours had passed; `false`: the database
/// is locked.
fn hours_later(gateway: &Gateway) -> bool {
    let database = gateway.database();
    database.busy_timeout(Duration::from_millis(100)).unwrap();
    let changed = database.execute(
        "UPDATE ledger SET due = 1, doc = json_set(doc, '$.due', json_extract(doc, '$.accepted_at')) \
         WHERE due IS NOT NULL AND state IN ('waiting', 'sending')",
        [],
    );
    match changed {
        Ok(_) => true,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => false,
        Err(error) => panic!("{error}"),
    }
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

/// What the provider took: number and words, and its ids.
fn arrived(vendor: &Vendor) -> BTreeMap<Key, Vec<String>> {
    let mut texts: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    for text in vendor.texts() {
        texts
            .entry((text.to, text.body))
            .or_default()
            .push(text.sid);
    }
    texts
}

/// The provider's time is the world's.
struct WorldClock;

impl Clock for WorldClock {
    #[expect(clippy::disallowed_methods, reason = "an edge: this is a clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A provider's bad day: of a thousand requests, how many fail in which way.
fn bad_day(seed: u64) -> impl Fn(usize) -> Answer + Send + Sync + 'static {
    move |n| {
        let drawn = nth(seed, u64::try_from(n).unwrap());
        let late = Duration::from_millis(20 + drawn / 1_000 % 300);
        let lost = |said| Answer::new(false, said);
        match drawn % 1_000 {
            0..20 => Answer::new(true, Said::Reset),
            20..30 => lost(Said::Reset),
            30..50 => Answer::new(true, Said::Error(500, 20_500, None)),
            50..60 => lost(Said::Error(502, 0, None)),
            60..90 => lost(Said::Error(429, 20_429, Some(1))),
            90..100 => lost(Said::Error(400, 21_211, None)),
            100..104 => Answer::new(true, Said::Nothing),
            104..108 => lost(Said::Nothing),
            108..112 => Answer::new(true, Said::Half),
            112..312 => Answer::TAKEN.late(late),
            312..314 => lost(Said::Error(401, 20_003, None)),
            _ => Answer::TAKEN,
        }
    }
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

/// Mails in the outbox that say what became of a text.
fn told(gateway: &Gateway) -> usize {
    let query = "SELECT count(*) FROM outbox";
    let mails: u32 = gateway
        .database()
        .query_row(query, [], |r| r.get(0))
        .unwrap();
    usize::try_from(mails).unwrap() - 1 // the invitation
}

/// A gateway that sends through this vendor.
async fn gateway(vendor: &Vendor) -> Gateway {
    let token = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("token-{}", std::process::id()));
    std::fs::write(&token, "token").unwrap();
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let gateway = Gateway::set_up_with(
        "killed",
        &[
            ("SMS_PROVIDERS", "twilio"),
            ("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000001"),
            ("TWILIO_AUTH_TOKEN_FILE", token.to_str().unwrap()),
            ("TWILIO_URL", &vendor.url()),
            ("OPERATOR_PARTS_PER_ACCOUNT_DAY", "1000000"),
            ("OPERATOR_PARTS_PER_DAY", "1000000"),
        ],
    )
    .await;
    gateway.run(&[
        "prefs",
        "set",
        "acme",
        "--sender-name",
        "Acme",
        "--send-as",
        "sender-name",
    ]);
    gateway
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_nothing_and_sends_nothing_twice() {
    let seed = seed();
    let mut chance = Chance::new(seed);
    let vendor = Vendor::start(Arc::new(WorldClock));
    vendor.decides(bad_day(seed));
    let mut gateway = gateway(&vendor).await;
    // `make soak` pulls the plug oftener.
    let rounds = std::env::var("POSTEL_SOAK").map_or(25, |_| 300);
    let load = Load::start(&gateway.smtp, USER, SESSIONS);
    gateway.kill();
    let mut cuts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..rounds {
        let cut = Cut::of(&mut chance);
        cut.make(&mut gateway, &load, &mut chance);
        *cuts.entry(format!("{cut:?}")).or_default() += 1;
    }
    gateway.start();
    let heard = load.finish();
    vendor.says([]);
    gateway.kill();
    assert!(hours_later(&gateway));
    gateway.start();
    // Hundreds of kills leave thousands of rows: what is waited for is that ever more of them end.
    let moving = || {
        let rows = gateway.rows();
        ["waiting", "sending"].map(|s| rows.get(s).copied().unwrap_or_default())
    };
    let (mut left, begun) = (moving(), Instant::now());
    while left != [0, 0] {
        assert!(begun.elapsed() < Duration::from_secs(600), "{left:?} left");
        left = wait_for(&format!("more rows to end than all but {left:?}"), || {
            let now = moving();
            (now != left).then_some(now)
        });
    }
    // A row that ended stays due until its sender was told, in a minute at the latest.
    let all_told = || {
        let rows = gateway.rows();
        let of = |state| rows.get(state).copied().unwrap_or_default();
        usize::try_from(of("unknown") + of("failed")).unwrap() == told(&gateway)
    };
    wait_for("everybody to be told", || all_told().then_some(()));
    gateway.stop();
    let (rows, texts) = (rows(&gateway), arrived(&vendor));
    let states = states(&rows);
    println!(
        "killed {rounds} times ({cuts:?}, seed {seed}): mails {} ({} tries unanswered), rows {states:?}, texts {}, look-ups {}",
        heard.accepted.len(),
        heard.unanswered,
        texts.values().flatten().count(),
        vendor.look_ups(),
    );
    both_sides_agree(&heard, &rows, &texts);
    let count = |state| states.get(state).copied().unwrap_or_default();
    assert_eq!(
        told(&gateway),
        count("unknown") + count("failed"),
        "told of each"
    );
    assert!(heard.accepted.len() > 4 * rounds, "the load was real");
    assert!(vendor.look_ups() > 0, "look-ups were made");
}
