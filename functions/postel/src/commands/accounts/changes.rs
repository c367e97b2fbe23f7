//! What changed between two values of a setting, for people: the fields that differ, not the whole.

use serde_json::Value;

/// Fields that say nothing to people.
const UNSHOWN: [&str; 2] = ["version", "token_hash"];

/// The fields that differ, as `preferences.max_parts: 6 → 3`, joined by commas. `None` is nothing
/// before, or nothing after; what is not JSON is shown as it is.
pub(super) fn changes(before: Option<&str>, after: Option<&str>) -> String {
    let read = |s: Option<&str>| {
        s.map_or(Value::Null, |s| {
            serde_json::from_str(s).unwrap_or_else(|_| s.into())
        })
    };
    match (read(before), read(after)) {
        (Value::Null, after) => brief(&after),
        (before, Value::Null) => format!("{} deleted", brief(&before)),
        (before, after) => {
            let mut found = Vec::new();
            compare("", &before, &after, &mut found);
            let whose = after.get("sender").and_then(Value::as_str);
            whose.map_or_else(String::new, |sender| format!("{sender}: ")) + &found.join(", ")
        }
    }
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if let (Value::Object(old), Value::Object(new)) = (before, after) {
        let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let longer = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            let of = |values: &serde_json::Map<String, Value>| {
                values.get(key).cloned().unwrap_or_default()
            };
            compare(&longer, &of(old), &of(new), found);
        }
    } else if before != after && !UNSHOWN.contains(&path) {
        found.push(format!("{path}: {before} → {after}"));
    }
}

/// A new or deleted thing by its name, where it has one.
fn brief(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Object(fields) => {
            let name = fields.get("sender").or_else(|| fields.get("id"));
            name.and_then(Value::as_str)
                .map_or_else(|| value.to_string(), str::to_owned)
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::changes;

    #[test]
    fn only_what_differs_is_shown() {
        let before = r#"{"id":"acme","version":1,"preferences":{"max_parts":6,"signature":null},"networks":[]}"#;
        let after = r#"{"id":"acme","version":2,"preferences":{"max_parts":3,"signature":"Ann"},"networks":["192.0.2.1/32"]}"#;
        assert_eq!(
            changes(Some(before), Some(after)),
            r#"networks: [] → ["192.0.2.1/32"], preferences.max_parts: 6 → 3, preferences.signature: null → "Ann""#
        );
        assert_eq!(changes(None, Some("ann@example.com")), "ann@example.com");
        let user = |automated: &str| {
            format!(r#"{{"sender":"ann@example.com","automated":"{automated}"}}"#)
        };
        assert_eq!(
            changes(Some(&user("refuse")), Some(&user("allow"))),
            r#"ann@example.com: automated: "refuse" → "allow""#
        );
        assert_eq!(changes(None, Some(before)), "acme");
        assert_eq!(
            changes(Some(r#"{"sender":"ann@example.com"}"#), None),
            "ann@example.com deleted"
        );
    }
}
