//! `Retry-After` (RFC 9110 10.2.3): seconds, or a date. Pure.

use jiff::Timestamp;

/// Longer waits are not believed.
const LONGEST: i64 = 24 * 3600;

/// Seconds from `now`; `None` where it is neither form. A date in the past is 0.
pub(crate) fn seconds(written: &str, now: Timestamp) -> Option<u32> {
    let written = written.trim();
    let seconds = if !written.is_empty() && written.bytes().all(|b| b.is_ascii_digit()) {
        written.parse().unwrap_or(LONGEST)
    } else {
        let date = jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(written)
            .ok()?;
        date.as_second().saturating_sub(now.as_second())
    };
    u32::try_from(seconds.clamp(0, LONGEST)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        let now: Timestamp = "2015-10-21T07:27:30Z".parse().unwrap();
        for (written, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(86_400)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(30)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("Fri, 21 Oct 2095 07:00:00 GMT", Some(86_400)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(seconds(written, now), expected, "{written}");
        }
    }
}
