//! Region, profile, endpoint, credentials, retries, timeouts and user agent.

use std::path::Path;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::sync::OnceCell;

use super::call_log::CallLog;
use super::{Clients, MAPPING_IN_FORCE};
use crate::error::Error;
use crate::loopback::is_loopback;

/// Long enough for a 10 MiB `PutRecords` on a slow line. `Invoke` and the uploads of a function's zip set their own
/// timeouts.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// How the error of a missing region begins.
pub(crate) const NO_REGION: &str = "no AWS region is set";

/// An access key of a local cloud.
#[derive(Clone)]
pub(crate) struct Access {
    /// Access key id.
    pub key_id: String,
    /// Secret access key.
    pub secret: String,
    /// Session token of a role's key.
    pub token: Option<String>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Access").finish_non_exhaustive()
    }
}

/// The cloud and the credentials to use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    /// AWS profile. If unset, the credential chain chooses.
    pub profile: Option<String>,
    /// True if the profile overrides keys in the environment, as a profile on the command line does.
    pub profile_wins: bool,
    /// Region. If unset, the credential chain chooses.
    pub region: Option<String>,
    /// Endpoint of every call.
    pub endpoint_url: Option<String>,
    /// Fixed credentials instead of the chain (for the local cloud).
    pub access: Option<Access>,
    /// Time for which a changed event source mapping may use its old settings. If unset, it follows from the endpoint.
    pub mapping_in_force: Option<Duration>,
}

/// Creates the clients for a target. Makes no call: credentials are resolved on first use.
///
/// # Errors
/// If no region can be found.
pub(crate) async fn connect(target: &Target) -> Result<Clients, Error> {
    let plain = target.endpoint_url.as_deref().is_some_and(|url| url.starts_with("http://"));
    // Credentials may come from a remote service (SSO, a role to assume) even if the calls stay on this machine.
    let provider_client = if target.access.is_some() { plain_client() } else { tls_client()? };
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(provider_client.clone())
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
        // A local server may pause under a debugger. Otherwise it responds in microseconds.
        loader = loader
            .endpoint_url(url)
            // Variants of AWS's own endpoints. Together with an explicit endpoint they are an error.
            .use_fips(false)
            .use_dual_stack(false)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(50)));
    }
    if let Some(access) = &target.access {
        loader = loader.credentials_provider(Credentials::new(
            access.key_id.clone(),
            access.secret.clone(),
            access.token.clone(),
            None,
            "local cloud",
        ));
    }
    let mut config = loader.load().await;
    if let Some(profile) = target.profile.as_ref().filter(|_| target.profile_wins) {
        // The chain alone reads the environment first. A role of the profile is assumed in the resolved region.
        let provider_config =
            ProviderConfig::without_region().with_http_client(provider_client).with_region(config.region().cloned());
        let provider = ProfileFileCredentialsProvider::builder().configure(&provider_config).profile_name(profile);
        let provider = SharedCredentialsProvider::new(provider.build());
        config = config.into_builder().credentials_provider(provider).build();
    }
    if plain {
        config = config.into_builder().http_client(plain_client()).build();
    }
    // An empty AWS_REGION counts as unset, as in the AWS CLI.
    let region = config.region().map(ToString::to_string).filter(|region| !region.is_empty()).ok_or_else(|| {
        let profile = target.profile.iter().map(|name| format!("; the profile `{name}` has none, or does not exist"));
        Error::usage(format!("{NO_REGION}{}", profile.collect::<String>()))
            .hint("add `--region eu-central-1` (or another), or set AWS_REGION or a region in the profile")
            .hint("no AWS account? add `--local` to use the local cloud on this machine")
    })?;
    let endpoint = target.endpoint_url.clone().or_else(|| config.endpoint_url().map(str::to_owned));
    if target.access.is_none() && !target.profile_wins {
        check_in_clear(endpoint.as_deref())?;
    }
    // An emulator on this machine has no fleet of pollers that needs time.
    let is_nearby = endpoint.as_deref().is_some_and(is_loopback);
    let mapping_in_force = target.mapping_in_force.unwrap_or(if is_nearby { Duration::ZERO } else { MAPPING_IN_FORCE });
    Ok(Clients {
        mapping_in_force,
        kinesis: aws_sdk_kinesis::Client::from_conf(
            aws_sdk_kinesis::config::Builder::from(&config).interceptor(CallLog).build(),
        ),
        lambda: aws_sdk_lambda::Client::from_conf(
            aws_sdk_lambda::config::Builder::from(&config).interceptor(CallLog).build(),
        ),
        dynamodb: aws_sdk_dynamodb::Client::from_conf(
            aws_sdk_dynamodb::config::Builder::from(&config).interceptor(CallLog).build(),
        ),
        iam: aws_sdk_iam::Client::from_conf(aws_sdk_iam::config::Builder::from(&config).interceptor(CallLog).build()),
        sts: aws_sdk_sts::Client::from_conf(aws_sdk_sts::config::Builder::from(&config).interceptor(CallLog).build()),
        logs: aws_sdk_cloudwatchlogs::Client::from_conf(
            aws_sdk_cloudwatchlogs::config::Builder::from(&config).interceptor(CallLog).build(),
        ),
        cloudwatch: aws_sdk_cloudwatch::Client::from_conf(
            aws_sdk_cloudwatch::config::Builder::from(&config).interceptor(CallLog).build(),
        ),
        tagging: aws_sdk_resourcegroupstagging::Client::from_conf(
            aws_sdk_resourcegroupstagging::config::Builder::from(&config).interceptor(CallLog).build(),
        ),
        region,
        endpoint,
        is_local_cloud: target.access.is_some(),
        profile: target.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok()),
        account: OnceCell::new(),
    })
}

