//! The cloud that calls go to: its region and endpoint.

use super::finding::{CheckFinding, Verdict, timed};
use crate::aws::{Clients, NO_REGION};
use crate::error::Error;

const REGION: &str = "region";
const CONNECTION: &str = "connection";

/// Checks region and endpoint; `origin` says where the region comes from.
#[must_use]
pub(crate) fn examine_connection(clients: Result<&Clients, &Error>, origin: &str) -> Vec<CheckFinding> {
    let [region, connection] = match clients {
        Ok(clients) => [
            Verdict::ok(format!("{} ({origin})", clients.region)),
            Verdict::ok(match &clients.endpoint {
                Some(endpoint) => format!("calls go to {endpoint}"),
                None => "calls go to AWS".to_owned(),
            }),
        ],
        Err(error) if error.to_string().starts_with(NO_REGION) => {
            [Verdict::failed_with(error), Verdict::unknown("not checked: there is no region")]
        }
        Err(error) => [Verdict::unknown("not checked: there is no connection"), Verdict::failed_with(error)],
    };
    vec![timed(REGION, || region), timed(CONNECTION, || connection)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::doctor::CheckResult::{Failed, Unknown};

    #[test]
    fn missing_region_is_told_from_a_missing_local_cloud() {
        let results = |message: &str| {
            let findings = examine_connection(Err(&Error::usage(message).hint("do")), "default");
            findings.into_iter().map(|finding| finding.result).collect::<Vec<_>>()
        };
        assert_eq!(results("no AWS region is set"), [Failed, Unknown]);
        assert_eq!(results("the local cloud is not running"), [Unknown, Failed]);
    }
}
