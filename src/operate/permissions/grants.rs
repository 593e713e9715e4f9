//! Groups of actions that commands share.

use super::action_resource::ActionResource::{
    self, Callers, Consumers, DeadLetters, EventSourceMappings, Everything, Function, InstanceProfiles, LogGroup,
    ManagedPolicies, PassedRole, Readings, Role, Stream, StreamKey, Tables,
};

/// How much a command needs an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Without it the command fails.
    Always,
    /// Without it the command fails in this case: a flag, or a kind of change.
    For(&'static str),
    /// Without it the command fails in this case, and always without the other action, which does the same.
    Instead {
        /// The case in which the other action does not do.
        case: &'static str,
        /// The other action.
        of: &'static str,
    },
    /// Without it the command takes this fallback, and says so.
    Fallback(&'static str),
}

/// Actions on the same resource, of which a command has the same need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    /// How much they are needed.
    pub need: Need,
    /// The resource.
    pub on: ActionResource,
    /// The actions: `kinesis:PutRecord`.
    pub actions: &'static [&'static str],
}

const fn always(on: ActionResource, actions: &'static [&'static str]) -> Grant {
    Grant { need: Need::Always, on, actions }
}

const fn needed_for(case: &'static str, on: ActionResource, actions: &'static [&'static str]) -> Grant {
    Grant { need: Need::For(case), on, actions }
}

/// Needed for the tags that the common call does not have.
const fn tags_one_by_one(on: ActionResource, actions: &'static [&'static str]) -> Grant {
    let case = "resources that `tag:GetResources` does not list: unmanaged ones, and those made seconds ago";
    Grant { need: Need::Instead { case, of: "tag:GetResources" }, on, actions }
}

