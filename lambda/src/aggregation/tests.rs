//! Checks the codec against the format of the Kinesis Producer Library. Broken input must count as a plain record.

use super::*;
use md5::{Digest, Md5};
use proptest::prelude::*;

fn sealed(message: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(message);
    bytes.extend_from_slice(&Md5::digest(message));
    bytes
}

fn decoded(bytes: &[u8]) -> Option<Vec<AggregatedUserRecord<'_>>> {
    decode(bytes).map(Iterator::collect)
}

fn sub<'a>(partition_key: &'a str, explicit_hash_key: Option<&'a str>, data: &'a [u8]) -> AggregatedUserRecord<'a> {
    AggregatedUserRecord { partition_key, explicit_hash_key, data }
}

#[test]
fn aggregate_bytes_match_kpl_format() {
    let bytes = encode([sub("a", None, b"xy"), sub("b", Some("7"), b""), sub("a", None, b"z")]);
    let message = [
        &b"\x0a\x01a\x0a\x01b"[..],
        b"\x12\x017",
        b"\x1a\x06\x08\x00\x1a\x02xy",
        b"\x1a\x06\x08\x01\x10\x00\x1a\x00",
        b"\x1a\x05\x08\x00\x1a\x01z",
    ]
    .concat();
    assert_eq!(bytes, sealed(&message));
}

#[test]
fn aggregate_buffer_is_empty_after_finish_and_makes_the_same_bytes_again() {
    let mut buffer = AggregateBuffer::default();
    let mut fill = || {
        let hash_key = buffer.push_explicit_hash_key("7");
        let key = buffer.push_partition_key("a");
        buffer.push(key, Some(hash_key), b"xy");
        buffer.push(key, Some(hash_key), b"z");
        let size = buffer.encoded_bytes();
        let bytes = buffer.finish();
        assert_eq!((bytes.len(), buffer.len(), buffer.next_partition_key()), (size, 0, 0));
        bytes
    };
    let first = fill();
    assert_eq!(first, fill());
    assert_eq!(first, encode([sub("a", Some("7"), b"xy"), sub("a", Some("7"), b"z")]));
}

proptest! {
    #[test]
    fn aggregate_size_equals_the_bytes_of_the_buffer(
        records in prop::collection::vec((0..200_u64, 0_usize..300), 1..400),
    ) {
        let (mut buffer, mut size) = (AggregateBuffer::default(), AggregateSize::default());
        let hash_key = "170141183460469231731687303715884105728";
        prop_assert_eq!(buffer.push_explicit_hash_key(hash_key), size.push_explicit_hash_key(hash_key));
        let mut indices = std::collections::HashMap::new();
        for (key, bytes) in records {
            let data = vec![b'x'; bytes];
            let index = *indices.entry(key).or_insert_with(|| {
                let name = "k".repeat(usize::try_from(key).unwrap());
                let index = buffer.push_partition_key(&name);
                assert_eq!(index, size.push_partition_key(&name));
                index
            });
            buffer.push(index, Some(0), &data);
            size.push(index, Some(0), &data);
            prop_assert_eq!((buffer.encoded_bytes(), buffer.len()), (size.encoded_bytes(), size.len()));
        }
        prop_assert_eq!(buffer.finish().len(), size.encoded_bytes());
    }
}

#[test]
fn decode_accepts_late_keys_tags_and_unknown_fields() {
    let message = b"\x1a\x0a\x08\x00\x1a\x01x\x22\x03\x0a\x01t\x48\x05\x0a\x01k\x55\x01\x02\x03\x04";
    assert_eq!(decoded(&sealed(message)).unwrap(), [sub("k", None, b"x")]);
}

#[test]
fn decode_broken_aggregate_is_plain_record() {
    for message in [
        &b""[..],
        b"\x0a\x01a",
        b"\x0a\x01a\x1a\x05\x08\x01\x1a\x01x",
        b"\x0a\x01a\x1a\x02\x08\x00",
        b"\x0a\x01a\x1a\x03\x1a\x01x",
        b"\x0a\x01\xff\x1a\x05\x08\x00\x1a\x01x",
        b"\x0a\x01a\x1a\x7f\x08\x00\x1a\x01x",
        b"\x0a\x01a\x1b",
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ] {
        assert_eq!(decoded(&sealed(message)), None, "{message:?}");
    }
    assert_eq!(decoded(b""), None);
    assert_eq!(decoded(br#"{"sensor_id":"s"}"#), None);
    assert_eq!(decoded(&MAGIC), None);
}

#[test]
fn decode_truncated_aggregate_is_plain_record_at_every_length() {
    let bytes = encode([sub("sensor-1", None, b"{\"a\":1}"), sub("sensor-2", Some("12"), b"{\"b\":2}")]);
    for length in 0..bytes.len() {
        assert_eq!(decoded(&bytes[..length]), None, "{length}");
    }
    assert_eq!(decoded(&bytes).unwrap().len(), 2);
}

fn any_records() -> impl Strategy<Value = Vec<(String, Option<String>, Vec<u8>)>> {
    let record = ("[a-d]{1,3}", prop::option::of("[0-9]{1,39}"), prop::collection::vec(any::<u8>(), 0..300));
    prop::collection::vec(record, 1..40)
}

proptest! {
    #[test]
    fn aggregate_round_trip_keeps_records_and_predicted_size(records in any_records()) {
        let records: Vec<_> = records.iter().map(|(key, hash_key, data)| sub(key, hash_key.as_deref(), data)).collect();
        let mut aggregate = Aggregate::new();
        for record in &records {
            let expected = aggregate.encoded_bytes_with(record);
            aggregate.push(record);
            prop_assert_eq!(aggregate.encoded_bytes(), expected);
        }
        let size = aggregate.encoded_bytes();
        prop_assert_eq!(aggregate.len(), records.len());
        let bytes = aggregate.finish();
        prop_assert_eq!(bytes.len(), size);
        prop_assert_eq!(&bytes, &encode(records.iter().copied()));
        prop_assert_eq!(decoded(&bytes), Some(records));
    }

    #[test]
    fn decode_arbitrary_message_does_not_panic(message in prop::collection::vec(any::<u8>(), 0..120)) {
        let _ = decoded(&sealed(&message));
    }
}
