//! Quotas of an account that `doctor` compares with the settings and `size` with a load.

/// Invocations that Lambda keeps unreserved (docs/facts/lambda.md, Function limits).
pub(super) const UNRESERVED_CONCURRENCY: u16 = 100;
/// Concurrency of a new account (docs/facts/lambda.md, Function limits).
pub(super) const NEW_ACCOUNT_CONCURRENCY: u16 = 10;
/// The quota of concurrent executions, by its code in Service Quotas.
pub(super) const CONCURRENCY_CODE: &str = "L-B99A9384";
/// The same in a report.
pub(super) const CONCURRENCY_NAME: &str = "Lambda quota L-B99A9384";
/// Shards of a new stream on demand (docs/facts/kinesis.md, Capacity modes).
pub(super) const ON_DEMAND_FIRST_SHARDS: u16 = 4;
