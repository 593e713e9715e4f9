//! Permissions of a caller, from its role's policies and boundary, and the services' access-denied messages.

mod keys;

pub(crate) use self::keys::RequestKeys;
use crate::protocol::aws_json::ServiceError;
pub(crate) use sensorctl_policy::{AuthorizationRequest, Context, Decision, Principal, decide};

/// The resources that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// No resource: the request concerns the account.
    All,
    /// These resources, by ARN.
    These(Vec<String>),
    /// Possibly any resource: the request does not name one in a form that is understood here.
    Unclear,
}

/// A permission that a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Needed {
    /// `dynamodb:BatchWriteItem`.
    pub action: String,
    /// Resources, each of which must be allowed.
    pub named: Named,
    /// Condition keys of this action only.
    pub keys: Vec<(&'static str, String)>,
}

impl Needed {
    /// Creates the need for an action on the resources that a request names.
    pub(crate) fn new(action: impl Into<String>, named: Named) -> Self {
        Needed { action: action.into(), named, keys: Vec::new() }
    }

    /// Adds a condition key.
    #[must_use]
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.keys.push((key, value.into()));
        self
    }

    /// Returns the resources to evaluate; a `None` element stands for any resource.
    pub(crate) fn resources(&self) -> Vec<Option<&str>> {
        match &self.named {
            Named::All => vec![Some("*")],
            Named::These(arns) => arns.iter().map(|arn| Some(arn.as_str())).collect(),
            Named::Unclear => vec![None],
        }
    }
}

/// All policies of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policies {
    /// Documents of its permission policies.
    pub identity: Vec<String>,
    /// Document of its permissions boundary, which limits the policies.
    pub boundary: Option<String>,
}

impl Policies {
    /// Returns whether the policies allow the request.
    pub(crate) fn allow(&self, ask: &AuthorizationRequest<'_>) -> bool {
        self.refusal(ask).is_none()
    }

    /// Rejects a request that the policies do not allow, with the services' message; `user` is the session's ARN.
    pub(crate) fn check(&self, user: &str, ask: &AuthorizationRequest<'_>) -> Result<(), ServiceError> {
        let Some(why) = self.refusal(ask) else { return Ok(()) };
        let on = ask.resource.map(|resource| format!(" on resource: {resource}")).unwrap_or_default();
        let message = format!("User: {user} is not authorized to perform: {}{on} {why}", ask.action);
        Err(ServiceError::bad_request("AccessDeniedException", message))
    }

    /// Returns the reason for denying a request.
    fn refusal(&self, ask: &AuthorizationRequest<'_>) -> Option<String> {
        let by_identity = decide(&self.identity, ask);
        let by_boundary = match &self.boundary {
            Some(boundary) => decide(std::slice::from_ref(boundary), ask),
            None => Decision::Allowed,
        };
        let none = |what: &str| Some(format!("because no {what} allows the {} action", ask.action));
        match (by_identity, by_boundary) {
            (Decision::Denied, _) => Some("with an explicit deny in an identity-based policy".to_owned()),
            (_, Decision::Denied) => Some("with an explicit deny in a permissions boundary".to_owned()),
            (Decision::NotAllowed, _) => none("identity-based policy"),
            (_, Decision::NotAllowed) => none("permissions boundary"),
            (Decision::Allowed, Decision::Allowed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/SensorData";

    #[test]
    fn permissions_boundary_limits_the_role() {
        let document = |effect: &str, action: &str| {
            json!({"Statement": [{"Effect": effect, "Action": action, "Resource": "*"}]}).to_string()
        };
        let ask = AuthorizationRequest::new("dynamodb:BatchWriteItem", TABLE);
        let says = |identity: &str, boundary: &str| {
            let policies = Policies { identity: vec![identity.to_owned()], boundary: Some(boundary.to_owned()) };
            policies.check("me", &ask).map_err(|error| error.message.split_once(TABLE).unwrap().1.trim().to_owned())
        };
        let (all, none, deny) = (document("Allow", "*"), document("Allow", "kinesis:*"), document("Deny", "*"));
        let missing = |what: &str| Err(format!("because no {what} allows the dynamodb:BatchWriteItem action"));
        let denied = |what: &str| Err(format!("with an explicit deny in {what}"));
        assert_eq!(says(&all, &all), Ok(()));
        assert_eq!(says(&none, &all), missing("identity-based policy"), "a boundary allows nothing by itself");
        assert_eq!(says(&all, &none), missing("permissions boundary"));
        assert_eq!(says(&all, &deny), denied("a permissions boundary"));
        assert_eq!(says(&none, &deny), denied("a permissions boundary"), "a denial goes first");
        assert_eq!(says(&deny, &all), denied("an identity-based policy"));
        assert_eq!(says(&all, ""), missing("permissions boundary"), "one that is gone");
    }

    #[test]
    fn access_denied_message_matches_the_services() {
        let user = "arn:aws:sts::000000000000:assumed-role/r/f";
        let error =
            Policies::default().check(user, &AuthorizationRequest::new("dynamodb:BatchWriteItem", TABLE)).unwrap_err();
        assert_eq!(
            error.message,
            format!(
                "User: {user} is not authorized to perform: dynamodb:BatchWriteItem on resource: {TABLE} because no \
                 identity-based policy allows the dynamodb:BatchWriteItem action"
            )
        );
    }
}
