//! The mechanisms that compare the client with hosts: `a`, `mx`, `ptr`, `exists` (RFC 7208 5.3 to 5.7).
//!
//! Must not know records beyond the one term; limits are counted in [`super::evaluate`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use postel_core::evidence::SpfWidth;

use super::evaluate::{Evaluation, Halt};
use super::macros::{MacroString, as_name};
use super::record::{Cidr, Directive};
use super::width;
use crate::dns::Unanswered;

/// Hosts of one `mx`, names of the client (RFC 7208 4.6.4).
const HOSTS: usize = 10;

impl Evaluation<'_> {
    pub(super) async fn a(
        &mut self,
        spec: Option<&MacroString>,
        cidr: Cidr,
        directive: &Directive,
        domain: &str,
    ) -> Result<Option<SpfWidth>, Halt> {
        self.count()?;
        let Some(target) = self.target_or(spec, domain).await? else {
            return Ok(None);
        };
        let addresses = self
            .addresses(&target)
            .await
            .map_err(|Unanswered| unanswered(directive, domain))?;
        self.count_void(addresses.is_empty())?;
        let hit = addresses
            .iter()
            .any(|host| near(self.facts.ip, *host, cidr));
        Ok(hit.then(|| self.width(spec, domain, width::host(cidr, self.facts.ip))))
    }

    pub(super) async fn mx(
        &mut self,
        spec: Option<&MacroString>,
        cidr: Cidr,
        directive: &Directive,
        domain: &str,
    ) -> Result<Option<SpfWidth>, Halt> {
        self.count()?;
        let Some(target) = self.target_or(spec, domain).await? else {
            return Ok(None);
        };
        let hosts = self
            .dns
            .mx(&target)
            .await
            .map_err(|Unanswered| unanswered(directive, domain))?;
        self.count_void(hosts.is_empty())?;
        if hosts.len() > HOSTS {
            return Err(Halt::Permanent(format!(
                "The term \"{}\" in the SPF record of {domain} names more than {HOSTS} mail servers",
                directive.text
            )));
        }
        for host in hosts {
            let Some(name) = as_name(&host.exchange) else {
                continue;
            };
            let addresses = self
                .addresses(name)
                .await
                .map_err(|Unanswered| unanswered(directive, domain))?;
            if addresses
                .iter()
                .any(|host| near(self.facts.ip, *host, cidr))
            {
                return Ok(Some(self.width(
                    spec,
                    domain,
                    width::host(cidr, self.facts.ip),
                )));
            }
        }
        Ok(None)
    }

    pub(super) async fn ptr(
        &mut self,
        spec: Option<&MacroString>,
        domain: &str,
    ) -> Result<Option<SpfWidth>, Halt> {
        self.count()?;
        let Some(target) = self.target_or(spec, domain).await? else {
            return Ok(None);
        };
        let void = self.names.is_none();
        let none = self.prove_names().await;
        self.count_void(void && none)?;
        let hit = self
            .names
            .iter()
            .flatten()
            .any(|name| is_below(name, &target));
        Ok(hit.then(|| self.width(spec, domain, width::named(&target, self.facts.ip))))
    }

    pub(super) async fn exists(
        &mut self,
        spec: &MacroString,
        directive: &Directive,
        domain: &str,
    ) -> Result<Option<SpfWidth>, Halt> {
        self.count()?;
        let Some(target) = self.target(spec, domain).await? else {
            return Ok(None);
        };
        // Always A, whatever the client speaks (RFC 7208 5.7).
        let addresses = self
            .dns
            .a(&target)
            .await
            .map_err(|Unanswered| unanswered(directive, domain))?;
        self.count_void(addresses.is_empty())?;
        if addresses.is_empty() {
            return Ok(None);
        }
        let named = self.names.as_ref().is_some_and(|names| !names.is_empty());
        let width = width::exists(spec, self.facts.ip, named);
        Ok(Some(self.width(Some(spec), domain, width)))
    }

    /// The addresses of a host in the client's family.
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Unanswered> {
        Ok(match self.facts.ip {
            IpAddr::V4(_) => self
                .dns
                .a(name)
                .await?
                .into_iter()
                .map(IpAddr::V4)
                .collect(),
            IpAddr::V6(_) => self
                .dns
                .aaaa(name)
                .await?
                .into_iter()
                .map(IpAddr::V6)
                .collect(),
        })
    }

    /// Finds the client's names that lead back to it, once; says whether it claims none at all.
    /// DNS trouble here only means fewer names (RFC 7208 5.5).
    async fn prove_names(&mut self) -> bool {
        if self.names.is_some() {
            return false;
        }
        let claimed = self.dns.ptr(self.facts.ip).await;
        let none = claimed.as_ref().is_ok_and(Vec::is_empty);
        let mut proven = Vec::new();
        for name in claimed.unwrap_or_default().into_iter().take(HOSTS) {
            let addresses = self.addresses(&name).await.unwrap_or_default();
            if addresses.contains(&self.facts.ip) {
                proven.push(name);
            }
        }
        self.names = Some(proven);
        none
    }

    /// `%{p}` (RFC 7208 7.3): the domain itself, else a name below it, else any.
    pub(super) async fn client_name(&mut self, domain: &str) -> String {
        self.prove_names().await;
        let names = self.names.as_deref().unwrap_or_default();
        names
            .iter()
            .find(|name| name.eq_ignore_ascii_case(domain))
            .or_else(|| names.iter().find(|name| is_below(name, domain)))
            .or_else(|| names.first())
            .map_or_else(|| "unknown".to_owned(), Clone::clone)
    }
}

