//! STS: caller identity and temporary credentials for role sessions.

use std::time::Duration;

use super::iam::{Iam, Role};
use super::identity::Identity;
use crate::auth::credentials::{Caller, CredentialStore};
use crate::auth::permissions::{AuthorizationRequest, Decision, Named, Needed, Principal, RequestKeys, decide};
use crate::protocol::aws_json::{Request, Response, ServiceError, now_seconds};
use crate::protocol::aws_query;
use crate::protocol::aws_query::{Parameters, STS, Xml};

/// Maximum duration of a chained session (a session requested by another session), in seconds.
const CHAINED_SECONDS: u32 = 3600;

const EXTERNAL_ID: &str = "ExternalId";

/// The STS service of one local cloud; clones share its state.
#[derive(Clone)]
pub(crate) struct Sts {
    identity: Identity,
    keys: CredentialStore,
    iam: Iam,
}

impl Sts {
    pub(crate) fn new(identity: Identity, keys: CredentialStore, iam: Iam) -> Sts {
        Sts { identity, keys, iam }
    }

    /// Handles a request of the STS API; the gateway has put the caller into its extensions.
    pub(crate) fn handle(&self, request: &Request) -> Response {
        let input = Parameters::of(request);
        let caller = request.extensions().get::<Caller>();
        let result = match (input.action(), caller) {
            ("GetCallerIdentity", Some(caller)) => Ok(Some(self.caller_identity(caller))),
            ("AssumeRole", Some(caller)) => self.assume_role(&input, caller),
            ("GetSessionToken", Some(caller)) => self.session_token(&input, caller),
            (action, _) => Err(aws_query::unknown_action(action, "2011-06-15")),
        };
        aws_query::answer(STS, input.action(), result)
    }

    fn caller_identity(&self, caller: &Caller) -> Xml {
        let (arn, user_id) = match caller {
            Caller::Owner => (self.identity.owner_arn(), Identity::OWNER_ID.to_owned()),
            Caller::Role { arn, session } => {
                let id = self.iam.role(arn).map(|role| role.id).unwrap_or_default();
                (self.session_arn(arn, session), format!("{id}:{session}"))
            }
        };
        let mut xml = Xml::default();
        xml.leaf("Arn", arn).leaf("UserId", user_id).leaf("Account", &self.identity.account);
        xml
    }

    /// Returns the permissions that a request needs. Any caller may call `GetCallerIdentity`.
    pub(crate) fn needed_by(input: &Parameters) -> Vec<Needed> {
        match input.action() {
            "GetCallerIdentity" | "GetSessionToken" => Vec::new(),
            "AssumeRole" => {
                let named = input.get("RoleArn").map_or(Named::Unclear, |arn| Named::These(vec![arn.to_owned()]));
                let needed = Needed::new("sts:AssumeRole", named);
                vec![conditions(input).into_iter().fold(needed, |needed, (key, value)| needed.with(key, value))]
            }
            action => vec![Needed::new(format!("sts:{action}"), Named::Unclear)],
        }
    }

    fn assume_role(&self, input: &Parameters, caller: &Caller) -> Result<Option<Xml>, ServiceError> {
        refuse_what_is_not_evaluated(input)?;
        let arn = input.required("RoleArn")?;
        let session = input.required("RoleSessionName")?;
        let seconds = input.number("DurationSeconds", 3600, 900, 43_200)?;
        check_session_name(session)?;
        let role = self.iam.role(arn).filter(|role| self.trusts(role, arn, input, caller)).ok_or_else(|| {
            let user = self.arn_of(caller);
            let message = format!("User: {user} is not authorized to perform: sts:AssumeRole on resource: {arn}");
            ServiceError::new(403, "AccessDenied", message)
        })?;
        let too_long = |limit: &str| {
            Err(ServiceError::bad_request("ValidationError", format!("The requested DurationSeconds exceeds {limit}.")))
        };
        if matches!(caller, Caller::Role { .. }) && seconds > CHAINED_SECONDS {
            return too_long("the 1 hour session limit for roles assumed by role chaining");
        }
        if seconds > role.max_session_duration {
            return too_long("the MaxSessionDuration set for this role");
        }
        let mut xml = self.credentials(arn, session, seconds)?;
        xml.node("AssumedRoleUser", |body| {
            body.leaf("AssumedRoleId", format!("{}:{session}", role.id)).leaf("Arn", self.session_arn(arn, session));
        })
        .leaf("PackedPolicySize", 0);
        Ok(Some(xml))
    }

