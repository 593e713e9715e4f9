//! Resolves the endpoint of a region's `DynamoDB`.

use std::path::PathBuf;

/// Partitions by the prefix of their region names: domain, and domain of the dual-stack endpoints.
const PARTITIONS: [(&str, &str, &str); 6] = [
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
];
/// The domains of the commercial partition and `GovCloud`.
const OTHER: (&str, &str) = ("amazonaws.com", "api.aws");

/// The endpoint settings in the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoint {
    /// URL that replaces the region's own endpoint.
    pub url: Option<String>,
    /// True to use the FIPS endpoint.
    pub fips: bool,
    /// True to use the dual-stack endpoint (IPv4 and IPv6).
    pub dual_stack: bool,
    /// File with the certificate authorities to trust instead of the public ones.
    pub ca_bundle: Option<PathBuf>,
}

impl Endpoint {
    /// Returns the URL of the region's service, or of the endpoint that replaces it.
    pub(crate) fn address(&self, region: &str) -> String {
        if let Some(url) = &self.url {
            return url.clone();
        }
        let partition = PARTITIONS.iter().find(|(prefix, ..)| region.starts_with(prefix));
        let (domain, dual_stack_domain) = partition.map_or(OTHER, |(_, domain, dual_stack)| (*domain, *dual_stack));
        let domain = if self.dual_stack { dual_stack_domain } else { domain };
        // All of `GovCloud`'s own endpoints are FIPS endpoints.
        let named_fips = self.fips && (self.dual_stack || !region.starts_with("us-gov-"));
        format!("https://dynamodb{}.{region}.{domain}", if named_fips { "-fips" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;
    use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};

    #[tokio::test]
    async fn endpoint_of_every_region_matches_sdk() {
        for region in [
            "us-east-1",
            "eu-central-1",
            "il-central-1",
            "mx-central-1",
            "us-gov-west-1",
            "us-gov-east-1",
            "cn-north-1",
            "cn-northwest-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "us-isof-south-1",
            "eu-isoe-west-1",
            "eusc-de-east-1",
        ] {
            for (fips, dual_stack) in [(false, false), (true, false), (false, true), (true, true)] {
                let parameters = Params::builder().region(region).use_fips(fips).use_dual_stack(dual_stack);
                let resolved = DefaultResolver::new().resolve_endpoint(&parameters.build().unwrap()).await;
                // Some partitions have no such endpoints.
                let resolved = match resolved {
                    Ok(resolved) => resolved,
                    Err(error) if !fips && !dual_stack => panic!("{region}: {error}"),
                    Err(_) => continue,
                };
                let ours = Endpoint { fips, dual_stack, ..Endpoint::default() }.address(region);
                assert_eq!(ours, resolved.url(), "{region}, FIPS {fips}, dual stack {dual_stack}");
            }
        }
    }

    #[test]
    fn endpoint_override_is_used_unchanged() {
        let url = Some("http://127.0.0.1:4588".to_owned());
        assert_eq!(Endpoint { url, fips: true, ..Endpoint::default() }.address("us-east-1"), "http://127.0.0.1:4588");
    }
}
