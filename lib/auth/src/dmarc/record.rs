//! A DMARC record (RFC 7489 6.3, 6.4): its tags, as far as they decide anything here.
//!
//! Must not know DNS or any mail.

use postel_core::evidence::DmarcPolicy;

/// What an owner publishes. `pct` is read past: a share of forgeries let in by lot is no policy
/// for texts that cost money, and RFC 9989 drops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// `p`
    pub(super) domain: DmarcPolicy,
    /// `sp`, for names below the one with the record.
    pub(super) below: Option<DmarcPolicy>,
    /// `np` (RFC 9091), for names below it that do not exist.
    pub(super) absent: Option<DmarcPolicy>,
    /// `adkim=s`
    pub(super) strict_dkim: bool,
    /// `aspf=s`
    pub(super) strict_spf: bool,
}

/// The record starts like one and cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Whether a TXT record is a DMARC record at all: `v=DMARC1` comes first.
pub(super) fn is_dmarc(text: &str) -> bool {
    let first = text.split(';').next().unwrap_or_default();
    first
        .split_once('=')
        .is_some_and(|(name, value)| name.trim() == "v" && value.trim() == "DMARC1")
}

impl Record {
    /// Reads a record that [`is_dmarc`]. Unknown tags and unusable values of lesser ones are passed over
    /// (RFC 7489 6.3); without a usable policy it counts as `none` where reports are asked for, else it is
    /// [`Malformed`] (6.6.3).
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for part in text.split(';').filter(|part| !part.trim().is_empty()) {
            let (name, value) = part.split_once('=').ok_or(Malformed)?;
            let (name, value) = (name.trim(), value.trim());
            let ours = matches!(name, "v" | "p" | "sp" | "np" | "adkim" | "aspf" | "rua");
            // Two readers of a doubled tag could read two policies (RFC 6376 3.2).
            if ours && seen.iter().any(|(known, _)| *known == name) {
                return Err(Malformed);
            }
            if ours {
                seen.push((name, value));
            }
        }
        let tag = |name: &str| {
            let mut tags = seen.iter();
            tags.find_map(|(known, value)| (*known == name).then_some(*value))
        };
        let written = tag("p").map(policy);
        let below = tag("sp").map(policy);
        let reports = tag("rua").is_some_and(|uri| uri.contains(':'));
        let domain = match (written, below) {
            (Some(Some(policy)), None | Some(Some(_))) => policy,
            _ if reports => {
                return Ok(Self {
                    domain: DmarcPolicy::None,
                    below: None,
                    absent: None,
                    strict_dkim: strict(tag("adkim")),
                    strict_spf: strict(tag("aspf")),
                });
            }
            _ => return Err(Malformed),
        };
        Ok(Self {
            domain,
            below: below.flatten(),
            absent: tag("np").and_then(policy),
            strict_dkim: strict(tag("adkim")),
            strict_spf: strict(tag("aspf")),
        })
    }
}

fn policy(value: &str) -> Option<DmarcPolicy> {
    match value.to_ascii_lowercase().as_str() {
        "none" => Some(DmarcPolicy::None),
        "quarantine" => Some(DmarcPolicy::Quarantine),
        "reject" => Some(DmarcPolicy::Reject),
        _ => None,
    }
}

fn strict(value: Option<&str>) -> bool {
    value.is_some_and(|v| v.eq_ignore_ascii_case("s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_comes_first() {
        for yes in ["v=DMARC1", "v=DMARC1;p=none", " v = DMARC1 ; p=none"] {
            assert!(is_dmarc(yes), "{yes}");
        }
        for no in [
            "",
            "p=none; v=DMARC1",
            "v=DMARC2; p=none",
            "v=dmarc1; p=none",
            "V=DMARC1",
        ] {
            assert!(!is_dmarc(no), "{no}");
        }
    }

    #[test]
    fn tags_are_read_with_blanks_and_in_any_case() {
        let record = Record::parse(
            "v=DMARC1; p = Reject; sp=none;np=QUARANTINE; adkim=S; aspf=r; pct=0; x=y;",
        )
        .unwrap();
        assert_eq!(record.domain, DmarcPolicy::Reject);
        assert_eq!(record.below, Some(DmarcPolicy::None));
        assert_eq!(record.absent, Some(DmarcPolicy::Quarantine));
        assert!(record.strict_dkim && !record.strict_spf);
    }

    #[test]
    fn a_record_without_a_usable_policy_asks_for_reports_or_for_nothing() {
        for bad in [
            "v=DMARC1",
            "v=DMARC1; p=",
            "v=DMARC1; p=no",
            "v=DMARC1; p=none; sp=x",
            "v=DMARC1; p=none; p=reject",
            "v=DMARC1; reject",
        ] {
            assert_eq!(Record::parse(bad), Err(Malformed), "{bad}");
        }
        let monitored = Record::parse("v=DMARC1; p=x; rua=mailto:a@example.com").unwrap();
        assert_eq!(monitored.domain, DmarcPolicy::None);
    }
}
