//! The cloud to use: profile, region and endpoint, or this user's local cloud.

use http::Uri;

use super::layers::Layers;
use super::origin::SettingOrigin;
use super::trust;
use crate::error::Error;
use crate::global_flags::GlobalFlags;
use crate::loopback::is_loopback;

/// The configured connection to a cloud.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection {
    pub profile: Option<String>,
    pub region: Option<String>,
    pub endpoint_url: Option<String>,
}

impl Connection {
    /// Reads the connection settings. The local cloud has its own endpoint and keys and ignores AWS's variables.
    pub(super) fn read(layers: &mut Layers<'_>, local: bool) -> Result<Self, Error> {
        let mut read = |key, variables: &[&str], check: fn(&str) -> Result<(), String>| {
            value(layers, key, if local { &[] } else { variables }, check)
        };
        let region = read("region", &["AWS_REGION", "AWS_DEFAULT_REGION"], check_region)?;
        let profile = read("profile", &["AWS_PROFILE"], |_| Ok(()))?;
        let endpoint_url = read("endpoint_url", &["AWS_ENDPOINT_URL"], check_address)?;
        let origin = layers.origin("endpoint_url");
        if let Some(url) = endpoint_url.as_ref().filter(|url| !local && origin.is_found_file() && !is_loopback(url)) {
            return Err(trust::refuse(&origin, &format!("sends every call to {url}, with your credentials")));
        }
        if local {
            layers.unset(&["profile", "endpoint_url"]);
            return Ok(Connection { region, ..Connection::default() });
        }
        Ok(Connection { profile, region, endpoint_url })
    }
}

/// Returns whether the local cloud is selected. A flag takes precedence over the environment.
pub(super) fn is_local(global: &GlobalFlags) -> Result<bool, Error> {
    let typed = |flag| !global.from_environment.contains(flag);
    match (global.local, &global.endpoint_url) {
        (true, Some(_)) if typed("local") == typed("endpoint_url") => {
            Err(Error::usage("`--local` and `--endpoint-url` name two clouds").hint("leave one of them out"))
        }
        (true, Some(_)) => Ok(typed("local")),
        (local, _) => Ok(local),
    }
}

/// Reads a value that AWS's own variables may set, too. They take precedence over the file, and the SDK reads them
/// itself.
fn value(
    layers: &mut Layers<'_>,
    key: &'static str,
    variables: &[&str],
    check: fn(&str) -> Result<(), String>,
) -> Result<Option<String>, Error> {
    let mut section = layers.section("");
    let given = section.take(key);
    let by_us = given.as_ref().is_some_and(|given| !matches!(given.origin, SettingOrigin::File { .. }));
    if !by_us {
        for variable in variables {
            if let Some(value) = section.layers().variable(variable) {
                check(&value).map_err(|must_be| Error::usage(format!("{variable}: must be {must_be}")))?;
                let origin = SettingOrigin::Environment((*variable).to_owned());
                section.layers().resolve(key, &toml::Value::from(value), origin);
                return Ok(None);
            }
        }
    }
    section.optional(key, check)
}

/// Checks a region, which becomes a part of host names.
fn check_region(region: &str) -> Result<(), String> {
    let is_label = region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_label && (1..=63).contains(&region.len()) && !region.starts_with('-') && !region.ends_with('-') {
        Ok(())
    } else {
        Err("a region such as eu-central-1".to_owned())
    }
}

fn check_address(address: &str) -> Result<(), String> {
    let uri: Option<Uri> = address.parse().ok();
    let parts = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?)));
    match parts {
        // Error messages name the endpoint and would reveal the secret.
        Some((_, authority)) if authority.as_str().contains('@') => {
            Err("an address without a user and a password".to_owned())
        }
        Some(("http" | "https", authority)) if !authority.host().is_empty() => Ok(()),
        _ => Err("an address that begins with http:// or https://, such as http://127.0.0.1:4588".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_url_needs_scheme_and_host_and_no_password() {
        for good in ["http://127.0.0.1:4588", "https://kinesis.eu-west-1.amazonaws.com", "http://[::1]:1/"] {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
        for bad in ["127.0.0.1:4588", "localhost", "http://", "ftp://x", "", "http:/x", "http://a b"] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
        assert!(check_address("http://me:secret@host").unwrap_err().contains("password"));
    }

    #[test]
    fn region_must_be_a_host_name_label() {
        for (region, good) in
            [("eu-central-1", true), ("local", true), ("eu west", false), ("-x", false), ("a.b", false)]
        {
            assert_eq!(check_region(region).is_ok(), good, "{region}");
        }
    }

    #[test]
    fn local_flag_takes_precedence_over_environment() {
        let wanted = |local: bool, endpoint: bool, from_environment: &[&'static str]| {
            is_local(&GlobalFlags {
                local,
                endpoint_url: endpoint.then(|| "http://x".to_owned()),
                from_environment: from_environment.iter().copied().collect(),
                ..GlobalFlags::default()
            })
            .ok()
        };
        assert_eq!(wanted(true, false, &["local"]), Some(true));
        assert_eq!(wanted(true, true, &["endpoint_url"]), Some(true));
        assert_eq!(wanted(true, true, &["local"]), Some(false));
        assert_eq!(wanted(false, true, &["local"]), Some(false));
        assert_eq!((wanted(true, true, &[]), wanted(true, true, &["local", "endpoint_url"])), (None, None));
    }
}
