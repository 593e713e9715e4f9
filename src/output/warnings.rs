//! Warnings as data: what happened, and the flag or command that helps.

use std::fmt;

use super::units;

/// Something a person should know though nothing failed.
#[derive(Debug)]
pub enum Warning {
    /// The function's log group stays when the rest goes.
    ForeignLogGroup {
        /// The log group that stays.
        name: String,
    },
    /// Other resources of a kind could not be listed.
    Unseen {
        /// The kind.
        kind: String,
        /// Why not.
        why: String,
    },
    /// Items of a table that are not shown.
    ForeignItems {
        /// The table.
        table: String,
        /// How many.
        count: u64,
    },
    /// Attributes of other writers that rows leave out.
    HiddenAttributes {
        /// The table.
        table: String,
        /// Rows that have one.
        rows: u64,
        /// The names of the attributes.
        names: Vec<&'static str>,
    },
    /// Records of a stream that are not readings.
    NotReadings {
        /// The stream.
        stream: String,
        /// How many, by the class of the reason.
        reasons: Vec<(&'static str, u64)>,
        /// The command that shows them, in backticks.
        command: String,
    },
    /// User records whose hash keys are outside of the shards that they are in.
    OutsideShard {
        /// How many.
        count: u64,
    },
    /// The AWS CLI on the PATH would call the real services.
    OutdatedAwsCli {
        /// Its version.
        version: String,
    },
    /// The event source mapping has a problem that no change of the pipeline mends.
    MappingProblem {
        /// Its last result.
        result: String,
    },
    /// Something that sensorctl does not manage loses readings.
    LosesReadings {
        /// The resource, and how it loses them.
        what: String,
    },
    /// A policy that is too long to be a managed one.
    LongPolicy {
        /// Its characters.
        characters: usize,
        /// The limit.
        limit: usize,
        /// The commands that print it in parts, in backticks.
        commands: Vec<String>,
    },
    /// Test readings that may stay in the table.
    CanariesRemain {
        /// The table.
        table: String,
        /// Their keys, and why they may stay.
        rows: Vec<String>,
        /// The key of the first, in the form that the aws CLI takes.
        key: String,
    },
}

/// The hint for a warning about an unmanaged resource.
pub(crate) const NOT_OURS: &str = "sensorctl does not manage it; its owner can change it";

/// The hint for a problem of the mapping.
const MAPPING_PROBLEM: &str =
    "`sensorctl invoke -v` runs the function once and shows its log; the mapping retries its batch by itself";

impl Warning {
    /// Returns the hint for it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Warning::ForeignLogGroup { name } => {
                format!("remove it with `aws logs delete-log-group --log-group-name {name}`")
            }
            Warning::Unseen { .. } => {
                "resources that the settings name are deleted all the same; only renamed ones may be left".to_owned()
            }
            Warning::ForeignItems { .. } | Warning::HiddenAttributes { .. } => {
                "`sensorctl scan --raw` shows every item as it is".to_owned()
            }
            Warning::NotReadings { command, .. } => format!("{command} shows them"),
            Warning::OutsideShard { .. } => {
                "the stream was resharded while they were on their way, or their producer does not aggregate by shards; the \
                 function stores them"
                    .to_owned()
            }
            Warning::OutdatedAwsCli { .. } => {
                "call it as `aws --endpoint-url \"$AWS_ENDPOINT_URL\"`, or use a version from 2.13 on".to_owned()
            }
            Warning::MappingProblem { .. } => MAPPING_PROBLEM.to_owned(),
            Warning::LosesReadings { .. } => NOT_OURS.to_owned(),
            Warning::LongPolicy { commands, .. } => {
                format!("attach it in parts, each a managed policy: {}", commands.join(", "))
            }
            Warning::CanariesRemain { table, key, .. } => {
                format!("delete each: `aws dynamodb delete-item --table-name {table} --key '{key}'`")
            }
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::ForeignLogGroup { name } => {
                write!(formatter, "log group {name} was not created by sensorctl and is kept")
            }
            Warning::Unseen { kind, why } => {
                write!(formatter, "orphans of kind {kind} were not looked for: {why}")
            }
            Warning::OutdatedAwsCli { version } => {
                write!(formatter, "the AWS CLI {version} does not read AWS_ENDPOINT_URL: its calls go to AWS itself")
            }
            Warning::CanariesRemain { table, rows, .. } => {
                write!(formatter, "test readings may remain in table {table}: {}", rows.join("; "))
            }
            Warning::LongPolicy { characters, limit, .. } => {
                let [characters, limit] = [characters, limit].map(|number| units::count(*number as u64));
                write!(
                    formatter,
                    "the policy has {characters} characters without white space, and a managed policy at most {limit}"
                )
            }
            Warning::LosesReadings { what } => formatter.write_str(what),
            Warning::MappingProblem { result } => write!(formatter, "the event source mapping reports {result}"),
            Warning::NotReadings { stream, reasons, .. } => {
                let count: u64 = reasons.iter().map(|(_, count)| count).sum();
                let what = if count == 1 { "record is not a reading" } else { "records are not readings" };
                let reasons: Vec<_> =
                    reasons.iter().map(|(code, count)| format!("{} {code}", units::count(*count))).collect();
                write!(formatter, "{} {what} in stream {stream}: {}", units::count(count), reasons.join(", "))
            }
            Warning::OutsideShard { count } => {
                let what = if *count == 1 { "user record has a hash key" } else { "user records have hash keys" };
                let count = units::count(*count);
                write!(formatter, "{count} {what} outside of the shard: a KCL application drops their aggregates")
            }
            Warning::HiddenAttributes { table, rows, names } => {
                let what = if *rows == 1 { "row of table" } else { "rows of table" };
                let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                let verb = if *rows == 1 { "has" } else { "have" };
                write!(
                    formatter,
                    "{} {what} {table} {verb} attributes of another writer that were left out, because readings have keys of \
                     these names: {}",
                    units::count(*rows),
                    names.join(", ")
                )
            }
            Warning::ForeignItems { table, count: 1 } => {
                write!(formatter, "1 item of table {table} is not a reading and was left out")
            }
            Warning::ForeignItems { table, count } => {
                write!(formatter, "{} items of table {table} are not readings and were left out", units::count(*count))
            }
        }
    }
}
