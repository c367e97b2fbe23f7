//! Every setting: its section, key, default and what may be written. The names and defaults are
//! held to `postel.toml` by a test.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use postel_core::address::{AddressError, Domain};
use postel_core::ledger::limits::Ceilings;
use postel_core::model::{Language, Network};
use postel_core::number::Country;

use super::providers;
use super::source::{Fault, File, Raw, Reader};
use super::words::{
    certificate_file, country, domain, each, is_filter, key_file, one_of, overlap, readable,
    secret, server, twice,
};
use super::{
    Config, Gateway, Log, MailOut, NewAccounts, Operator, Secret, Smarthost, Smtp, Tls, Web,
};

/// The highest ceiling that can be written.
const MOST_PARTS: u32 = 1_000_000_000;

/// Reads the whole configuration.
pub(super) fn read(
    file: Option<&File>,
    environment: &BTreeMap<String, String>,
) -> Result<Config, Vec<Fault>> {
    let mut reader = Reader::new(file, environment)?;
    let r = &mut reader;
    let (smtp, web) = (smtp(r), web(r));
    if smtp.listen.iter().any(|mail| overlap(mail, &web.listen)) {
        r.fault_unless_told(
            "web",
            "listen",
            "mail is taken there ([smtp] listen); write another port",
        );
    }
    let metrics = metrics(r);
    let taken =
        |m: &SocketAddr| overlap(m, &web.listen) || smtp.listen.iter().any(|mail| overlap(mail, m));
    if metrics.as_ref().is_some_and(taken) {
        r.fault_unless_told(
            "metrics",
            "listen",
            "mail is taken or pages are served there; write another port",
        );
    }
    let listed = providers::listed(r);
    let config = Config {
        gateway: gateway(r),
        accounts: accounts(r),
        smtp,
        dns_server: r.take("dns", "server", None, |raw| {
            raw.optional()?.map(|s| server(&s)).transpose()
        }),
        web,
        metrics,
        mail_out: mail_out(r),
        esendex: providers::esendex(r, &listed),
        twilio: providers::twilio(r, &listed),
        providers: listed,
        workers: r.take("sms", "workers", 64, |raw| raw.integer(1..=1_000)),
        operator: operator(r),
        log: log(r),
    };
    let faults = reader.finish();
    if faults.is_empty() {
        Ok(config)
    } else {
        Err(faults)
    }
}

fn gateway(r: &mut Reader<'_>) -> Gateway {
    let domains: Vec<Domain> = r.take("gateway", "domains", Vec::new(), |raw| {
        let list = each(raw.list()?, domain)?;
        match twice(&list, |a, b| a == b) {
            Some(domain) => Err(format!("{domain} is written twice")),
            None => Ok(list),
        }
    });
    if domains.is_empty() {
        r.fault_unless_told(
            "gateway",
            "domains",
            "no domain is named; write the one whose mail becomes texts, such as [\"sms.example.com\"]",
        );
    }
    let usual = r.beside("postel-data");
    let data = r.take("gateway", "data", usual, |raw| {
        raw.path()?.ok_or_else(|| "name a folder".to_owned())
    });
    Gateway { domains, data }
}

fn accounts(r: &mut Reader<'_>) -> NewAccounts {
    NewAccounts {
        language: r.take("accounts", "language", Language::En, |raw| Ok(raw.text()?.parse()?)),
        country: r.take("accounts", "country", Country::FR, |raw| {
            country(&raw.text()?)
        }),
        time_zone: r.take("accounts", "time_zone", "Europe/Paris".to_owned(), |raw| {
            let written = raw.text()?;
            jiff::tz::TimeZone::get(&written)
                .map_err(|_| format!("`{written}` is not in the time zone database; write a name such as Europe/Paris"))?;
            Ok(written)
        }),
    }
}

