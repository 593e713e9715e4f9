//! What the function is told by its environment.

use std::env;
use std::str::FromStr;

use aws_credential_types::Credentials;

use crate::dynamodb::Endpoint;

/// Settings of the function. Credentials and region are those that Lambda gives its role.
#[derive(Debug)]
pub struct Settings {
    /// Table of readings.
    pub table: String,
    /// Table of rejected readings, if there is one.
    pub rejects_table: Option<String>,
    /// Days that a rejected reading is kept.
    pub rejects_days: u64,
    /// Whether the event source mapping understands an answer that names the first failure.
    pub partial_batch: bool,
    /// The function's name, for its metrics.
    pub function_name: String,
    /// Region of the tables.
    pub region: String,
    /// Where the region's service answers.
    pub endpoint: Endpoint,
    /// Credentials of the function's role.
    pub credentials: Credentials,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// Which variable is missing or makes no sense.
    pub fn from_env() -> Result<Self, String> {
        Ok(Settings {
            table: table("SENSORCTL_TABLE")?.unwrap_or_else(|| "SensorData".to_owned()),
            rejects_table: table("SENSORCTL_REJECTS_TABLE")?,
            rejects_days: number("SENSORCTL_REJECTS_DAYS", 30)?,
            partial_batch: variable("SENSORCTL_PARTIAL_BATCH").as_deref() == Some("1"),
            function_name: variable("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
            region: variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).ok_or("AWS_REGION is not set")?,
            endpoint: endpoint(),
            credentials: Credentials::new(
                variable("AWS_ACCESS_KEY_ID").ok_or("AWS_ACCESS_KEY_ID is not set")?,
                variable("AWS_SECRET_ACCESS_KEY").ok_or("AWS_SECRET_ACCESS_KEY is not set")?,
                variable("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
        })
    }
}

/// By the variables of every SDK.
fn endpoint() -> Endpoint {
    let configured = || variable("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| variable("AWS_ENDPOINT_URL"));
    Endpoint {
        url: if is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") { None } else { configured() },
        fips: is_true("AWS_USE_FIPS_ENDPOINT"),
        dual_stack: is_true("AWS_USE_DUALSTACK_ENDPOINT"),
        ca_bundle: variable("AWS_CA_BUNDLE").map(Into::into),
    }
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_true(name: &str) -> bool {
    variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn number<T: FromStr>(name: &str, otherwise: T) -> Result<T, String> {
    variable(name).map_or(Ok(otherwise), |text| text.parse().map_err(|_| format!("{name} is not a whole number")))
}

/// A table's name or ARN. The service would refuse another one just as it refuses an item, and so every reading.
fn table(name: &str) -> Result<Option<String>, String> {
    let Some(table) = variable(name) else { return Ok(None) };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if table.starts_with("arn:") || ((3..=255).contains(&table.len()) && table.bytes().all(allowed)) {
        return Ok(Some(table));
    }
    Err(format!("{name}: `{table}` is no table's name: 3 to 255 letters, digits, `_`, `.` and `-`"))
}
