//! What the function is told by its environment. `template.yaml` sets all of it.

use postel_core::address::{Domain, EmailAddress};

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The table of the store: `TABLE`.
    pub table: String,
    /// The bucket that SES writes to, and no other: `BUCKET`.
    pub bucket: String,
    /// The domains whose addresses are telephone numbers: `GATEWAY_DOMAIN`, separated by commas.
    pub domains: Vec<Domain>,
    /// Who our own mails are from: `MAIL_FROM`, else `postel@` the first domain.
    pub mail_from: EmailAddress,
    /// Whether accounts may accept *any server*: `ANY_SERVER`, `true` or (default) `false`.
    pub any_server: bool,
}

/// All that is wrong with the settings, one line for each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the function's environment is not complete: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

impl Config {
    /// Reads the settings by name.
    ///
    /// # Errors
    /// All faults at once.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut faults = Vec::new();
        let mut needed = |name: &str| {
            let value = get(name).filter(|value| !value.trim().is_empty());
            value.unwrap_or_else(|| {
                faults.push(format!("{name} is not set"));
                String::new()
            })
        };
        let (table, bucket, written) =
            (needed("TABLE"), needed("BUCKET"), needed("GATEWAY_DOMAIN"));
        let mut domains: Vec<Domain> = Vec::new();
        for name in written
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            match name.parse() {
                Ok(domain) => domains.push(domain),
                Err(e) => faults.push(format!("GATEWAY_DOMAIN: {e}")),
            }
        }
        let any_server = match get("ANY_SERVER").as_deref() {
            None | Some("" | "false") => false,
            Some("true") => true,
            Some(_) => {
                faults.push("ANY_SERVER is neither true nor false".to_owned());
                false
            }
        };
        let first = domains.first().map_or("", Domain::as_str);
        let from = get("MAIL_FROM").filter(|from| !from.is_empty());
        let from = from.unwrap_or_else(|| format!("postel@{first}")).parse();
        if let (Err(e), false) = (&from, domains.is_empty()) {
            faults.push(format!("MAIL_FROM: {e}"));
        }
        match from {
            Ok(mail_from) if faults.is_empty() => Ok(Self {
                table,
                bucket,
                domains,
                mail_from,
                any_server,
            }),
            _ => Err(ConfigError(faults)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| {
            let found = set.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_the_template_sets_is_enough() {
        let set = [
            ("TABLE", "t"),
            ("BUCKET", "b"),
            ("GATEWAY_DOMAIN", "sms.example.com"),
        ];
        let config = read(&set).unwrap();
        assert_eq!(config.mail_from.to_string(), "postel@sms.example.com");
        assert!(!config.any_server);
    }

    #[test]
    fn all_faults_are_said_at_once() {
        let error = read(&[("GATEWAY_DOMAIN", "no domain"), ("ANY_SERVER", "yes")]).unwrap_err();
        let said = error.to_string();
        for name in ["TABLE", "BUCKET", "GATEWAY_DOMAIN", "ANY_SERVER"] {
            assert!(said.contains(name), "{said}");
        }
        assert!(read(&[]).is_err());
    }
}
