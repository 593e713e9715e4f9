//! The body of `BatchWriteItem`, and which of its items the answer leaves over.

use std::borrow::Cow;
use std::collections::HashMap;

use sensor_model::json_text::push_string;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::item::Table;

/// Items of one request, at most (API Reference, `BatchWriteItem`).
pub const MAX_BATCH_ITEMS: usize = 25;
/// Bytes of one request's items. The service takes 16 MB; eight such requests at once would be too much for the memory
/// of a small function.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// The body of a request that puts the items.
pub fn batch_body<'a>(table: &Table, items: impl IntoIterator<Item = &'a str>) -> String {
    let mut body = String::from("{\"RequestItems\":{");
    push_string(&mut body, &table.name);
    body.push_str(":[");
    for (index, item) in items.into_iter().enumerate() {
        body.push_str(if index == 0 { "{\"PutRequest\":{\"Item\":" } else { ",{\"PutRequest\":{\"Item\":" });
        body.push_str(item);
        body.push_str("}}");
    }
    body.push_str("]}}");
    body
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    #[serde(borrow, default)]
    unprocessed_items: Option<HashMap<Cow<'a, str>, Vec<Request<'a>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    #[serde(borrow)]
    put_request: Put<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put<'a> {
    #[serde(borrow)]
    item: HashMap<Name<'a>, &'a RawValue>,
}

#[derive(Deserialize, PartialEq, Eq, Hash)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text of a key attribute, whatever its type.
#[derive(Deserialize)]
struct KeyText<'a> {
    #[serde(borrow, alias = "N")]
    #[serde(rename = "S")]
    text: Cow<'a, str>,
}

/// The keys of the items that an answer leaves over.
///
/// # Errors
/// When it cannot be understood; then all of the request may be left over.
pub fn unprocessed(table: &Table, answer: &[u8]) -> Result<Vec<(String, String)>, serde_json::Error> {
    let text = std::str::from_utf8(answer).map_err(serde::de::Error::custom)?;
    let answer: Answer<'_> = serde_json::from_str(text)?;
    let requests = answer.unprocessed_items.unwrap_or_default().into_values().flatten();
    let key = |put: &Put<'_>, name: &'static str| {
        let raw = put.item.get(&Name(name.into())).ok_or_else(|| serde::de::Error::missing_field(name))?;
        serde_json::from_str::<KeyText<'_>>(raw.get()).map(|key| key.text.into_owned())
    };
    requests
        .map(|request| Ok((key(&request.put_request, table.partition)?, key(&request.put_request, table.sort)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{batch_body, unprocessed};
    use crate::dynamodb::Table;

    fn table() -> Table {
        Table { name: "SensorData".to_owned(), partition: "SensorId", sort: "CurrentTime" }
    }

    #[test]
    fn what_is_left_over_is_known_by_its_key() {
        let item = r#"{"SensorId":{"S":"s\n1"},"CurrentTime":{"N":"12.5"},"x":{"L":[{"N":"1"}]}}"#;
        let sent = batch_body(&table(), [item, item]);
        let answer = sent.replace("RequestItems", "UnprocessedItems");
        let key = ("s\n1".to_owned(), "12.5".to_owned());
        assert_eq!(unprocessed(&table(), answer.as_bytes()).unwrap(), [key.clone(), key]);
        assert_eq!(unprocessed(&table(), b"{}").unwrap(), []);
        assert_eq!(unprocessed(&table(), br#"{"UnprocessedItems":{}}"#).unwrap(), []);
        assert!(unprocessed(&table(), b"oops").is_err());
    }
}
