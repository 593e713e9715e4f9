//! Signed requests over pooled connections.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;

use super::endpoint;
use super::failure::Failure;

const CONTENT_TYPE_JSON: &str = "application/x-amz-json-1.0";
const TARGET_HEADER: &str = "x-amz-target";
/// A connection in the same region is there within milliseconds, or something is wrong with that address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A batch takes tens of milliseconds; a slower answer is asked for again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that were idle for longer are likely to be closed by the other end.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes requests to one region's service, or to what stands in for it.
#[derive(Debug)]
pub struct Client {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    credentials: Credentials,
    region: String,
    address: Uri,
}

impl Client {
    /// A client; connects at the first request.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(credentials: Credentials, region: String, endpoint_url: Option<&str>) -> Result<Self, String> {
        let address = endpoint_url.map_or_else(|| endpoint::of_region(&region), str::to_owned);
        let address: Uri = address.parse().map_err(|_| format!("`{address}` is no address"))?;
        if !matches!(address.scheme_str(), Some("http" | "https")) {
            return Err(format!("`{address}` is no http or https address"));
        }
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(ring::default_provider())
            .map_err(|error| format!("no TLS: {error}"))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Ok(Client { http, credentials, region, address })
    }

    /// One `BatchWriteItem`, once.
    ///
    /// # Errors
    /// What went wrong, sorted by what can be done about it.
    pub async fn batch_write(&self, body: Bytes) -> Result<Bytes, Failure> {
        let request = self.signed("DynamoDB_20120810.BatchWriteItem", body)?;
        let exchange = async {
            let answer = self.http.request(request).await.map_err(|error| Failure::connection(&error))?;
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.map_err(|error| Failure::connection(&error))?.to_bytes();
            if status == 200 { Ok(body) } else { Err(Failure::answered(status, &body)) }
        };
        tokio::time::timeout(ATTEMPT_TIMEOUT, exchange).await.unwrap_or_else(|late| Err(Failure::connection(&late)))
    }

    fn signed(&self, target: &'static str, body: Bytes) -> Result<Request<Full<Bytes>>, Failure> {
        let unsendable = |error: &dyn std::error::Error| Failure::unsendable(error.to_string());
        let identity = self.credentials.clone().into();
        let parameters: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("dynamodb")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsendable(&error))?
            .into();
        let headers = [(CONTENT_TYPE.as_str(), CONTENT_TYPE_JSON), (TARGET_HEADER, target)];
        let address = self.address.to_string();
        let signable = SignableRequest::new("POST", &address, headers.into_iter(), SignableBody::Bytes(&body))
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
