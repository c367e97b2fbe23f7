//! `check_host()` (RFC 7208 4 to 6): walks records over `include` and `redirect` within the limits.
//!
//! Must not know what the result is for. Whatever is in doubt ends in an error, never in a pass.

use std::net::IpAddr;
use std::pin::Pin;

use postel_core::evidence::{SpfResult, SpfWidth};

use super::hosts::{in_v4, in_v6};
use super::macros::{Facts, MacroString, as_name};
use super::record::{Directive, Mechanism, Record, select};

use super::width;
use crate::dns::{Dns, Unanswered};

/// Terms that ask DNS, per check (RFC 7208 4.6.4).
const LOOKUPS: u32 = 10;
/// Of those, terms that find nothing (RFC 7208 4.6.4).
const VOIDS: u32 = 2;

/// Why an evaluation ended without a verdict. The text is a sentence without its full stop.
#[derive(Debug)]
pub(super) enum Halt {
    /// DNS did not answer.
    Temporary(String),
    /// A record cannot be used.
    Permanent(String),
}

/// What decided: a term of a record.
#[derive(Debug)]
pub(super) struct By {
    /// The domain whose record it stands in.
    pub(super) domain: String,
    /// The term as written.
    pub(super) term: String,
}

/// The verdict of one record, with those it includes.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) result: SpfResult,
    /// The innermost term that matched; `None` where none did.
    pub(super) by: Option<By>,
    /// Of what matched; matters for `pass` only.
    pub(super) width: SpfWidth,
    /// Where the explanation of a `fail` stands: the domain spec, and the domain of its record.
    pub(super) exp: Option<(MacroString, String)>,
}

/// A term that matched.
struct Hit {
    width: SpfWidth,
    /// The term of an included record behind it.
    by: Option<By>,
}

/// One check under way.
pub(super) struct Evaluation<'a> {
    pub(super) dns: &'a Dns,
    pub(super) facts: Facts<'a>,
    /// Terms that asked DNS so far.
    pub(super) lookups: u32,
    voids: u32,
    /// The client's proven names, once asked for.
    pub(super) names: Option<Vec<String>>,
}

type Boxed<'b, T> = Pin<Box<dyn Future<Output = T> + Send + 'b>>;

impl<'a> Evaluation<'a> {
    pub(super) fn new(dns: &'a Dns, facts: Facts<'a>) -> Self {
        Self {
            dns,
            facts,
            lookups: 0,
            voids: 0,
            names: None,
        }
    }

