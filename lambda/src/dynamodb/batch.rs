//! The body of `BatchWriteItem` and the unprocessed items of its response.

use std::borrow::Cow;
use std::collections::HashMap;

use sensor_model::Decimal;
use sensor_model::json_escape::push_string;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::item::Table;
use crate::event::without_content;

/// Maximum items in one request (API Reference, `BatchWriteItem`).
pub(crate) const MAX_BATCH_ITEMS: usize = 25;
/// Maximum bytes in one request; one larger item may exceed it. The service allows 16 MB, but eight such requests at
/// once would be too much for the memory of a small function.
pub(crate) const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// Returns the body of a request that puts these items.
pub(crate) fn batch_body<'a>(table: &Table, requests: impl IntoIterator<Item = &'a str>, bytes: usize) -> String {
    let mut body = String::with_capacity(64 + table.name.len() + bytes);
    body.push_str("{\"RequestItems\":{");
    push_string(&mut body, &table.name);
    body.push_str(":[");
    for (index, request) in requests.into_iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(request);
    }
    body.push_str("]}}");
    body
}

/// The response of `BatchWriteItem`. The service always returns `UnprocessedItems`, at least as `{}` (API Reference,
/// `BatchWriteItem`). A response without it does not come from the service.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchWriteResponse<'a> {
    #[serde(borrow)]
    unprocessed_items: HashMap<Cow<'a, str>, Vec<Request<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    #[serde(borrow)]
    put_request: WriteRequest<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WriteRequest<'a> {
    #[serde(borrow)]
    item: HashMap<Name<'a>, &'a RawValue>,
}

#[derive(Deserialize, PartialEq, Eq, Hash)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text of a key attribute of any type.
#[derive(Deserialize)]
struct KeyText<'a> {
    #[serde(borrow, alias = "N")]
    #[serde(rename = "S")]
    text: Cow<'a, str>,
}

/// Returns the keys of the unprocessed items, in the form of [`Key::push`](super::Key::push).
///
/// # Errors
/// The reason why the response cannot be parsed, without its content. Then the whole request may be unprocessed.
pub(crate) fn unprocessed(table: &Table, answer: &[u8]) -> Result<Vec<String>, String> {
    let unknown = |error: serde_json::Error| format!("the answer cannot be understood: {}", without_content(&error));
    let text = std::str::from_utf8(answer).map_err(|_| "the answer is not UTF-8".to_owned())?;
    // serde would read a list as the fields in their order.
    if !text.trim_ascii_start().starts_with('{') {
        return Err("the answer is not a JSON object".to_owned());
    }
    let answer: BatchWriteResponse<'_> = serde_json::from_str(text).map_err(unknown)?;
    let attribute = |put: &WriteRequest<'_>, name: &'static str| {
        let raw = put.item.get(&Name(name.into())).ok_or_else(|| format!("the answer has an item without `{name}`"))?;
        serde_json::from_str::<KeyText<'_>>(raw.get()).map(|key| key.text.into_owned()).map_err(unknown)
    };
    let key = |request: Request<'_>| {
        let partition = attribute(&request.put_request, table.key.partition)?;
        let mut sort = attribute(&request.put_request, table.key.sort)?;
        if table.key.sort_type == "N" {
            // The service may write the same number in another notation.
            sort = Decimal::parse(&sort).map_or(sort, |number| number.as_str().to_owned());
        }
        let mut key = String::new();
        table.key.push(&mut key, &partition, &sort);
        Ok(key)
    };
    answer.unprocessed_items.into_values().flatten().map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::{batch_body, unprocessed};
    use crate::dynamodb::{READINGS, Table};

    fn table() -> Table {
        Table { name: "SensorData".to_owned(), key: &READINGS }
    }

    #[test]
    fn unprocessed_items_are_matched_by_key() {
        let mut request = String::new();
        let key = READINGS.push_request(&mut request, "s\n1", "12.5");
        let key = request[key].to_owned();
        request.push_str(r#","x":{"L":[{"N":"1"}]}}}}"#);
        let sent = batch_body(&table(), [&*request, &*request], 0);
        let answer = sent.replace("RequestItems", "UnprocessedItems");
        assert_eq!(unprocessed(&table(), answer.as_bytes()).unwrap(), [key.clone(), key.clone()]);
        let other_notation = answer.replace("12.5", "1.250E+1");
        assert_eq!(unprocessed(&table(), other_notation.as_bytes()).unwrap(), [key.clone(), key]);
        assert_eq!(unprocessed(&table(), br#"{"UnprocessedItems":{}}"#).unwrap(), [""; 0]);
    }

    #[test]
    fn unprocessed_malformed_response_error_hides_content() {
        for answer in [
            "hunter2",
            "{}",
            "[{}]",
            "null",
            r#"{"hunter2":{}}"#,
            r#"{"UnprocessedItems":null}"#,
            r#"{"UnprocessedItems":"hunter2"}"#,
            r#"{"UnprocessedItems":{"SensorData":[{"PutRequest":{"Item":{"hunter2":{"S":"hunter2"}}}}]}}"#,
            r#"{"UnprocessedItems":{"SensorData":[{"PutRequest":{"Item":{"SensorId":"hunter2"}}}]}}"#,
        ] {
            let error = unprocessed(&table(), answer.as_bytes()).unwrap_err();
            assert!(error.starts_with("the answer") && !error.contains("hunter2"), "{error}");
        }
    }
}
