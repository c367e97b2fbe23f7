//! Changing what an account is: every change is checked, and written to the audit log with it.
//!
//! The command line, the invitation page and later the API all come through here.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::address::Domain;
use crate::ledger::State;
use crate::model::{
    Account, AccountId, AuditEntry, Automated, Invitation, Sender, User, UserStatus, VirtualNumber,
};
use crate::notice::Notices;
use crate::number::PhoneNumber;
use crate::ports::{Clock, Ids, Store, StoreError};

/// How long an invitation's link works (DESIGN 3).
const INVITATION_LASTS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Domains whose mailboxes anybody can have: never listed as a whole, and ranges of theirs are warned about.
const PUBLIC_MAIL: &[&str] = &[
    "aol.com",
    "bluewin.ch",
    "free.fr",
    "fastmail.com",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.de",
    "gmx.fr",
    "gmx.net",
    "googlemail.com",
    "hey.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.de",
    "hotmail.es",
    "hotmail.fr",
    "hotmail.it",
    "icloud.com",
    "laposte.net",
    "libero.it",
    "live.com",
    "live.fr",
    "live.nl",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "neuf.fr",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "outlook.es",
    "outlook.fr",
    "outlook.it",
    "posteo.de",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "sapo.pt",
    "sfr.fr",
    "t-online.de",
    "tutanota.com",
    "wanadoo.fr",
    "web.de",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.de",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.it",
    "yandex.com",
    "yandex.ru",
    "ymail.com",
    "ziggo.nl",
    "zoho.com",
];

/// Address ranges from which the customers of a public mail provider send, as their SPF records of
/// November 2026 list them in broad: a network that touches one admits all of that provider's customers.
const SHARED_RANGES: &[(&str, &str)] = &[
    ("Google", "35.190.247.0/24"),
    ("Google", "64.233.160.0/19"),
    ("Google", "66.102.0.0/20"),
    ("Google", "66.249.80.0/20"),
    ("Google", "72.14.192.0/18"),
    ("Google", "74.125.0.0/16"),
    ("Google", "108.177.8.0/21"),
    ("Google", "173.194.0.0/16"),
    ("Google", "209.85.128.0/17"),
    ("Google", "216.58.192.0/19"),
    ("Google", "216.239.32.0/19"),
    ("Google", "172.217.0.0/16"),
    ("Google", "2001:4860:4000::/36"),
    ("Google", "2404:6800:4000::/36"),
    ("Google", "2607:f8b0:4000::/36"),
    ("Google", "2800:3f0:4000::/36"),
    ("Google", "2a00:1450:4000::/36"),
    ("Google", "2c0f:fb50:4000::/36"),
    ("Microsoft 365", "40.92.0.0/15"),
    ("Microsoft 365", "40.107.0.0/16"),
    ("Microsoft 365", "52.100.0.0/14"),
    ("Microsoft 365", "104.47.0.0/17"),
    ("Microsoft 365", "2a01:111:f400::/48"),
    ("Microsoft 365", "2a01:111:f403::/48"),
    ("Amazon SES", "54.240.0.0/18"),
    ("Amazon SES", "199.255.192.0/22"),
    ("Amazon SES", "199.127.232.0/22"),
    ("Amazon SES", "69.169.224.0/20"),
    ("Amazon SES", "76.223.176.0/20"),
];

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// There is no such account.
    #[error("there is no account {0}; `postel account add {0}` makes one")]
    NoAccount(AccountId),
    /// There is one already.
    #[error("there is an account {0} already")]
    AccountExists(AccountId),
    /// There is no such user.
    #[error("{0} is not a user of this account; `postel user list` shows who is")]
    NoUser(Sender),
    /// There is one already.
    #[error("{0} is a user of this account already")]
    UserExists(Sender),
    /// A public mail provider's domain cannot be listed as a whole.
    #[error("anybody can have a mailbox at {0}: list single addresses of it instead")]
    PublicDomain(Domain),
    /// The number belongs to an account already.
    #[error("{0} belongs to {1}; `postel number delete {1} {0}` frees it")]
    NumberTaken(PhoneNumber, AccountId),
    /// The TXT record that proves a domain is not there.
    #[error("no TXT record at {name} holds {value}; publish it, wait for DNS, and verify again")]
    NoProof {
        /// Where it is looked for.
        name: String,
        /// What it must hold.
        value: String,
    },
    /// The link is used up, replaced, expired, or never was one.
    #[error("this invitation is used up or has expired; ask for a new one")]
    NoInvitation,
    /// A value that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes accounts and users.
pub struct Settings {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    notices: Notices,
    /// Where the pages are, without a slash at the end.
    public_url: String,
}

