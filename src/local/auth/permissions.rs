//! What a caller may do in the local cloud, by its role's policies and boundary, and the refusal in the services' own
//! words.

mod keys;

pub(crate) use self::keys::RequestKeys;
use crate::protocol::aws_json::ServiceError;
pub(crate) use sensorctl_policy::{AuthorizationRequest, Context, Decision, Principal, decide};

/// The resources that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// None: it is about the account.
    All,
    /// These, by ARN.
    These(Vec<String>),
    /// Any, because the request does not tell, or not in a way that is understood here.
    Unclear,
}

/// An action that a request needs to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Needed {
    /// `dynamodb:BatchWriteItem`.
    pub action: String,
    /// Each of them is needed.
    pub named: Named,
    /// Condition keys of this action alone.
    pub keys: Vec<(&'static str, String)>,
}

impl Needed {
    /// Returns an action on what a request names.
    pub(crate) fn new(action: impl Into<String>, named: Named) -> Self {
        Needed { action: action.into(), named, keys: Vec::new() }
    }

    /// Adds a condition key.
    #[must_use]
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.keys.push((key, value.into()));
        self
    }

    /// Returns the resources to ask about; none where it may be any.
    pub(crate) fn resources(&self) -> Vec<Option<&str>> {
        match &self.named {
            Named::All => vec![Some("*")],
            Named::These(arns) => arns.iter().map(|arn| Some(arn.as_str())).collect(),
            Named::Unclear => vec![None],
        }
    }
}

/// All that is said of what a role may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policies {
    /// The documents of its policies.
    pub identity: Vec<String>,
    /// The document of its boundary: what it may do at most.
    pub boundary: Option<String>,
}

impl Policies {
    /// Whether it may do this.
    pub(crate) fn allow(&self, ask: &AuthorizationRequest<'_>) -> bool {
        self.refusal(ask).is_none()
    }

    /// Refuses what it may not do, as the services word it; `user` is the session that asks.
    pub(crate) fn check(&self, user: &str, ask: &AuthorizationRequest<'_>) -> Result<(), ServiceError> {
        let Some(why) = self.refusal(ask) else { return Ok(()) };
        let on = ask.resource.map(|resource| format!(" on resource: {resource}")).unwrap_or_default();
        let message = format!("User: {user} is not authorized to perform: {}{on} {why}", ask.action);
        Err(ServiceError::bad_request("AccessDeniedException", message))
    }

    /// Why it may not do this.
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
    fn a_boundary_is_the_most_that_a_role_may_do() {
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
    fn the_refusal_is_worded_as_the_service_does() {
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
