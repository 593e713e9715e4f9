//! Rows out of nested JSON: the values at some paths, once for each element of the arrays that the paths go through.

mod decoded;
mod large;
mod one_pass;
mod row;

use std::borrow::Cow;
use std::fmt;

use sensor_model::ReadingError;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub(super) use self::decoded::{DecodeFailure, decode};
pub(super) use self::large::LargeRows;
pub(super) use self::row::{PathRow, PathValue};
use super::mapping::{Decoding, Step};
use super::row_error::{RowError, row_error};

/// Bytes of a document with many rows that a rejected row of it keeps.
pub(super) const MAX_KEPT_BYTES: usize = 4096;

/// Paths joined into a tree, so that a document is walked once.
#[derive(Debug, Default)]
pub(super) struct PathTree {
    keys: Vec<(String, PathTree)>,
    indexes: Vec<(usize, PathTree)>,
    each: Option<Box<PathTree>>,
    members: Option<Box<PathTree>>,
    /// Slot of the value itself.
    slot: Option<usize>,
    /// Slot of the name of the member that `*` stands for.
    name_slot: Option<usize>,
    /// True if other members of this object are further fields.
    keeps_siblings: bool,
    /// True if there is an iteration here or below.
    iterates: bool,
    /// Where it is a text that is decoded: its path, and how.
    decodings: Vec<(String, Decoding)>,
    /// True if a text is decoded here or below.
    decodes: bool,
    /// Slots of the paths that were added here.
    slots: usize,
}

impl PathTree {
    /// Returns whether it may make several rows of a document.
    pub(super) fn iterates(&self) -> bool {
        self.iterates
    }

    /// Adds a path whose value goes to a slot.
    pub(super) fn add(&mut self, path: &[Step], slot: usize) {
        for at in (0..path.len()).filter(|at| matches!(path[*at], Step::Decoded(_))) {
            self.node(&path[..at]).set_decoding(path, at);
        }
        self.slots = self.slots.max(slot + 1);
        let node = self.node(path);
        match path.last() {
            Some(Step::Name) => node.name_slot = Some(slot),
            _ => node.slot = Some(slot),
        }
    }

    /// Keeps the members beside the one that a path ends at.
    pub(super) fn keep_siblings(&mut self, path: &[Step]) {
        if let Some((Step::Key(_), parent)) = path.split_last() {
            self.node(parent).keeps_siblings = true;
        }
    }

    fn node(&mut self, path: &[Step]) -> &mut PathTree {
        let Some((first, rest)) = path.split_first() else { return self };
        self.iterates |= path.iter().any(|step| matches!(step, Step::Each | Step::Members));
        self.decodes |= path.iter().any(|step| matches!(step, Step::Decoded(_)));
        let next = match first {
            // It belongs to the member itself.
            Step::Name => return self,
            Step::Key(key) => entry(&mut self.keys, key),
            Step::Index(index) => entry(&mut self.indexes, index),
            Step::Each => self.each.get_or_insert_default(),
            Step::Members => self.members.get_or_insert_default(),
            // The document is read with the value as a member of this name.
            Step::Decoded(decoding) => entry(&mut self.keys, &decoding.step().to_owned()),
        };
        next.node(rest)
    }

