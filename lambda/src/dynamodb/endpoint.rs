//! Where a region's `DynamoDB` answers.

use std::path::PathBuf;

/// Partitions by the beginning of their regions' names: domain, and domain of the addresses that speak IPv6, too.
const PARTITIONS: [(&str, &str, &str); 6] = [
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
];
/// The commercial partition and `GovCloud` share their domains.
const OTHER: (&str, &str) = ("amazonaws.com", "api.aws");

/// What the environment says about the service's address.
#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    /// Address that stands in for the region's own.
    pub url: Option<String>,
    /// Whether to use the address with validated cryptography at the service's end.
    pub fips: bool,
    /// Whether to use the address that speaks IPv6, too.
    pub dual_stack: bool,
    /// File of the certificate authorities to trust instead of those of the web.
    pub ca_bundle: Option<PathBuf>,
}

impl Endpoint {
    /// The address of the region's service, or what stands in for it.
    pub fn address(&self, region: &str) -> String {
        if let Some(url) = &self.url {
            return url.clone();
        }
        let partition = PARTITIONS.iter().find(|(prefix, ..)| region.starts_with(prefix));
        let (domain, dual_stack_domain) = partition.map_or(OTHER, |(_, domain, dual_stack)| (*domain, *dual_stack));
        let domain = if self.dual_stack { dual_stack_domain } else { domain };
        // All of `GovCloud`'s own addresses are validated.
        let named_fips = self.fips && (self.dual_stack || !region.starts_with("us-gov-"));
        format!("https://dynamodb{}.{region}.{domain}", if named_fips { "-fips" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;
    use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};

    #[tokio::test]
    async fn every_address_is_the_one_of_the_sdk() {
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
                // Some partitions have no such addresses.
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
    fn what_stands_in_is_taken_as_it_is() {
        let url = Some("http://127.0.0.1:4588".to_owned());
        assert_eq!(Endpoint { url, fips: true, ..Endpoint::default() }.address("us-east-1"), "http://127.0.0.1:4588");
    }
}
