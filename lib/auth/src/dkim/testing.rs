//! A DKIM signer for tests: keys made at run time, and every tag free to be wrong.
//!
//! Never used by the product; behind the feature `testing`.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mail_auth::common::crypto::{HashContext, HashImpl, Sha256};
use mail_auth::common::headers::Writer as _;
use mail_auth::dkim::Canonicalization;

use super::canonical::body_hash;
use super::fields::{Field, Mail, with_crlf};
use super::signature::signed_octets;

/// A private key that lives as long as the test.
pub struct TestKey(Kind);

enum Kind {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// What a signature is to say. Start from [`Signing::new`] and change what the test is about.
#[derive(Clone, Debug)]
pub struct Signing {
    /// `d=`.
    pub domain: String,
    /// `s=`.
    pub selector: String,
    /// `h=`, in order; a name given more often than the mail has it is signed as absent.
    pub headers: Vec<String>,
    /// `t=`, seconds since 1970.
    pub signed_at: Option<i64>,
    /// `x=`, seconds since 1970.
    pub expires_at: Option<i64>,
    /// `l=`: octets of the canonical body that are signed.
    pub length: Option<u64>,
    /// `i=`.
    pub identity: Option<String>,
    /// Whether headers are hashed under `relaxed`, else `simple`.
    pub relaxed_headers: bool,
    /// Whether the body is.
    pub relaxed_body: bool,
    /// `a=`, where it is not to be the key's own.
    pub algorithm: Option<String>,
    /// More tags, as written: `"q=dns/txt; d=other.example"`.
    pub more: String,
}

impl Signing {
    /// A signature as DESIGN 4.2 wants it: relaxed, over From, To, Cc, Subject, Date and Message-ID, dated `signed_at`
    /// (seconds since 1970).
    #[must_use]
    pub fn new(domain: &str, selector: &str, signed_at: i64) -> Self {
        let headers = ["from", "to", "cc", "subject", "date", "message-id"];
        Self {
            domain: domain.to_owned(),
            selector: selector.to_owned(),
            headers: headers.map(str::to_owned).to_vec(),
            signed_at: Some(signed_at),
            expires_at: None,
            length: None,
            identity: None,
            relaxed_headers: true,
            relaxed_body: true,
            algorithm: None,
            more: String::new(),
        }
    }
}

#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "for tests: a key or a mail that is none ends the test"
)]
impl TestKey {
    /// A new RSA key of 2048 bits; takes a moment, so share it.
    #[must_use]
    pub fn rsa() -> Self {
        Self(Kind::Rsa(
            RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key"),
        ))
    }

    /// A new Ed25519 key.
    #[must_use]
    pub fn ed25519() -> Self {
        Self(Kind::Ed25519(
            Ed25519KeyPair::generate().expect("an Ed25519 key"),
        ))
    }

    /// The TXT record that publishes the key, to stand at `SELECTOR._domainkey.DOMAIN`.
    #[must_use]
    pub fn record(&self) -> String {
        let (kind, public) = match &self.0 {
            Kind::Rsa(key) => ("rsa", key.public_key().as_ref()),
            Kind::Ed25519(key) => ("ed25519", key.public_key().as_ref()),
        };
        format!("v=DKIM1; k={kind}; p={}", BASE64_STANDARD.encode(public))
    }

    /// The mail with a DKIM-Signature on top. LF line ends become CRLF.
    #[must_use]
    pub fn sign(&self, raw: &[u8], signing: &Signing) -> Vec<u8> {
        let whole = with_crlf(raw).expect("a mail with one kind of line end");
        let mail = Mail::split(&whole).expect("a mail with a plain header");
        let how = |relaxed| match relaxed {
            true => Canonicalization::Relaxed,
            false => Canonicalization::Simple,
        };
        let hash = body_hash(mail.body, how(signing.relaxed_body), signing.length);
        let unsigned = self.unsigned_value(signing, &hash.digest);
        let itself = Field {
            name: b"DKIM-Signature",
            value: unsigned.as_bytes(),
        };
        let headers: Vec<String> = signing
            .headers
            .iter()
            .map(|h| h.to_ascii_lowercase())
            .collect();
        let how_headers = how(signing.relaxed_headers);
        let octets = signed_octets(&mail, &headers, how_headers, itself, None);
        let signature = BASE64_STANDARD.encode(self.signature(&octets));
        let field = format!("DKIM-Signature:{unsigned}{signature}\r\n");
        [field.as_bytes(), &whole].concat()
    }

    fn unsigned_value(&self, signing: &Signing, body_hash: &[u8]) -> String {
        let word = |relaxed| if relaxed { "relaxed" } else { "simple" };
        let own = match self.0 {
            Kind::Rsa(_) => "rsa-sha256",
            Kind::Ed25519(_) => "ed25519-sha256",
        };
        let mut tags = vec![
            "v=1".to_owned(),
            format!("a={}", signing.algorithm.as_deref().unwrap_or(own)),
            format!(
                "c={}/{}",
                word(signing.relaxed_headers),
                word(signing.relaxed_body)
            ),
            format!("d={}", signing.domain),
            format!("s={}", signing.selector),
            format!("h={}", signing.headers.join(":")),
            format!("bh={}", BASE64_STANDARD.encode(body_hash)),
        ];
        tags.extend(signing.signed_at.map(|t| format!("t={t}")));
        tags.extend(signing.expires_at.map(|x| format!("x={x}")));
        tags.extend(signing.length.map(|l| format!("l={l}")));
        tags.extend(signing.identity.as_ref().map(|i| format!("i={i}")));
        tags.extend((!signing.more.is_empty()).then(|| signing.more.clone()));
        format!(" {};\r\n b=", tags.join(";\r\n "))
    }

    fn signature(&self, octets: &[u8]) -> Vec<u8> {
        match &self.0 {
            Kind::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    octets,
                    &mut signature,
                )
                .expect("a signature");
                signature
            }
            Kind::Ed25519(key) => {
                // RFC 8463 3: the hash is what is signed.
                let mut hash = Sha256::hasher();
                hash.write(octets);
                key.sign(hash.complete().as_ref()).as_ref().to_vec()
            }
        }
    }
}