    /// Evaluates the record of `domain`, which must be a name that DNS could hold.
    pub(super) fn check_host(&mut self, domain: String) -> Boxed<'_, Result<Found, Halt>> {
        Box::pin(async move {
            let texts = self.dns.txt(&domain).await.map_err(|Unanswered| {
                Halt::Temporary(format!(
                    "DNS did not answer when asked for the SPF record of {domain}"
                ))
            })?;
            let chosen = select(&texts).map_err(|_| {
                Halt::Permanent(format!(
                    "{domain} publishes more than one SPF record; only one may start with \"v=spf1\""
                ))
            })?;
            let Some(bytes) = chosen else {
                return Ok(Found {
                    result: SpfResult::None,
                    by: None,
                    width: SpfWidth::All,
                    exp: None,
                });
            };
            let record = Record::parse(bytes).map_err(|fault| {
                Halt::Permanent(format!(
                    "The SPF record of {domain} is broken at \"{}\": {}",
                    fault.term, fault.problem
                ))
            })?;
            self.run(&record, domain).await
        })
    }

    async fn run(&mut self, record: &Record, domain: String) -> Result<Found, Halt> {
        for directive in &record.directives {
            let Some(hit) = self.matches(record, directive, &domain).await? else {
                continue;
            };
            let by = hit.by.unwrap_or_else(|| By {
                domain: domain.clone(),
                term: directive.text.clone(),
            });
            return Ok(Found {
                result: directive.result,
                by: Some(by),
                width: hit.width,
                exp: record.exp.clone().map(|spec| (spec, domain)),
            });
        }
        match &record.redirect {
            Some(spec) => self.redirect(spec, &domain).await,
            None => Ok(Found {
                result: SpfResult::Neutral,
                by: None,
                width: SpfWidth::All,
                exp: None,
            }),
        }
    }

    async fn redirect(&mut self, spec: &MacroString, domain: &str) -> Result<Found, Halt> {
        self.count()?;
        let nothing = || {
            Halt::Permanent(format!(
                "The redirect in the SPF record of {domain} leads to a domain without SPF record"
            ))
        };
        let target = self.target(spec, domain).await?.ok_or_else(nothing)?;
        let mut found = self.check_host(target).await?;
        if found.result == SpfResult::None {
            return Err(nothing());
        }
        found.width = self.width(Some(spec), domain, found.width);
        Ok(found)
    }

    async fn matches(
        &mut self,
        record: &Record,
        directive: &Directive,
        domain: &str,
    ) -> Result<Option<Hit>, Halt> {
        let ip = self.facts.ip;
        let width = match &directive.mechanism {
            Mechanism::All => Some(SpfWidth::All),
            Mechanism::Ip4(network, prefix) => {
                matches!(ip, IpAddr::V4(ip) if in_v4(ip, *network, *prefix))
                    .then(|| width::range_in(record, *prefix, false))
            }
            Mechanism::Ip6(network, prefix) => {
                matches!(ip, IpAddr::V6(ip) if in_v6(ip, *network, *prefix))
                    .then(|| width::range_in(record, *prefix, true))
            }
            Mechanism::Include(spec) => return self.include(spec, domain).await,
            Mechanism::A(spec, cidr) => self.a(spec.as_ref(), *cidr, directive, domain).await?,
            Mechanism::Mx(spec, cidr) => self.mx(spec.as_ref(), *cidr, directive, domain).await?,
            Mechanism::Ptr(spec) => self.ptr(spec.as_ref(), domain).await?,
            Mechanism::Exists(spec) => self.exists(spec, directive, domain).await?,
        };
        Ok(width.map(|width| Hit { width, by: None }))
    }

    async fn include(&mut self, spec: &MacroString, domain: &str) -> Result<Option<Hit>, Halt> {
        self.count()?;
        let nothing = || {
            Halt::Permanent(format!(
                "The SPF record of {domain} includes a domain that has no SPF record"
            ))
        };
        let target = self.target(spec, domain).await?.ok_or_else(nothing)?;
        let found = self.check_host(target).await?;
        match found.result {
            SpfResult::Pass => Ok(Some(Hit {
                width: self.width(Some(spec), domain, found.width),
                by: found.by,
            })),
            SpfResult::Fail | SpfResult::Softfail | SpfResult::Neutral => Ok(None),
            SpfResult::None | SpfResult::Temperror | SpfResult::Permerror => Err(nothing()),
        }
    }

    /// Expands a macro string that is no name. `None` where it grows too long.
    pub(super) async fn text(&mut self, text: &MacroString, domain: &str) -> Option<String> {
        let name = if text.uses(b"p") {
            self.client_name(domain).await
        } else {
            String::new()
        };
        text.expand(&self.facts, domain, &name).ok()
    }

    /// The name a term is about; `None` where it cannot exist, so that nothing matches.
    pub(super) async fn target(
        &mut self,
        spec: &MacroString,
        domain: &str,
    ) -> Result<Option<String>, Halt> {
        // RFC 8616 4: such a local part has no name in DNS.
        if !self.facts.local.is_ascii() && spec.uses(b"ls") {
            return Ok(None);
        }
        let expanded = self.text(spec, domain).await.ok_or_else(|| {
            Halt::Permanent(format!(
                "A macro in the SPF record of {domain} grows beyond all bounds"
            ))
        })?;
        Ok(as_name(&expanded).map(str::to_owned))
    }

    pub(super) async fn target_or(
        &mut self,
        spec: Option<&MacroString>,
        domain: &str,
    ) -> Result<Option<String>, Halt> {
        match spec {
            Some(spec) => self.target(spec, domain).await,
            None => Ok(Some(domain.to_owned())),
        }
    }

    /// The width of a term whose name is `spec`, in a record of `domain`.
    pub(super) fn width(
        &self,
        spec: Option<&MacroString>,
        domain: &str,
        inner: SpfWidth,
    ) -> SpfWidth {
        let tail = spec.and_then(|spec| spec.tail(&self.facts, domain));
        width::steered(tail.as_deref(), inner)
    }

    pub(super) fn count(&mut self) -> Result<(), Halt> {
        if self.lookups == LOOKUPS {
            return Err(Halt::Permanent(format!(
                "The SPF record of {}, with those it includes, needs more than the {LOOKUPS} DNS look-ups that are allowed",
                self.facts.sender_domain
            )));
        }
        self.lookups += 1;
        Ok(())
    }

    pub(super) fn count_void(&mut self, void: bool) -> Result<(), Halt> {
        self.voids += u32::from(void);
        if self.voids > VOIDS {
            return Err(Halt::Permanent(format!(
                "More than {VOIDS} terms of the SPF record of {}, with those it includes, name hosts that do not exist",
                self.facts.sender_domain
            )));
        }
        Ok(())
    }
}
