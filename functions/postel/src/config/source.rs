//! Where settings come from: one TOML file, and the environment above it.
//!
//! Hands out raw values with the place they stand at and collects faults, so that all of them
//! can be told at once. Must not know which settings exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What environment variables for settings begin with.
const PREFIX: &str = "POSTEL_";

/// One thing wrong with the configuration: where, what, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// `postel.toml:12`, `POSTEL_SMTP_LISTEN`, or the name of a setting that stands nowhere.
    pub(crate) place: String,
    /// What is wrong and what to write instead.
    pub(crate) what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A configuration file that was read.
pub(crate) struct File {
    /// As the person named it.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
}

/// The value of one setting as written.
pub(super) struct Raw<'a> {
    value: Written<'a>,
    /// What relative paths are seen from.
    base: &'a Path,
}

enum Written<'a> {
    File(&'a DeValue<'a>),
    Environment(&'a str),
}

impl Raw<'_> {
    /// A string, its ends trimmed.
    pub(super) fn text(&self) -> Result<String, String> {
        match self.value {
            Written::Environment(s) => Ok(s.trim().to_owned()),
            Written::File(v) => v
                .as_str()
                .map(|s| s.trim().to_owned())
                .ok_or_else(|| format!("expected text in quotes, found {}", kind(v))),
        }
    }

    /// A string, `None` where it is empty.
    pub(super) fn optional(&self) -> Result<Option<String>, String> {
        Ok(Some(self.text()?).filter(|s| !s.is_empty()))
    }

    /// A list of strings; one string is a list of one.
    pub(super) fn list(&self) -> Result<Vec<String>, String> {
        let split = |s: &str| {
            s.split(',')
                .map(|p| p.trim().to_owned())
                .filter(|p| !p.is_empty())
                .collect()
        };
        match self.value {
            Written::Environment(s) => Ok(split(s)),
            Written::File(DeValue::Array(items)) => items
                .iter()
                .map(|item| {
                    let item = item.get_ref();
                    item.as_str().map(|s| s.trim().to_owned()).ok_or_else(|| {
                        format!(
                            "expected a list of texts in quotes, found {} in it",
                            kind(item)
                        )
                    })
                })
                .collect(),
            Written::File(v) => match v.as_str() {
                Some(s) => Ok(split(s)),
                None => Err(format!(
                    "expected a list such as [\"one\", \"two\"], found {}",
                    kind(v)
                )),
            },
        }
    }

    /// A whole number within a range.
    pub(super) fn integer(&self, range: RangeInclusive<u32>) -> Result<u32, String> {
        let parsed = match self.value {
            Written::Environment(s) => s.trim().parse().ok(),
            Written::File(DeValue::Integer(i)) => u32::from_str_radix(i.as_str(), i.radix()).ok(),
            Written::File(_) => None,
        };
        parsed.filter(|n| range.contains(n)).ok_or_else(|| {
            format!(
                "write a whole number from {} to {}",
                range.start(),
                range.end()
            )
        })
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Result<bool, String> {
        let parsed = match self.value {
            Written::Environment(s) => s.trim().parse().ok(),
            Written::File(v) => v.as_bool(),
        };
        parsed.ok_or_else(|| "write true or false".to_owned())
    }

    /// A path, `None` where it is empty; relative ones are seen from the file's folder.
    pub(super) fn path(&self) -> Result<Option<PathBuf>, String> {
        Ok(self.optional()?.map(|p| self.base.join(p)))
    }

    /// An address with a port to listen on.
    pub(super) fn socket(written: &str) -> Result<SocketAddr, String> {
        written.parse().map_err(|_| {
            format!("`{written}` is not an address with a port; write it as \"127.0.0.1:2525\" or \"[::1]:2525\"")
        })
    }
}

/// What a TOML value is, in words.
fn kind(v: &DeValue<'_>) -> String {
    format!("a value of type {}", v.type_str())
}

/// Reads settings one by one, remembering which were asked for and what was wrong.
pub(super) struct Reader<'a> {
    file: Option<(&'a File, DeTable<'a>)>,
    base: &'a Path,
    environment: &'a BTreeMap<String, String>,
    known: BTreeMap<&'static str, Vec<&'static str>>,
    faults: Vec<Fault>,
    /// Settings that have a fault.
    told: BTreeSet<(&'static str, &'static str)>,
}

