//! The function's settings, from its environment.

use std::env;
use std::str::FromStr;

use aws_credential_types::Credentials;

use crate::dynamodb::Endpoint;

const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// The settings of the function. Credentials and region are those that Lambda sets for its role.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Table of readings.
    pub table: String,
    /// Dead-letter table, if there is one.
    pub rejects_table: Option<String>,
    /// Days until a reject expires.
    pub rejects_days: u64,
    /// True if the event source mapping uses partial batch responses.
    pub partial_batch: bool,
    /// The function's name, for its metrics.
    pub function_name: String,
    /// Region of the tables.
    pub region: String,
    /// The endpoint of the region's service.
    pub endpoint: Endpoint,
    /// Credentials of the function's role.
    pub credentials: Credentials,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// If a variable is missing or invalid.
    pub(crate) fn from_env() -> Result<Self, String> {
        Settings::read(&Variables(&|name| env::var(name).ok()))
    }

    /// Reads variables of any source.
    ///
    /// # Errors
    /// As `from_env`.
    pub(crate) fn read(variables: &Variables<'_>) -> Result<Self, String> {
        let get = |name| variables.get(name);
        let needed = |name| get(name).ok_or_else(|| format!("{name} is not set"));
        let region = get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION")).ok_or("AWS_REGION is not set")?;
        let table = |name| get(name).map(|table| checked_table(name, table, &region)).transpose();
        Ok(Settings {
            table: table("SENSORCTL_TABLE")?.unwrap_or_else(|| "SensorData".to_owned()),
            rejects_table: table("SENSORCTL_REJECTS_TABLE")?,
            rejects_days: variables.number("SENSORCTL_REJECTS_DAYS", 30)?,
            partial_batch: get("SENSORCTL_PARTIAL_BATCH").as_deref() == Some("1"),
            function_name: get(FUNCTION_NAME).unwrap_or_default(),
            endpoint: endpoint(variables),
            credentials: Credentials::new(
                needed("AWS_ACCESS_KEY_ID")?,
                needed("AWS_SECRET_ACCESS_KEY")?,
                get("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
            region,
        })
    }
}

/// Returns the function's name, for its metrics.
pub(crate) fn function_name() -> String {
    env::var(FUNCTION_NAME).unwrap_or_default()
}

/// Reads the endpoint variables that every SDK supports.
fn endpoint(variables: &Variables<'_>) -> Endpoint {
    let get = |name| variables.get(name);
    let is_true = |name| get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let configured = || get("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| get("AWS_ENDPOINT_URL"));
    Endpoint {
        url: if is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") { None } else { configured() },
        fips: is_true("AWS_USE_FIPS_ENDPOINT"),
        dual_stack: is_true("AWS_USE_DUALSTACK_ENDPOINT"),
        ca_bundle: get("AWS_CA_BUNDLE").map(Into::into),
    }
}

/// A source of variables.
pub(crate) struct Variables<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    /// Returns a variable that is set and not empty.
    fn get(&self, name: &str) -> Option<String> {
        self.0(name).filter(|value| !value.is_empty())
    }

    fn number<T: FromStr>(&self, name: &str, otherwise: T) -> Result<T, String> {
        self.get(name).map_or(Ok(otherwise), |text| text.parse().map_err(|_| format!("{name} is not a whole number")))
    }
}

/// Checks a table's name or ARN. The service would refuse an invalid one just as it refuses an item, and so every
/// reading would be rejected.
fn checked_table(variable: &str, table: String, region: &str) -> Result<String, String> {
    let Some(rest) = table.strip_prefix("arn:") else {
        return if is_table_name(&table) {
            Ok(table)
        } else {
            Err(format!("{variable}: `{table}` is not a table name: 3 to 255 letters, digits, `_`, `.` and `-`"))
        };
    };
    // arn:aws:dynamodb:eu-central-1:123456789012:table/SensorData
    let parts: Vec<_> = rest.split(':').collect();
    let [partition, "dynamodb", of_region, account, resource] = parts.as_slice() else {
        return Err(format!("{variable}: `{table}` is no ARN of a DynamoDB table"));
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if !partition.starts_with("aws") || !is_account || !resource.strip_prefix("table/").is_some_and(is_table_name) {
        return Err(format!("{variable}: `{table}` is no ARN of a DynamoDB table"));
    }
    if *of_region != region {
        return Err(format!("{variable}: `{table}` is not in {region}, where the function is"));
    }
    Ok(table)
}

fn is_table_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (3..=255).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::{Settings, Variables};

    fn read(settings: &[(&str, &str)]) -> Result<Settings, String> {
        let given = [("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s")];
        Settings::read(&Variables(&|name| {
            // The last one wins.
            given.iter().chain(settings).rfind(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        }))
    }

    fn address(settings: &[(&str, &str)]) -> String {
        let settings = read(settings).unwrap();
        settings.endpoint.address(&settings.region)
    }

    #[test]
    fn endpoint_follows_sdk_variables() {
        let (of_service, of_all) = (("AWS_ENDPOINT_URL_DYNAMODB", "http://one"), ("AWS_ENDPOINT_URL", "http://all"));
        assert_eq!(address(&[]), "https://dynamodb.eu-central-1.amazonaws.com");
        assert_eq!(address(&[of_all]), "http://all");
        assert_eq!(address(&[of_all, of_service]), "http://one");
        assert_eq!(address(&[of_all, ("AWS_ENDPOINT_URL_DYNAMODB", "")]), "http://all");
        let own = "https://dynamodb.eu-central-1.amazonaws.com";
        for (value, expected) in [("true", own), ("TRUE", own), ("false", "http://one"), ("1", "http://one")] {
            assert_eq!(address(&[of_service, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", value)]), expected, "{value}");
        }
        let (fips, dual_stack) = (("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "true"));
        assert_eq!(address(&[fips]), "https://dynamodb-fips.eu-central-1.amazonaws.com");
        assert_eq!(address(&[dual_stack]), "https://dynamodb.eu-central-1.api.aws");
        assert_eq!(address(&[fips, dual_stack]), "https://dynamodb-fips.eu-central-1.api.aws");
        assert_eq!(address(&[("AWS_USE_FIPS_ENDPOINT", "no")]), own);
    }

    #[test]
    fn table_accepts_name_or_arn_of_own_region() {
        for table in [
            "abc",
            "Sensor_Data.1-x",
            "arn:aws:dynamodb:eu-central-1:123456789012:table/SensorData",
            "arn:aws-cn:dynamodb:eu-central-1:123456789012:table/abc",
        ] {
            assert_eq!(read(&[("SENSORCTL_TABLE", table)]).unwrap().table, table);
        }
        for table in [
            "ab",
            "a b c",
            "täbelle",
            "arn:",
            "arn:aws",
            "arn:aws:dynamodb:eu-central-1:123456789012:SensorData",
            "arn:aws:dynamodb:eu-central-1:123456789012:table/ab",
            "arn:aws:dynamodb:eu-central-1:123456789012:table/SensorData/index/i",
            "arn:aws:dynamodb:eu-central-1:12345678901:table/SensorData",
            "arn:aws:dynamodb:us-east-1:123456789012:table/SensorData",
            "arn:aws:kinesis:eu-central-1:123456789012:table/SensorData",
            "arn:aws:dynamodb:eu-central-1:123456789012:table/SensorData:x",
        ] {
            for variable in ["SENSORCTL_TABLE", "SENSORCTL_REJECTS_TABLE"] {
                let error = read(&[(variable, table)]).unwrap_err();
                assert!(error.starts_with(&format!("{variable}: `{table}` is n")), "{error}");
            }
        }
    }

    #[test]
    fn read_defaults_to_walkthrough_table_without_rejects() {
        let settings = read(&[("SENSORCTL_REJECTS_TABLE", "")]).unwrap();
        assert_eq!((settings.table.as_str(), settings.rejects_table.as_deref()), ("SensorData", None));
        assert_eq!((settings.rejects_days, settings.partial_batch), (30, false));
        for needed in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            assert_eq!(read(&[(needed, "")]).unwrap_err(), format!("{needed} is not set"));
        }
    }
}
