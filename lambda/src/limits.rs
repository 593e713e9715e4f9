//! Limits of readings and names that they may not use.

/// Bytes of a partition key of type S, at most.
pub const MAX_SENSOR_ID_BYTES: usize = 2048;

/// Bytes of an item, names included, at most.
pub const MAX_ITEM_BYTES: usize = 400 * 1024;

/// Bytes of a reading's JSON, at least.
pub const LEAST_JSON_BYTES: usize = r#"{"sensor_id":"a","temperature":0,"current_time":0}"#.len();

/// Bytes of a reading's JSON, at most: an item whose every character is escaped, with room for blanks. Bounds the memory
/// that a record can take before it is known to be too large.
pub const MAX_JSON_BYTES: usize = 8 * MAX_ITEM_BYTES;

/// Bytes of an attribute's name, at most.
pub const MAX_NAME_BYTES: usize = 65_535;

/// Levels of an attribute, at most: itself, what is in its list or map, and so on to the innermost value (Developer Guide,
/// "Quotas": 32 levels deep; by the service's answers a value within 32 lists or maps is one too many).
pub const MAX_DEPTH: usize = 32;

/// Attributes that the table has of its own; no key of a reading may have such a name.
pub const TABLE_ATTRIBUTES: [&str; 5] = ["SensorId", "CurrentTime", "Temperature", "ShardID", "SequenceNumber"];

/// Keys that tell where a stored reading came from; dropped from what comes in.
pub const ORIGIN_KEYS: [&str; 2] = ["shard_id", "sequence_number"];
