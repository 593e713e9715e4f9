//! Signs the requests of tests that are made by hand.

use http::{HeaderValue, Request};

use super::{ALGORITHM, FORM, Signature, canonical};
use crate::aws::Access;
use jiff::Timestamp;

/// The `x-amz-date` and `authorization` of a request that has a host.
pub(in crate::local) fn sign<T>(request: &mut Request<T>, access: &Access, service: &str, body: &[u8]) {
    let time = Timestamp::now().strftime(FORM).to_string();
    let scope = format!("{}/us-east-1/{service}/aws4_request", &time[..8]);
    request.headers_mut().insert("x-amz-date", HeaderValue::from_str(&time).unwrap());
    let mut parts = Request::builder().method(request.method()).uri(request.uri()).body(()).unwrap().into_parts().0;
    parts.headers = request.headers().clone();
    let authorization = |signature: &str| {
        format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}",
            access.key_id
        )
    };
    parts.headers.insert("authorization", authorization("0").parse().unwrap());
    let signature = Signature::of(&parts.headers, &parts.uri).unwrap();
    let signature = signature.compute(&parts, &canonical::hex_sha256(body), &access.secret, &time).remove(0);
    request.headers_mut().insert("authorization", authorization(&signature).parse().unwrap());
}

/// The lines of the head of a request that is written by hand, with its host: see [`sign`].
pub(in crate::local) fn signed_lines(access: &Access, service: &str, line: &str, body: &[u8]) -> String {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = match Request::builder().method(method).uri(path).header("host", "127.0.0.1").body(()) {
        Ok(request) => request,
        // Nobody reads it that far.
        Err(_) => Request::builder().uri("/").header("host", "127.0.0.1").body(()).unwrap(),
    };
    sign(&mut request, access, service, body);
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    format!("host: 127.0.0.1\r\nx-amz-date: {}\r\nauthorization: {}", header("x-amz-date"), header("authorization"))
}