    /// Handles `GetSessionToken`: temporary credentials of the owner.
    fn session_token(&self, input: &Parameters, caller: &Caller) -> Result<Option<Xml>, ServiceError> {
        if *caller != Caller::Owner {
            let message = "Cannot call GetSessionToken with session credentials";
            return Err(ServiceError::new(403, "AccessDenied", message));
        }
        let seconds = input.number("DurationSeconds", 43_200, 900, 129_600)?;
        self.credentials(&self.identity.owner_arn(), Identity::OWNER, seconds).map(Some)
    }

    /// Returns new session credentials as a response element.
    fn credentials(&self, arn: &str, session: &str, seconds: u32) -> Result<Xml, ServiceError> {
        let keys = self.keys.issue_for(arn, session, Duration::from_secs(seconds.into()))?;
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds are what STS shows")]
        let ends = jiff::Timestamp::from_second(now_seconds() as i64 + i64::from(seconds))
            .map_err(|error| ServiceError::internal(error.to_string()))?;
        let mut xml = Xml::default();
        xml.node("Credentials", |body| {
            body.leaf("AccessKeyId", keys.access_key_id)
                .leaf("SecretAccessKey", keys.secret_access_key)
                .leaf("SessionToken", keys.session_token)
                .leaf("Expiration", ends);
        });
        Ok(xml)
    }

    /// Returns whether a role's trust policy allows a caller to assume it.
    fn trusts(&self, role: &Role, arn: &str, input: &Parameters, caller: &Caller) -> bool {
        let keys = RequestKeys::of_caller(&self.identity, &self.iam, caller);
        let keys = conditions(input).into_iter().fold(keys, |keys, (key, value)| keys.with(key, value));
        let keys = if input.get(EXTERNAL_ID).is_some() { keys } else { keys.without("sts:ExternalId") };
        let session = self.arn_of(caller);
        let arns = match caller {
            Caller::Owner => vec![session.as_str()],
            Caller::Role { arn, .. } => vec![arn.as_str(), session.as_str()],
        };
        let principal = Some(Principal::Aws { account: &self.identity.account, arns: &arns });
        keys.ask(|context| {
            let ask = AuthorizationRequest {
                context,
                principal: principal.clone(),
                ..AuthorizationRequest::new("sts:AssumeRole", arn)
            };
            decide(std::slice::from_ref(&role.trust_policy), &ask) == Decision::Allowed
        })
    }

    fn arn_of(&self, caller: &Caller) -> String {
        match caller {
            Caller::Owner => self.identity.owner_arn(),
            Caller::Role { arn, session } => self.session_arn(arn, session),
        }
    }

    fn session_arn(&self, role_arn: &str, session: &str) -> String {
        let role = role_arn.rsplit('/').next().unwrap_or_default();
        self.identity.session_arn(role, session)
    }
}

/// Returns the condition keys that the request itself sets.
fn conditions(input: &Parameters) -> Vec<(&'static str, String)> {
    [("sts:RoleSessionName", "RoleSessionName"), ("sts:ExternalId", EXTERNAL_ID)]
        .into_iter()
        .filter_map(|(key, parameter)| Some((key, input.get(parameter)?.to_owned())))
        .collect()
}

/// Rejects a request whose session would have more rights than it asked for, because a parameter is not evaluated.
fn refuse_what_is_not_evaluated(input: &Parameters) -> Result<(), ServiceError> {
    let is_known = |name: &str| {
        matches!(name, "Action" | "Version" | "RoleArn" | "RoleSessionName" | "DurationSeconds" | EXTERNAL_ID)
            // Signature parameters of a presigned URL.
            || name.starts_with("X-Amz-")
    };
    match input.names().find(|name| !is_known(name)) {
        Some(name) => {
            let message = format!("The local cloud does not evaluate {name}: leave it out.");
            Err(ServiceError::bad_request("ValidationError", message))
        }
        None => Ok(()),
    }
}

/// Checks the name of a session.
fn check_session_name(session: &str) -> Result<(), ServiceError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    let constraint = match session.len() {
        0..2 => "Member must have length greater than or equal to 2",
        65.. => "Member must have length less than or equal to 64",
        _ if session.bytes().all(is_plain) => return Ok(()),
        _ => r"Member must satisfy regular expression pattern: [\w+=,.@-]*",
    };
    let message = format!("Value '{session}' at 'roleSessionName' failed to satisfy constraint: {constraint}");
    Err(aws_query::invalid(&message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_name_error_names_the_constraint_that_it_breaks() {
        for (name, constraint) in [
            ("s", "greater than or equal to 2"),
            ("a/b", "regular expression pattern: [\\w+=,.@-]*"),
            (&"s".repeat(65), "less than or equal to 64"),
        ] {
            let message = check_session_name(name).unwrap_err().message;
            assert!(message.contains(constraint), "{message}");
        }
        check_session_name("ss").unwrap();
    }
}
