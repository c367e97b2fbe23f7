//! `check mail` and `preview`: the whole decision about a mail, on a DNS of our own.

use postel_auth::testing::{Zone, ZoneServer};
use serde_json::{Value, json};

use crate::support::{Place, finish};

const MAIL: &str = "From: Ann <ann@example.com>\r\nTo: +33612345678@sms.example.org\r\nSubject: Hi\r\n\
    Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\n\
    L\u{2019}essai\r\n\r\n-- \r\nAnn\r\n";

struct Dns {
    _runtime: tokio::runtime::Runtime,
    server: ZoneServer,
}

impl Dns {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let zone = Zone::new()
            .txt("example.com", "v=spf1 ip4:192.0.2.1 -all")
            .txt("_dmarc.example.com", "v=DMARC1; p=reject");
        let server = runtime.block_on(ZoneServer::start(zone)).unwrap();
        Self {
            _runtime: runtime,
            server,
        }
    }

    fn address(&self) -> String {
        self.server.address().to_string()
    }
}

fn line(id: u32, change: impl Fn(&mut Value)) -> String {
    let mut line = json!({
        "id": id, "path": "mail.eml", "ip": "192.0.2.1", "helo": "mx.example.com", "sender": "ann@example.com",
        "recipients": ["+33612345678@sms.example.org"],
    });
    change(&mut line);
    line.to_string()
}

#[test]
fn the_whole_decision_is_told() {
    let dns = Dns::start();
    let place = Place::new();
    place.write("mail.eml", MAIL);
    place.write(
        "two.eml",
        MAIL.replace("Subject", "From: eve@example.net\r\nSubject"),
    );
    place.write(
        "auto.eml",
        MAIL.replace("Subject", "Auto-Submitted: auto-replied\r\nSubject"),
    );
    let lines = [
        line(0, |_| {}),
        line(1, |l| l["ip"] = "192.0.2.9".into()),
        line(2, |l| l["sender"] = "".into()),
        line(3, |l| l["path"] = "two.eml".into()),
        line(4, |l| l["path"] = "auto.eml".into()),
        line(5, |l| l["ip"] = "".into()),
        line(6, |l| {
            l["recipients"] = json!([
                "0612345678@sms.example.org",
                "x@sms.example.org",
                "0033612345678@sms.example.org"
            ])
        }),
        line(7, |l| l["path"] = "absent.eml".into()),
        line(8, |l| l["recipients"] = json!([])),
        line(9, |l| l["sender"] = "no address".into()),
        "{\"id\":10}".to_owned(),
        line(11, |l| {
            l["recipients"] = json!(["+14155552671@sms.example.org"])
        }),
    ];
    let address = dns.address();
    let out = place
        .feed(
            &["check", "mail", "--dns", &address, "--jsonl"],
            lines.join("\n"),
        )
        .ok();
    let got: Vec<Value> = out
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(got.len(), 12);
    for (n, answer) in got.iter().enumerate() {
        assert_eq!(answer["id"], n, "in order");
    }
    let code = |n: usize| {
        got[n]["decision"]["code"]
            .as_str()
            .unwrap_or("error")
            .to_owned()
    };
    let codes: Vec<String> = (0..12).map(code).collect();
    assert_eq!(
        codes,
        [
            "accepted",
            "not-verified",
            "automatic",
            "ambiguous-sender",
            "automatic",
            "not-verified",
            "accepted",
            "error",
            "error",
            "ambiguous-sender",
            "error",
            "country-not-allowed",
        ]
    );
    let first = &got[0];
    assert_eq!(first["decision"]["accept"], true);
    assert_eq!(first["evidence"]["spf"]["result"], "pass");
    assert_eq!(first["evidence"]["spf"]["domain"], "example.com");
    assert_eq!(first["evidence"]["dkim"], json!([]));
    assert_eq!(
        (
            &first["evidence"]["dmarc"]["result"],
            &first["evidence"]["dmarc"]["policy"]
        ),
        (&json!("pass"), &json!("reject"))
    );
    assert_eq!(
        first["body"].as_str().unwrap().trim_end(),
        "L\u{2019}essai\n\n-- \nAnn"
    );
    assert_eq!(first["text"], "L'essai");
    assert_eq!(
        (&first["encoding"], &first["parts"]),
        (&json!("GSM-7"), &json!(1))
    );
    assert_eq!(first["cut"][0]["kind"], "signature");
    assert_eq!(first["recipients"][0]["number"], "+33612345678");
    assert_eq!(got[1]["evidence"]["spf"]["result"], "fail");
    for refused in [1, 2, 3, 4] {
        assert_eq!(
            got[refused]["text"], "L'essai",
            "text is given whatever the decision"
        );
        assert!(got[refused]["evidence"]["spf"]["result"].is_string());
        assert_eq!(got[refused]["recipients"][0]["accept"], false);
    }
    let several = got[6]["recipients"].as_array().unwrap();
    let accepted: Vec<bool> = several
        .iter()
        .map(|r| r["accept"].as_bool().unwrap())
        .collect();
    assert_eq!(accepted, [true, false, true]);
    assert_eq!(several[1]["code"], "not-a-number");
}