/// What a new listing needs next.
#[derive(Debug, PartialEq, Eq)]
pub enum Added {
    /// An invitation was posted.
    Invited {
        /// Until when its link works.
        expires_at: Timestamp,
    },
    /// This TXT record proves the domain.
    ProofWanted {
        /// Where it is published.
        name: String,
        /// What it must hold.
        value: String,
    },
}

/// The provider whose customers share this range, where there is one: a network that warrants a warning.
#[must_use]
pub fn shared_by(network: &crate::model::Network) -> Option<&'static str> {
    let ours = network.range();
    SHARED_RANGES.iter().find_map(|(who, range)| {
        let theirs: ipnet::IpNet = range.parse().ok()?;
        (theirs.contains(&ours) || ours.contains(&theirs)).then_some(*who)
    })
}

/// Everything about an account's values that cannot be, in the words of the settings.
#[must_use]
pub fn faults(account: &Account) -> Vec<String> {
    let p = &account.preferences;
    let checks = [
        (
            !(1..=20).contains(&p.max_parts),
            "the longest message is 1 to 20 parts",
        ),
        (
            !(1..=72).contains(&p.validity_hours),
            "the validity is 1 to 72 hours",
        ),
        (
            jiff::tz::TimeZone::get(&p.time_zone).is_err(),
            "the time zone is an IANA name such as Europe/Paris",
        ),
        (
            p.signature
                .as_deref()
                .is_some_and(|s| s.trim().is_empty() || s.len() > 200 || s.contains('\n')),
            "the signature is one line of 1 to 200 characters: the first of your signature",
        ),
        (
            !(1..=3650).contains(&account.retention.days),
            "the retention is 1 to 3650 days",
        ),
        (
            !(1..=500).contains(&account.limits.recipients_per_mail),
            "recipients of one mail are 1 to 500",
        ),
    ];
    checks
        .iter()
        .filter(|(bad, _)| *bad)
        .map(|(_, words)| (*words).to_owned())
        .collect()
}

