//! Sends signed requests over pooled connections.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::clock_skew::Clock;
use super::endpoint::Endpoint;
use super::failure::WriteFailure;
use super::tls;

const CONTENT_TYPE_JSON: &str = "application/x-amz-json-1.0";
const TARGET_HEADER: &str = "x-amz-target";
/// A connection in the same region takes milliseconds. A slower one means that something is wrong with the address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The other end is likely to close connections that were idle for longer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum bytes of a response. It can quote the whole request: a batch of 1 MiB, or one item, whose 400 KiB are at
/// most 3.5 MiB of JSON (as empty texts). Eight responses at once must fit into a small function. A longer response is
/// a transient failure.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Errors do not quote the address, because it may contain a password.
const ADDRESS: &str = "DynamoDB's address, of AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL or the region,";

/// A client of one region's service, or of an endpoint that replaces it.
#[derive(Debug)]
pub(crate) struct Client {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    credentials: Credentials,
    region: String,
    address: Uri,
    /// The address as it is signed.
    address_text: String,
    clock: Clock,
    #[cfg(test)]
    in_flight: std::rc::Rc<()>,
}

impl Client {
    /// Creates a client. It connects at the first request.
    ///
    /// # Errors
    /// If the address is invalid, or if the CA bundle has no certificates.
    pub(crate) fn new(credentials: Credentials, region: String, endpoint: &Endpoint) -> Result<Self, String> {
        let address = checked_address(&endpoint.address(&region)).map_err(|problem| format!("{ADDRESS} {problem}"))?;
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::config(endpoint.ca_bundle.as_deref())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        let address_text = address.to_string();
        Ok(Client {
            http,
            credentials,
            region,
            address,
            address_text,
            clock: Clock::default(),
            #[cfg(test)]
            in_flight: std::rc::Rc::default(),
        })
    }

    /// Sends one `BatchWriteItem`, without retries. If dropped before completion, it closes its connection.
    ///
    /// # Errors
    /// The failure, classified by the possible reaction.
    pub(crate) async fn batch_write(&self, body: Bytes) -> Result<Bytes, WriteFailure> {
        #[cfg(test)]
        let _in_flight = std::rc::Rc::clone(&self.in_flight);
        let signed_at = self.clock.now();
        let request = self.signed("DynamoDB_20120810.BatchWriteItem", body, signed_at)?;
        let answer = self.http.request(request).await.map_err(|error| WriteFailure::connection(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| WriteFailure::connection(&*error))?.to_bytes();
        if head.status == 200 {
            return Ok(body);
        }
        let failure = WriteFailure::answered(head.status.as_u16(), &body);
        let date = head.headers.get(DATE).and_then(|date| date.to_str().ok());
        Err(if self.clock.correct(&failure.code, date, signed_at) { failure.transient() } else { failure })
    }

    /// Returns the number of requests that are sent and neither answered nor given up.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        std::rc::Rc::strong_count(&self.in_flight) - 1
    }

    fn signed(
        &self,
        target: &'static str,
        body: Bytes,
        time: SystemTime,
    ) -> Result<Request<Full<Bytes>>, WriteFailure> {
        let unsendable = |error: &dyn std::error::Error| WriteFailure::unsendable(error.to_string());
        let identity = self.credentials.clone().into();
        let parameters: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("dynamodb")
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsendable(&error))?
            .into();
        let headers = [(CONTENT_TYPE.as_str(), CONTENT_TYPE_JSON), (TARGET_HEADER, target)];
        let signable =
            SignableRequest::new("POST", &self.address_text, headers.into_iter(), SignableBody::Bytes(&body))
                .map_err(|error| unsendable(&error))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| unsendable(&error))?.into_parts();
        let mut request = Request::post(self.address.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_JSON))
            .header(TARGET_HEADER, HeaderValue::from_static(target))
            .body(Full::new(body))
            .map_err(|error| unsendable(&error))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// Checks the address once. Otherwise an invalid one would fail at every request, as a connection does that may work
/// the next time.
fn checked_address(text: &str) -> Result<Uri, &'static str> {
    let address: Uri = text.parse().map_err(|_| "is not an address")?;
    let Some(authority) = address.authority().filter(|_| matches!(address.scheme_str(), Some("http" | "https"))) else {
        return Err("is not an http or https address");
    };
    if authority.as_str().contains('@') {
        return Err("is one with a user or password");
    }
    if authority.as_str() != authority.host() && authority.port_u16().is_none() {
        return Err("has an invalid port");
    }
    Ok(address)
}
