//! SMTP AUTH: which user of which account a name and a password mean.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Intake;
use crate::address::EmailAddress;
use crate::evidence::Login;
use crate::model::Sender;
use crate::ports::StoreError;

impl Intake {
    /// The user whose address and password these are; `None` where they do not fit. Whether the
    /// user may send is decided with the mail. Passwords are ours, random and long, so that each
    /// fits one user of one account, and a hash of it need not be slow. The work hardly differs
    /// between a user who is there and one who is not; the caller levels the time of refusals.
    ///
    /// # Errors
    /// The store's.
    pub async fn login(&self, name: &str, password: &str) -> Result<Option<Login>, StoreError> {
        let hash = crate::hex(&Sha256::digest(password.as_bytes()));
        let Ok(address) = name.trim().parse::<EmailAddress>() else {
            return Ok(None);
        };
        let mut found = None;
        for (user, _) in self.store.listings(&address).await? {
            let (Sender::Address(_), Some(kept)) = (&user.sender, &user.password) else {
                continue;
            };
            if bool::from(hash.as_bytes().ct_eq(kept.hash.as_bytes())) {
                found = Some(Login {
                    account: user.account,
                    address: address.clone(),
                });
            }
        }
        Ok(found)
    }
}