fn smtp(r: &mut Reader<'_>) -> Smtp {
    let listen = r.take(
        "smtp",
        "listen",
        vec![SocketAddr::from(([0, 0, 0, 0], 2525))],
        |raw| {
            let list = each(raw.list()?, Raw::socket)?;
            if list.is_empty() {
                return Err("name at least one address with a port".to_owned());
            }
            match twice(&list, overlap) {
                Some(again) => Err(format!(
                    "{again} is listened on already by another of these"
                )),
                None => Ok(list),
            }
        },
    );
    let hostname = r.take("smtp", "hostname", None, |raw| {
        raw.optional()?.map(|s| domain(&s)).transpose()
    });
    let tls = tls(r);
    Smtp {
        listen,
        hostname,
        tls,
        relays: r.take("smtp", "relays", Vec::new(), |raw| {
            each(raw.list()?, |entry| {
                entry
                    .parse::<Network>()
                    .map_err(|e| format!("`{entry}` cannot be a relay: {e}"))
            })
        }),
        max_mail_megabytes: r.take("smtp", "max_mail_megabytes", 40, |raw| raw.integer(1..=100)),
        max_connections: r.take("smtp", "max_connections", 200, |raw| {
            raw.integer(1..=100_000)
        }),
        max_connections_per_address: r.take("smtp", "max_connections_per_address", 50, |raw| {
            raw.integer(1..=100_000)
        }),
        max_recipients: r.take("smtp", "max_recipients", 100, |raw| raw.integer(1..=1_000)),
        idle_seconds: r.take("smtp", "idle_seconds", 300, |raw| raw.integer(1..=3_600)),
        data_seconds: r.take("smtp", "data_seconds", 900, |raw| raw.integer(1..=3_600)),
    }
}

/// STARTTLS: both files or neither, and they fit each other.
fn tls(r: &mut Reader<'_>) -> Option<Tls> {
    let certificate = r.take("smtp", "tls_certificate", None, |raw| {
        raw.path()?.map(certificate_file).transpose()
    });
    let key = r.take("smtp", "tls_key_file", None, |raw| {
        raw.path()?.map(key_file).transpose()
    });
    match (certificate, key) {
        (Some(certificate), Some(key)) => match postel_local::tls::load(&certificate, &key) {
            Ok(_) => Some(Tls { certificate, key }),
            Err(e) => {
                r.fault("smtp", "tls_certificate", e);
                None
            }
        },
        (Some(_), None) => {
            r.fault_unless_told(
                "smtp",
                "tls_key_file",
                "a certificate needs its private key; name the file that holds it",
            );
            None
        }
        (None, Some(_)) => {
            r.fault_unless_told(
                "smtp",
                "tls_certificate",
                "a private key needs its certificate; name the file that holds the chain",
            );
            None
        }
        (None, None) => None,
    }
}

fn web(r: &mut Reader<'_>) -> Web {
    Web {
        listen: r.take(
            "web",
            "listen",
            SocketAddr::from(([127, 0, 0, 1], 8080)),
            |raw| Raw::socket(&raw.text()?),
        ),
        public_url: r.take("web", "public_url", None, |raw| {
            raw.optional()?
                .map(|url| {
                    let rest = url
                        .strip_prefix("https://")
                        .or_else(|| url.strip_prefix("http://"));
                    match rest {
                        Some(rest)
                            if !rest.trim_matches('/').is_empty()
                                && !rest.contains([' ', '?', '#']) =>
                        {
                            Ok(url.trim_end_matches('/').to_owned())
                        }
                        _ => Err(
                            "write the address people open, such as https://sms.example.com"
                                .to_owned(),
                        ),
                    }
                })
                .transpose()
        }),
    }
}

fn metrics(r: &mut Reader<'_>) -> Option<SocketAddr> {
    r.take("metrics", "listen", None, |raw| {
        raw.optional()?.map(|s| Raw::socket(&s)).transpose()
    })
}