    /// Returns the rows of a document: one, or as many as the iterations of its paths give.
    ///
    /// # Errors
    /// When the document is no JSON, a member occurs twice, or arrays that go side by side have different lengths.
    pub(super) fn rows<'a>(&self, document: &'a RawValue) -> Result<Vec<PathRow<'a>>, RowError> {
        let mut row = PathRow::default();
        if let Some(slot) = self.slot {
            row.put(slot, PathValue::Json(document));
        }
        if !self.iterates {
            self.fill(document, &mut row)?;
            return Ok(vec![row]);
        }
        // One group of rows for each member that iterates.
        let mut groups: Vec<Vec<PathRow<'a>>> = Vec::new();
        match document.get().as_bytes().first() {
            Some(b'{') => {
                let mut of_members = Vec::new();
                members(document, |name, value| {
                    if let Some((_, child)) = self.keys.iter().find(|(key, _)| *key == name) {
                        if child.iterates { groups.push(child.rows(value)?) } else { child.take(value, &mut row)? }
                    } else if let Some(child) = &self.members {
                        of_members.extend(child.rows_of_member(&name, value)?);
                    } else if self.keeps_siblings {
                        row.siblings.push((name, value));
                    }
                    Ok(())
                })?;
                if self.members.is_some() {
                    groups.push(of_members);
                }
            }
            Some(b'[') => {
                let mut of_elements = Vec::new();
                let mut at = 0;
                elements(document, |value| {
                    if let Some((_, child)) = self.indexes.iter().find(|(index, _)| *index == at) {
                        if child.iterates { groups.push(child.rows(value)?) } else { child.take(value, &mut row)? }
                    }
                    if let Some(child) = &self.each {
                        of_elements.extend(child.rows_of_element(value)?);
                    }
                    at += 1;
                    Ok(())
                })?;
                if self.each.is_some() {
                    groups.push(of_elements);
                }
            }
            _ => {}
        }
        // Without any array or object to go through there is one row: that of the alternatives of those paths.
        if groups.is_empty() && row.has_values() { Ok(vec![row]) } else { combined(&row, groups) }
    }

    /// Returns what stands outside of every iteration.
    ///
    /// # Errors
    /// As [`PathTree::rows`].
    pub(super) fn base_row<'a>(&self, document: &'a RawValue) -> Result<PathRow<'a>, RowError> {
        let mut row = PathRow::default();
        self.fill(document, &mut row)?;
        Ok(row)
    }

    fn rows_of_element<'a>(&self, value: &'a RawValue) -> Result<Vec<PathRow<'a>>, RowError> {
        let mut rows = self.rows(value)?;
        rows.retain(PathRow::has_values);
        for row in &mut rows {
            row.element.get_or_insert(value);
        }
        Ok(rows)
    }

    fn rows_of_member<'a>(&self, name: &Cow<'a, str>, value: &'a RawValue) -> Result<Vec<PathRow<'a>>, RowError> {
        let mut rows = self.rows_of_element(value)?;
        if let Some(slot) = self.name_slot {
            for row in &mut rows {
                row.put(slot, PathValue::Name(name.clone()));
            }
        }
        Ok(rows)
    }

    fn take<'a>(&self, value: &'a RawValue, row: &mut PathRow<'a>) -> Result<(), RowError> {
        if let Some(slot) = self.slot {
            if row.get(slot).is_some() {
                return Err(row_error("duplicate-key", "a key occurs twice"));
            }
            row.put(slot, PathValue::Json(value));
        }
        self.fill(value, row)
    }

    /// Takes what is below a value, where nothing iterates.
    fn fill<'a>(&self, value: &'a RawValue, row: &mut PathRow<'a>) -> Result<(), RowError> {
        match value.get().as_bytes().first() {
            Some(b'{') if !self.keys.is_empty() || self.keeps_siblings => members(value, |name, value| {
                match self.keys.iter().find(|(key, _)| *key == name) {
                    Some((_, child)) => child.take(value, row)?,
                    None if self.keeps_siblings => row.siblings.push((name, value)),
                    None => {}
                }
                Ok(())
            }),
            Some(b'[') if !self.indexes.is_empty() => {
                let mut at = 0;
                elements(value, |value| {
                    if let Some((_, child)) = self.indexes.iter().find(|(index, _)| *index == at) {
                        child.take(value, row)?;
                    }
                    at += 1;
                    Ok(())
                })
            }
            _ => Ok(()),
        }
    }
}

fn entry<'t, K: PartialEq + Clone>(children: &'t mut Vec<(K, PathTree)>, key: &K) -> &'t mut PathTree {
    let at = children.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
        children.push((key.clone(), PathTree::default()));
        children.len() - 1
    });
    &mut children[at].1
}

/// Puts what does not iterate into every row, and arrays that go side by side together, element by element.
fn combined<'a>(row: &PathRow<'a>, groups: Vec<Vec<PathRow<'a>>>) -> Result<Vec<PathRow<'a>>, RowError> {
    let mut rows: Option<Vec<PathRow<'a>>> = None;
    for group in groups {
        match &mut rows {
            None => rows = Some(group),
            Some(rows) if rows.len() == group.len() => {
                for (row, other) in rows.iter_mut().zip(&group) {
                    row.add(other);
                }
            }
            Some(rows) => {
                return Err(array_lengths(rows.len(), group.len()));
            }
        }
    }
    let mut rows = rows.unwrap_or_default();
    for other in &mut rows {
        other.add(row);
    }
    Ok(rows)
}

fn array_lengths(one: usize, other: usize) -> RowError {
    row_error("array-lengths", format!("arrays that belong together have {one} and {other} elements"))
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Hands out the members of an object in their order.
pub(super) fn members<'a>(
    object: &'a RawValue,
    mut take: impl FnMut(Cow<'a, str>, &'a RawValue) -> Result<(), RowError>,
) -> Result<(), RowError> {
    struct Members<F>(F);

    impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue) -> Result<(), RowError>> Visitor<'de> for Members<F> {
        type Value = Result<(), RowError>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut result = Ok(());
            while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                if result.is_ok() {
                    result = (self.0)(name, value);
                }
            }
            Ok(result)
        }
    }

    let mut json = serde_json::Deserializer::from_str(object.get());
    json.deserialize_map(Members(&mut take)).map_err(|error| not_json(&error))?
}

/// Hands out the elements of an array in their order.
pub(super) fn elements<'a>(
    array: &'a RawValue,
    mut take: impl FnMut(&'a RawValue) -> Result<(), RowError>,
) -> Result<(), RowError> {
    struct Elements<F>(F);

    impl<'de, F: FnMut(&'de RawValue) -> Result<(), RowError>> Visitor<'de> for Elements<F> {
        type Value = Result<(), RowError>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut array: A) -> Result<Self::Value, A::Error> {
            let mut result = Ok(());
            while let Some(value) = array.next_element::<&'de RawValue>()? {
                if result.is_ok() {
                    result = (self.0)(value);
                }
            }
            Ok(result)
        }
    }

    let mut json = serde_json::Deserializer::from_str(array.get());
    json.deserialize_seq(Elements(&mut take)).map_err(|error| not_json(&error))?
}

