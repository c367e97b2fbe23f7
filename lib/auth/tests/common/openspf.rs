//! The openspf suite as it is written: scenarios with a zone and cases.

use std::collections::HashMap;

use jiff::Timestamp;
use postel_auth::dns::Dns;
use postel_auth::spf::{LIMIT, Question, check};
use postel_auth::testing::{Data, Zone};
use postel_core::evidence::{Spf, SpfResult};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Scenario {
    pub(crate) description: String,
    pub(crate) zone: HashMap<String, Vec<(String, serde_json::Value)>>,
    pub(crate) tests: Vec<Case>,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) helo: String,
    pub(crate) host: String,
    pub(crate) mailfrom: String,
    /// The preferred one first.
    pub(crate) result: Vec<SpfResult>,
    pub(crate) explanation: Option<String>,
}

/// The suite writes octets as the code points of the same number.
fn octets(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}

fn strings(value: &serde_json::Value) -> Vec<Vec<u8>> {
    let list = value.as_array().unwrap().iter();
    list.flat_map(|s| {
        let bytes = octets(s.as_str().unwrap());
        bytes.chunks(255).map(<[u8]>::to_vec).collect::<Vec<_>>()
    })
    .collect()
}

pub(crate) fn zone(scenario: &Scenario) -> Zone {
    let mut zone = Zone::new();
    for (name, records) in &scenario.zone {
        for (kind, value) in records {
            let text = || value.as_str().unwrap().to_owned();
            let data = match (kind.as_str(), value.as_str()) {
                (_, Some("TIMEOUT")) => Data::Failure,
                ("TXT", _) => Data::Txt(strings(value)),
                ("SPF", _) => Data::Spf(strings(value)),
                ("A", _) => Data::A(text().parse().unwrap()),
                ("AAAA", _) => Data::Aaaa(text().parse().unwrap()),
                ("PTR", _) => Data::Ptr(text()),
                ("CNAME", _) => Data::Cname(text()),
                ("MX", _) => Data::Mx(
                    u16::try_from(value[0].as_u64().unwrap()).unwrap(),
                    value[1].as_str().unwrap().to_owned(),
                ),
                other => panic!("{other:?}"),
            };
            zone = zone.with(name, 60, data);
        }
    }
    zone
}

pub(crate) async fn run(dns: &Dns, case: &Case) -> Spf {
    let question = Question {
        ip: case.host.parse().unwrap(),
        helo: &case.helo,
        sender: &case.mailfrom,
        receiver: "unknown",
        now: Timestamp::UNIX_EPOCH,
    };
    check(dns, &question, LIMIT).await
}

/// What is wrong with a result, if anything is. A name for our own default explanation is `DEFAULT`.
pub(crate) fn complaint(case: &Case, spf: &Spf) -> Option<String> {
    if spf.result != case.result[0] {
        return Some(format!(
            "{:?} instead of {:?}: {}",
            spf.result, case.result, spf.why
        ));
    }
    let wanted = case.explanation.as_deref()?;
    let got = spf.explanation.as_deref().unwrap_or("DEFAULT");
    (wanted != got).then(|| format!("explained {got:?} instead of {wanted:?}"))
}
