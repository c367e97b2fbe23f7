//! An envelope sender as a person or a program writes it. Must not know what it proves.

use postel_core::address::EmailAddress;

/// How mail systems write the null sender where they must write something, in `Return-Path` for instance.
const NULL_SENDERS: [&str; 2] = ["MAILER-DAEMON", "null"];

/// Reads an envelope sender as the listener does: empty and `<>` are the null sender, needless quotes go.
///
/// # Errors
/// Why the listener would refuse it at MAIL FROM.
pub(crate) fn envelope_sender(written: &str) -> Result<Option<EmailAddress>, String> {
    let written = written.trim();
    let bare = written
        .strip_prefix('<')
        .and_then(|w| w.strip_suffix('>'))
        .unwrap_or(written);
    if bare.is_empty() || NULL_SENDERS.iter().any(|n| n.eq_ignore_ascii_case(bare)) {
        return Ok(None);
    }
    let read = match bare.rsplit_once('@') {
        Some((local, domain)) if local.starts_with('"') => {
            EmailAddress::new(&unquoted(local), domain)
        }
        Some(_) | None => bare.parse(),
    };
    read.map(Some).map_err(|e| {
        format!("The envelope sender is not an address ({e}); such mail is refused at MAIL FROM.")
    })
}

/// The content of a quoted string (RFC 5321 4.1.2); what is none stays as it is, and is no local part then.
fn unquoted(local: &str) -> String {
    let Some(inner) = local.strip_prefix('"').and_then(|l| l.strip_suffix('"')) else {
        return local.to_owned();
    };
    let mut escaped = false;
    inner
        .chars()
        .filter(|c| {
            escaped = *c == '\\' && !escaped;
            !escaped
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::envelope_sender;

    #[test]
    fn senders_are_read_as_the_listener_reads_them() {
        let read = |s: &str| envelope_sender(s).map(|s| s.map(|s| s.to_string()));
        assert_eq!(read(" <> "), Ok(None));
        assert_eq!(read("<mailer-daemon>"), Ok(None));
        assert_eq!(
            read("<Ann@Example.com>"),
            Ok(Some("ann@example.com".to_owned()))
        );
        assert_eq!(
            read("\"ann\"@example.com"),
            Ok(Some("ann@example.com".to_owned()))
        );
        assert_eq!(
            read("\"a\\nn\"@example.com"),
            Ok(Some("ann@example.com".to_owned()))
        );
        for bad in [
            "ann",
            "\"a b\"@example.com",
            "\"ann@example.com",
            "ann@[192.0.2.1]",
            "a@b@c.example",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
