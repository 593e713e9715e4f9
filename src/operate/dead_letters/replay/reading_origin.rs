//! Which parts of a reading are the dead letter's own, and which an edit gave it.

use sensor_model::{Decimal, Reading};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::members::members_of;
use crate::pipeline::ColumnMapping;

/// The origin of a reading's sensor and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOrigin {
    /// The keys `sensor_id` and `current_time` of the dead letter.
    Own,
    /// Other keys of the dead letter, which `--map` names.
    Mapped,
    /// The edit: several dead letters may have got the same sensor and time.
    Edited,
}

/// The relation of a reading to the data of its dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadingOrigin {
    /// A digest of the data of the dead letter, before every edit.
    pub source: [u8; 32],
    /// The origin of its sensor and time.
    pub key: KeyOrigin,
    /// True if the reading has the dead letter's sensor and time, and the value of every key of it.
    pub is_whole: bool,
}

/// The edit of one dead letter.
pub(super) struct AppliedEdit<'a> {
    /// Keys that were set, with their values as JSON.
    pub set: &'a [(String, String)],
    /// Keys that came from other keys.
    pub map: &'a [ColumnMapping],
    /// True if a person changed the data.
    pub is_by_hand: bool,
}

impl ReadingOrigin {
    /// Compares a reading with the data that it was made of.
    pub(super) fn new(data: &[u8], edit: &AppliedEdit<'_>, reading: &Reading) -> Self {
        let AppliedEdit { set, map, is_by_hand } = *edit;
        let source = Sha256::digest(data).into();
        let members = members_of(data).unwrap_or_default();
        let own = |key: &str| {
            let mut values = members.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str());
            values.next().filter(|_| values.next().is_none())
        };
        let is_set_otherwise =
            |name: &str| set.iter().any(|(key, value)| key == name && Some(value.as_str()) != own(name));
        let is_kept = |name: &str| {
            own(name).is_some() && !is_set_otherwise(name) && !map.iter().any(|mapping| mapping.key == name)
        };
        let has_key = ["sensor_id", "current_time"].iter().all(|name| is_kept(name));
        let is_key_set = set.iter().any(|(name, _)| matches!(name.as_str(), "sensor_id" | "current_time"));
        let key = if is_by_hand {
            let sensor = own("sensor_id").and_then(|text| serde_json::from_str::<String>(text).ok());
            let time = own("current_time").and_then(|text| Decimal::parse(text).ok());
            let is_same = sensor.as_ref() == Some(&reading.sensor_id) && time.as_ref() == Some(&reading.current_time);
            if has_key && is_same { KeyOrigin::Own } else { KeyOrigin::Edited }
        } else if has_key {
            KeyOrigin::Own
        } else if is_key_set {
            KeyOrigin::Edited
        } else {
            KeyOrigin::Mapped
        };
        let has = |name: &str| {
            matches!(name, "sensor_id" | "temperature" | "current_time") || reading.fields.contains_key(name)
        };
        // A value is at its path in the reading, too, or `--map` moved it to another key.
        let is_moved = |path: &str| map.iter().any(|it| it.source == path && !is_set_otherwise(&it.key));
        let is_there = |path: &String| is_moved(path) || (has(path) && !map.iter().any(|it| it.key == *path));
        let is_complete = || {
            members.iter().all(|(name, value)| {
                let is_own = own(name).is_some() && !name.contains('.') && !is_set_otherwise(name);
                let is_mapped = map.iter().any(|it| it.key == *name);
                let is_whole = || !is_mapped && reading.fields.get(name).is_some_and(|field| is_json_of(field, value));
                is_own && (paths(name, value).iter().all(is_there) || is_whole())
            })
        };
        ReadingOrigin { source, key, is_whole: key != KeyOrigin::Edited && !is_by_hand && is_complete() }
    }

    /// Returns that of a reading that nothing changed.
    pub(super) fn unchanged(data: &[u8]) -> Self {
        ReadingOrigin { source: Sha256::digest(data).into(), key: KeyOrigin::Own, is_whole: true }
    }

    /// Returns whether a reading that is equal to another one after the edit was the same reading before it.
    pub(super) fn is_same_reading(&self, other: &ReadingOrigin) -> bool {
        let is_edited = self.key == KeyOrigin::Edited || other.key == KeyOrigin::Edited;
        self.is_whole || (!is_edited && self.source == other.source)
    }
}

/// Returns whether a field has the value of this JSON.
fn is_json_of(field: &sensor_model::Value, json: &str) -> bool {
    let raw = serde_json::from_str(json);
    raw.is_ok_and(|raw| sensor_model::Reading::field_from_json("x", raw).is_ok_and(|value| value == *field))
}