fn mail_out(r: &mut Reader<'_>) -> MailOut {
    let written = r.take("mail_out", "smarthost", None, |raw| raw.optional());
    let password = r.take("mail_out", "password_file", None, |raw| {
        raw.path()?.map(|p| secret(&p)).transpose()
    });
    let trust = r.take("mail_out", "trust_file", None, |raw| {
        raw.path()?.map(readable).transpose()
    });
    let smarthost = match written.map(|url| with_password(&url, password.as_ref())) {
        None => None,
        Some(Ok(url)) => {
            match postel_local::mailer::Smarthost::new(&url.0, "localhost", trust.as_deref()) {
                Ok(_) => Some(Smarthost { url, trust }),
                Err(e) => {
                    r.fault("mail_out", "smarthost", e);
                    None
                }
            }
        }
        Some(Err((key, what))) => {
            r.fault_unless_told("mail_out", key, what);
            None
        }
    };
    MailOut {
        smarthost,
        folder: r.take("mail_out", "folder", None, |raw| raw.path()),
        from: r.take("mail_out", "from", None, |raw| {
            raw.optional()?
                .map(|s| {
                    s.parse()
                        .map_err(|e: AddressError| format!("`{s}` is not an address: {e}"))
                })
                .transpose()
        }),
    }
}

/// The smarthost's URL with the password in it, which never stands in the configuration itself;
/// or which setting is at fault, and how.
fn with_password(
    url: &str,
    password: Option<&Secret>,
) -> Result<Secret, (&'static str, &'static str)> {
    let user = url.split_once("://").and_then(|(scheme, rest)| {
        let (user, place) = rest.rsplit_once('@')?;
        Some((scheme, user, place))
    });
    match (user, password) {
        (Some((_, user, _)), _) if user.contains(':') => Err((
            "smarthost",
            "a password must not stand here; write it into a file and name that in password_file",
        )),
        (Some((scheme, user, place)), Some(password)) => Ok(Secret(format!(
            "{scheme}://{user}:{}@{place}",
            escaped(&password.0)
        ))),
        (Some(_), None) => Err((
            "password_file",
            "the smarthost's URL names a user; name the file that holds its password",
        )),
        (None, Some(_)) => Err((
            "smarthost",
            "a password is given but no user; write smtp://user@host:587",
        )),
        (None, None) => Ok(Secret(url.to_owned())),
    }
}

/// As it is written in a URL (RFC 3986 2.1).
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

fn operator(r: &mut Reader<'_>) -> Operator {
    let usual = Ceilings::default();
    Operator {
        any_server: r.take("operator", "any_server", false, |raw| raw.boolean()),
        ceilings: Ceilings {
            recipients_per_mail: r.take(
                "operator",
                "recipients_per_mail",
                usual.recipients_per_mail,
                |raw| raw.integer(1..=10_000),
            ),
            parts_per_account_day: r.take(
                "operator",
                "parts_per_account_day",
                usual.parts_per_account_day,
                |raw| raw.integer(0..=MOST_PARTS),
            ),
            parts_per_account_month: r.take(
                "operator",
                "parts_per_account_month",
                usual.parts_per_account_month,
                |raw| raw.integer(0..=MOST_PARTS),
            ),
            parts_per_day: r.take("operator", "parts_per_day", usual.parts_per_day, |raw| {
                raw.integer(0..=MOST_PARTS)
            }),
        },
        stranger_days: r.take("operator", "stranger_days", 7, |raw| raw.integer(1..=90)),
    }
}

