//! STS: who a caller is, and keys for a session of a role.

use std::time::Duration;

use super::iam::Iam;
use super::identity::Identity;
use super::keys::{Caller, Keys};
use super::query_api::{self, Parameters, STS, Xml};
use super::wire::{Request, Response, ServiceError, now_seconds};

/// The STS of one local cloud; clones share its state.
#[derive(Clone)]
pub(crate) struct Sts {
    identity: Identity,
    keys: Keys,
    iam: Iam,
}

impl Sts {
    pub(crate) fn new(identity: Identity, keys: Keys, iam: Iam) -> Sts {
        Sts { identity, keys, iam }
    }

    /// Answers a request of the STS API; the gateway has put the caller into its extensions.
    pub(crate) fn handle(&self, request: &Request) -> Response {
        let input = Parameters::of(request);
        let caller = request.extensions().get::<Caller>();
        let result = match (input.action(), caller) {
            ("GetCallerIdentity", Some(caller)) => Ok(Some(self.caller_identity(caller))),
            ("AssumeRole", Some(_)) => self.assume_role(&input),
            (action, _) => Err(query_api::unknown_action(action, "2011-06-15")),
        };
        query_api::answer(STS, input.action(), result)
    }

    fn caller_identity(&self, caller: &Caller) -> Xml {
        let (arn, user_id) = match caller {
            Caller::Owner => (self.identity.owner_arn(), "AIDASENSORCTLOWNER00A".to_owned()),
            Caller::Role { arn, session } => {
                let id = self.iam.role(arn).map(|role| role.id).unwrap_or_default();
                (self.session_arn(arn, session), format!("{id}:{session}"))
            }
        };
        let mut xml = Xml::default();
        xml.leaf("Arn", arn).leaf("UserId", user_id).leaf("Account", &self.identity.account);
        xml
    }

    fn assume_role(&self, input: &Parameters) -> Result<Option<Xml>, ServiceError> {
        let arn = input.required("RoleArn")?;
        let session = input.required("RoleSessionName")?;
        let seconds = input.number("DurationSeconds", 3600, 900, 43_200)?;
        let is_name = (2..=64).contains(&session.len())
            && session.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte));
        if !is_name {
            return Err(query_api::invalid(&format!(
                "Value '{session}' at 'roleSessionName' failed to satisfy constraint: \
                 Member must satisfy regular expression pattern: [\\w+=,.@-]*"
            )));
        }
        let role = self.iam.role(arn).ok_or_else(|| {
            let message = format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                self.identity.owner_arn()
            );
            ServiceError::new(403, "AccessDenied", message)
        })?;
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
        })
        .node("AssumedRoleUser", |body| {
            body.leaf("AssumedRoleId", format!("{}:{session}", role.id)).leaf("Arn", self.session_arn(arn, session));
        })
        .leaf("PackedPolicySize", 0);
        Ok(Some(xml))
    }

    fn session_arn(&self, role_arn: &str, session: &str) -> String {
        let role = role_arn.rsplit('/').next().unwrap_or_default();
        self.identity.session_arn(role, session)
    }
}
