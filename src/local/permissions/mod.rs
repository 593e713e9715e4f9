//! What a caller may do in the local cloud, by its role's policies, and the refusal in the services' own words.

mod resource;

pub(crate) use self::resource::asked;
use super::wire::ServiceError;
pub(crate) use crate::policy::{Ask, Decision, decide};

/// The refusal of what is not allowed, as the services word it.
pub(crate) fn check(policies: &[String], user: &str, ask: &Ask<'_>) -> Result<(), ServiceError> {
    let why = match decide(policies, ask) {
        Decision::Allowed => return Ok(()),
        Decision::NotAllowed => format!("because no identity-based policy allows the {} action", ask.action),
        Decision::Denied => "with an explicit deny in an identity-based policy".to_owned(),
    };
    let on = ask.resource.map(|resource| format!(" on resource: {resource}")).unwrap_or_default();
    let message = format!("User: {user} is not authorized to perform: {}{on} {why}", ask.action);
    Err(ServiceError::bad_request("AccessDeniedException", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/SensorData";

    #[test]
    fn the_refusal_is_worded_as_the_service_does() {
        let user = "arn:aws:sts::000000000000:assumed-role/r/f";
        let error = check(&[], user, &Ask::new("dynamodb:BatchWriteItem", TABLE)).unwrap_err();
        assert_eq!(
            error.message,
            format!(
                "User: {user} is not authorized to perform: dynamodb:BatchWriteItem on resource: {TABLE} because no \
                 identity-based policy allows the dynamodb:BatchWriteItem action"
            )
        );
    }
}
