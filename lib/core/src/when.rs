//! Days and times in words, in the reader's zone and language. Must not know what time it is.

use crate::model::Language;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

const DAYS_FR: [&str; 7] = [
    "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche",
];
const MONTHS_FR: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

/// `Saturday 21 November 2026`, `samedi 21 novembre 2026`.
#[must_use]
pub fn day(at: Timestamp, zone: &TimeZone, language: Language) -> String {
    let local = at.to_zoned(zone.clone());
    match language {
        Language::En => local.strftime("%A %-d %B %Y").to_string(),
        Language::Fr => day_fr(&local),
    }
}

fn day_fr(local: &Zoned) -> String {
    let weekday = name(&DAYS_FR, local.weekday().to_monday_zero_offset());
    let month = name(&MONTHS_FR, local.month() - 1);
    let day = match local.day() {
        1 => "1er".to_owned(),
        day => day.to_string(),
    };
    format!("{weekday} {day} {month} {}", local.year())
}

fn name(names: &'static [&str], index: i8) -> &'static str {
    usize::try_from(index)
        .ok()
        .and_then(|index| names.get(index).copied())
        .unwrap_or_default()
}

/// `18:33`.
#[must_use]
pub fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_said_in_the_readers_way() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let at: Timestamp = "2026-07-31T22:05:00Z".parse().unwrap();
        assert_eq!(day(at, &zone, Language::En), "Saturday 1 August 2026");
        assert_eq!(day(at, &zone, Language::Fr), "samedi 1er août 2026");
        assert_eq!(time(at, &zone), "00:05");
        for at in [Timestamp::MIN, Timestamp::MAX] {
            assert!(!day(at, &zone, Language::Fr).is_empty());
        }
    }
}
