//! Which account and which number each recipient of a mail means (DESIGN 4.1). Pure.

use jiff::{SignedDuration, Timestamp};
use postel_mail::Mail;
use sha2::{Digest, Sha256};

use crate::address::EmailAddress;
use crate::ledger::Originator;
use crate::model::{Account, AccountId, MessageKey, Preferences, SendAs, User};
use crate::number::{BareDigits, Country, PhoneNumber};
use crate::recipient::{Recipient, RecipientFault};

/// Countries whose networks show no sender names (DESIGN 3).
const NO_SENDER_NAMES: [&str; 4] = ["US", "CA", "PR", "CN"];

/// A listing of the sender, with its account.
pub(super) type Listing = (User, Account);

/// One recipient, read.
pub(super) struct Target<'a> {
    /// As written in the envelope.
    pub(super) address: &'a str,
    /// The listing that counts for it; `None`: the sender is not listed on the account that the address names.
    pub(super) listing: Option<&'a Listing>,
    /// The account that the address names.
    pub(super) named: Option<AccountId>,
    /// The number.
    pub(super) number: Result<PhoneNumber, RecipientFault>,
}

/// Reads a recipient for this sender: the account the address names, else the sender's default.
pub(super) fn target<'a>(address: &'a str, listings: &'a [Listing]) -> Target<'a> {
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
    let read = Recipient::read(local);
    let named = read.as_ref().ok().and_then(|r| r.account());
    let listing = match named {
        Some(name) => best(
            listings
                .iter()
                .filter(|(_, account)| account.id.as_str() == name),
        ),
        None => best(listings.iter()),
    };
    let (country, bare) = reading(listing.map(|(_, account)| &account.preferences));
    Target {
        address,
        listing,
        named: named.and_then(|name| name.parse().ok()),
        number: read.and_then(|r| Ok(r.number(country, bare)?)),
    }
}

/// The store gives the address's own listings before its domain's and the default first; one that
/// was accepted comes before one that is pending, so that an invitation by a stranger changes nothing.
fn best<'a>(mut listings: impl Iterator<Item = &'a Listing> + Clone) -> Option<&'a Listing> {
    listings
        .clone()
        .find(|(user, _)| user.is_accepted())
        .or_else(|| listings.next())
}

/// How bare digits are read.
fn reading(preferences: Option<&Preferences>) -> (Option<Country>, BareDigits) {
    preferences.map_or((None, BareDigits::International), |p| {
        (Some(p.country), p.bare_digits)
    })
}

/// Whether the mail's To or Cc names this number at one of our domains, in whatever spelling, and means the same account:
/// else one signed mail could be sent once more for each account that lists its sender.
pub(super) fn named_in(
    mail: &Mail,
    target: &Target<'_>,
    listings: &[Listing],
    gateway: &[crate::address::Domain],
) -> bool {
    let account = |target: &Target<'_>| target.listing.map(|(_, account)| account.id.clone());
    mail.to_cc().any(|written| {
        let Ok(address) = written.parse::<EmailAddress>() else {
            return false;
        };
        let named = self::target(address.local(), listings);
        gateway.contains(address.domain())
            && named.number.is_ok()
            && named.number == target.number
            && account(&named) == account(target)
    })
}

/// Who the recipient sees; `None` where neither a number nor a name can be shown.
pub(super) fn originator(account: &Account, to: &PhoneNumber, needed: bool) -> Option<Originator> {
    let names_work = to
        .country()
        .is_none_or(|c| !NO_SENDER_NAMES.contains(&c.to_string().as_str()));
    let number = account
        .numbers
        .first()
        .map(|n| Originator::Number(n.number.clone()));
    let name = account
        .preferences
        .sender_name
        .clone()
        .filter(|_| names_work)
        .map(Originator::Name);
    let wished = match account.preferences.send_as {
        SendAs::Number => number.or(name),
        SendAs::SenderName => name.or(number),
    };
    wished.or((!needed).then_some(Originator::Shared))
}

/// What makes two mails the same (DESIGN 4.5). Where the mail has neither `Message-ID` nor `Date`,
/// the transport's id stands for them. Without a `Message-ID` the subject counts too: alarm panels write
/// neither ids nor bodies, and their clocks may stand still. A clock that begins anew with each power cut says the same
/// each time: without a `Message-ID`, a `Date` further from `now` than a mail is remembered is none.
pub(super) fn message_key(
    account: &AccountId,
    from: &EmailAddress,
    mail: &Mail,
    body: &BodyDigest,
    (transport, now): (&str, Timestamp),
) -> MessageKey {
    let remembered = SignedDuration::from_hours(24 * i64::from(super::REMEMBERED_FOR_DAYS));
    let date = mail
        .date
        .filter(|d| mail.message_id.is_some() || now.duration_since(*d).abs() <= remembered)
        .map(|d| d.to_string());
    let transport = if mail.message_id.is_none() && date.is_none() {
        transport
    } else {
        ""
    };
    let subject = match mail.message_id {
        Some(_) => "",
        None => mail.subject.as_deref().unwrap_or_default(),
    };
    let mut hash = Sha256::new();
    for field in [
        account.as_str(),
        &from.to_string(),
        mail.message_id.as_deref().unwrap_or_default(),
        subject,
        date.as_deref().unwrap_or_default(),
        transport,
    ] {
        hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(field.as_bytes());
    }
    hash.update(body);
    MessageKey(crate::hex(&hash.finalize()))
}

/// SHA-256 of a body as the message key wants it.
pub(super) type BodyDigest = [u8; 32];

/// The digest of the body in DKIM's relaxed form (RFC 6376 3.4.4): whoever holds a signed mail can add blanks that
/// no signature notices, and would have its text sent once for each. Costs time in the body's length: once for a mail.
pub(super) fn body_digest(mail: &Mail, raw: &[u8]) -> BodyDigest {
    let mut hash = Pieces::default();
    // Line ends since the last word; whether the line began with a blank; whether it has a word; whether a blank followed it.
    let (mut ends, mut indented, mut begun, mut blank) = (0_usize, false, false, false);
    let mut first = true;
    for &octet in raw.get(mail.body_offset..).unwrap_or_default() {
        match octet {
            b'\n' => {
                ends += 1;
                (indented, begun, blank, first) = (false, false, false, true);
                continue;
            }
            b' ' | b'\t' => {
                indented |= first;
                blank = true;
            }
            b'\r' => blank = true,
            octet => {
                if !begun {
                    for _ in 0..std::mem::take(&mut ends) {
                        hash.push(b'\n');
                    }
                }
                let apart = if begun { blank } else { indented };
                if apart {
                    hash.push(b' ');
                }
                hash.push(octet);
                (begun, blank) = (true, false);
            }
        }
        first = false;
    }
    hash.finish()
}

/// SHA-256 of octets that come one by one.
#[derive(Default)]
struct Pieces {
    hash: Sha256,
    waiting: Vec<u8>,
}

impl Pieces {
    fn push(&mut self, octet: u8) {
        if self.waiting.len() == 4096 {
            self.hash.update(&self.waiting);
            self.waiting.clear();
        }
        self.waiting.push(octet);
    }

    fn finish(mut self) -> BodyDigest {
        self.hash.update(&self.waiting);
        self.hash.finalize().into()
    }
}

/// The id under which a mail that was put off is remembered: before any account is known to be meant.
pub(super) fn deferral_key(
    from: &EmailAddress,
    mail: &Mail,
    raw: &[u8],
    now: Timestamp,
) -> MessageKey {
    let body = body_digest(mail, raw);
    message_key(&AccountId::placeholder(), from, mail, &body, ("", now))
}
