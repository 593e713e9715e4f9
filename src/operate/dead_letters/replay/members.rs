//! Sets keys of a JSON object, and leaves the others as they are.

use std::borrow::Cow;
use std::fmt;

use sensor_model::json_escape;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Returns the object with these keys, each with its value as JSON. `None` if the data is no JSON object.
pub(super) fn with_members(data: &[u8], set: &[(String, String)]) -> Option<String> {
    let text = std::str::from_utf8(data).ok()?;
    let mut json = serde_json::Deserializer::from_str(text);
    let members = json.deserialize_map(Members).ok()?;
    json.end().ok()?;
    let is_set = |name: &str| set.iter().any(|(other, _)| other == name);
    let kept = members.iter().filter(|(name, _)| !is_set(name)).map(|(name, value)| (name.as_ref(), value.get()));
    Some(object_of(kept.chain(set.iter().map(|(name, value)| (name.as_str(), value.as_str())))))
}

/// Returns the object with these members, each with its value as JSON.
pub(super) fn object_of<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::from("{");
    for (name, value) in members {
        if out.len() > 1 {
            out.push(',');
        }
        json_escape::push_string(&mut out, name);
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
    out
}

/// Returns the members of an object in their order, each with its value as JSON. `None` if the data is no JSON object.
pub(super) fn members_of(data: &[u8]) -> Option<Vec<(String, String)>> {
    let mut json = serde_json::Deserializer::from_slice(data);
    let members = json.deserialize_map(Members).ok()?;
    json.end().ok()?;
    Some(members.into_iter().map(|(name, value)| (name.into_owned(), value.get().to_owned())).collect())
}

/// All members in their order, also those of equal names.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
            members.push((Cow::Owned(name), value));
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_set_and_all_others_stay_as_they_are() {
        let set = |data: &str, set: &[(&str, &str)]| {
            let set: Vec<_> = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            with_members(data.as_bytes(), &set)
        };
        let given = r#" {"a":1.10,"a":2,"b\n":{"c":[1e400]}, "t":"x"} "#;
        assert_eq!(set(given, &[("t", "7")]).unwrap(), r#"{"a":1.10,"a":2,"b\n":{"c":[1e400]},"t":7}"#);
        assert_eq!(
            set(given, &[("a", "0"), ("n", "\"x\"")]).unwrap(),
            r#"{"b\n":{"c":[1e400]},"t":"x","a":0,"n":"x"}"#
        );
        assert_eq!(set("{}", &[]).unwrap(), "{}");
        for other in ["", "[1]", "{", "{} x", "7"] {
            assert_eq!(set(other, &[("a", "1")]), None, "{other}");
        }
    }
}
