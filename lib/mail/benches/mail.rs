//! How long a mail takes from bytes to a text: parsing, and cutting what is quoted. Must not know a store or a decision.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use postel_mail::cut::{CutOptions, cut};
use postel_mail::parse;

const HEAD: &str = "From: Ann Example <ann@company.example>\r\nTo: <0612345678@sms.example.com>\r\nSubject: Alarm\r\n\
    Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@company.example>\r\nMIME-Version: 1.0\r\n";

fn plain() -> Vec<u8> {
    let line = "The pump of station 4 has stopped; the level rises by 3 cm an hour.\r\n";
    format!(
        "{HEAD}Content-Type: text/plain; charset=utf-8\r\n\r\n{}",
        line.repeat(56)
    )
    .into_bytes()
}

/// A reply as a mail program writes it: two alternatives, quoted-printable, the mail before below.
fn reply() -> Vec<u8> {
    let quoted = "> We see each other at eight, caf=C3=A9 Central.\r\n".repeat(20);
    let html =
        "<blockquote><p>We see each other at <b>eight</b>, caf=C3=A9 Central.</p></blockquote>\r\n"
            .repeat(20);
    format!(
        "{HEAD}Content-Type: multipart/alternative; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         I shall be late.\r\n\r\nOn Sat, Nov 21, 2026 at 12:00, Bob <bob@company.example> wrote:\r\n{quoted}\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         <p>I shall be late.</p>{html}\r\n--b--\r\n"
    )
    .into_bytes()
}

fn benches(c: &mut Criterion) {
    for (name, raw) in [
        ("plain, 4 KB", plain()),
        ("reply, two alternatives", reply()),
    ] {
        c.bench_function(&format!("parse: {name}"), |b| {
            b.iter(|| parse(black_box(&raw)));
        });
        let mail = parse(&raw);
        c.bench_function(&format!("cut: {name}"), |b| {
            b.iter(|| {
                let options = CutOptions {
                    signatures: &["Ann Example"],
                    subject: mail.subject.as_deref(),
                    marks: &mail.body.marks,
                };
                cut(black_box(&mail.body.text), &options)
            });
        });
    }
}

criterion_group!(mail, benches);
criterion_main!(mail);