const fn optional(fallback: &'static str, on: ActionResource, actions: &'static [&'static str]) -> Grant {
    Grant { need: Need::Fallback(fallback), on, actions }
}

/// Observes all resources. A look that is denied in part is no look.
pub(super) const LOOK: &[Grant] = &[
    always(Everything, &["lambda:ListEventSourceMappings", "logs:DescribeLogGroups"]),
    always(
        Tables,
        &[
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeTable",
            "dynamodb:DescribeTimeToLive",
            "dynamodb:ListTagsOfResource",
        ],
    ),
    always(Stream, &["kinesis:DescribeStreamSummary", "kinesis:ListTagsForStream"]),
    always(Role, &["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"]),
    always(Function, &["lambda:GetFunction"]),
    always(EventSourceMappings, &["lambda:ListTags"]),
    always(LogGroup, &["logs:ListTagsForResource"]),
    needed_for(
        "filters that are encrypted with a key of yours",
        EventSourceMappings,
        &["lambda:GetEventSourceMapping"],
    ),
];

/// Observes what `status` compares: neither backups nor expiry of the tables.
pub(super) const QUICK_LOOK: &[Grant] = &[
    always(Everything, &["lambda:ListEventSourceMappings", "logs:DescribeLogGroups"]),
    always(Tables, &["dynamodb:DescribeTable"]),
    always(Stream, &["kinesis:DescribeStreamSummary"]),
    always(Role, &["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"]),
    always(Function, &["lambda:GetFunction"]),
    needed_for(
        "filters that are encrypted with a key of yours",
        EventSourceMappings,
        &["lambda:GetEventSourceMapping"],
    ),
    tags_one_by_one(Tables, &["dynamodb:ListTagsOfResource"]),
    tags_one_by_one(Stream, &["kinesis:ListTagsForStream"]),
    tags_one_by_one(EventSourceMappings, &["lambda:ListTags"]),
    tags_one_by_one(LogGroup, &["logs:ListTagsForResource"]),
];

/// Finds orphans.
pub(super) const ORPHANS: &[Grant] = &[
    optional("the tags of all candidates are read one by one", Everything, &["tag:GetResources"]),
    optional(
        "orphans of these kinds are not found",
        Everything,
        &["dynamodb:ListTables", "iam:ListRoles", "kinesis:ListStreams", "lambda:ListFunctions"],
    ),
];

/// Creates what is missing.
pub(super) const CREATE: &[Grant] = &[
    always(Everything, &["lambda:CreateEventSourceMapping"]),
    always(Tables, &["dynamodb:CreateTable", "dynamodb:TagResource", "dynamodb:UpdateTimeToLive"]),
    always(Stream, &["kinesis:AddTagsToStream", "kinesis:CreateStream"]),
    always(Role, &["iam:CreateRole", "iam:PutRolePolicy", "iam:TagRole"]),
    always(PassedRole, &["iam:PassRole"]),
    always(Function, &["lambda:CreateFunction", "lambda:TagResource"]),
    always(EventSourceMappings, &["lambda:TagResource"]),
    always(LogGroup, &["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"]),
    optional("a new function is not invoked once before its mapping is made", Function, &["lambda:InvokeFunction"]),
    optional(
        "a role that can never work is not told from one that is new",
        ManagedPolicies,
        &["iam:GetPolicy", "iam:GetPolicyVersion"],
    ),
];

/// Changes what differs from the settings.
pub(super) const CHANGE: &[Grant] = &[
    needed_for("a change of the stream", Everything, &["kinesis:UpdateShardCount", "kinesis:UpdateStreamMode"]),
    needed_for(
        "a change of the stream",
        Stream,
        &[
            "kinesis:DecreaseStreamRetentionPeriod",
            "kinesis:IncreaseStreamRetentionPeriod",
            "kinesis:StartStreamEncryption",
            "kinesis:StopStreamEncryption",
        ],
    ),
    needed_for("a change of a table", Tables, &["dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable"]),
    needed_for(
        "a change of the role",
        Role,
        &[
            "iam:AttachRolePolicy",
            "iam:DeleteRolePermissionsBoundary",
            "iam:DeleteRolePolicy",
            "iam:DetachRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:UpdateAssumeRolePolicy",
        ],
    ),
    needed_for(
        "a change of the function",
        Function,
        &[
            "lambda:DeleteFunctionConcurrency",
            "lambda:PutFunctionConcurrency",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
        ],
    ),
    needed_for("a change of the event source mapping", EventSourceMappings, &["lambda:UpdateEventSourceMapping"]),
    needed_for("a change of the log group", LogGroup, &["logs:DeleteRetentionPolicy"]),
    needed_for("a stream with a key of yours", StreamKey, &["kms:DescribeKey"]),
];

/// Deletes what `up` made.
pub(super) const DELETE: &[Grant] = &[
    always(Tables, &["dynamodb:DeleteTable"]),
    always(Stream, &["kinesis:DeleteStream", "kinesis:ListStreamConsumers"]),
    always(
        Role,
        &["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies"],
    ),
    always(Function, &["lambda:DeleteFunction"]),
    always(EventSourceMappings, &["lambda:DeleteEventSourceMapping"]),
    always(LogGroup, &["logs:DeleteLogGroup"]),
    needed_for("a role with managed policies", Role, &["iam:DetachRolePolicy"]),
    needed_for("a role in an instance profile", InstanceProfiles, &["iam:RemoveRoleFromInstanceProfile"]),
];

/// Replaces what cannot be changed in place.
pub(super) const REPLACE: &[Grant] = &[
    needed_for("`--replace`", Tables, &["dynamodb:DeleteTable"]),
    needed_for("`--replace`", Stream, &["kinesis:DeleteStream", "kinesis:ListStreamConsumers"]),
    needed_for("`--replace`", Role, &["iam:DeleteRole", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies"]),
    needed_for("`--replace`", InstanceProfiles, &["iam:RemoveRoleFromInstanceProfile"]),
    needed_for("`--replace`", Function, &["lambda:DeleteFunction"]),
    needed_for("`--replace`", EventSourceMappings, &["lambda:DeleteEventSourceMapping"]),
    needed_for("`--replace`", LogGroup, &["logs:DeleteLogGroup"]),
];

/// Sends a canary through.
pub(super) const VERIFY: &[Grant] = &[
    needed_for("`--verify`", Stream, &["kinesis:PutRecord"]),
    needed_for("`--verify`", Readings, &["dynamodb:DeleteItem", "dynamodb:GetItem"]),
    needed_for("`--verify` into a stream with a key of yours", StreamKey, &["kms:GenerateDataKey"]),
];

/// Sends canaries through every shard.
pub(super) const DRAIN: &[Grant] = &[
    needed_for("`--drain`", Stream, &["kinesis:ListShards", "kinesis:PutRecord"]),
    needed_for("`--drain`", Readings, &["dynamodb:DeleteItem", "dynamodb:GetItem"]),
    needed_for("`--drain` of a stream with a key of yours", StreamKey, &["kms:GenerateDataKey"]),
];

/// The calls of a sender that ask about the stream and its readers.
pub(super) const AGGREGATE: &[Grant] = &[
    optional("a record for each reading, not aggregated", Everything, &["lambda:ListEventSourceMappings"]),
    optional(
        "a record for each reading, not aggregated",
        Stream,
        &[
            "kinesis:DescribeStreamSummary",
            "kinesis:ListShards",
            "kinesis:ListStreamConsumers",
            "kinesis:ListTagsForStream",
        ],
    ),
    optional("a record for each reading, not aggregated", Function, &["lambda:ListTags"]),
    optional("a record for each reading, not aggregated", EventSourceMappings, &["lambda:ListTags"]),
];

/// Puts one reading.
pub(super) const PUT_ONE: &[Grant] = &[
    always(Stream, &["kinesis:PutRecord"]),
    needed_for("a stream with a key of yours", StreamKey, &["kms:GenerateDataKey"]),
];

/// Puts many readings.
pub(super) const PUT_MANY: &[Grant] = &[needed_for("`--file`", Stream, &["kinesis:PutRecords"])];

/// Follows one reading into the table.
pub(super) const PUT_WAIT: &[Grant] = &[
    needed_for("`--wait`", Readings, &["dynamodb:GetItem"]),
    optional("`--wait` does not name the hop that did not happen", Everything, &["lambda:ListEventSourceMappings"]),
    optional("`--wait` does not see that the reading is a dead letter", DeadLetters, &["dynamodb:Query"]),
    optional("`--wait` does not show when the function had the reading", LogGroup, &["logs:FilterLogEvents"]),
];

/// Sends made-up readings.
pub(super) const SIMULATE: &[Grant] = &[
    always(Stream, &["kinesis:PutRecords"]),
    needed_for("`--verify`", Readings, &["dynamodb:Query"]),
    needed_for("`--verify`", DeadLetters, &["dynamodb:Scan"]),
    needed_for("`--delete`", Readings, &["dynamodb:BatchWriteItem", "dynamodb:Scan"]),
    needed_for("a stream with a key of yours", StreamKey, &["kms:GenerateDataKey"]),
];

/// Reads rows.
pub(super) const SCAN: &[Grant] = &[
    needed_for("`--sensor`", Readings, &["dynamodb:Query"]),
    needed_for("a scan of all sensors", Readings, &["dynamodb:Scan"]),
    optional("segments are not chosen by the table's size", Readings, &["dynamodb:DescribeTable"]),
];

/// Reads the stream.
pub(super) const TAIL: &[Grant] = &[
    always(Stream, &["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]),
    // All but the subscription are of the stream and of the consumer.
    needed_for(
        "`--fan-out`",
        Stream,
        &[
            "kinesis:DeregisterStreamConsumer",
            "kinesis:DescribeStreamConsumer",
            "kinesis:DescribeStreamSummary",
            "kinesis:RegisterStreamConsumer",
        ],
    ),
    needed_for(
        "`--fan-out`",
        Consumers,
        &[
            "kinesis:DeregisterStreamConsumer",
            "kinesis:DescribeStreamConsumer",
            "kinesis:RegisterStreamConsumer",
            "kinesis:SubscribeToShard",
        ],
    ),
    needed_for("a stream with a key of yours", StreamKey, &["kms:Decrypt"]),
];

/// Runs the function.
pub(super) const INVOKE: &[Grant] = &[
    always(Function, &["lambda:InvokeFunction"]),
    needed_for("`--from-stream`", Stream, &["kinesis:GetRecords", "kinesis:GetShardIterator"]),
    needed_for("`--from-stream` of a stream with a key of yours", StreamKey, &["kms:Decrypt"]),
];

/// Reads the function's log.
pub(super) const LOGS: &[Grant] = &[always(LogGroup, &["logs:FilterLogEvents"])];

/// Looks for the cause of a blocked or slow pipeline.
pub(super) const WHY: &[Grant] = &[
    optional(
        "causes that need it are `unknown`",
        Everything,
        &["cloudwatch:GetMetricData", "lambda:ListEventSourceMappings"],
    ),
    optional("causes that need it are `unknown`", Tables, &["dynamodb:DescribeTable"]),
    optional("given-up records are named although they are stored again", Tables, &["dynamodb:BatchGetItem"]),
    optional("causes that need it are `unknown`", DeadLetters, &["dynamodb:Scan"]),
    optional(
        "causes that need it are `unknown`",
        Stream,
        &["kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"],
    ),
    optional(
        "causes that need it are `unknown`",
        Role,
        &["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"],
    ),
    optional("causes that need it are `unknown`", StreamKey, &["kms:Decrypt"]),
    optional("causes that need it are `unknown`", ManagedPolicies, &["iam:GetPolicy", "iam:GetPolicyVersion"]),
    optional("causes that need it are `unknown`", Function, &["lambda:GetFunction"]),
    optional("causes that need it are `unknown`", LogGroup, &["logs:FilterLogEvents"]),
];

/// The calls of `status` besides the resources: for the lag and the dead letters.
pub(super) const LAG: &[Grant] = &[
    optional("the lag is not exact, and given-up records may be unknown", Everything, &["cloudwatch:GetMetricData"]),
    optional(
        "the lag is not exact, and given-up records are named although they are stored again",
        Tables,
        &["dynamodb:BatchGetItem"],
    ),
    optional("dead letters are not counted", DeadLetters, &["dynamodb:Scan"]),
    optional("the lag is not exact", Stream, &["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]),
    optional("the lag is not exact", StreamKey, &["kms:Decrypt"]),
    // Of a local cloud, which tells them in the function's log.
    optional("records that were given up are not counted", LogGroup, &["logs:FilterLogEvents"]),
];

/// Reads, replays and deletes dead letters.
pub(super) const REJECTS: &[Grant] = &[
    always(DeadLetters, &["dynamodb:Query", "dynamodb:Scan"]),
    needed_for("`delete` and `replay`", DeadLetters, &["dynamodb:DeleteItem"]),
    needed_for("`replay`", Tables, &["dynamodb:BatchGetItem"]),
    needed_for("`replay`", Stream, &["kinesis:PutRecords"]),
    needed_for("`replay` into a stream with a key of yours", StreamKey, &["kms:GenerateDataKey"]),
    needed_for("`from-destination`", Stream, &["kinesis:GetRecords", "kinesis:GetShardIterator"]),
    needed_for("`from-destination` of a stream with a key of yours", StreamKey, &["kms:Decrypt"]),
    optional("the time that is left is not told", Stream, &["kinesis:DescribeStreamSummary"]),
];

/// Looks at account and caller.
pub(super) const DOCTOR: &[Grant] = &[
    optional(
        "checks that need it are `unknown`",
        Everything,
        &[
            "dynamodb:DescribeLimits",
            "kinesis:DescribeLimits",
            "lambda:GetAccountSettings",
            "tag:GetResources",
            "tag:ListRequiredTags",
        ],
    ),
    optional("checks that need it are `unknown`", Stream, &["kinesis:DescribeStreamSummary"]),
    optional("checks that need it are `unknown`", Function, &["lambda:GetFunctionConcurrency"]),
    optional(
        "the refusal itself shows that the service answers",
        Everything,
        &["cloudwatch:GetMetricData", "dynamodb:ListTables", "logs:DescribeLogGroups"],
    ),
    optional("the refusal itself shows that the service answers", Role, &["iam:GetRole"]),
    optional("permissions are tried by reads, others are `unknown`", Callers, &["iam:SimulatePrincipalPolicy"]),
    optional("a caller's role with a path is named without it", Callers, &["iam:GetRole"]),
];
