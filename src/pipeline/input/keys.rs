//! The keys of a reading, as mappings and files name them.

pub(crate) const SENSOR: &str = "sensor_id";

pub(crate) const TEMPERATURE: &str = "temperature";

pub(crate) const TIME: &str = "current_time";

/// Key that `--map` gives to what a file says of the offset of its times from UTC; no field of the reading.
pub(crate) const UTC_OFFSET: &str = "utc_offset";

/// Where a stored reading was in the stream; what comes in has no say in it.
pub(crate) const ORIGIN: [&str; 2] = ["shard_id", "sequence_number"];

/// Key of a further field that names the unit of the temperature.
pub(crate) const TEMPERATURE_UNIT: &str = "temperature_unit";

/// Names of fields that hold the unit of the temperature.
pub(super) const UNIT_FIELDS: [&str; 3] = [TEMPERATURE_UNIT, "unit", "units"];
