//! `DynamoDB` JSON: attributes with their types, as the AWS CLI prints them.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::item_decode::Item;

/// Returns an item as one line of `DynamoDB` JSON, its names sorted; `None` if it has a type that is newer than this
/// program.
pub(super) fn item_json(item: &Item) -> Option<String> {
    serde_json::to_string(&Attributes(item)).ok()
}

struct Attributes<'a>(&'a Item);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names: Vec<_> = self.0.iter().collect();
        names.sort_unstable_by_key(|(name, _)| *name);
        serializer.collect_map(names.into_iter().map(|(name, value)| (name, Typed(value))))
    }
}

struct Typed<'a>(&'a AttributeValue);

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self.0 {
            AttributeValue::S(text) => map.serialize_entry("S", text)?,
            AttributeValue::N(number) => map.serialize_entry("N", number)?,
            AttributeValue::B(blob) => map.serialize_entry("B", &STANDARD.encode(blob))?,
            AttributeValue::Bool(truth) => map.serialize_entry("BOOL", truth)?,
            AttributeValue::Null(truth) => map.serialize_entry("NULL", truth)?,
            AttributeValue::L(list) => map.serialize_entry("L", &list.iter().map(Typed).collect::<Vec<_>>())?,
            AttributeValue::M(members) => map.serialize_entry("M", &Attributes(members))?,
            AttributeValue::Ss(texts) => map.serialize_entry("SS", texts)?,
            AttributeValue::Ns(numbers) => map.serialize_entry("NS", numbers)?,
            AttributeValue::Bs(blobs) => {
                map.serialize_entry("BS", &blobs.iter().map(|blob| STANDARD.encode(blob)).collect::<Vec<_>>())?;
            }
            _ => return Err(serde::ser::Error::custom("an unknown type of attribute")),
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;

    use super::*;

    #[test]
    fn item_json_has_the_type_of_every_value() {
        let item: Item = [
            ("a", AttributeValue::S("x\"".into())),
            ("b", AttributeValue::N("1E-100".into())),
            ("c", AttributeValue::B(Blob::new([255, 254]))),
            ("d", AttributeValue::L(vec![AttributeValue::Bool(true), AttributeValue::Null(true)])),
            ("e", AttributeValue::M([("x".to_owned(), AttributeValue::Ss(vec!["s".into()]))].into())),
            ("f", AttributeValue::Ns(vec!["1".into()])),
            ("g", AttributeValue::Bs(vec![Blob::new([0])])),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        assert_eq!(
            item_json(&item).unwrap(),
            r#"{"a":{"S":"x\""},"b":{"N":"1E-100"},"c":{"B":"//4="},"d":{"L":[{"BOOL":true},{"NULL":true}]},"#
                .to_owned()
                + r#""e":{"M":{"x":{"SS":["s"]}}},"f":{"NS":["1"]},"g":{"BS":["AA=="]}}"#
        );
    }
}
