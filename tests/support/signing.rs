//! Signature Version 4 of hand-written calls, as documented.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// Characters that are not escaped in a path, which is escaped a second time.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Returns the headers that sign a call (`GET /path?a=b`) with a key and its secret. Headers of its head that begin
/// with `x-amz-` are signed as well. Its target names its service.
pub fn headers(
    (key, secret): (&str, &str),
    (service, region): (&str, &str),
    line: &str,
    host: &str,
    head: &str,
    body: &str,
) -> String {
    let amz = head.lines().filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value));
    let amz: Vec<(String, &str)> = amz.filter(|(name, _)| name.starts_with("x-amz-")).collect();
    let target = amz.iter().find(|(name, _)| name == "x-amz-target").and_then(|(_, target)| target.split_once('_'));
    let service = target.map_or_else(|| service.to_owned(), |(service, _)| service.to_lowercase());
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let scope = format!("{}/{region}/{service}/aws4_request", &time[..8]);
    let (method, address) = line.split_once(' ').unwrap();
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let path = utf8_percent_encode(path, PATH);
    let mut query: Vec<&str> = query.split('&').collect();
    query.sort_unstable();
    let query = query.join("&");
    let body = hex(&Sha256::digest(body));
    let mut signed = vec![("host".to_owned(), host), ("x-amz-date".to_owned(), &time)];
    signed.extend(amz);
    signed.sort_unstable();
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let signed = signed.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(";");
    let request = format!("{method}\n{path}\n{query}\n{lines}\n{signed}\n{body}");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(request)));
    let signing_key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part));
    format!(
        "X-Amz-Date: {time}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={key}/{scope}, \
         SignedHeaders={signed}, Signature={}",
        hex(&hmac(&signing_key, &text))
    )
}

/// Computes the HMAC with a key that is no longer than a block.
fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
