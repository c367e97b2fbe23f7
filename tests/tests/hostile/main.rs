//! What is made to hurt, against the one process as it is served: every input is refused or handled with the right
//! answer, in bounded time and memory, and the same process still turns the next mail into a text.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an integration test: a panic is its failure"
)]

mod client;
mod cutting;
mod mails;
mod names;
mod wire;

#[expect(dead_code, reason = "each suite uses what it needs of it")]
#[path = "../process/mod.rs"]
mod process;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use client::deliver;
use process::Gateway;

/// How many times what an ordinary mail of its size takes a hostile one may take, from its first octet to the answer:
/// whatever grows faster than the mail takes hundreds of times as much. A ratio, because machines and builds differ.
const TIMES_ORDINARY: u32 = 4;

/// What the process computes over a megabyte of an ordinary mail in HTML. The clock on the wall would measure the
/// machine's other work.
fn ordinary(gateway: &Gateway) -> Duration {
    const MEGABYTES: u32 = 4;
    let raw = mails::newsletter(MEGABYTES as usize * 1_000_000);
    let before = gateway.computed();
    let (answer, _) = deliver(gateway, &raw);
    assert!(answer.starts_with("250 2.0.0"), "{answer}");
    gateway.computed().saturating_sub(before) / MEGABYTES
}

/// The longest that the process may compute over a mail, where a megabyte of an ordinary one takes that long.
fn limit(ordinary: Duration, octets: usize) -> Duration {
    let megabytes = u32::try_from(octets / 1_000_000).unwrap() + 1;
    ordinary * TIMES_ORDINARY * megabytes
}

/// Most memory of the process, ever, in kilobytes. A debug build.
const MOST_MEMORY: u64 = 200_000;

/// The inputs that passed.
struct Tally {
    tried: usize,
    failed: Vec<String>,
}

impl Tally {
    fn case(&mut self, name: &str, run: impl FnOnce()) {
        self.tried += 1;
        let start = Instant::now();
        let ended = std::panic::catch_unwind(AssertUnwindSafe(run));
        println!("{name}: {:?}", start.elapsed());
        if ended.is_err() {
            self.failed.push(name.to_owned());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_input_is_answered_and_the_process_goes_on() {
    let more = [
        ("SMTP_MAX_CONNECTIONS", "1300"),
        ("SMTP_IDLE_SECONDS", "20"),
        ("SMTP_DATA_SECONDS", "25"),
    ];
    let gateway = Gateway::set_up_in("hostile", names::zone(), &more).await;
    tokio::task::spawn_blocking(move || all(&gateway))
        .await
        .unwrap();
}

fn all(gateway: &Gateway) {
    let mut tally = Tally {
        tried: 0,
        failed: Vec::new(),
    };
    let drips = wire::start_drips(gateway);
    let ordinary = ordinary(gateway);
    println!("a megabyte of an ordinary mail: {ordinary:?} computed");
    for case in mails::CASES {
        tally.case(case.name, || {
            let raw = (case.raw)();
            let before = gateway.computed();
            let (answer, took) = deliver(gateway, &raw);
            let computed = gateway.computed().saturating_sub(before);
            let most = limit(ordinary, raw.len());
            println!("  {computed:?} computed of {most:?}, answered after {took:?}");
            assert!(
                answer.starts_with(case.answer),
                "answered {answer:?}, not {:?}",
                case.answer
            );
            assert!(computed <= most, "{computed:?} computed");
        });
    }
    println!("peak after mails: {} kB", gateway.kilobytes("VmHWM"));
    for (name, run) in wire::CASES {
        tally.case(name, || run(gateway));
    }
    for case in names::CASES {
        tally.case(case.name, || names::run(gateway, case));
    }
    for (name, drip) in drips {
        tally.case(name, || drip.join().unwrap());
    }
    tally.case("a mail after all of them, in the memory there is", || {
        let (answer, _) = deliver(gateway, &mails::mail("last", "", "still here"));
        assert!(answer.starts_with("250 2.0.0"), "{answer}");
        gateway.arrived("still here");
        let peak = gateway.kilobytes("VmHWM");
        println!("peak: {peak} kB");
        assert!(peak < MOST_MEMORY, "{peak} kB");
        assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
    });
    let passed = tally.tried - tally.failed.len();
    println!("hostile inputs: {passed} of {}", tally.tried);
    assert!(tally.failed.is_empty(), "failed: {:#?}", tally.failed);
}
