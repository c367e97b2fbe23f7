//! A victim, a forger, their DNS on loopback, and mails between them.
//!
//! Long for its small parts: one word for each thing a forger can change, and everybody's DNS in one place.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use postel_auth::Authenticator;
use postel_auth::dkim::testing::{Signing, TestKey};
use postel_auth::dns::Dns;
use postel_auth::testing::{Data, Zone, ZoneServer};
use postel_core::decision::Gateway;
use postel_core::evidence::{Connection, Login, SesVerdict, SesVerdicts};
use postel_core::intake::{Envelope, Intake, Outcome, Rules};
use postel_core::ledger::limits::Ceilings;
use postel_core::model::{Account, Automated, Invitation, Password, User, UserStatus};
use postel_core::notice::Notices;
use postel_core::ports::{Directory, Store};
use postel_core::testing::{CountingIds, ManualClock, MemoryStore};

/// The victim's server, in the SPF of all honest domains.
const VICTIM: &str = "192.0.2.7";
/// The forger's.
const FORGER: &str = "203.0.113.66";

/// A listed address with a Cyrillic а in its domain.
pub(crate) fn cyrillic() -> &'static str {
    "ann@ex\u{430}mple.com"
}

pub(crate) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// Who signs.
#[derive(Clone, Copy, PartialEq)]
enum Signer {
    Victim,
    Forger,
}

/// One mail and how it comes.
#[derive(Clone)]
pub(crate) struct Scene {
    from: String,
    above: Vec<String>,
    below: Vec<String>,
    body: String,
    envelope: Option<String>,
    ip: Option<String>,
    helo: String,
    to: String,
    recipient: Option<String>,
    authenticated: Option<Login>,
    networks: Vec<String>,
    other_networks: Vec<String>,
    listed_elsewhere: bool,
    ses: SesVerdicts,
    broken_signature: bool,
    dateless: bool,
    signer: Option<Signer>,
    signing: Signing,
    days: i64,
    after_signing: Vec<String>,
    append: String,
    change: Option<(String, String)>,
}

impl Scene {
    pub(crate) fn honest() -> Self {
        Self {
            from: "From: ann@example.com".to_owned(),
            above: vec![],
            below: vec![],
            body: "hello\r\n".to_owned(),
            envelope: Some("ann@example.com".to_owned()),
            ip: Some(VICTIM.to_owned()),
            helo: "mx.example.com".to_owned(),
            to: "0612345678@sms.example.net".to_owned(),
            recipient: None,
            authenticated: None,
            networks: vec![],
            other_networks: vec![],
            listed_elsewhere: false,
            ses: SesVerdicts::default(),
            broken_signature: false,
            dateless: false,
            signer: None,
            signing: Signing::new("example.com", "s1", now().as_second() - 60),
            days: 0,
            after_signing: vec![],
            append: String::new(),
            change: None,
        }
    }

