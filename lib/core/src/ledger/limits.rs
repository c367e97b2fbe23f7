//! Which counters a text is taken from, and how much: the Limits row of DESIGN 3.
//!
//! Limits are reserved with the claim, never counted after (P7). Pure; stores only count.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use sha2::{Digest, Sha256};

use super::{LimitKind, Reservation};
use crate::address::EmailAddress;
use crate::decision::Proof;
use crate::model::Account;
use crate::number::PhoneNumber;

/// Texts a day an account may send on the strength of a listed address alone (DESIGN 4.3).
pub const ANY_SERVER_PER_DAY: u32 = 20;

/// The operator's own ceilings, above every account's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// Recipients of one mail.
    pub recipients_per_mail: u32,
    /// Parts of one account in a day.
    pub parts_per_account_day: u32,
    /// Parts of one account in a month.
    pub parts_per_account_month: u32,
    /// Parts of the whole instance in a day (UTC).
    pub parts_per_day: u32,
}

impl Default for Ceilings {
    fn default() -> Self {
        Self {
            recipients_per_mail: 500,
            parts_per_account_day: 50_000,
            parts_per_account_month: 500_000,
            parts_per_day: 100_000,
        }
    }
}

/// What one text of `parts` parts takes from the limits.
#[must_use]
pub fn reservations(
    account: &Account,
    ceilings: &Ceilings,
    user: &EmailAddress,
    to: &PhoneNumber,
    parts: u32,
    proof: &Proof,
    now: Timestamp,
) -> Vec<Reservation> {
    let limits = &account.limits;
    let id = account.id.as_str();
    let utc = now.to_zoned(TimeZone::UTC);
    let local = local(account, now);
    let (hour, day, month) = (
        utc.strftime("%Y-%m-%dT%H"),
        local.strftime("%Y-%m-%d"),
        local.strftime("%Y-%m"),
    );
    let take = |limit, counter: String, amount, ceiling, keep_days: i64| Reservation {
        counter,
        limit,
        amount,
        ceiling,
        expires_at: now
            .checked_add(SignedDuration::from_hours(24 * keep_days))
            .unwrap_or(Timestamp::MAX),
    };
    let mut taken = vec![
        take(
            LimitKind::UserHour,
            format!("user-hour/{id}/{}/{hour}", digest(&user.to_string())),
            parts,
            limits.parts_per_user_hour,
            2,
        ),
        take(
            LimitKind::NumberHour,
            format!("number-hour/{id}/{}/{hour}", digest(to.as_e164())),
            parts,
            limits.parts_per_number_hour,
            2,
        ),
        take(
            LimitKind::AccountDay,
            format!("day/{id}/{day}"),
            parts,
            limits.parts_per_day.min(ceilings.parts_per_account_day),
            3,
        ),
        take(
            LimitKind::AccountMonth,
            format!("month/{id}/{month}"),
            parts,
            limits.parts_per_month.min(ceilings.parts_per_account_month),
            62,
        ),
        take(
            LimitKind::OperatorDay,
            format!("operator-day/{}", utc.strftime("%Y-%m-%d")),
            parts,
            ceilings.parts_per_day,
            3,
        ),
    ];
    if *proof == Proof::AnyServer {
        taken.push(take(
            LimitKind::AnyServerDay,
            format!("any-server-day/{id}/{day}"),
            1,
            ANY_SERVER_PER_DAY,
            3,
        ));
    }
    taken
}

/// The account's day and month counters with their ceilings, for warnings and overviews.
#[must_use]
pub fn account_counters(
    account: &Account,
    ceilings: &Ceilings,
    now: Timestamp,
) -> [(LimitKind, String, u32); 2] {
    let id = account.id.as_str();
    let local = local(account, now);
    [
        (
            LimitKind::AccountDay,
            format!("day/{id}/{}", local.strftime("%Y-%m-%d")),
            account
                .limits
                .parts_per_day
                .min(ceilings.parts_per_account_day),
        ),
        (
            LimitKind::AccountMonth,
            format!("month/{id}/{}", local.strftime("%Y-%m")),
            account
                .limits
                .parts_per_month
                .min(ceilings.parts_per_account_month),
        ),
    ]
}

/// Now in the account's time zone; UTC where its name is unknown (settings refuse such names).
fn local(account: &Account, now: Timestamp) -> Zoned {
    let zone = TimeZone::get(&account.preferences.time_zone).unwrap_or(TimeZone::UTC);
    now.to_zoned(zone)
}

/// Counters outlive texts: they hold no address or number, only this.
fn digest(of: &str) -> String {
    let mut hash = crate::hex(&Sha256::digest(of.as_bytes()));
    hash.truncate(32);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(proof: &Proof, at: &str) -> Vec<Reservation> {
        let account = Account::new("acme".parse().unwrap());
        let user = "ann@example.com".parse().unwrap();
        let to = "+33612345678".parse().unwrap();
        reservations(
            &account,
            &Ceilings::default(),
            &user,
            &to,
            3,
            proof,
            at.parse().unwrap(),
        )
    }

    #[test]
    fn the_day_begins_in_the_accounts_time_zone() {
        let day = |at| taken(&Proof::Authenticated, at)[2].counter.clone();
        assert_eq!(day("2026-06-30T21:59:59Z"), "day/acme/2026-06-30");
        assert_eq!(day("2026-06-30T22:00:00Z"), "day/acme/2026-07-01");
        let month = |at| taken(&Proof::Authenticated, at)[3].counter.clone();
        assert_eq!(month("2026-06-30T22:00:00Z"), "month/acme/2026-07");
    }

    #[test]
    fn any_server_is_counted_in_texts_and_only_where_nothing_proved_the_sender() {
        let at = "2026-06-30T12:00:00Z";
        assert_eq!(taken(&Proof::Authenticated, at).len(), 5);
        let last = taken(&Proof::AnyServer, at).pop().unwrap();
        assert_eq!(
            (last.limit, last.amount, last.ceiling),
            (LimitKind::AnyServerDay, 1, 20)
        );
    }

    #[test]
    fn the_operators_ceiling_stands_above_the_accounts_limit() {
        let mut account = Account::new("acme".parse().unwrap());
        account.limits.parts_per_day = u32::MAX;
        let ceilings = Ceilings {
            parts_per_account_day: 7,
            ..Ceilings::default()
        };
        let at = "2026-06-30T12:00:00Z".parse().unwrap();
        assert_eq!(account_counters(&account, &ceilings, at)[0].2, 7);
    }

    #[test]
    fn counters_name_nobody() {
        for r in taken(&Proof::AnyServer, "2026-06-30T12:00:00Z") {
            assert!(
                !r.counter.contains("ann") && !r.counter.contains("336123"),
                "{}",
                r.counter
            );
        }
    }
}