#[test]
fn people_see_why() {
    let dns = Dns::start();
    let place = Place::new();
    place.write("mail.eml", MAIL);
    let address = dns.address();
    let yes = place
        .run(&[
            "check",
            "mail",
            "mail.eml",
            "--dns",
            &address,
            "--ip",
            "192.0.2.1",
        ])
        .ok();
    for words in [
        "decision\taccepted",
        "+33612345678\tgets the text",
        "Text:\nL'essai",
        "Cut as signature:",
    ] {
        assert!(yes.contains(words), "{words} in {yes}");
    }
    let piped = place.feed(
        &["check", "mail", "-", "--dns", &address, "--ip", "192.0.2.1"],
        MAIL,
    );
    assert_eq!(piped.ok(), yes);
    let no = place.run(&[
        "preview",
        "mail.eml",
        "--sample",
        "--dns",
        &address,
        "--from-ip",
        "192.0.2.9",
    ]);
    assert_eq!(no.code, 1);
    assert!(no.out.contains("decision\tnot-verified"), "{}", no.out);
    let elsewhere = place.run(&[
        "preview", "mail.eml", "--sample", "--dns", &address, "--to", "nobody",
    ]);
    assert_eq!(elsewhere.code, 1, "{}", elsewhere.err);
}

#[test]
fn a_preview_judges_for_the_accounts_there_are() {
    let dns = Dns::start();
    let place = Place::configured();
    place.write(
        "mail.eml",
        MAIL.replace("sms.example.org", "sms.example.com"),
    );
    place.run(&["account", "add", "acme"]).ok();
    let preview = |arguments: &[&str]| {
        let all: Vec<&str> = ["preview", "mail.eml"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let mut command = place.command(&all);
        command.env("POSTEL_DNS_SERVER", dns.address());
        finish(command, b"")
    };
    let from = ["--from-ip", "192.0.2.1"];
    assert!(preview(&from).out.contains("decision\tunknown-sender"));
    place.run(&["user", "add", "acme", "ann@example.com"]).ok();
    assert!(preview(&from).out.contains("decision\tnot-accepted-yet"));
    place
        .run(&["user", "accept", "acme", "ann@example.com"])
        .ok();
    assert!(preview(&from).ok().contains("decision\taccepted"));
    place.run(&["account", "add", "other"]).ok();
    assert!(
        preview(&["--from-ip", "192.0.2.1", "--account", "other"])
            .out
            .contains("decision\tunknown-sender")
    );
    assert_eq!(preview(&["--account", "none"]).code, 1);
    let elsewhere = preview(&[
        "--from-ip",
        "192.0.2.1",
        "--to",
        "+33612345678@elsewhere.example",
    ]);
    assert!(
        elsewhere.out.contains("not an address of this gateway"),
        "{}",
        elsewhere.out
    );
    assert_eq!(place.run(&["mails"]).ok(), "", "nothing is stored");
    assert!(
        Place::new()
            .run(&["preview", "x.eml"])
            .err
            .contains("--sample")
    );

    // As a program asks: the account's own settings hold, and its name stands in no answer.
    place
        .run(&["prefs", "set", "acme", "--subject", "prefix"])
        .ok();
    let address = dns.address();
    let question = line(1, |l| {
        l["recipients"] = json!(["0612345678@sms.example.com", "0612345678@elsewhere.example"])
    });
    let out = place
        .feed(
            &[
                "check",
                "mail",
                "--account",
                "acme",
                "--dns",
                &address,
                "--jsonl",
            ],
            question,
        )
        .ok();
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["decision"]["code"], "accepted");
    assert_eq!(answer["text"], "Hi\nL'essai");
    assert_eq!(
        answer["recipients"][0]["address"],
        "0612345678@sms.example.com"
    );
    assert_eq!(answer["recipients"][1]["accept"], false);
}
