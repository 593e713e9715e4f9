//! Settings that differ from every default.

use super::{ApiClient, percent_encode};

/// Every setting that an update in place can change and that the local cloud uses or returns, except for those that a
/// test adds itself.
const CHANGED_SETTINGS: &str = r#"
[stream]
shards = 2
retention_hours = 48
encryption = "aws/kinesis"
[table]
billing = { read_units = 5, write_units = 6 }
class = "infrequent-access"
point_in_time_recovery = true
deletion_protection = true
ttl_attribute = "expires_at"
[rejects]
retention_days = 7
[role]
permissions_boundary = "arn:aws:iam::000000000000:policy/bounds"
[function]
memory_mb = 512
timeout_seconds = 90
reserved_concurrency = 5
log_format = "json"
[function.environment]
TOKEN = "s3cret"
[log_group]
retention_days = 30
[tags]
team = "blue"
[mapping]
batch_size = 500
window_seconds = 1
parallelization = 2
retry_attempts = 9
record_age_seconds = 3600
bisect = false
filters = ['{"data":{"temperature":[{"numeric":["<",1000]}]}}', '{"partitionKey":["a"]}']
metrics = true
"#;

/// Returns settings that differ from every default, with more lines in some sections. They need
/// [`create_permissions_boundary`].
pub fn changed_settings(additions: &[(&str, &str)]) -> String {
    let mut settings = CHANGED_SETTINGS.to_owned();
    for (section, lines) in additions {
        assert!(settings.contains(section), "{section}");
        settings = settings.replacen(section, &format!("{section}\n{lines}"), 1);
    }
    settings
}

/// Creates the policy `bounds`, which allows everything.
#[track_caller]
pub fn create_permissions_boundary(api: &ApiClient) {
    let all = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    api.iam(&format!("Action=CreatePolicy&PolicyName=bounds&PolicyDocument={}", percent_encode(all)));
}
