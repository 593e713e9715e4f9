//! The canonical form of a request for signing. Pure.

use std::fmt::Write;

use http::Uri;
use http::header::HOST;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// Characters to escape in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Characters to escape in a path, which is escaped a second time.
const PATH: &AsciiSet = &QUERY.remove(b'/');
const SIGNATURE: &str = "X-Amz-Signature";
/// The host header as clients of HTTP/2 sign it, such as the SDK for JavaScript.
pub(crate) const AUTHORITY: &str = ":authority";

/// Returns the canonical forms that clients sign: they differ for unusual paths and queries.
pub(crate) fn forms(parts: &Parts, signed_headers: &[String], payload: &str) -> Vec<String> {
    let path = parts.uri.path();
    let mut paths = vec![escaped(&normal(path)), escaped(path)];
    paths.dedup();
    let query = parts.uri.query().unwrap_or_default();
    let mut queries = vec![escaped_query(query), plain_query(query)];
    queries.dedup();
    let mut headers = String::new();
    for name in signed_headers {
        // Writing to a string does not fail.
        writeln!(headers, "{name}:{}", value(parts, name)).unwrap_or_default();
    }
    let signed = signed_headers.join(";");
    let form =
        |path: &String, query: &String| format!("{}\n{path}\n{query}\n{headers}\n{signed}\n{payload}", parts.method);
    paths.iter().flat_map(|path| queries.iter().map(|query| form(path, query)).collect::<Vec<_>>()).collect()
}

/// Returns a decoded parameter of a URL.
pub(crate) fn query_parameter(uri: &Uri, name: &str) -> Option<String> {
    query_parameters(uri).find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Returns the parameters of a URL, decoded as they are signed: a `+` stays a plus sign.
pub(crate) fn query_parameters(uri: &Uri) -> impl Iterator<Item = (String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let all = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    all.map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// Returns a path without empty and dotted segments.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let end = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("/{}{end}", parts.join("/"))
}

fn escaped(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

/// Returns the sorted parameters with normalized escapes.
fn escaped_query(query: &str) -> String {
    let pair = |(name, value): (&str, &str)| {
        let again = |text: &str| percent_encode(&percent_decode_str(text).collect::<Vec<u8>>(), QUERY).to_string();
        (again(name), again(value))
    };
    let mut pairs: Vec<(String, String)> = pairs(query).map(pair).collect();
    pairs.sort();
    joined(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Returns the sorted parameters as they were sent.
fn plain_query(query: &str) -> String {
    let mut pairs: Vec<_> = pairs(query).collect();
    pairs.sort_unstable();
    joined(pairs.into_iter())
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).filter(|(name, _)| *name != SIGNATURE)
}

fn joined<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Returns all values of a header, without needless white space.
fn value(parts: &Parts, name: &str) -> String {
    let is_host = name == AUTHORITY || name == HOST.as_str();
    // HTTP/2 names the host in the request line.
    if let Some(authority) = parts.uri.authority().filter(|_| is_host && !parts.headers.contains_key(HOST)) {
        return authority.to_string();
    }
    let name = if is_host { HOST.as_str() } else { name };
    let values =
        parts.headers.get_all(name).iter().map(|value| {
            String::from_utf8_lossy(value.as_bytes()).split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        });
    values.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_request_normalizes_paths_and_queries() {
        assert_eq!((normal("/").as_str(), normal("/a//b/./c/../d/").as_str()), ("/", "/a/b/d/"));
        assert_eq!(escaped("/tags/arn%3Aaws"), "/tags/arn%253Aaws");
        assert_eq!(escaped_query("b=2&a=x+y&a=%7e&X-Amz-Signature=0&c"), "a=x%2By&a=~&b=2&c=");
        assert_eq!(plain_query("b=2&a=x+y"), "a=x+y&b=2");
    }
}
