//! The body of `PutRecords`, written from the records where they are.
//!
//! The SDK would copy each record into a type of its own, again to serialize it, once more as base64, and once into the
//! body: for small records that is most of its work.

use sensor_model::json_escape::push_string;

use super::parcel::PutEntry;

/// Bytes of a record's keys and punctuation.
const RECORD_OVERHEAD: usize = 80;

/// Returns the body of a request in the JSON protocol (Amazon Kinesis Data Streams API Reference, `PutRecords`).
pub(super) fn put_records_body(stream: &str, entries: &[PutEntry<'_>]) -> String {
    let bytes = |entry: &PutEntry<'_>| {
        let hash_key = entry.explicit_hash_key.map_or(0, str::len);
        entry.data.len().div_ceil(3) * 4 + entry.partition_key.len() + hash_key + RECORD_OVERHEAD
    };
    let mut body = String::with_capacity(entries.iter().map(bytes).sum::<usize>() + stream.len() + RECORD_OVERHEAD);
    body.push_str("{\"StreamName\":");
    push_string(&mut body, stream);
    body.push_str(",\"Records\":[");
    for (at, entry) in entries.iter().enumerate() {
        body.push_str(if at == 0 { "{\"Data\":\"" } else { ",{\"Data\":\"" });
        base64_simd::STANDARD.encode_append(entry.data, &mut body);
        body.push_str("\",\"PartitionKey\":");
        push_string(&mut body, entry.partition_key);
        if let Some(hash_key) = entry.explicit_hash_key {
            body.push_str(",\"ExplicitHashKey\":");
            push_string(&mut body, hash_key);
        }
        body.push('}');
    }
    body.push_str("]}");
    body
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    proptest! {
        #[test]
        fn body_is_the_json_of_the_request(
            stream in "[a-zA-Z0-9_.-]{1,20}",
            records in prop::collection::vec(
                (prop::collection::vec(any::<u8>(), 0..200), any::<String>(), prop::option::of("[0-9]{1,39}")), 0..20),
        ) {
            let entries: Vec<_> = records.iter().map(|(data, partition_key, explicit_hash_key)| {
                PutEntry { data, partition_key, explicit_hash_key: explicit_hash_key.as_deref() }
            }).collect();
            let expected: Vec<_> = entries.iter().map(|entry| {
                let mut record = json!({"Data": BASE64_STANDARD.encode(entry.data), "PartitionKey": entry.partition_key});
                if let Some(hash_key) = entry.explicit_hash_key {
                    record["ExplicitHashKey"] = hash_key.into();
                }
                record
            }).collect();
            let body: Value = serde_json::from_str(&put_records_body(&stream, &entries)).unwrap();
            prop_assert_eq!(body, json!({"StreamName": stream, "Records": expected}));
        }
    }
}
