//! Where a provider's interface is: an address that cannot leak credentials. Must not know any provider.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

/// The base address of an interface: `https://`, or `http://` where it is this machine itself. No user,
/// query or fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
}

/// Why an address is none for an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointFault {
    /// Not a URL.
    #[error("it is not an address; write one such as https://api.example.com")]
    NotAnAddress,
    /// Credentials would be readable on the way.
    #[error(
        "credentials would travel unprotected; write https:// (http:// only to this machine, such as http://127.0.0.1:8081)"
    )]
    Unprotected,
    /// A user, a query or a fragment.
    #[error("user, query and fragment must not stand in it; write https:// and the host")]
    TooMuch,
}

impl FromStr for Endpoint {
    type Err = EndpointFault;

    fn from_str(written: &str) -> Result<Self, EndpointFault> {
        let url = Url::parse(written).map_err(|_| EndpointFault::NotAnAddress)?;
        let host = url.host_str().ok_or(EndpointFault::NotAnAddress)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(host) => {}
            "http" => return Err(EndpointFault::Unprotected),
            _ => return Err(EndpointFault::NotAnAddress),
        }
        let extra = !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if extra {
            return Err(EndpointFault::TooMuch);
        }
        Ok(Self { url })
    }
}

impl Endpoint {
    /// Whether it is spoken to without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The address of a path below it, which begins with `/` and may have a query. Always on the same host.
    pub(crate) fn at(&self, path: &str) -> Option<Url> {
        let base = self.url.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}{path}")).ok()?;
        (path.starts_with('/') && url.origin() == self.url.origin()).then_some(url)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// A loopback address written as one: a name may mean any machine.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_keeps_a_secret_is_an_endpoint() {
        for good in [
            "https://api.twilio.com",
            "https://api.twilio.com/",
            "https://gate.example.com/proxy/",
            "http://127.0.0.1:4310",
            "http://[::1]:4310",
        ] {
            assert!(good.parse::<Endpoint>().is_ok(), "{good}");
        }
        for (bad, fault) in [
            ("http://api.twilio.com", EndpointFault::Unprotected),
            ("http://localhost:1", EndpointFault::Unprotected),
            ("http://127.0.0.1.example.com", EndpointFault::Unprotected),
            ("api.twilio.com", EndpointFault::NotAnAddress),
            ("ftp://api.twilio.com", EndpointFault::NotAnAddress),
            ("", EndpointFault::NotAnAddress),
            ("https://me:secret@api.twilio.com", EndpointFault::TooMuch),
            ("https://api.twilio.com?x", EndpointFault::TooMuch),
            ("https://api.twilio.com#x", EndpointFault::TooMuch),
        ] {
            assert_eq!(bad.parse::<Endpoint>(), Err(fault), "{bad}");
        }
    }

    #[test]
    fn a_path_never_leads_to_another_host() {
        let endpoint: Endpoint = "https://api.example.com/v/".parse().unwrap();
        assert_eq!(
            endpoint.at("/x?y=1").unwrap().as_str(),
            "https://api.example.com/v/x?y=1"
        );
        let bare: Endpoint = "https://api.example.com".parse().unwrap();
        for path in [".evil.example", "@evil.example/", ":1/", "x"] {
            assert_eq!(bare.at(path), None, "{path}");
        }
        assert_eq!(
            bare.at("//evil.example/").unwrap().host_str(),
            Some("api.example.com")
        );
    }
}
