//! Every SPF result in a sentence or two for a person: what was found, by which term, and what to
//! change.
//!
//! Must not decide anything. Names no mailbox, only domains and the client's address.

use std::net::IpAddr;
use std::time::Duration;

use postel_core::evidence::{SpfResult, SpfWidth};

use super::evaluate::{By, Found, Halt};

/// The term that would admit the client.
fn term(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(_) => format!("ip4:{ip}"),
        IpAddr::V6(_) => format!("ip6:{ip}"),
    }
}

/// No domain to ask about.
pub(super) fn no_domain() -> String {
    "The sender has no full domain name, so there is no SPF record to look for; send with an address at a domain of your own.".to_owned()
}

/// A verdict of the record.
pub(super) fn found(found: &Found, domain: &str, ip: IpAddr) -> String {
    let admit = term(ip);
    match (found.result, &found.by) {
        (SpfResult::None, _) => format!(
            "{domain} publishes no SPF record, so nothing says which servers may send for it; publish a TXT record at {domain} such as \"v=spf1 {admit} -all\"."
        ),
        (SpfResult::Pass, Some(by)) => format!(
            "{ip} may send for {domain}: it matches {}.{}",
            place(by),
            caution(found.width, &by.domain)
        ),
        (SpfResult::Fail, Some(by)) => format!(
            "{ip} may not send for {domain}: {} refuses it; if this server is yours, add \"{admit}\" to the record.",
            place(by)
        ),
        (SpfResult::Softfail, Some(by)) => format!(
            "{ip} should not send for {domain}: {} marks it as doubtful; if this server is yours, add \"{admit}\" to the record.",
            place(by)
        ),
        (_, Some(by)) => format!(
            "It stays open whether {ip} may send for {domain}: {} says neither yes nor no; if this server is yours, add \"{admit}\" to the record.",
            place(by)
        ),
        (_, None) => format!(
            "It stays open whether {ip} may send for {domain}: no term of its SPF record matches; if this server is yours, add \"{admit}\", and let the record end in \"-all\"."
        ),
    }
}

fn place(by: &By) -> String {
    format!("\"{}\" in the SPF record of {}", by.term, by.domain)
}

fn caution(width: SpfWidth, domain: &str) -> String {
    match width {
        SpfWidth::All => format!(
            " But this term lets anyone pass, so it proves nothing; {domain} should name its servers instead."
        ),
        SpfWidth::Range { prefix, v6: false } if prefix < 8 => wide(prefix, domain),
        SpfWidth::Range { prefix, v6: true } if prefix < 16 => wide(prefix, domain),
        SpfWidth::Range { .. } => String::new(),
    }
}

fn wide(prefix: u8, domain: &str) -> String {
    format!(
        " But its addresses are as many as a /{prefix} holds, so it proves little; {domain} should name its servers instead."
    )
}

/// No verdict.
pub(super) fn halt(halt: &Halt) -> String {
    match halt {
        Halt::Temporary(what) => format!(
            "{what}; trying again may help, and if this lasts, the name servers of that domain need attention."
        ),
        Halt::Permanent(what) => {
            format!("{what}; nobody can be proven by this record until that is mended.")
        }
    }
}

/// The time ran out.
pub(super) fn late(domain: &str, limit: Duration) -> String {
    format!(
        "DNS did not tell within {} seconds who may send for {domain}; trying again may help.",
        limit.as_secs().max(1)
    )
}
