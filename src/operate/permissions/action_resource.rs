//! The resources on which an action is allowed, and their ARNs.

use crate::settings::Pipeline;
use crate::stack::partition;

/// The resources of a statement, by the pipeline's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ActionResource {
    /// No resource: AWS takes no ARN for these actions (Service Authorization Reference).
    Everything,
    /// Both tables.
    Tables,
    /// The table of readings.
    Readings,
    /// The dead-letter table.
    DeadLetters,
    /// The stream.
    Stream,
    /// The registered consumers of the stream.
    Consumers,
    /// The function's role.
    Role,
    /// The function's role, handed to Lambda only.
    PassedRole,
    /// Managed policies.
    ManagedPolicies,
    /// Instance profiles.
    InstanceProfiles,
    /// The function.
    Function,
    /// All event source mappings: the service chooses their names.
    EventSourceMappings,
    /// The function's log group.
    LogGroup,
    /// The customer managed key of the stream, if it has one.
    StreamKey,
    /// The users and roles of the account: one of them is the caller.
    Callers,
}

/// Where a pipeline is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// Account ID, or `*`.
    pub account: &'a str,
    /// Region, or `*`.
    pub region: &'a str,
}

impl ActionResource {
    /// All of them, in the order of a policy's statements.
    pub(crate) const ALL: [ActionResource; 15] = [
        ActionResource::Everything,
        ActionResource::Tables,
        ActionResource::Readings,
        ActionResource::DeadLetters,
        ActionResource::Stream,
        ActionResource::Consumers,
        ActionResource::Role,
        ActionResource::PassedRole,
        ActionResource::ManagedPolicies,
        ActionResource::InstanceProfiles,
        ActionResource::Function,
        ActionResource::EventSourceMappings,
        ActionResource::LogGroup,
        ActionResource::StreamKey,
        ActionResource::Callers,
    ];

    /// Returns the id of the statement.
    #[must_use]
    pub(crate) fn sid(self) -> &'static str {
        match self {
            ActionResource::Everything => "OnEverything",
            ActionResource::Tables => "Tables",
            ActionResource::Readings => "Readings",
            ActionResource::DeadLetters => "DeadLetters",
            ActionResource::Stream => "Stream",
            ActionResource::Consumers => "Consumers",
            ActionResource::Role => "Role",
            ActionResource::PassedRole => "PassRole",
            ActionResource::ManagedPolicies => "ReadPolicies",
            ActionResource::InstanceProfiles => "InstanceProfiles",
            ActionResource::Function => "Function",
            ActionResource::EventSourceMappings => "EventSourceMappings",
            ActionResource::LogGroup => "LogGroup",
            ActionResource::StreamKey => "StreamKey",
            ActionResource::Callers => "Callers",
        }
    }

    /// Returns whether a statement on the other resource covers this one, too.
    #[must_use]
    pub(crate) fn is_within(self, other: ActionResource) -> bool {
        other == ActionResource::Tables && matches!(self, ActionResource::Readings | ActionResource::DeadLetters)
    }

    /// Returns the ARNs or ARN patterns. Empty for a stream without a key of its own.
    #[must_use]
    pub(crate) fn arns(self, settings: &Pipeline, place: Place<'_>) -> Vec<String> {
        let Place { account, region } = place;
        let partition = partition(region);
        let arn = |service: &str, resource: &str| format!("arn:{partition}:{service}:{region}:{account}:{resource}");
        let of_iam = |resource: &str| format!("arn:{partition}:iam::{account}:{resource}");
        let table = |name: &str| arn("dynamodb", &format!("table/{name}"));
        let stream = &settings.stream.name;
        match self {
            ActionResource::Everything => vec!["*".to_owned()],
            ActionResource::Tables => vec![table(&settings.table.name), table(&settings.rejects.table.name)],
            ActionResource::Readings => vec![table(&settings.table.name)],
            ActionResource::DeadLetters => vec![table(&settings.rejects.table.name)],
            ActionResource::Stream => vec![arn("kinesis", &format!("stream/{stream}"))],
            ActionResource::Consumers => vec![arn("kinesis", &format!("stream/{stream}/consumer/*"))],
            ActionResource::Role | ActionResource::PassedRole => {
                vec![of_iam(&format!("role{}{}", settings.role.path, settings.role.name))]
            }
            // Those of AWS belong to no account.
            ActionResource::ManagedPolicies if account == "*" => vec![of_iam("policy/*")],
            ActionResource::ManagedPolicies => {
                vec![of_iam("policy/*"), format!("arn:{partition}:iam::aws:policy/*")]
            }
            ActionResource::InstanceProfiles => vec![of_iam("instance-profile/*")],
            ActionResource::Function => vec![arn("lambda", &format!("function:{}", settings.function.name))],
            ActionResource::EventSourceMappings => vec![arn("lambda", "event-source-mapping:*")],
            // The actions of tags take the ARN without `:*`, others the one with it.
            ActionResource::LogGroup => {
                let group = arn("logs", &format!("log-group:{}", settings.log_group_name()));
                let streams = format!("{group}:*");
                vec![group, streams]
            }
            ActionResource::StreamKey => {
                settings.stream.key.iter().filter(|key| key.starts_with("arn:")).cloned().collect()
            }
            ActionResource::Callers => vec![of_iam("role/*"), of_iam("user/*")],
        }
    }
}
