//! Checks the signature of requests against a second implementation, which signs the request as it arrived, by the
//! documentation (IAM User Guide, "Create a signed AWS API request").

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use hyper::Request;
use hyper::body::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::{Function, Scripted, event, plain, stored};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Computes HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    assert!(key.len() <= 64);
    let padded = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

fn signature(secret: &str, scope: &str, string_to_sign: &str) -> String {
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part));
    hex(&hmac(&key, string_to_sign))
}

/// Returns the `Authorization` header that a request with these signed headers must have.
fn authorization(request: &Request<Bytes>, signed_headers: &str) -> String {
    let header = |name: &str| request.headers()[name].to_str().unwrap();
    let mut canonical = format!("{}\n{}\n\n", request.method(), request.uri().path());
    for name in signed_headers.split(';') {
        writeln!(canonical, "{name}:{}", header(name).trim()).unwrap();
    }
    write!(canonical, "\n{signed_headers}\n{}", hex(&Sha256::digest(request.body()))).unwrap();
    let time = header("x-amz-date");
    let scope = format!("{}/us-east-1/dynamodb/aws4_request", &time[..8]);
    let string_to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let signature = signature("secret", &scope, &string_to_sign);
    format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={signed_headers}, Signature={signature}")
}

/// The example of the documentation.
#[test]
fn reference_signature_matches_documented_example() {
    let string_to_sign = "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
                          f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    assert_eq!(
        signature(secret, "20150830/us-east-1/iam/aws4_request", string_to_sign),
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    );
}

#[tokio::test]
async fn request_signature_covers_body_host_and_session_token() {
    for (token, path) in [("token", "/"), ("", "/"), ("token/with+signs==", "/behind/a/proxy")] {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let dynamodb = Scripted::start_with_heads(move |request: &Request<Bytes>, _: &Value| {
            seen.lock().unwrap().push(request.clone());
            stored()
        })
        .await;
        let url = format!("http://{}{path}", dynamodb.address);
        let settings = [("AWS_SESSION_TOKEN", token), ("AWS_ENDPOINT_URL_DYNAMODB", &*url)];
        let mut function = Function::start("", &settings).await;
        assert_eq!(function.invoke(&event((1..=60).map(plain))).await.failures(), [""; 0]);
        let requests = requests.lock().unwrap();
        assert_eq!(requests.len(), 3);
        for request in requests.iter() {
            assert_eq!((request.uri().path(), request.headers()["host"].to_str().unwrap()), (path, &*dynamodb.address));
            let security_token = if token.is_empty() { "" } else { "x-amz-security-token;" };
            let signed_headers = format!("content-type;host;x-amz-date;{security_token}x-amz-target");
            assert_eq!(request.headers()["authorization"], authorization(request, &signed_headers));
            let sent = request.headers().get("x-amz-security-token").map(|token| token.to_str().unwrap());
            assert_eq!(sent.unwrap_or_default(), token);
        }
    }
}
