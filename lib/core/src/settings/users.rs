//! Users: invitation, acceptance, proof of a domain, deletion.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::shared::PUBLIC_MAIL;
use super::{SIGNATURE_WANTED, Settings, SettingsError, is_signature_line, json};
use crate::address::Domain;
use crate::ledger::State;
use crate::model::{Account, AccountId, Automated, Invitation, Password, Sender, User, UserStatus};
use crate::ports::StoreError;

/// How long an invitation's link works (DESIGN 3).
const INVITATION_LASTS: SignedDuration = SignedDuration::from_hours(7 * 24);

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

impl Settings {
    /// Lists a sender: an address is invited by mail; a domain is pending until a TXT record proves it.
    ///
    /// # Errors
    /// Where it is listed already, is the gateway's own, or the domain is a public mail provider's or a public suffix.
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
        self.refuse_unlistable(&sender)?;
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
            password: None,
            added_at: self.clock.now(),
        };
        self.invite(&account, user, &token, actor, "user.add").await
    }

    /// What may be listed by nobody: registries' names, and the gateway itself, which would text its own mails.
    fn refuse_unlistable(&self, sender: &Sender) -> Result<(), SettingsError> {
        if let Sender::Domain(domain) = sender
            && domain.is_public_suffix()
        {
            return Err(SettingsError::Invalid(format!(
                "@{domain} would list strangers: {domain} is a name below which anybody registers domains. List your own domain, such as @example.com"
            )));
        }
        let own = self.gateway_domains.contains(sender.domain())
            || matches!(sender, Sender::Address(address) if address == self.notices.from());
        if own {
            return Err(SettingsError::Invalid(format!(
                "{sender} is this gateway's own and sends no texts: list the address people write from"
            )));
        }
        Ok(())
    }

    /// Sends the invitation again; the former link stops working. For a domain, says the same TXT record again:
    /// it may be published already.
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
        if let (Sender::Domain(domain), UserStatus::Pending(invitation)) =
            (&user.sender, &user.status)
        {
            let (name, value) = proof(domain, invitation);
            return Ok(Added::ProofWanted { name, value });
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
    /// Where there is no such user, or it was accepted already: what is known of that acceptance stays.
    pub async fn accept_for(
        &self,
        id: &AccountId,
        sender: &Sender,
        actor: &str,
    ) -> Result<(), SettingsError> {
        let at = self.clock.now();
        self.change_user(id, sender, actor, "user.accept-for", |user| {
            if user.is_accepted() {
                return Err(SettingsError::Invalid(format!(
                    "{sender} has accepted already; nothing was changed"
                )));
            }
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
            if after.signature != before.signature
                && let Some(signature) = &after.signature
                && !is_signature_line(signature)
            {
                return Err(SettingsError::Invalid(SIGNATURE_WANTED.to_owned()));
            }
            let (old, new) = (before.without_secrets(), after.without_secrets());
            let audit = self.entry(id, actor, what, json(&old), json(&new));
            match self.store.save_user(&after, &[audit]).await {
                Err(StoreError::Conflict) => {}
                other => return Ok(other?),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Makes a password with which the user logs in over SMTP; the former one stops working. It is
    /// given here and never again: only a hash of it is kept.
    ///
    /// # Errors
    /// Where there is no such user, or it is a whole domain: a password proves one address.
    pub async fn make_password(
        &self,
        id: &AccountId,
        sender: &Sender,
        actor: &str,
    ) -> Result<String, SettingsError> {
        if let Sender::Domain(domain) = sender {
            return Err(SettingsError::Invalid(format!(
                "a password is for one address, such as name@{domain}: list the address as a user of its own"
            )));
        }
        let password = base32(&self.ids.secret());
        let made = Password {
            hash: crate::hex(&Sha256::digest(password.as_bytes())),
            made_at: self.clock.now(),
        };
        self.change_user(id, sender, actor, "user.password", |user| {
            user.password = Some(made.clone());
            Ok(())
        })
        .await?;
        Ok(password)
    }

    /// Takes the user's password away. Says whether there was one.
    ///
    /// # Errors
    /// Where there is no such user.
    pub async fn remove_password(
        &self,
        id: &AccountId,
        sender: &Sender,
        actor: &str,
    ) -> Result<bool, SettingsError> {
        let had = self.user(id, sender).await?.password.is_some();
        self.change_user(id, sender, actor, "user.password-removed", |user| {
            user.password = None;
            Ok(())
        })
        .await?;
        Ok(had)
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
        let audit = self.entry(
            id,
            actor,
            "user.delete",
            json(&user.without_secrets()),
            None,
        );
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
}

/// The first 160 bits in lower-case base32 (RFC 4648 6): 32 characters, which the smallest devices
/// take and people can type. More than enough that nobody guesses them.
fn base32(secret: &[u8; 32]) -> String {
    const LETTERS: [char; 32] = [
        'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r',
        's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7',
    ];
    let mut written = String::with_capacity(32);
    for five in secret.chunks_exact(5).take(4) {
        let bits = five.iter().fold(0_u64, |bits, b| bits << 8 | u64::from(*b));
        for shift in (0..8).rev() {
            let index = usize::try_from(bits >> (shift * 5) & 31).unwrap_or(0);
            written.extend(LETTERS.get(index));
        }
    }
    written
}

/// Name and value of the TXT record that proves a domain. The hash is no secret: only its publication proves anything.
fn proof(domain: &Domain, invitation: &Invitation) -> (String, String) {
    (
        Settings::proof_name(domain),
        format!("postel={}", invitation.token_hash),
    )
}