fn unanswered(directive: &Directive, domain: &str) -> Halt {
    Halt::Temporary(format!(
        "DNS did not answer for \"{}\" in the SPF record of {domain}",
        directive.text
    ))
}

fn near(client: IpAddr, host: IpAddr, cidr: Cidr) -> bool {
    match (client, host) {
        (IpAddr::V4(client), IpAddr::V4(host)) => in_v4(client, host, cidr.v4),
        (IpAddr::V6(client), IpAddr::V6(host)) => in_v6(client, host, cidr.v6),
        _ => false,
    }
}

pub(super) fn in_v4(ip: Ipv4Addr, network: Ipv4Addr, prefix: u8) -> bool {
    let mask = u32::MAX.checked_shl(u32::from(32 - prefix)).unwrap_or(0);
    (ip.to_bits() ^ network.to_bits()) & mask == 0
}

pub(super) fn in_v6(ip: Ipv6Addr, network: Ipv6Addr, prefix: u8) -> bool {
    let mask = u128::MAX.checked_shl(u32::from(128 - prefix)).unwrap_or(0);
    (ip.to_bits() ^ network.to_bits()) & mask == 0
}

/// Whether `name` is `domain` or below it.
fn is_below(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.to_ascii_lowercase(), domain.to_ascii_lowercase());
    name.strip_suffix(&domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_compare_their_bits_only() {
        let v4 = |s: &str| s.parse::<Ipv4Addr>().unwrap();
        assert!(in_v4(v4("1.2.3.4"), v4("9.9.9.9"), 0));
        assert!(in_v4(v4("1.2.3.4"), v4("1.2.3.200"), 24));
        assert!(!in_v4(v4("1.2.3.4"), v4("1.2.3.5"), 32));
        let v6 = |s: &str| s.parse::<Ipv6Addr>().unwrap();
        assert!(in_v6(v6("2001:db8::1"), v6("::"), 0));
        assert!(in_v6(v6("2001:db8::1"), v6("2001:db8:ffff::"), 32));
        assert!(!in_v6(v6("::1"), v6("::2"), 128));
    }

    #[test]
    fn a_name_is_below_a_domain_at_label_borders_only() {
        assert!(is_below("Mail.Example.com", "example.COM"));
        assert!(is_below("example.com", "example.com"));
        assert!(!is_below("badexample.com", "example.com"));
    }
}
