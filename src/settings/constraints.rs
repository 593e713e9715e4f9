//! Ranges and names that the services accept, each with its source, so that an invalid value is refused before any
//! call.

/// A range of whole numbers that a service accepts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    least: i32,
    most: i32,
    /// One more valid value, outside of the range.
    also: Option<i32>,
    unit: &'static str,
}

impl Range {
    const fn new(least: i32, most: i32, unit: &'static str) -> Self {
        Range { least, most, also: None, unit }
    }

    const fn or(mut self, value: i32) -> Self {
        self.also = Some(value);
        self
    }

    /// Returns the value if the service accepts it.
    #[must_use]
    pub(super) fn accept(&self, value: i64) -> Option<i32> {
        let value = i32::try_from(value).ok()?;
        ((self.least..=self.most).contains(&value) || self.also == Some(value)).then_some(value)
    }

    /// Describes the range: `a whole number from 128 to 10240 (MB)`.
    #[must_use]
    pub(super) fn in_words(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" ({})", self.unit) };
        let also = self.also.map(|value| format!("{value}, or ")).unwrap_or_default();
        format!("{also}a whole number from {} to {}{unit}", self.least, self.most)
    }
}

/// Maximum of provisioned shards: `UpdateShardCount` goes up to 10,000 (its API reference).
pub(crate) const MAX_SHARDS: u16 = 10_000;
/// Maximum capacity units of a table: the default quota (docs/facts/dynamodb.md, Capacity).
pub(crate) const MAX_TABLE_UNITS: u16 = 40_000;

/// Provisioned shards.
pub(super) const SHARDS: Range = Range::new(1, MAX_SHARDS as i32, "shards");
/// Retention of a stream: 24 to 8760 hours (`IncreaseStreamRetentionPeriod`).
pub(super) const STREAM_RETENTION: Range = Range::new(24, 8760, "hours, 1 to 365 days");
/// Capacity units of a table: at least 1.
pub(super) const CAPACITY: Range = Range::new(1, MAX_TABLE_UNITS as i32, "units per second");
/// Days until a reject expires. This limit is sensorctl's own: ten years keep the expiry time far from any limit of the
/// service.
pub(super) const REJECTS_RETENTION: Range = Range::new(1, 3650, "days");
/// Memory of a function (Lambda quotas).
pub(super) const MEMORY: Range = Range::new(128, 10_240, "MB");
/// Time limit of a function (Lambda quotas).
pub(super) const TIMEOUT: Range = Range::new(1, 900, "seconds");
/// Reserved concurrency of a function; 0 stops it. The service checks the account's own limit, 1000 unless raised.
pub(super) const CONCURRENCY: Range = Range::new(0, 100_000, "concurrent invocations");
/// Batch size of a Kinesis event source (`CreateEventSourceMapping`).
pub(super) const BATCH: Range = Range::new(1, 10_000, "records");
/// Batching window (`CreateEventSourceMapping`).
pub(super) const WINDOW: Range = Range::new(0, 300, "seconds");
/// Parallelization factor (`CreateEventSourceMapping`).
pub(super) const PARALLELIZATION: Range = Range::new(1, 10, "batches of a shard at a time");
/// Retries. -1 retries until the record expires (`CreateEventSourceMapping`).
pub(super) const RETRIES: Range = Range::new(-1, 10_000, "retries; -1: without limit");
/// Record age. The API model allows 0 to 59, too, but the service refuses them (terraform-provider-aws).
pub(super) const RECORD_AGE: Range = Range::new(60, 604_800, "seconds; -1: without limit").or(-1);

/// Pause of `tail`. A shard gives five reads a second to all readers together (Kinesis quotas); an emulator may give
/// more.
pub(super) const TAIL_PAUSE: Range = Range::new(0, 60_000, "milliseconds");

/// Maximum filters of an event source mapping: five, ten on request (Lambda developer guide).
pub(super) const MOST_FILTERS: usize = 10;

/// Days that `PutRetentionPolicy` accepts (CloudWatch Logs API reference).
pub(super) const LOG_RETENTION: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// The rule for a resource's name.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameRule {
    shortest: usize,
    longest: usize,
    /// Allowed characters besides ASCII letters and digits.
    others: &'static str,
}

/// Stream (Kinesis API reference).
pub(super) const STREAM_NAME: NameRule = NameRule { shortest: 1, longest: 128, others: "_.-" };
/// Table (`DynamoDB` naming rules).
pub(super) const TABLE_NAME: NameRule = NameRule { shortest: 3, longest: 255, others: "_.-" };
/// Attribute that expires a row (`DynamoDB` naming rules). The characters are sensorctl's own choice, so that
/// expressions need no placeholders.
pub(super) const ATTRIBUTE_NAME: NameRule = NameRule { shortest: 1, longest: 255, others: "_.-" };
/// Role (IAM API reference).
pub(super) const ROLE_NAME: NameRule = NameRule { shortest: 1, longest: 64, others: "_+=,.@-" };
/// Function (Lambda API reference).
pub(super) const FUNCTION_NAME: NameRule = NameRule { shortest: 1, longest: 64, others: "_-" };
/// Stage. It goes into every name above, so this rule allows only characters that all of them allow.
pub(super) const STAGE_NAME: NameRule = NameRule { shortest: 1, longest: 32, others: "_-" };

impl NameRule {
    /// Checks a name.
    ///
    /// # Errors
    /// The rule in words.
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        let fits = |character: char| character.is_ascii_alphanumeric() || self.others.contains(character);
        if (self.shortest..=self.longest).contains(&name.len()) && name.chars().all(fits) {
            return Ok(());
        }
        let others = self.others.chars().map(|character| format!("`{character}`")).collect::<Vec<_>>().join(" ");
        Err(format!("{} to {} letters, digits and {others}", self.shortest, self.longest))
    }
}

/// Returns whether the account part of an ARN is valid: twelve digits.
pub(super) fn is_account(part: &str) -> bool {
    part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_accepts_its_limits_and_refuses_beyond() {
        assert_eq!([127, 128, 10_240, 10_241].map(|value| MEMORY.accept(value).is_some()), [false, true, true, false]);
        assert_eq!([-2, -1, 0, 59, 60].map(|age| RECORD_AGE.accept(age).is_some()), [false, true, false, false, true]);
        assert_eq!(MEMORY.in_words(), "a whole number from 128 to 10240 (MB)");
        assert_eq!(MEMORY.accept(i64::MAX), None);
    }

    #[test]
    fn name_rules_match_the_services() {
        assert!(FUNCTION_NAME.check("Process-Kinesis_1").is_ok());
        assert!(FUNCTION_NAME.check("a.b").is_err() && STREAM_NAME.check("a.b").is_ok());
        assert!(TABLE_NAME.check("ab").is_err() && FUNCTION_NAME.check(&"x".repeat(65)).is_err());
    }
}
