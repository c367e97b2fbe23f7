//! `<local@domain>` as RFC 5321 4.1.2 and RFC 6531 3.3 write it, read strictly.
//!
//! Must not know what an address is for.

use std::net::{Ipv4Addr, Ipv6Addr};

use postel_core::address::Domain;

/// Longest path with its brackets (RFC 5321 4.5.3.1.3).
const PATH: usize = 256;
/// Longest local part (RFC 5321 4.5.3.1.1).
const LOCAL: usize = 64;

/// Why a path is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathError {
    /// No `<…>`.
    Brackets,
    /// Not a mailbox between the brackets.
    Mailbox,
    /// A source route, `<@relay:local@domain>` (RFC 5321 4.1.1.3 lets a server decline).
    Route,
}

/// A mailbox between brackets.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Mailbox {
    /// Without quotes.
    pub(super) local: String,
    /// As written; an address literal with its brackets; empty for a bare `<postmaster>`.
    pub(super) domain: String,
}

impl Mailbox {
    /// Whether SMTPUTF8 is not needed for it.
    pub(super) fn is_ascii(&self) -> bool {
        self.local.is_ascii() && self.domain.is_ascii()
    }

    /// The shortest correct spelling: quoted only where that is needed.
    pub(super) fn spelled(&self) -> String {
        let mut out = if is_dot_string(&self.local) {
            self.local.clone()
        } else {
            let mut quoted = String::from("\"");
            for c in self.local.chars() {
                if matches!(c, '"' | '\\') {
                    quoted.push('\\');
                }
                quoted.push(c);
            }
            quoted + "\""
        };
        if !self.domain.is_empty() {
            out.push('@');
            out.push_str(&self.domain);
        }
        out
    }
}

/// Reads a path at the start of `input`; `None` is the null path `<>`. Gives the rest, too.
pub(super) fn path(input: &str) -> Result<(Option<Mailbox>, &str), PathError> {
    let inner = input.strip_prefix('<').ok_or(PathError::Brackets)?;
    if let Some(rest) = inner.strip_prefix('>') {
        return Ok((None, rest));
    }
    if inner.starts_with('@') {
        return Err(PathError::Route);
    }
    let (local, rest) = match inner.strip_prefix('"') {
        Some(quoted) => quoted_string(quoted)?,
        None => {
            let end = inner
                .find(['@', '>', ' ', '<'])
                .ok_or(PathError::Brackets)?;
            let (local, rest) = inner.split_at_checked(end).ok_or(PathError::Mailbox)?;
            if !is_dot_string(local) {
                return Err(PathError::Mailbox);
            }
            (local.to_owned(), rest)
        }
    };
    if let Some(rest) = rest.strip_prefix('>') {
        // RFC 5321 4.5.1: the one mailbox that has no domain.
        let postmaster = local.eq_ignore_ascii_case("postmaster");
        let mailbox = postmaster.then_some(Mailbox {
            local,
            domain: String::new(),
        });
        return mailbox.map(|m| (Some(m), rest)).ok_or(PathError::Mailbox);
    }
    let (domain, rest) = rest
        .strip_prefix('@')
        .ok_or(PathError::Mailbox)?
        .split_once('>')
        .ok_or(PathError::Brackets)?;
    let fits = local.len() <= LOCAL && input.len() - rest.len() <= PATH;
    if !fits || !(is_literal(domain) || is_domain(domain)) {
        return Err(PathError::Mailbox);
    }
    Ok((
        Some(Mailbox {
            local,
            domain: domain.to_owned(),
        }),
        rest,
    ))
}

/// After the opening quote: the content without quotes and backslashes, and what follows the closing quote.
fn quoted_string(input: &str) -> Result<(String, &str), PathError> {
    let mut local = String::new();
    let mut chars = input.chars();
    loop {
        match chars.next().ok_or(PathError::Mailbox)? {
            '"' if local.is_empty() => return Err(PathError::Mailbox),
            '"' => return Ok((local, chars.as_str())),
            '\\' => match chars.next() {
                Some(c @ ' '..='~') => local.push(c),
                _ => return Err(PathError::Mailbox),
            },
            c if c.is_control() => return Err(PathError::Mailbox),
            c => local.push(c),
        }
    }
}

