//! Region, profile, endpoint, credentials, retries, timeouts and the name we go by.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::sync::OnceCell;

use super::Clients;
use crate::error::Error;

/// Long enough for a 10 MiB `PutRecords` or a function's zip on a slow line; `Invoke` sets its own.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// An access key of a local cloud.
#[derive(Clone)]
pub struct Access {
    /// Access key id.
    pub key_id: String,
    /// Secret access key.
    pub secret: String,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Access").finish_non_exhaustive()
    }
}

/// Which cloud to talk to, and as whom.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// AWS profile; else the credential chain's own choice.
    pub profile: Option<String>,
    /// Region; else the chain's.
    pub region: Option<String>,
    /// Address that every call is sent to.
    pub endpoint_url: Option<String>,
    /// Fixed credentials instead of the chain (the local cloud's).
    pub access: Option<Access>,
}

/// Makes the clients for a target. No call is made; credentials are looked up on first use.
///
/// # Errors
/// When no region can be found.
pub async fn connect(target: &Target) -> Result<Clients, Error> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client(target.endpoint_url.as_deref()))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build());
    if let Ok(name) = AppName::new(concat!("sensorctl-", env!("CARGO_PKG_VERSION"))) {
        loader = loader.app_name(name);
    }
    if let Some(profile) = &target.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &target.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &target.endpoint_url {
        // A local server may pause under a debugger, and answers in microseconds otherwise.
        loader = loader
            .endpoint_url(url)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(50)));
    }
    if let Some(access) = &target.access {
        loader = loader.credentials_provider(Credentials::new(
            access.key_id.clone(),
            access.secret.clone(),
            None,
            None,
            "local cloud",
        ));
    }
    let config = loader.load().await;
    // An empty AWS_REGION is none, as the AWS CLI has it.
    let region = config.region().map(ToString::to_string).filter(|region| !region.is_empty()).ok_or_else(|| {
        Error::usage("no AWS region is set")
            .hint("add `--region eu-central-1` (or another), or set AWS_REGION or a region in the profile")
            .hint("no AWS account? add `--local` to use the local cloud on this machine")
    })?;
    let endpoint = target.endpoint_url.clone().or_else(|| config.endpoint_url().map(str::to_owned));
    Ok(Clients {
        kinesis: aws_sdk_kinesis::Client::new(&config),
        lambda: aws_sdk_lambda::Client::new(&config),
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        iam: aws_sdk_iam::Client::new(&config),
        sts: aws_sdk_sts::Client::new(&config),
        logs: aws_sdk_cloudwatchlogs::Client::new(&config),
        region,
        endpoint,
        profile: target.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok()),
        account: OnceCell::new(),
    })
}

/// Plain HTTP where the target is known to be plain, which saves reading the certificates of the machine.
fn http_client(endpoint: Option<&str>) -> SharedHttpClient {
    if endpoint.is_some_and(|url| url.starts_with("http://")) {
        Builder::new().build_http()
    } else {
        Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https()
    }
}