impl Settings {
    /// Puts the parts together. `public_url` is where the pages are.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        notices: Notices,
        public_url: &str,
    ) -> Self {
        let public_url = public_url.trim_end_matches('/').to_owned();
        Self {
            store,
            clock,
            ids,
            notices,
            public_url,
        }
    }

    /// Makes an account.
    ///
    /// # Errors
    /// Where there is one of that name.
    pub async fn add_account(&self, account: Account, actor: &str) -> Result<(), SettingsError> {
        refuse_faults(&account)?;
        let audit = self.entry(&account.id, actor, "account.add", None, json(&account));
        match self
            .store
            .save_account(
                &Account {
                    version: 0,
                    ..account.clone()
                },
                &[audit],
            )
            .await
        {
            Err(StoreError::Conflict) => Err(SettingsError::AccountExists(account.id)),
            other => Ok(other?),
        }
    }

    /// The account.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn account(&self, id: &AccountId) -> Result<Account, SettingsError> {
        self.store
            .account(id)
            .await?
            .ok_or_else(|| SettingsError::NoAccount(id.clone()))
    }

    /// Changes an account: `change` is applied to the newest version, again where somebody else was faster.
    ///
    /// # Errors
    /// Where a value cannot be, or there is no such account.
    pub async fn change(
        &self,
        id: &AccountId,
        actor: &str,
        what: &str,
        change: impl Fn(&mut Account) -> Result<(), SettingsError> + Send + Sync,
    ) -> Result<Account, SettingsError> {
        for _ in 0..8 {
            let before = self.account(id).await?;
            let mut after = before.clone();
            change(&mut after)?;
            refuse_faults(&after)?;
            if after == before {
                return Ok(before);
            }
            let audit = self.entry(id, actor, what, json(&before), json(&after));
            match self.store.save_account(&after, &[audit]).await {
                Err(StoreError::Conflict) => {}
                other => return other.map(|()| after).map_err(Into::into),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Gives a virtual number to an account. A number belongs to one account (DESIGN 3).
    ///
    /// # Errors
    /// Where it belongs to one already.
    pub async fn add_number(
        &self,
        id: &AccountId,
        number: &VirtualNumber,
        actor: &str,
    ) -> Result<(), SettingsError> {
        let holds = |account: &Account| account.numbers.iter().any(|n| n.number == number.number);
        if let Some(owner) = self.store.accounts().await?.into_iter().find(holds) {
            return Err(SettingsError::NumberTaken(number.number.clone(), owner.id));
        }
        self.change(id, actor, "number.add", |account| {
            account.numbers.push(number.clone());
            Ok(())
        })
        .await
        .map(drop)
    }

    /// Lists a sender: an address is invited by mail; a domain is pending until a TXT record proves it.
    ///
    /// # Errors
    /// Where it is listed already, or the domain is a public mail provider's.
    pub async fn add_user(
        &self,
        id: &AccountId,
        sender: Sender,
        actor: &str,
    ) -> Result<Added, SettingsError> {
        let account = self.account(id).await?;
        if let Sender::Domain(domain) = &sender
            && PUBLIC_MAIL.contains(&domain.as_str())
        {
            return Err(SettingsError::PublicDomain(domain.clone()));
        }
        if self.store.user(id, &sender).await?.is_some() {
            return Err(SettingsError::UserExists(sender));
        }
        let (token, invitation) = self.token();
        let user = User {
            account: id.clone(),
            sender: sender.clone(),
            version: 0,
            status: UserStatus::Pending(invitation),
            default: false,
            automated: Automated::default(),
            signature: None,
            added_at: self.clock.now(),
        };
        self.invite(&account, user, &token, actor, "user.add").await
    }

    /// Sends the invitation again; the former link stops working.
    ///
    /// # Errors
    /// Where there is no such user, or it was accepted already.
    pub async fn resend(
        &self,
        id: &AccountId,
        sender: &Sender,
        actor: &str,
    ) -> Result<Added, SettingsError> {
        let account = self.account(id).await?;
        let user = self.user(id, sender).await?;
        if user.is_accepted() {
            return Err(SettingsError::Invalid(format!(
                "{sender} has accepted already"
            )));
        }
        let (token, invitation) = self.token();
        let user = User {
            status: UserStatus::Pending(invitation),
            ..user
        };
        self.invite(&account, user, &token, actor, "user.resend")
            .await
    }

    /// Stores a pending user and posts the invitation. The mail is posted first: a mail whose user was not
    /// stored is harmless, a user who never hears of it is not.
    async fn invite(
        &self,
        account: &Account,
        user: User,
        token: &str,
        actor: &str,
        what: &str,
    ) -> Result<Added, SettingsError> {
        let now = self.clock.now();
        let UserStatus::Pending(invitation) = &user.status else {
            return Err(SettingsError::NoInvitation);
        };
        let added = match &user.sender {
            Sender::Address(address) => {
                let link = format!("{}/invitation/{token}", self.public_url);
                let mail =
                    self.notices
                        .invitation(account, address, &link, invitation.expires_at, now)?;
                self.notices.post(&mail).await?;
                Added::Invited {
                    expires_at: invitation.expires_at,
                }
            }
            Sender::Domain(domain) => {
                let (name, value) = proof(domain, invitation);
                Added::ProofWanted { name, value }
            }
        };
        let audit = self.entry(
            &user.account,
            actor,
            what,
            None,
            Some(user.sender.to_string()),
        );
        match self.store.save_user(&user, &[audit]).await {
            Err(StoreError::Conflict) if user.version == 0 => {
                Err(SettingsError::UserExists(user.sender))
            }
            other => Ok(other.map(|()| added)?),
        }
    }

    /// The invitation of a token, for the page that shows it. Opening it changes nothing: mail scanners open links.
    ///
    /// # Errors
    /// [`SettingsError::NoInvitation`] where it is used up or expired.
    pub async fn invitation(&self, token: &str) -> Result<User, SettingsError> {
        let hash = crate::hex(&Sha256::digest(token.as_bytes()));
        let user = self
            .store
            .invited(&hash)
            .await?
            .ok_or(SettingsError::NoInvitation)?;
        match &user.status {
            UserStatus::Pending(invitation)
                if invitation.expires_at > self.clock.now()
                    && matches!(user.sender, Sender::Address(_)) =>
            {
                Ok(user)
            }
            UserStatus::Pending(_) | UserStatus::Accepted { .. } => {
                Err(SettingsError::NoInvitation)
            }
        }
    }

    /// Accepts an invitation: the button on its page.
    ///
    /// # Errors
    /// As [`Settings::invitation`].
    pub async fn accept(&self, token: &str) -> Result<User, SettingsError> {
        let user = self.invitation(token).await?;
        let at = self.clock.now();
        let user = User {
            status: UserStatus::Accepted { at },
            ..user
        };
        let audit = self.entry(
            &user.account,
            "invitation",
            "user.accept",
            None,
            Some(user.sender.to_string()),
        );
        self.store.save_user(&user, &[audit]).await?;
        Ok(user)
    }

    /// Accepts a user without asking: for the operator, who answers for it (demo, migration).
    ///
    /// # Errors
    /// Where there is no such user.
    pub async fn accept_for(
        &self,
        id: &AccountId,
        sender: &Sender,
        actor: &str,
    ) -> Result<(), SettingsError> {
        let at = self.clock.now();
        self.change_user(id, sender, actor, "user.accept-for", |user| {
            user.status = UserStatus::Accepted { at };
            Ok(())
        })
        .await
    }

    /// Accepts a domain whose TXT records are these, as found at the name that [`Added::ProofWanted`] gave.
    ///
    /// # Errors
    /// [`SettingsError::NoProof`] where none of them is the proof.
    pub async fn verify_domain(
        &self,
        id: &AccountId,
        domain: &Domain,
        found: &[String],
        actor: &str,
    ) -> Result<(), SettingsError> {
        let sender = Sender::Domain(domain.clone());
        let at = self.clock.now();
        self.change_user(id, &sender, actor, "user.verify", |user| {
            if let UserStatus::Pending(invitation) = &user.status {
                let (name, value) = proof(domain, invitation);
                if !found.iter().any(|txt| txt.trim() == value) {
                    return Err(SettingsError::NoProof { name, value });
                }
                user.status = UserStatus::Accepted { at };
            }
            Ok(())
        })
        .await
    }

    /// Where the TXT proof of a domain is looked for.
    #[must_use]
    pub fn proof_name(domain: &Domain) -> String {
        format!("_postel.{domain}")
    }

    /// Changes a user.
    ///
    /// # Errors
    /// Where there is no such user, or what `change` refuses.
    pub async fn change_user(
        &self,
        id: &AccountId,
        sender: &Sender,
        actor: &str,
        what: &str,
        change: impl Fn(&mut User) -> Result<(), SettingsError> + Send + Sync,
    ) -> Result<(), SettingsError> {
        for _ in 0..8 {
            let before = self.user(id, sender).await?;
            let mut after = before.clone();
            change(&mut after)?;
            if after == before {
                return Ok(());
            }
            let audit = self.entry(id, actor, what, json(&before), json(&after));
            match self.store.save_user(&after, &[audit]).await {
                Err(StoreError::Conflict) => {}
                other => return Ok(other?),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Deletes a user and stops the texts that wait for it. Says how many were stopped.
    ///
    /// # Errors
    /// Where there is no such user.
    pub async fn delete_user(
        &self,
        id: &AccountId,
        sender: &Sender,
        actor: &str,
    ) -> Result<usize, SettingsError> {
        let user = self.user(id, sender).await?;
        let audit = self.entry(id, actor, "user.delete", json(&user), None);
        self.store.delete_user(id, sender, &[audit]).await?;
        let mut stopped = 0;
        if let Sender::Address(address) = sender {
            for mut row in self.store.waiting_of(id, address).await? {
                row.reservations.clear();
                row.enter(
                    State::Refused,
                    None,
                    self.clock.now(),
                    "the user was deleted meanwhile",
                );
                stopped += usize::from(self.store.update(&row).await?);
            }
        }
        Ok(stopped)
    }

    async fn user(&self, id: &AccountId, sender: &Sender) -> Result<User, SettingsError> {
        self.store
            .user(id, sender)
            .await?
            .ok_or_else(|| SettingsError::NoUser(sender.clone()))
    }

    /// A new token, shown once, and what is kept of it.
    fn token(&self) -> (String, Invitation) {
        let token = crate::hex(&self.ids.secret());
        let expires_at = self
            .clock
            .now()
            .checked_add(INVITATION_LASTS)
            .unwrap_or(Timestamp::MAX);
        let token_hash = crate::hex(&Sha256::digest(token.as_bytes()));
        (
            token,
            Invitation {
                token_hash,
                expires_at,
            },
        )
    }

    fn entry(
        &self,
        account: &AccountId,
        actor: &str,
        what: &str,
        before: Option<String>,
        after: Option<String>,
    ) -> AuditEntry {
        AuditEntry {
            account: account.clone(),
            at: self.clock.now(),
            actor: actor.to_owned(),
            what: what.to_owned(),
            before,
            after,
        }
    }
}

/// Name and value of the TXT record that proves a domain. The hash is no secret: only its publication proves anything.
fn proof(domain: &Domain, invitation: &Invitation) -> (String, String) {
    (
        Settings::proof_name(domain),
        format!("postel={}", invitation.token_hash),
    )
}

fn refuse_faults(account: &Account) -> Result<(), SettingsError> {
    let faults = faults(account);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(SettingsError::Invalid(faults.join("; ")))
    }
}

fn json<T: serde::Serialize>(value: &T) -> Option<String> {
    serde_json::to_string(value).ok()
}
