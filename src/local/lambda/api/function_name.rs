//! The ways to name a function: bare name, partial ARN, full ARN, each with or without a qualifier.

use crate::identity::Identity;
use crate::protocol::aws_json::ServiceError;

/// The only version that the local cloud has.
pub(crate) const LATEST: &str = "$LATEST";

/// A function as a caller named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionName {
    /// Bare name.
    pub name: String,
    /// Version or alias, if one was given.
    pub qualifier: Option<String>,
}

impl FunctionName {
    /// Takes a name apart, and puts it together with the qualifier of the query string.
    pub(crate) fn parse(given: &str, qualifier: Option<&str>, identity: &Identity) -> Result<Self, ServiceError> {
        let parts: Vec<&str> = given.split(':').collect();
        let (account, region, name, own) = match parts.as_slice() {
            [name] | ["function", name] => (None, None, *name, None),
            ["arn", _, "lambda", region, account, "function", name] => (Some(*account), Some(*region), *name, None),
            ["arn", _, "lambda", region, account, "function", name, own] => {
                (Some(*account), Some(*region), *name, Some(*own))
            }
            [account, "function", name] => (Some(*account), None, *name, None),
            [account, "function", name, own] => (Some(*account), None, *name, Some(*own)),
            [name, own] => (None, None, *name, Some(*own)),
            _ => return Err(malformed(given)),
        };
        if !is_name(name) {
            return Err(malformed(given));
        }
        if let (Some(own), Some(asked)) = (own, qualifier)
            && own != asked
        {
            return Err(ServiceError::new(
                400,
                "InvalidParameterValueException",
                "The derived qualifier from the function name does not match the specified qualifier.",
            ));
        }
        let elsewhere = account.is_some_and(|account| account != identity.account)
            || region.is_some_and(|region| region != identity.region);
        if elsewhere {
            return Err(missing(given));
        }
        Ok(FunctionName { name: name.to_owned(), qualifier: own.or(qualifier).map(str::to_owned) })
    }

    /// Refuses every qualifier but `$LATEST`, which is all there is here.
    pub(crate) fn latest_only(self, identity: &Identity) -> Result<String, ServiceError> {
        match self.qualifier.as_deref() {
            None | Some(LATEST) => Ok(self.name),
            Some(qualifier) => Err(missing(&format!("{}:{qualifier}", identity.function_arn(&self.name)))),
        }
    }
}

/// 1 to 64 of `[a-zA-Z0-9-_]`.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// The 404 of a function that is not there.
pub(crate) fn missing(arn: &str) -> ServiceError {
    ServiceError::new(404, "ResourceNotFoundException", format!("Function not found: {arn}"))
}

fn malformed(given: &str) -> ServiceError {
    ServiceError::new(
        400,
        "ValidationException",
        format!(
            "1 validation error detected: Value '{given}' at 'functionName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: \
             (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{{2}}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{{1}}:)?(\\d{{12}}:)?\
             (function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"
        ),
    )
}

/// The bare name in a function ARN.
pub(crate) fn function_name_from_arn(identity: &Identity, arn: &str) -> String {
    FunctionName::parse(arn, None, identity).map(|name| name.name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity { account: "123456789012".into(), region: "eu-central-1".into() }
    }

    #[test]
    fn every_form_of_a_name_leads_to_the_same_function() {
        for given in ["Fn", "123456789012:function:Fn", "arn:aws:lambda:eu-central-1:123456789012:function:Fn"] {
            let bare = FunctionName::parse(given, None, &identity()).unwrap();
            assert_eq!((bare.name.as_str(), bare.qualifier.as_deref()), ("Fn", None), "{given}");
            let latest = FunctionName::parse(&format!("{given}:$LATEST"), None, &identity()).unwrap();
            assert_eq!(latest.latest_only(&identity()).unwrap(), "Fn", "{given}");
        }
    }

    #[test]
    fn two_qualifiers_that_differ_are_refused() {
        let error = FunctionName::parse("Fn:$LATEST", Some("live"), &identity()).unwrap_err();
        assert!(error.message.starts_with("The derived qualifier"), "{}", error.message);
    }

    #[test]
    fn a_function_of_another_region_or_account_or_version_is_not_here() {
        for given in
            ["arn:aws:lambda:us-east-1:123456789012:function:Fn", "arn:aws:lambda:eu-central-1:1:function:Fn", "Fn:7"]
        {
            let found = FunctionName::parse(given, None, &identity()).and_then(|name| name.latest_only(&identity()));
            assert_eq!(found.unwrap_err().status, 404, "{given}");
        }
    }

    #[test]
    fn what_is_no_name_is_a_validation_error() {
        for given in ["", "a b", "a/b", "a:b:c:d:e", &"x".repeat(65)] {
            let error = FunctionName::parse(given, None, &identity()).unwrap_err();
            assert_eq!(error.code, "ValidationException", "{given}");
        }
    }
}