/// Returns the paths of all values in the value of a key, as `--map` takes them.
fn paths(name: &str, json: &str) -> Vec<String> {
    match serde_json::from_str(json) {
        Ok(Value::Object(members)) if !members.is_empty() => {
            let inner = members.iter().flat_map(|(key, value)| paths(key, &value.to_string()));
            inner.map(|path| format!("{name}.{path}")).collect()
        }
        _ => vec![name.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(data: &str, set: &[(&str, &str)], map: &[&str], reading: &str) -> (KeyOrigin, bool) {
        let map: Vec<_> = map.iter().map(|mapping| mapping.parse().unwrap()).collect();
        let set: Vec<_> = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let edit = AppliedEdit { set: &set, map: &map, is_by_hand: false };
        let origin = ReadingOrigin::new(data.as_bytes(), &edit, &Reading::from_json(reading.as_bytes()).unwrap());
        (origin.key, origin.is_whole)
    }

    #[test]
    fn reading_is_whole_if_the_edit_only_adds() {
        let reading = r#"{"sensor_id":"a","temperature":1,"current_time":5,"site":"lab"}"#;
        let whole = |data: &str, set: &[(&str, &str)]| origin(data, set, &[], reading);
        let site = ("site", "\"lab\"");
        let text = r#"{"sensor_id":"a","temperature":"1","current_time":5}"#;
        assert_eq!(whole(text, &[site]), (KeyOrigin::Own, true), "a key is new, a number was text");
        assert_eq!(whole(reading, &[site]), (KeyOrigin::Own, true), "a key was so before");
        let other = r#"{"sensor_id":"a","temperature":1,"current_time":5,"site":"attic"}"#;
        assert_eq!(whole(other, &[site]), (KeyOrigin::Own, false), "a value is replaced");
        let more = r#"{"sensor_id":"a","temperature":1,"current_time":5,"room":1}"#;
        assert_eq!(whole(more, &[site]), (KeyOrigin::Own, false), "a key is left out");
        let twice = r#"{"sensor_id":"a","temperature":1,"temperature":2,"current_time":5}"#;
        assert_eq!(whole(twice, &[site]), (KeyOrigin::Own, false), "a key is there twice");
        let timeless = r#"{"sensor_id":"a","temperature":1}"#;
        assert_eq!(whole(timeless, &[("current_time", "5"), site]), (KeyOrigin::Edited, false));
        assert_eq!(whole("not JSON", &[("sensor_id", "\"a\"")]), (KeyOrigin::Edited, false));
        let device = r#"{"device":"a","temperature":1,"current_time":5}"#;
        let mapped = |data: &str, map: &[&str]| origin(data, &[site], map, reading);
        assert_eq!(mapped(device, &["sensor_id=device"]), (KeyOrigin::Mapped, true), "a key is moved");
        let inside = r#"{"device":{"id":"a"},"temperature":1,"current_time":5}"#;
        assert_eq!(mapped(inside, &["sensor_id=device.id"]), (KeyOrigin::Mapped, true), "all of a value");
        let part = r#"{"device":{"id":"a","model":{"n":1}},"temperature":1,"current_time":5}"#;
        assert_eq!(mapped(part, &["sensor_id=device.id"]), (KeyOrigin::Mapped, false), "a part of a value");
        let flat = r#"{"sensor_id":"a","temperature":1,"current_time":5,"site":"lab","device.model.n":1}"#;
        let flattened = origin(part, &[site], &["sensor_id=device.id"], flat);
        assert_eq!(flattened, (KeyOrigin::Mapped, true), "the rest is at its path");
        let both = r#"{"sensor_id":"b","device":"a","temperature":1,"current_time":5}"#;
        assert_eq!(mapped(both, &["sensor_id=device"]), (KeyOrigin::Mapped, false), "a value is replaced");
    }

    #[test]
    fn reading_edited_by_hand_keeps_its_key_only_if_it_is_the_same() {
        let reading = Reading::from_json(br#"{"sensor_id":"a","temperature":1,"current_time":5}"#).unwrap();
        let key = |data: &str| {
            let edit = AppliedEdit { set: &[], map: &[], is_by_hand: true };
            let ReadingOrigin { key, is_whole, .. } = ReadingOrigin::new(data.as_bytes(), &edit, &reading);
            assert!(!is_whole);
            key
        };
        assert_eq!(key(r#"{"sensor_id":"a","temperature":"warm","current_time":5.0}"#), KeyOrigin::Own);
        assert_eq!(key(r#"{"sensor_id":"a","temperature":1,"current_time":6}"#), KeyOrigin::Edited);
        assert_eq!(key(r#"{"sensor_id":"a","temperature":1"#), KeyOrigin::Edited);
    }
}
