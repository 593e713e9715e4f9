//! Which addresses stay on this machine.

use std::net::IpAddr;

use http::Uri;

/// Returns whether the host of an address is this machine: `localhost`, or an IP address of the loopback interface. Any
/// other name may lead anywhere, whatever it begins or ends with.
#[must_use]
pub(crate) fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let (Some(_), Some(host)) = (uri.scheme(), uri.host()) else { return false };
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_localhost_and_loopback_addresses_are_this_machine() {
        for near in [
            "http://127.0.0.1:4588",
            "https://127.0.0.1",
            "http://127.1.2.3/path",
            "http://localhost:1",
            "HTTP://LOCALHOST",
            "http://[::1]:4588/",
            "http://[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_loopback(near), "{near}");
        }
        for far in [
            "http://localhost.evil",
            "http://localhost.evil:4588",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.10.example",
            "http://evil/localhost",
            "http://evil?127.0.0.1",
            "http://localhost@evil",
            "http://0.0.0.0:1",
            "http://[::2]:1",
            "http://10.0.0.1",
            "https://kinesis.eu-west-1.amazonaws.com",
            "localhost:4588",
            "",
        ] {
            assert!(!is_loopback(far), "{far}");
        }
    }
}