fn log(r: &mut Reader<'_>) -> Log {
    Log {
        json: r.take("log", "format", false, |raw| {
            Ok(one_of(&raw.text()?, &["text", "json"])? == "json")
        }),
        level: r.take("log", "level", "info".to_owned(), |raw| {
            let written = raw.text()?;
            if is_filter(&written) {
                Ok(written)
            } else {
                Err("write error, warn, info, debug or trace, also per module: \"info,postel_local=debug\"".to_owned())
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn from_text(text: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<Fault>> {
        let file = File {
            path: PathBuf::from("postel.toml"),
            text: text.to_owned(),
        };
        let environment = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        read(Some(&file), &environment)
    }

    const MINIMAL: &str = "[gateway]\ndomains = [\"sms.example.com\"]\n";

    #[test]
    fn the_example_holds_every_setting_at_its_default() {
        let filled =
            super::super::EXAMPLE.replacen("domains = []", "domains = [\"sms.example.com\"]", 1);
        let mut from_example = from_text(&filled, &[]).unwrap();
        let from_nothing = from_text(MINIMAL, &[]).unwrap();
        assert_eq!(from_example.gateway.data, from_nothing.gateway.data);
        from_example.gateway = from_nothing.gateway.clone();
        assert_eq!(from_example, from_nothing);

        let file = File {
            path: PathBuf::from("postel.toml"),
            text: filled,
        };
        let environment = BTreeMap::new();
        let mut reader = Reader::new(Some(&file), &environment).unwrap();
        let missing = reader.unwritten(|r| {
            gateway(r);
            accounts(r);
            smtp(r);
            r.take("dns", "server", (), |_| Ok(()));
            web(r);
            metrics(r);
            mail_out(r);
            let listed = providers::listed(r);
            providers::esendex(r, &listed);
            providers::twilio(r, &listed);
            r.take("sms", "workers", (), |_| Ok(()));
            operator(r);
            log(r);
        });
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let config = from_text(
            MINIMAL,
            &[
                ("POSTEL_SMTP_LISTEN", "127.0.0.1:1, [::1]:2"),
                ("POSTEL_LOG_FORMAT", "json"),
                ("POSTEL_OTHER", "x"),
            ],
        )
        .unwrap();
        assert_eq!(config.smtp.listen.len(), 2);
        assert!(config.log.json);
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let text = "[gateway]\ndomains = [\"a b\"]\n[smtp]\nlisten = 25\nlisen = \"x\"\n[smpt]\nx = 1\n[web]\npublic_url = \"sms\"\n\
                    [mail_out]\nsmarthost = \"smtp://me:secret@mx\"\n[operator]\nany_server = \"yes\"\n";
        let faults = from_text(
            text,
            &[("POSTEL_LOG_LEVELS", "info"), ("POSTEL_LOG_FORMAT", "xml")],
        )
        .unwrap_err();
        let places: Vec<&str> = faults.iter().map(|f| f.place.as_str()).collect();
        let mut lines: Vec<&str> = places.clone();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "POSTEL_LOG_FORMAT",
                "POSTEL_LOG_LEVELS",
                "postel.toml:11",
                "postel.toml:13",
                "postel.toml:2",
                "postel.toml:4",
                "postel.toml:5",
                "postel.toml:6",
                "postel.toml:9",
            ]
        );
        assert!(
            !faults.iter().any(|f| f.what.contains("secret@")),
            "a password is not repeated"
        );
    }

    #[test]
    fn of_a_file_that_is_not_toml_only_that_is_told() {
        let faults =
            from_text("[gateway]\ndomains = \n[log]\nformat = \"xml\"\n", &[]).unwrap_err();
        let places: Vec<&str> = faults.iter().map(|f| f.place.as_str()).collect();
        assert_eq!(places, ["postel.toml:2"], "{faults:?}");
    }

    #[test]
    fn a_password_joins_its_url_from_a_file_only() {
        let password = Secret("p@ss word".to_owned());
        let joined =
            with_password("smtps://ann%40example.com@mx.example.com", Some(&password)).unwrap();
        assert_eq!(
            joined.0,
            "smtps://ann%40example.com:p%40ss%20word@mx.example.com"
        );
        assert!(!format!("{joined:?}").contains("word"));
        for (url, password, key) in [
            ("smtp://me:pw@mx", None, "smarthost"),
            ("smtp://me@mx", None, "password_file"),
            ("smtp://mx", Some(&password), "smarthost"),
        ] {
            assert_eq!(with_password(url, password).unwrap_err().0, key, "{url}");
        }
    }
}
