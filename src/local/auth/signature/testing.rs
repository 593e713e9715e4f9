//! Signs the hand-written requests of tests.

use http::{HeaderValue, Request};

use super::{ALGORITHM, AMZ, FORM, Signature, canonical};
use crate::connection_info::AccessKey;
use jiff::Timestamp;

/// Region of the local clouds that receive such requests.
pub(crate) const REGION: &str = "eu-central-1";

/// Adds `x-amz-date` and `authorization` to a request with a host; its other `x-amz-` headers are signed too.
pub(crate) fn sign<T>(request: &mut Request<T>, access: &AccessKey, service: &str, body: &[u8]) {
    let time = Timestamp::now().strftime(FORM).to_string();
    let scope = format!("{}/{REGION}/{service}/aws4_request", &time[..8]);
    request.headers_mut().insert("x-amz-date", HeaderValue::from_str(&time).unwrap());
    let mut parts = Request::builder().method(request.method()).uri(request.uri()).body(()).unwrap().into_parts().0;
    parts.headers = request.headers().clone();
    let names = request.headers().keys().map(http::HeaderName::as_str).filter(|name| name.starts_with(AMZ));
    let mut signed: Vec<&str> = names.chain(["host"]).collect();
    signed.sort_unstable();
    let signed = signed.join(";");
    let authorization = |signature: &str| {
        format!("{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}", access.key_id)
    };
    parts.headers.insert("authorization", authorization("0").parse().unwrap());
    let signature = Signature::of(&parts.headers, &parts.uri).unwrap();
    let signature = signature.compute(&parts, &canonical::hex_sha256(body), &access.secret, &time).remove(0);
    request.headers_mut().insert("authorization", authorization(&signature).parse().unwrap());
}

/// Returns the signed header lines of a hand-written request, with its host and its target: see [`sign`].
///
/// A known service's target is signed for that service.
pub(crate) fn signed_lines(access: &AccessKey, service: &str, target: &str, line: &str, body: &[u8]) -> String {
    let (method, path) = line.split_once(' ').unwrap();
    let request = || Request::builder().header("host", "127.0.0.1").header("x-amz-target", target);
    let mut request = match request().method(method).uri(path).body(()) {
        Ok(request) => request,
        // The server does not read such a request to its end.
        Err(_) => request().uri("/").body(()).unwrap(),
    };
    let service = match target.split_once('_') {
        Some(("Kinesis", _)) => "kinesis",
        Some(("DynamoDB" | "DynamoDBStreams", _)) => "dynamodb",
        Some(("Logs", _)) => "logs",
        Some(("ResourceGroupsTaggingAPI", _)) => "tagging",
        _ if target.starts_with("GraniteServiceVersion") => "monitoring",
        _ => service,
    };
    sign(&mut request, access, service, body);
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    format!(
        "host: 127.0.0.1\r\nx-amz-target: {target}\r\nx-amz-date: {}\r\nauthorization: {}",
        header("x-amz-date"),
        header("authorization")
    )
}
