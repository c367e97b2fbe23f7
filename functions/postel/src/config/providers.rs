//! Who carries the texts: `[sms] providers` and the section of each provider, which counts only where the
//! provider is listed. What a listed one lacks is a fault.

use postel_sms::{Endpoint, esendex, twilio};

use super::Carrier;
use super::source::Reader;
use super::words::{each, readable, secret, twice};

/// Every provider there is.
const PROVIDERS: [&str; 3] = ["esendex", "twilio", "handset"];

/// `[sms] providers`
pub(super) fn listed(r: &mut Reader<'_>) -> Vec<String> {
    let there_are = format!("there are \"{}\"", PROVIDERS.join("\", \""));
    r.take("sms", "providers", vec!["handset".to_owned()], |raw| {
        let list = raw.list()?;
        if list.is_empty() {
            return Err(format!("name at least one provider; {there_are}"));
        }
        let list = each(list, |p| {
            if PROVIDERS.contains(&p) {
                Ok(p.to_owned())
            } else {
                Err(format!("`{p}` is not a provider; {there_are}"))
            }
        })?;
        match twice(&list, |a, b| a == b) {
            Some(provider) => Err(format!("`{provider}` is written twice")),
            None => Ok(list),
        }
    })
}

/// `[esendex]`
pub(super) fn esendex(r: &mut Reader<'_>, listed: &[String]) -> Option<Carrier<esendex::Settings>> {
    const SECTION: &str = "esendex";
    let account_reference = r.take(SECTION, "account_reference", None, |raw| raw.optional());
    let user = r.take(SECTION, "user", None, |raw| match raw.optional()? {
        Some(user) if user.contains(':') => {
            Err("a user's name has no colon; the password stands in password_file".to_owned())
        }
        user => Ok(user),
    });
    let password = r.take(SECTION, "password_file", None, |raw| {
        raw.path()?.map(|p| secret(&p)).transpose()
    });
    let max_parts = r.take(SECTION, "max_parts", 20, |raw| raw.integer(1..=20));
    let url = url(r, SECTION, "https://api.esendex.com");
    let trust = trust(r, SECTION);
    if !listed.iter().any(|p| p == SECTION) {
        return None;
    }
    let needed = [
        (
            "account_reference",
            account_reference.is_none(),
            "write the account's reference (EX and digits, from Esendex' pages)",
        ),
        (
            "user",
            user.is_none(),
            "write the address with which its user signs in",
        ),
        (
            "password_file",
            password.is_none(),
            "name the file that holds the user's API password",
        ),
    ];
    for (key, missing, remedy) in needed {
        if missing {
            let what = format!("\"esendex\" is among the providers; {remedy}");
            r.fault_unless_told(SECTION, key, &what);
        }
    }
    Some(Carrier {
        settings: esendex::Settings {
            account_reference: account_reference?,
            user: user?,
            password: password?.0,
            max_parts,
            url: url?,
        },
        trust,
    })
}

/// `[twilio]`
pub(super) fn twilio(r: &mut Reader<'_>, listed: &[String]) -> Option<Carrier<twilio::Settings>> {
    const SECTION: &str = "twilio";
    let account_sid = sid(r, "account_sid", "AC");
    let key_sid = sid(r, "key_sid", "SK");
    let auth_token = r.take(SECTION, "auth_token_file", None, |raw| {
        raw.path()?.map(|p| secret(&p)).transpose()
    });
    let messaging_service_sid = sid(r, "messaging_service_sid", "MG");
    let url = url(r, SECTION, "https://api.twilio.com");
    let trust = trust(r, SECTION);
    if !listed.iter().any(|p| p == SECTION) {
        return None;
    }
    if account_sid.is_none() {
        let what = "\"twilio\" is among the providers; write the account's SID (AC and 32 digits, from Twilio's console)";
        r.fault_unless_told(SECTION, "account_sid", what);
    }
    if auth_token.is_none() {
        let what = "\"twilio\" is among the providers; name the file that holds the auth token, or the secret of key_sid";
        r.fault_unless_told(SECTION, "auth_token_file", what);
    }
    Some(Carrier {
        settings: twilio::Settings {
            account_sid: account_sid?,
            key_sid,
            auth_token: auth_token?.0,
            messaging_service_sid,
            url: url?,
        },
        trust,
    })
}

/// One of Twilio's ids, or none.
fn sid(r: &mut Reader<'_>, key: &'static str, prefix: &str) -> Option<String> {
    r.take("twilio", key, None, |raw| match raw.optional()? {
        Some(written) if !twilio::is_sid(&written, prefix) => Err(format!(
            "write {prefix} and 32 digits (0-9, a-f), as Twilio's console shows it"
        )),
        written => Ok(written),
    })
}

/// Where an interface is; `None` where what is written is none, which is noted.
fn url(r: &mut Reader<'_>, section: &'static str, usual: &str) -> Option<Endpoint> {
    let usual = usual.parse().ok();
    r.take(section, "url", usual.clone(), |raw| {
        let written = raw.optional()?;
        let parsed = written.map(|w| w.parse().map_err(|e| format!("{e}")));
        Ok(parsed.transpose()?.or(usual))
    })
}

/// Certificates to trust, read.
fn trust(r: &mut Reader<'_>, section: &'static str) -> Option<Vec<u8>> {
    r.take(section, "trust_file", None, |raw| {
        let Some(path) = raw.path()? else {
            return Ok(None);
        };
        let path = readable(path)?;
        let pem = std::fs::read(&path)
            .map_err(|e| format!("{} cannot be read: {}", path.display(), super::reason(&e)))?;
        postel_sms::check_trust(&pem).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Some(pem))
    })
}
