//! A DNS zone as lines of text: `NAME TYPE VALUE`, up to a line without them.

use std::cell::RefCell;
use std::sync::Arc;

use postel_auth::dns::Dns;
use postel_auth::testing::{Data, Script, Zone};

/// Records read at most: a slow zone would only hide slow code.
const RECORDS: usize = 100;

thread_local! {
    static SCRIPTED: RefCell<(Arc<Script>, Dns)> = RefCell::new({
        let script = Arc::new(Script::default());
        (Arc::clone(&script), Dns::scripted(script).unwrap())
    });
}

/// A resolver that knows nothing but this zone, and the script that counts its questions.
pub(crate) fn resolver(zone: Zone) -> (Arc<Script>, Dns) {
    SCRIPTED.with_borrow(|(script, dns)| {
        script.play(zone);
        (Arc::clone(script), dns.clone())
    })
}

/// The zone that the lines spell; lines that spell no record are passed over.
pub(crate) fn read(lines: &[u8]) -> Zone {
    lines
        .split(|b| *b == b'\n')
        .take(RECORDS)
        .filter_map(record)
        .fold(Zone::new(), |zone, (name, data)| zone.with(&name, 60, data))
}

fn record(line: &[u8]) -> Option<(String, Data)> {
    let mut words = line.splitn(3, |b| *b == b' ');
    let name = std::str::from_utf8(words.next()?).ok()?;
    let kind = words.next()?;
    let value = words.next().unwrap_or_default();
    let text = || std::str::from_utf8(value).ok();
    let data = match kind {
        b"TXT" => Data::Txt(value.chunks(255).map(<[u8]>::to_vec).collect()),
        b"A" => Data::A(text()?.parse().ok()?),
        b"AAAA" => Data::Aaaa(text()?.parse().ok()?),
        b"MX" => Data::Mx(10, text()?.to_owned()),
        b"PTR" => Data::Ptr(text()?.to_owned()),
        b"CNAME" => Data::Cname(text()?.to_owned()),
        b"FAIL" => Data::Failure,
        _ => return None,
    };
    Some((name.to_owned(), data))
}
