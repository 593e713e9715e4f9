//! Decodes any bytes as a record, and any bytes as the message of a record with a correct checksum.
//!
//! Records that decode must encode to an equal aggregate of the predicted size. No shorter prefix may decode.

use md5::{Digest, Md5};
use sensor_model::aggregation::{Aggregate, MAGIC, decode, encode};

pub fn check(message: &[u8]) {
    let _ = decode(message);
    let sealed = [&MAGIC[..], message, &Md5::digest(message)].concat();
    let Some(records) = decode(&sealed) else { return };
    let records: Vec<_> = records.collect();
    assert!(!records.is_empty());
    let mut aggregate = Aggregate::new();
    for record in &records {
        let foretold = aggregate.encoded_bytes_with(record);
        aggregate.push(record);
        assert_eq!(aggregate.encoded_bytes(), foretold);
    }
    let foretold = aggregate.encoded_bytes();
    let again = aggregate.finish();
    assert_eq!(again.len(), foretold);
    assert_eq!(again, encode(records.iter().copied()));
    assert_eq!(decode(&again).map(Iterator::collect), Some(records));
    assert!(decode(&again[..again.len() - 1]).is_none());
}
