//! Authorizes callers: the owner may do everything, a role what its policies allow.
//!
//! Each service returns the permissions that a request needs, using the parsers of its handlers. Only then is the
//! request handled.

use super::credentials::Caller;
use super::permissions::{AuthorizationRequest, Named, Needed, RequestKeys};
use crate::protocol::aws_json::{Request, ServiceError};
use crate::protocol::aws_query::Parameters;
use crate::router::Service;
use crate::services::Services;
use crate::sts::Sts;

/// Rejects a request that its caller is not authorized to make.
pub(crate) fn check(services: &Services, service: Service, request: &Request) -> Result<(), ServiceError> {
    let Some(Caller::Role { arn, session }) = request.extensions().get::<Caller>() else { return Ok(()) };
    let policies = services.iam.policies(arn);
    let user = services.identity.session_arn(arn.rsplit('/').next().unwrap_or_default(), session);
    let keys = RequestKeys::of_session(&services.identity, &services.iam, arn, session);
    for needed in needed(services, service, request) {
        let keys = needed.keys.iter().fold(keys.clone(), |keys, (key, value)| keys.with(key, value));
        for resource in needed.resources() {
            let asked = keys.ask(|context| {
                policies.check(
                    &user,
                    &AuthorizationRequest { resource, context, ..AuthorizationRequest::new(&needed.action, "") },
                )
            });
            asked.map_err(|mut error| {
                if service == Service::Lambda {
                    error.status = 403;
                }
                error
            })?;
        }
    }
    Ok(())
}

/// Returns the permissions that a request needs.
fn needed(services: &Services, service: Service, request: &Request) -> Vec<Needed> {
    let operation = service.operation(request);
    let named = |service: &str, named| vec![Needed::new(format!("{service}:{operation}"), named)];
    match service {
        Service::Kinesis(_) => named("kinesis", services.kinesis.named_in(request)),
        Service::DynamoDb => named("dynamodb", services.dynamodb.named_in(request)),
        Service::Logs => named("logs", services.logs.named_in(request)),
        Service::Lambda => services.lambda.needed_by(request),
        Service::Iam => vec![services.iam.needed_by(&Parameters::of(request), &operation)],
        Service::Sts => Sts::needed_by(&Parameters::of(request)),
        Service::Tagging => named("tag", Named::All),
        Service::CloudWatch(_) => named("cloudwatch", Named::All),
        // No role may use these.
        Service::Health | Service::Control | Service::Unknown => Vec::new(),
    }
}