    pub(crate) fn from_forger() -> Self {
        Self {
            envelope: Some("mallory@attacker.test".to_owned()),
            ip: Some(FORGER.to_owned()),
            helo: "mx.attacker.test".to_owned(),
            ..Self::honest()
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn from(self, value: &str) -> Self {
        self.with(|s| s.from = format!("From: {value}"))
    }

    pub(crate) fn field(self, field: &str) -> Self {
        self.with(|s| s.from = field.to_owned())
    }

    pub(crate) fn above(self, field: &str) -> Self {
        self.with(|s| s.above.push(field.to_owned()))
    }

    pub(crate) fn below(self, field: &str) -> Self {
        self.with(|s| s.below.push(field.to_owned()))
    }

    pub(crate) fn body(self, body: &str) -> Self {
        self.with(|s| s.body = body.to_owned())
    }

    pub(crate) fn envelope(self, address: &str) -> Self {
        self.with(|s| s.envelope = Some(address.to_owned()))
    }

    pub(crate) fn null_sender(self) -> Self {
        self.with(|s| s.envelope = None)
    }

    pub(crate) fn helo(self, name: &str) -> Self {
        self.with(|s| s.helo = name.to_owned())
    }

    pub(crate) fn ip(self, ip: &str) -> Self {
        self.with(|s| s.ip = Some(ip.to_owned()))
    }

    pub(crate) fn no_ip(self) -> Self {
        self.with(|s| s.ip = None)
    }

    pub(crate) fn to(self, address: &str) -> Self {
        self.with(|s| s.to = address.to_owned())
    }

    /// The envelope recipient, while the header names another.
    pub(crate) fn for_recipient(self, address: &str) -> Self {
        self.with(|s| s.recipient = Some(address.to_owned()))
    }

    pub(crate) fn with_cc(self, address: &str) -> Self {
        self.below(&format!("Cc: {address}"))
    }

    /// Logged in as this user of this account.
    pub(crate) fn authenticated(self, account: &str, address: &str) -> Self {
        self.with(|s| {
            s.authenticated = Some(Login {
                account: account.parse().unwrap(),
                address: address.parse().unwrap(),
            });
        })
    }

    pub(crate) fn network(self, range: &str) -> Self {
        self.with(|s| s.networks.push(range.to_owned()))
    }

    /// A network of an account the sender is not listed on.
    pub(crate) fn other_network(self, range: &str) -> Self {
        self.with(|s| s.other_networks.push(range.to_owned()))
    }

    /// SES says that SPF and DMARC pass.
    pub(crate) fn ses_vouches(self) -> Self {
        self.with(|s| {
            s.ses.spf = SesVerdict::Pass;
            s.ses.dmarc = SesVerdict::Pass;
        })
    }

    /// Without `Date` and `Message-ID`.
    pub(crate) fn dateless(self) -> Self {
        self.with(|s| s.dateless = true)
    }

    /// The forger's signature in the victim's name, its key where the victim's DNS fails.
    pub(crate) fn broken_signature(self) -> Self {
        self.with(|s| s.broken_signature = true)
    }

    /// The account `other` lists the victim too.
    pub(crate) fn listed_elsewhere(self) -> Self {
        self.with(|s| s.listed_elsewhere = true)
    }

    pub(crate) fn signed(self) -> Self {
        self.with(|s| s.signer = Some(Signer::Victim))
    }

    pub(crate) fn signed_by_forger(self, domain: &str) -> Self {
        self.with(|s| {
            s.signer = Some(Signer::Forger);
            s.signing.domain = domain.to_owned();
        })
    }

    pub(crate) fn identity(self, identity: &str) -> Self {
        self.with(|s| {
            s.signer = s.signer.or(Some(Signer::Victim));
            s.signing.identity = Some(identity.to_owned());
        })
    }

    pub(crate) fn signed_days_ago(self, days: i64) -> Self {
        self.with(|s| {
            s.days = days;
            s.signing.signed_at =
                Some((now() - SignedDuration::from_hours(24 * days)).as_second() - 60);
        })
    }

    pub(crate) fn no_t(self) -> Self {
        self.with(|s| s.signing.signed_at = None)
    }

    pub(crate) fn expired(self) -> Self {
        self.with(|s| {
            s.signing.signed_at = Some(now().as_second() - 7200);
            s.signing.expires_at = Some(now().as_second() - 3600);
        })
    }

    pub(crate) fn length(self, octets: u64) -> Self {
        self.with(|s| s.signing.length = Some(octets))
    }

    pub(crate) fn unsigned(self, field: &str) -> Self {
        self.with(|s| s.signing.headers.retain(|h| h != field))
    }

    pub(crate) fn algorithm(self, name: &str) -> Self {
        self.with(|s| s.signing.algorithm = Some(name.to_owned()))
    }

    pub(crate) fn selector(self, name: &str) -> Self {
        self.with(|s| s.signing.selector = name.to_owned())
    }

    pub(crate) fn after_signing(self, field: &str) -> Self {
        self.with(|s| s.after_signing.push(field.to_owned()))
    }

    pub(crate) fn append(self, words: &str) -> Self {
        self.with(|s| s.append = words.to_owned())
    }

    pub(crate) fn change(self, from: &str, to: &str) -> Self {
        self.with(|s| s.change = Some((from.to_owned(), to.to_owned())))
    }

    fn raw(&self, world: &World) -> Vec<u8> {
        let date = (now() - SignedDuration::from_hours(24 * self.days.max(0)))
            .strftime("%a, %d %b %Y %H:%M:%S +0000");
        let mut lines = self.above.clone();
        lines.push(self.from.clone());
        lines.push(format!("To: {}", self.to));
        lines.extend(self.below.iter().cloned());
        lines.push("Subject: hello".to_owned());
        if !self.dateless {
            lines.push(format!("Date: {date}"));
            lines.push("Message-ID: <1@example.com>".to_owned());
        }
        let raw = format!("{}\r\n\r\n{}", lines.join("\r\n"), self.body);
        let mut raw = match self.signer {
            None => raw.into_bytes(),
            Some(Signer::Victim) => world.victim_key.sign(raw.as_bytes(), &self.signing),
            Some(Signer::Forger) => world.forger_key.sign(raw.as_bytes(), &self.signing),
        };
        if let Some((from, to)) = &self.change {
            raw = String::from_utf8(raw)
                .unwrap()
                .replacen(from, to, 1)
                .into_bytes();
        }
        raw.extend_from_slice(self.append.as_bytes());
        let mut top: Vec<u8> = self
            .after_signing
            .iter()
            .flat_map(|f| format!("{f}\r\n").into_bytes())
            .collect();
        top.extend(raw);
        if self.broken_signature {
            let signing = Signing::new("example.com", "servfail", now().as_second() - 60);
            return world.forger_key.sign(&top, &signing);
        }
        top
    }
}

/// What was decided.
pub(crate) struct Verdict {
    pub(crate) code: &'static str,
    pub(crate) rows: usize,
    /// Of the rows: the same for the same message.
    pub(crate) ids: Vec<String>,
    pub(crate) why: String,
}

/// The gateway and everybody's DNS.
pub(crate) struct World {
    victim_key: TestKey,
    forger_key: TestKey,
    authenticator: Authenticator,
    _dns: ZoneServer,
}

impl World {
    pub(crate) async fn start() -> Self {
        let (victim_key, forger_key) = (TestKey::rsa(), TestKey::rsa());
        let dns = ZoneServer::start(zone(&victim_key, &forger_key))
            .await
            .unwrap();
        let authenticator =
            Authenticator::new(Dns::server(dns.address()).unwrap(), "sms.example.net");
        Self {
            victim_key,
            forger_key,
            authenticator,
            _dns: dns,
        }
    }

    pub(crate) async fn judge(&self, scene: &Scene) -> Verdict {
        let store = Arc::new(MemoryStore::new());
        list(&store, scene).await;
        let raw = scene.raw(self);
        let envelope = Envelope {
            connection: Connection {
                client_ip: scene.ip.as_ref().map(|ip| ip.parse().unwrap()),
                relay: None,
                helo: scene.helo.clone(),
                envelope_sender: scene.envelope.as_ref().map(|e| e.parse().unwrap()),
                authenticated: scene.authenticated.clone(),
            },
            recipients: vec![scene.recipient.clone().unwrap_or_else(|| scene.to.clone())],
            ses: scene.ses,
            transport_id: None,
        };
        let judged = self.intake(store).receive(&envelope, &raw).await.unwrap();
        let why = judged
            .record
            .recipients
            .first()
            .map_or_else(String::new, |r| r.why.clone());
        match judged.outcome {
            Outcome::Accepted(accepted) => Verdict {
                code: "accepted",
                rows: accepted.rows.len(),
                ids: accepted.rows.iter().map(|r| r.id.to_string()).collect(),
                why,
            },
            Outcome::Refused(refusal) | Outcome::TryAgain(refusal) => Verdict {
                code: refusal.code().as_str(),
                rows: 0,
                ids: vec![],
                why,
            },
        }
    }

    fn intake(&self, store: Arc<dyn Store>) -> Intake {
        let mark = "mark".to_owned();
        let notices = Notices::new(
            store.clone(),
            "postel@sms.example.net".parse().unwrap(),
            mark.clone(),
        );
        let rules = Rules {
            gateway: Gateway {
                domains: vec!["sms.example.net".parse().unwrap()],
                loop_mark: mark,
                any_server: false,
            },
            ceilings: Ceilings::default(),
            stranger_days: 7,
            needs_originator: false,
            max_parts: 20,
        };
        Intake::new(
            store,
            Arc::new(self.authenticator.clone()),
            Arc::new(ManualClock::new(now())),
            Arc::new(CountingIds::new()),
            notices,
            rules,
        )
    }
}

/// The accounts: `acme` lists every honest sender, `other` lists nobody of them.
async fn list(store: &MemoryStore, scene: &Scene) {
    let mut acme = Account::new("acme".parse().unwrap());
    acme.networks = scene.networks.iter().map(|n| n.parse().unwrap()).collect();
    let mut other = Account::new("other".parse().unwrap());
    other.networks = scene
        .other_networks
        .iter()
        .map(|n| n.parse().unwrap())
        .collect();
    for account in [&acme, &other] {
        store.save_account(account, &[]).await.unwrap();
    }
    let spf = [
        "narrow",
        "plusall",
        "bareall",
        "halves",
        "wide",
        "includesall",
        "redirectsall",
        "exists",
        "azero",
        "soft",
        "neutral",
        "norecord",
        "two",
        "loop",
        "many",
        "broken",
        "servfail",
        "includesfail",
    ]
    .map(|name| format!("ann@{name}.example"));
    let mut senders = vec![
        "ann@example.com".to_owned(),
        "@corp.example".to_owned(),
        "pat@bank.co.uk".to_owned(),
    ];
    senders.extend(spf);
    for sender in senders {
        let user = User {
            account: acme.id.clone(),
            sender: sender.parse().unwrap(),
            version: 0,
            status: UserStatus::Accepted { at: now() },
            default: true,
            automated: Automated::Refuse,
            signature: None,
            password: (!sender.starts_with('@')).then(|| Password {
                hash: "h".to_owned(),
                made_at: now(),
            }),
            added_at: now(),
        };
        store.save_user(&user, &[]).await.unwrap();
        if scene.listed_elsewhere {
            let elsewhere = User {
                account: other.id.clone(),
                default: false,
                ..user
            };
            store.save_user(&elsewhere, &[]).await.unwrap();
        }
    }
    let pending = User {
        account: acme.id.clone(),
        sender: "pending@example.com".parse().unwrap(),
        version: 0,
        status: UserStatus::Pending(Invitation {
            token_hash: "h".to_owned(),
            expires_at: now(),
        }),
        default: true,
        automated: Automated::Refuse,
        signature: None,
        password: Some(Password {
            hash: "h".to_owned(),
            made_at: now(),
        }),
        added_at: now(),
    };
    store.save_user(&pending, &[]).await.unwrap();
}

fn zone(victim: &TestKey, forger: &TestKey) -> Zone {
    let servfail = |zone: Zone, name: &str| zone.with(name, 60, Data::Failure);
    let key = victim.record();
    let public = key.split("p=").nth(1).unwrap();
    let honest = format!("v=spf1 ip4:{VICTIM}/24 -all");
    let mut zone = Zone::new()
        .txt("_dmarc.example.com", "v=DMARC1; p=reject")
        .txt("_dmarc.corp.example", "v=DMARC1; p=reject")
        .txt("s1._domainkey.example.com", &key)
        .txt("revoked._domainkey.example.com", "v=DKIM1; p=")
        .txt(
            "sha1._domainkey.example.com",
            &format!("v=DKIM1; h=sha1; k=rsa; p={public}"),
        )
        .txt(
            "web._domainkey.example.com",
            &format!("v=DKIM1; s=web; k=rsa; p={public}"),
        )
        .txt(
            "testing._domainkey.example.com",
            &format!("v=DKIM1; t=y; k=rsa; p={public}"),
        )
        .txt("double._domainkey.example.com", &key)
        .txt("double._domainkey.example.com", &forger.record())
        .txt("s1._domainkey.attacker.test", &forger.record())
        .txt("s1._domainkey.com", &forger.record())
        .txt("attacker.test", &format!("v=spf1 ip4:{FORGER} -all"))
        .txt("evil.co.uk", &format!("v=spf1 ip4:{FORGER} -all"))
        .txt("co.uk", &format!("v=spf1 ip4:{FORGER} -all"))
        .txt("plusall.example", "v=spf1 +all")
        .txt("bareall.example", "v=spf1 all")
        .txt(
            "halves.example",
            "v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all",
        )
        .txt("wide.example", "v=spf1 ip4:202.0.0.0/7 -all")
        .txt("includesall.example", "v=spf1 include:plusall.example -all")
        .txt("redirectsall.example", "v=spf1 redirect=plusall.example")
        .txt("exists.example", "v=spf1 exists:always.example -all")
        .address("always.example", "127.0.0.2".parse().unwrap())
        .txt("azero.example", "v=spf1 a:always.example/0 -all")
        .txt("soft.example", &format!("v=spf1 ip4:{VICTIM}/24 ~all"))
        .txt("neutral.example", &format!("v=spf1 ip4:{VICTIM}/24 ?all"))
        .txt("two.example", &format!("v=spf1 ip4:{FORGER} -all"))
        .txt("two.example", "v=spf1 -all")
        .txt(
            "loop.example",
            &format!("v=spf1 include:loop.example ip4:{FORGER} -all"),
        )
        .txt(
            "broken.example",
            &format!("v=spf1 ip4:{FORGER} ipv4:{FORGER} -all"),
        )
        .txt(
            "includesfail.example",
            &format!("v=spf1 include:servfail.example ip4:{FORGER} -all"),
        );
    let many: String = (0..11).map(|n| format!(" a:a{n}.many.example")).collect();
    zone = zone.txt("many.example", &format!("v=spf1{many} ip4:{FORGER} -all"));
    for n in 0..11 {
        zone = zone.address(&format!("a{n}.many.example"), "192.0.2.99".parse().unwrap());
    }
    for name in [
        "example.com",
        "mail.example.com",
        "corp.example",
        "bank.co.uk",
        "mail.bank.co.uk",
        "narrow.example",
    ] {
        zone = zone.txt(name, &honest);
    }
    servfail(
        servfail(zone, "servfail.example"),
        "servfail._domainkey.example.com",
    )
}
