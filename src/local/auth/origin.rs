//! Checks the origin of a request: only programs on this machine may call a listener of the local cloud.
//!
//! A web page in the user's browser is on this machine too, so its requests are recognized by the browser's headers and
//! by the host name they use.

use std::net::SocketAddr;

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Uri};

/// The reason for rejecting a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForbiddenOrigin {
    /// A web page sent it.
    Page,
    /// Its host name may have been pointed at this machine by an attacker.
    Name,
}

impl ForbiddenOrigin {
    /// Returns the error message.
    pub(crate) fn message(self) -> &'static str {
        match self {
            ForbiddenOrigin::Page => "the local cloud does not answer web pages",
            ForbiddenOrigin::Name => "the local cloud answers to 127.0.0.1 and localhost only",
        }
    }
}

/// Rejects web pages, and requests to host names other than those of this machine.
pub(crate) fn check(headers: &HeaderMap, uri: &Uri) -> Result<(), ForbiddenOrigin> {
    refuse_pages(headers)?;
    let host = host(headers, uri);
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if matches!(name, "127.0.0.1" | "localhost" | "[::1]") { Ok(()) } else { Err(ForbiddenOrigin::Name) }
}

/// Rejects web pages, and requests to anything but the exact address of a listener.
pub(crate) fn check_address(headers: &HeaderMap, uri: &Uri, here: SocketAddr) -> Result<(), ForbiddenOrigin> {
    refuse_pages(headers)?;
    if host(headers, uri) == here.to_string() { Ok(()) } else { Err(ForbiddenOrigin::Name) }
}

fn refuse_pages(headers: &HeaderMap) -> Result<(), ForbiddenOrigin> {
    let from_page = headers.get("sec-fetch-site").is_some_and(|site| site != "none");
    if headers.contains_key(ORIGIN) || from_page { Err(ForbiddenOrigin::Page) } else { Ok(()) }
}

fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> &'a str {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 names the host in the request line.
    host.or(uri.authority().map(Authority::as_str)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn origin_check_rejects_web_pages_and_foreign_host_names() {
        let check = |pairs: &[(&'static str, &'static str)]| check(&headers(pairs), &Uri::from_static("/")).is_ok();
        assert!(check(&[("host", "127.0.0.1:4588")]));
        assert!(check(&[("host", "localhost")]));
        assert!(check(&[("host", "[::1]:4588")]));
        assert!(!check(&[("host", "evil.example:4588")]));
        assert!(!check(&[]));
        assert!(!check(&[("host", "localhost"), ("origin", "https://evil.example")]));
        assert!(!check(&[("host", "localhost"), ("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn origin_check_of_an_address_rejects_every_other_host() {
        let here = "127.0.0.1:50000".parse().unwrap();
        let check =
            |pairs: &[(&'static str, &'static str)]| check_address(&headers(pairs), &Uri::from_static("/"), here);
        assert_eq!(check(&[("host", "127.0.0.1:50000")]), Ok(()));
        for host in ["localhost:50000", "127.0.0.1", "127.0.0.1:50001", "evil.example:50000"] {
            assert_eq!(
                check_address(&headers(&[]), &format!("http://{host}/").parse().unwrap(), here),
                Err(ForbiddenOrigin::Name)
            );
        }
        assert_eq!(check(&[("host", "127.0.0.1:50000"), ("origin", "null")]), Err(ForbiddenOrigin::Page));
        assert_eq!(check(&[("host", "127.0.0.1:50000"), ("sec-fetch-site", "same-site")]), Err(ForbiddenOrigin::Page));
    }
}