/// Endpoint variables of the services in use. They take precedence over the endpoint for all services.
const OF_ONE_SERVICE: [&str; 8] = [
    "AWS_ENDPOINT_URL_KINESIS",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_CLOUDWATCH",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API",
];

/// Checks that the credentials of the default chain leave this machine encrypted: without TLS, anyone on the network
/// path can read the session token and all data. Explicit credentials are allowed, because they may be an emulator's.
///
/// # Errors
/// If an endpoint on another machine begins with `http://`.
fn check_in_clear(endpoint: Option<&str>) -> Result<(), Error> {
    let is_set = |name: &str| std::env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    let of_one = |name: &&str| std::env::var(name).ok();
    let of_one = OF_ONE_SERVICE.iter().filter(|_| !is_set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")).filter_map(of_one);
    let is_clear =
        |url: &String| url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://")) && !is_loopback(url);
    match endpoint.map(str::to_owned).into_iter().chain(of_one).find(is_clear) {
        None => Ok(()),
        Some(url) => Err(Error::usage(format!(
            "{url} is on another machine and not encrypted: others could read your credentials and readings"
        ))
        .hint("use an https:// address, or a tunnel to http://127.0.0.1:PORT")
        .hint("for an emulator elsewhere, name its own credentials with `--profile NAME`")),
    }
}

/// Returns an HTTP client without TLS, which avoids reading the machine's certificates.
fn plain_client() -> SharedHttpClient {
    Builder::new().build_http()
}

/// Returns an HTTP client with the machine's certificates, or those of `AWS_CA_BUNDLE`. It uses the proxy of
/// `HTTPS_PROXY` if set, unless `NO_PROXY` excludes the host.
fn tls_client() -> Result<SharedHttpClient, Error> {
    let trusted = match std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        None => TrustStore::default(),
        Some(path) => TrustStore::empty().with_pem_certificate(certificates(Path::new(&path))?),
    };
    let context = TlsContext::builder()
        .with_trust_store(trusted)
        .build()
        .map_err(|error| Error::failed("TLS could not be set up").with_source(error))?;
    let connector = move |settings: Option<&HttpConnectorSettings>, components: Option<&RuntimeComponents>| {
        let mut builder = Connector::builder().proxy_config(ProxyConfig::from_env());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        let builder = builder.tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring));
        builder.tls_context(context.clone()).build()
    };
    Ok(Builder::new().build_with_connector_fn(connector))
}

/// Reads the certificates of a bundle. They are checked here, because the SDK panics on a bundle that it cannot use.
fn certificates(bundle: &Path) -> Result<Vec<u8>, Error> {
    let unusable = || {
        Error::usage(format!("AWS_CA_BUNDLE names {}, which cannot be used", bundle.display()))
            .hint("name a file of PEM certificates, or unset AWS_CA_BUNDLE")
    };
    let pem = std::fs::read(bundle).map_err(|error| unusable().with_source(error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unusable().with_source(error))?;
        roots.add(certificate).map_err(|error| unusable().with_source(error))?;
    }
    if roots.is_empty() { Err(unusable().hint("it holds no certificate")) } else { Ok(pem) }
}
