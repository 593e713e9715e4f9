//! Who may speak to a listener of the local cloud: programs of this machine. A web page in its user's browser comes from
//! this machine, too, so its requests are told by what browsers say of themselves, and by the name that they called.

use std::net::SocketAddr;

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Uri};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForbiddenOrigin {
    /// A web page sent it.
    Page,
    /// It was sent to a name that someone else may have pointed here.
    Name,
}

impl ForbiddenOrigin {
    /// The refusal, for people.
    pub(crate) fn message(self) -> &'static str {
        match self {
            ForbiddenOrigin::Page => "the local cloud does not answer web pages",
            ForbiddenOrigin::Name => "the local cloud answers to 127.0.0.1 and localhost only",
        }
    }
}

/// Refuses web pages, and requests to another name than those of this machine itself.
pub(crate) fn check(headers: &HeaderMap, uri: &Uri) -> Result<(), ForbiddenOrigin> {
    refuse_pages(headers)?;
    let host = host(headers, uri);
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if matches!(name, "127.0.0.1" | "localhost" | "[::1]") { Ok(()) } else { Err(ForbiddenOrigin::Name) }
}

/// Refuses web pages, and requests to anything but the very address of a listener.
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
    fn pages_and_foreign_names_are_kept_out() {
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
    fn listener_with_an_address_of_its_own_takes_no_other_name() {
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
