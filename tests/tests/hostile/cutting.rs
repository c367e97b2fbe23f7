//! How the time of reading and cutting grows with the text: four times the text must not take sixteen times as long.

use std::time::Duration;

use postel_mail::cut::{CutOptions, cut};
use postel_mail::{html_to_text, unflow};

/// Below this a clock says little of growth.
const FLOOR: Duration = Duration::from_millis(40);
/// Octets of the shorter text: what grows with its square shows at this size already.
const SIZE: usize = 32_000;

/// What this thread has computed so far (proc(5), `schedstat`): other work on the machine does not count.
fn computed() -> Duration {
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = figures.split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(nanoseconds)
}

fn once(text: &str, run: fn(&str)) -> Duration {
    let start = computed();
    run(text);
    computed().saturating_sub(start)
}

/// Whether it takes more than twice as long as it should, each time: a processor that is shared may be slow now and then.
fn is_slow(text: &str, run: fn(&str)) -> Option<Duration> {
    let quarter = text
        .get(..text.floor_char_boundary(text.len() / 4))
        .unwrap();
    let mut last = Duration::ZERO;
    for _ in 0..5 {
        last = once(text, run);
        if last <= FLOOR || last <= once(quarter, run) * 8 {
            return None;
        }
    }
    Some(last)
}

#[test]
fn four_times_the_text_takes_at_most_eight_times_as_long() {
    let units = [
        ">",
        "> ",
        " ",
        "\t",
        "-",
        "_",
        "=",
        "*",
        "-- \n",
        "--\n",
        "On ",
        "wrote:\n",
        "\n",
        "> \n",
        "On Sat, 21 Nov 2026 at 12:00, Ann <ann@company.example> wrote:\n",
        "On Sat, 21 Nov 2026 ",
        "Le sam. 21 nov. 2026 à 12:00, Ann a écrit :\n",
        "Le ",
        "Am ",
        "El sáb, 21 nov 2026 ",
        "From: a\n",
        "From: a\nSent: b\nTo: c\nSubject: d\n",
        "De : a\n",
        "-----Original Message-----\n",
        "________________________________\n",
        "Begin forwarded message:\n",
        "Sent from my iPhone\n",
        "Envoyé de mon iPhone\n",
        "<a@b> ",
        "<",
        "12:00 ",
        "2026 ",
        ":",
        "*From:* a\n",
        "|",
        "é",
        "\u{200b}",
        "a\n> b\n",
        "---------- Forwarded message ---------\n",
        "<div>",
        "<blockquote>x",
        "<p><i></b>",
        "&amp",
        "&#1",
        "<!--",
        "<a b=\"",
        "<td>",
        "</p>",
    ];
    type Way = (&'static str, fn(&str));
    let ways: [Way; 3] = [
        ("cut", |text| drop(cut(text, &CutOptions::default()))),
        ("html", |text| drop(html_to_text(text))),
        ("unflow", |text| drop(unflow(text, true))),
    ];
    let mut slow = Vec::new();
    let mut tried = 0;
    for unit in units {
        for (way, run) in ways {
            tried += 1;
            let text = unit.repeat(2 * SIZE / unit.len());
            if let Some(took) = is_slow(&text, run) {
                slow.push((way, unit, took));
            }
        }
    }
    println!(
        "hostile inputs: {} of {tried} texts take time that grows with their length",
        tried - slow.len()
    );
    assert!(slow.is_empty(), "{slow:#?}");
}
