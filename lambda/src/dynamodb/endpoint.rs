//! Where a region's `DynamoDB` answers.

/// Domains of the partitions that are not the commercial one, by the beginning of their regions' names.
const DOMAINS: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
];

/// The address of the region's service, with a `/` at its end.
pub fn of_region(region: &str) -> String {
    // The commercial partition and GovCloud share a domain.
    let domain = DOMAINS.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("amazonaws.com", |entry| entry.1);
    format!("https://dynamodb.{region}.{domain}/")
}

#[cfg(test)]
mod tests {
    use super::of_region;

    #[test]
    fn every_partition_has_its_domain() {
        for (region, address) in [
            ("us-east-1", "https://dynamodb.us-east-1.amazonaws.com/"),
            ("us-gov-west-1", "https://dynamodb.us-gov-west-1.amazonaws.com/"),
            ("cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn/"),
            ("us-isob-east-1", "https://dynamodb.us-isob-east-1.sc2s.sgov.gov/"),
        ] {
            assert_eq!(of_region(region), address);
        }
    }
}