fn not_json(error: &serde_json::Error) -> RowError {
    ReadingError::NotJson { at: error.column().saturating_sub(1) }.into()
}

#[cfg(test)]
mod tests {
    use super::super::mapping::parse_path;
    use super::*;

    /// The values of each row by slot, and its siblings.
    fn rows(paths: &[&str], siblings_of: &str, json: &str) -> Result<Vec<String>, String> {
        let mut tree = PathTree::default();
        for (slot, path) in paths.iter().enumerate() {
            tree.add(&parse_path(path).unwrap(), slot);
        }
        if !siblings_of.is_empty() {
            tree.keep_siblings(&parse_path(siblings_of).unwrap());
        }
        let document: &RawValue = serde_json::from_str(json).unwrap();
        let rows = tree.rows(document).map_err(|error| error.reason);
        if let Some(row) = tree.single_row(json) {
            assert_eq!(format!("{:?}", [row]), format!("{:?}", rows.as_ref().unwrap()), "one pass gives the same");
        }
        let rows = rows?;
        let shown = |row: PathRow<'_>| {
            let value = |slot| match row.get(slot) {
                Some(PathValue::Json(raw)) => raw.get().to_owned(),
                Some(PathValue::Name(name)) => name.clone().into_owned(),
                None => "-".to_owned(),
            };
            let values = (0..paths.len()).map(value);
            values.chain(row.siblings.iter().map(|(name, raw)| format!("{name}:{raw}"))).collect::<Vec<_>>().join(" ")
        };
        Ok(rows.into_iter().map(shown).collect())
    }

    #[test]
    fn nested_keys_and_indexes_give_one_row_with_siblings_of_the_temperature() {
        let json = r#"{"id":{"dev":"a"},"up":{"dec":{"temp":1.50,"hum":2},"rssi":[-9,-8]},"other":{}}"#;
        let paths = ["id.dev", "up.dec.temp", "up.rssi[1]", "up.none"];
        assert_eq!(rows(&paths, "up.dec.temp", json), Ok(vec![r#""a" 1.50 -8 - hum:2"#.to_owned()]));
        let json = r#"{"params":{"temperature:0":{"tC":18.7}}}"#;
        assert_eq!(rows(&["params.temperature:0.tC"], "", json), Ok(vec!["18.7".to_owned()]));
        assert_eq!(rows(&["a.b"], "", r#"{"a":[1]}"#), Ok(vec!["-".to_owned()]));
    }

    #[test]
    fn elements_and_members_give_a_row_each() {
        let json = r#"{"data":{"result":[{"m":"a","v":[[1,"x"],[2,"y"]]},{"m":"b","v":[]},{"m":"c","v":[[3,"z"]]}]}}"#;
        let paths = ["data.result[].m", "data.result[].v[][0]", "data.result[].v[][1]"];
        assert_eq!(
            rows(&paths, "", json),
            Ok([r#""a" 1 "x""#, r#""a" 2 "y""#, r#""c" 3 "z""#].map(str::to_owned).to_vec())
        );
        let json = r#"{"Time":"t","DS-1":{"T":1,"Id":"x"},"DS-2":{"T":null},"Unit":"C"}"#;
        assert_eq!(
            rows(&["Time", "*.@key", "*.T"], "*.T", json),
            Ok([r#""t" DS-1 1 Id:"x""#, r#""t" DS-2 null"#].map(str::to_owned).to_vec())
        );
        let json = r#"{"Freezer":[{"ts":1,"values":{"temperature":2}},{"ts":3,"values":{"temperature":4}}]}"#;
        assert_eq!(
            rows(&["*.@key", "*[].ts", "*[].values.temperature"], "", json),
            Ok(vec!["Freezer 1 2".to_owned(), "Freezer 3 4".to_owned()])
        );
    }

    #[test]
    fn arrays_side_by_side_go_together_only_when_equally_long() {
        let json = r#"{"zone":"u","hourly":{"time":["a","b"],"t":[1,null]}}"#;
        assert_eq!(
            rows(&["zone", "hourly.time[]", "hourly.t[]"], "", json),
            Ok([r#""u" "a" 1"#, r#""u" "b" null"#].map(str::to_owned).to_vec())
        );
        let json = r#"{"hourly":{"time":["a"],"t":[1,2]}}"#;
        assert!(rows(&["hourly.time[]", "hourly.t[]"], "", json).unwrap_err().contains("1 and 2 elements"));
    }

    #[test]
    fn key_that_occurs_twice_is_refused() {
        assert!(rows(&["a"], "", r#"{"a":1,"a":2}"#).is_err());
    }
}