impl<'a> Reader<'a> {
    /// Takes the file apart.
    ///
    /// # Errors
    /// Where it is not TOML, every place; what a broken file seems to hold is not judged.
    pub(super) fn new(
        file: Option<&'a File>,
        environment: &'a BTreeMap<String, String>,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let file = file.map(|file| {
            let (table, errors) = DeTable::parse_recoverable(&file.text);
            for error in errors {
                faults.push(Fault {
                    place: error.span().map_or_else(
                        || file.path.display().to_string(),
                        |span| file.line(span.start),
                    ),
                    what: format!("this is not TOML: {}", error.message()),
                });
            }
            (file, table.into_inner())
        });
        let base = file
            .as_ref()
            .and_then(|(f, _)| f.path.parent())
            .unwrap_or_else(|| Path::new(""));
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            file,
            base,
            environment,
            known: BTreeMap::new(),
            faults,
            told: BTreeSet::new(),
        })
    }

    /// A path as the file would have it seen: from its own folder.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// The setting's value, or its default where it is written nowhere or wrongly (which is noted).
    pub(super) fn take<T>(
        &mut self,
        section: &'static str,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Raw<'_>) -> Result<T, String>,
    ) -> T {
        self.known.entry(section).or_default().push(key);
        let variable = variable(section, key);
        let raw = if let Some(value) = self.environment.get(&variable) {
            Raw {
                value: Written::Environment(value),
                base: Path::new(""),
            }
        } else if let Some(value) = self.written(section, key) {
            Raw {
                value: Written::File(value.get_ref()),
                base: self.base,
            }
        } else {
            return default;
        };
        match read(&raw) {
            Ok(value) => value,
            Err(what) => {
                self.fault(section, key, what);
                default
            }
        }
    }

    /// Notes a fault of a setting, at the place where it is written.
    pub(super) fn fault(
        &mut self,
        section: &'static str,
        key: &'static str,
        what: impl fmt::Display,
    ) {
        self.told.insert((section, key));
        let variable = variable(section, key);
        let (place, what) = if self.environment.contains_key(&variable) {
            (variable, what.to_string())
        } else {
            let place = match (&self.file, self.written(section, key)) {
                (Some((file, _)), Some(value)) => file.line(value.span().start),
                (Some((file, _)), None) => file.path.display().to_string(),
                (None, _) => variable,
            };
            (place, format!("{section}.{key}: {what}"))
        };
        self.faults.push(Fault { place, what });
    }

    /// Settings that `read` asks for and the file does not hold.
    #[cfg(test)]
    pub(super) fn unwritten(&mut self, read: impl FnOnce(&mut Self)) -> Vec<String> {
        read(self);
        let all = self
            .known
            .iter()
            .flat_map(|(section, keys)| keys.iter().map(move |key| (section, key)));
        all.filter(|(section, key)| self.written(section, key).is_none())
            .map(|(section, key)| format!("{section}.{key}"))
            .collect()
    }

    /// Notes a fault unless the setting already has one: what follows from a fault is none of its own.
    pub(super) fn fault_unless_told(
        &mut self,
        section: &'static str,
        key: &'static str,
        what: &str,
    ) {
        if !self.told.contains(&(section, key)) {
            self.fault(section, key, what);
        }
    }

    fn written(&self, section: &str, key: &str) -> Option<&Spanned<DeValue<'a>>> {
        let (_, table) = self.file.as_ref()?;
        table.get(section)?.get_ref().as_table()?.get(key)
    }

    /// What to say of a name at the top of the file that is no section's: a setting of one, or a mistake.
    fn no_section(&self, name: &str, value: &DeValue<'_>) -> String {
        if matches!(value, DeValue::Table(_) | DeValue::Array(_)) {
            let sections = list(self.known.keys());
            return format!("there is no section [{name}]; there are {sections}");
        }
        let owners = self.known.iter().filter(|(_, keys)| keys.contains(&name));
        let owners: Vec<&str> = owners.map(|(section, _)| *section).collect();
        if owners.is_empty() {
            let sections = list(self.known.keys());
            format!("`{name}` stands in no section; there are {sections}")
        } else {
            let owners = owners.join("] or [");
            format!("`{name}` stands in no section; write it below [{owners}]")
        }
    }

    /// All faults, unknown sections, keys and variables among them. Call after the last [`Self::take`].
    pub(super) fn finish(mut self) -> Vec<Fault> {
        let mut unknown = Vec::new();
        if let Some((file, table)) = &self.file {
            for (section, value) in table {
                let name: &str = section.get_ref();
                let place = file.line(section.span().start);
                let Some(keys) = self.known.get(name) else {
                    let what = self.no_section(name, value.get_ref());
                    unknown.push(Fault { place, what });
                    continue;
                };
                let Some(entries) = value.get_ref().as_table() else {
                    unknown.push(Fault {
                        place,
                        what: format!("`{name}` is a section: write [{name}] on a line of its own"),
                    });
                    continue;
                };
                for (key, _) in entries {
                    let key_name: &str = key.get_ref();
                    if !keys.contains(&key_name) {
                        unknown.push(Fault {
                            place: file.line(key.span().start),
                            what: format!(
                                "[{name}] has no setting `{key_name}`; it has {}",
                                list(keys.iter())
                            ),
                        });
                    }
                }
            }
        }
        for name in self.environment.keys() {
            let of_section = self.known.iter().find_map(|(section, keys)| {
                let rest = name.strip_prefix(&variable(section, ""))?;
                let key_is_known = keys.iter().any(|k| k.to_ascii_uppercase() == rest);
                Some((section, keys, key_is_known))
            });
            if let Some((section, keys, false)) = of_section {
                unknown.push(Fault {
                    place: name.clone(),
                    what: format!(
                        "[{section}] has no such setting; it has {}",
                        list(keys.iter())
                    ),
                });
            }
        }
        self.faults.append(&mut unknown);
        self.faults
    }
}

impl File {
    /// `path:line` of a byte offset.
    fn line(&self, offset: usize) -> String {
        let before = self
            .text
            .bytes()
            .take(offset)
            .filter(|b| *b == b'\n')
            .count();
        format!("{}:{}", self.path.display(), before + 1)
    }
}

/// The environment variable of a setting.
fn variable(section: &str, key: &str) -> String {
    format!(
        "{PREFIX}{}_{}",
        section.to_ascii_uppercase(),
        key.to_ascii_uppercase()
    )
}

/// Names in a row.
fn list<T: fmt::Display>(names: impl Iterator<Item = T>) -> String {
    names.map(|n| n.to_string()).collect::<Vec<_>>().join(", ")
}
