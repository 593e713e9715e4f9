//! Limits of readings and names that they may not use.

/// Maximum bytes of a partition key of type S.
pub const MAX_SENSOR_ID_BYTES: usize = 2048;

/// Maximum bytes of an item, names included.
pub const MAX_ITEM_BYTES: usize = 400 * 1024;

/// Minimum bytes of a reading's JSON.
pub const LEAST_JSON_BYTES: usize = r#"{"sensor_id":"a","temperature":0,"current_time":0}"#.len();

/// Maximum bytes of a reading's JSON: an item with every character escaped, with room for blanks. Bounds the memory
/// that a record can take before it is known to be too large.
pub const MAX_JSON_BYTES: usize = 8 * MAX_ITEM_BYTES;

/// Maximum bytes of an attribute's name.
pub const MAX_NAME_BYTES: usize = 65_535;

/// Maximum levels of an attribute: itself, the elements of its list or map, and so on to the innermost value (Developer
/// Guide, "Quotas": 32 levels deep; by the service's responses a value within 32 lists or maps is one too many).
pub const MAX_DEPTH: usize = 32;

/// The table's own attributes. No key of a reading may have such a name.
pub const TABLE_ATTRIBUTES: [&str; 5] = ["SensorId", "CurrentTime", "Temperature", "ShardID", "SequenceNumber"];

/// Keys for the origin of a stored reading. They are dropped from input.
pub const ORIGIN_KEYS: [&str; 2] = ["shard_id", "sequence_number"];
/// Keys of the JSON form of a stored reading. No further field has such a name.
pub const READING_KEYS: [&str; 5] = ["sensor_id", "temperature", "current_time", "shard_id", "sequence_number"];
/// Environment variables that Lambda reserves (docs/facts/lambda.md, Function limits): it sets them, and refuses them in a
/// function's settings.
pub const RESERVED_VARIABLES: [&str; 22] = [
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_METADATA_API",
    "AWS_LAMBDA_METADATA_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
];