/// RFC 5321 `Dot-string`, with RFC 6531's characters.
fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|atom| {
        !atom.is_empty()
            && atom.chars().all(|c| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' => true,
                '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '/' | '=' | '?' => true,
                '^' | '_' | '`' | '{' | '|' | '}' | '~' => true,
                c => !c.is_ascii() && !c.is_control() && !c.is_whitespace(),
            })
    })
}

fn is_domain(domain: &str) -> bool {
    !domain.ends_with('.') && domain.parse::<Domain>().is_ok()
}

fn is_literal(domain: &str) -> bool {
    let Some(inner) = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']')) else {
        return false;
    };
    match inner.split_at_checked(5) {
        Some((tag, v6)) if tag.eq_ignore_ascii_case("IPv6:") => v6.parse::<Ipv6Addr>().is_ok(),
        _ => inner.parse::<Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(s: &str) -> Result<Option<String>, PathError> {
        path(s).map(|(m, rest)| {
            assert_eq!(rest, "");
            m.map(|m| m.spelled())
        })
    }

    #[test]
    fn mailboxes_are_read() {
        for (written, read) in [
            ("<ann@example.com>", "ann@example.com"),
            ("<Ann.B+x=y@Example.com>", "Ann.B+x=y@Example.com"),
            (
                "<+33612345678@sms.example.com>",
                "+33612345678@sms.example.com",
            ),
            (
                "<06.12.34.56.78@sms.example.com>",
                "06.12.34.56.78@sms.example.com",
            ),
            ("<\"ann\"@example.com>", "ann@example.com"),
            ("<\"a b\"@example.com>", "\"a b\"@example.com"),
            ("<\"a\\\"b>@c\"@example.com>", "\"a\\\"b>@c\"@example.com"),
            ("<zoé@bücher.example>", "zoé@bücher.example"),
            ("<ann@[192.0.2.1]>", "ann@[192.0.2.1]"),
            ("<ann@[IPv6:2001:db8::1]>", "ann@[IPv6:2001:db8::1]"),
            ("<Postmaster>", "Postmaster"),
            ("<root@alarm_panel>", "root@alarm_panel"),
        ] {
            assert_eq!(
                spelled(written).unwrap().as_deref(),
                Some(read),
                "{written}"
            );
        }
        assert_eq!(spelled("<>"), Ok(None));
    }

    #[test]
    fn the_rest_is_given_back() {
        let (_, rest) = path("<a@b.example> SIZE=1").unwrap();
        assert_eq!(rest, " SIZE=1");
    }

    #[test]
    fn rubbish_is_refused() {
        let long_local = format!("<{}@b.example>", "a".repeat(65));
        let long_path = format!("<a@{}example>", "abcdefg.".repeat(31));
        for (written, error) in [
            ("", PathError::Brackets),
            ("ann@example.com", PathError::Brackets),
            ("<ann@example.com", PathError::Brackets),
            ("<ann", PathError::Brackets),
            ("<@relay.example:ann@example.com>", PathError::Route),
            ("<ann>", PathError::Mailbox),
            ("< >", PathError::Mailbox),
            ("<a b@example.com>", PathError::Mailbox),
            ("<a..b@example.com>", PathError::Mailbox),
            ("<.a@example.com>", PathError::Mailbox),
            ("<a.@example.com>", PathError::Mailbox),
            ("<a@b@example.com>", PathError::Mailbox),
            ("<a@>", PathError::Mailbox),
            ("<a@example.com.>", PathError::Mailbox),
            ("<a@exa mple.com>", PathError::Mailbox),
            ("<a@-b.example>", PathError::Mailbox),
            ("<a@192.0.2.1>", PathError::Mailbox),
            ("<a@[192.0.2.999]>", PathError::Mailbox),
            ("<a@[IPv6:x]>", PathError::Mailbox),
            ("<a@[tag:x]>", PathError::Mailbox),
            ("<\"\"@example.com>", PathError::Mailbox),
            ("<\"a@example.com>", PathError::Mailbox),
            ("<\"a\"b@example.com>", PathError::Mailbox),
            ("<\"a\\é\"@example.com>", PathError::Mailbox),
            ("<a@example.com<b@example.com>>", PathError::Mailbox),
            (&long_local, PathError::Mailbox),
            (&long_path, PathError::Mailbox),
        ] {
            assert_eq!(spelled(written), Err(error), "{written}");
        }
    }
}
