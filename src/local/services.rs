//! The services behind the one port.

use tokio_util::task::TaskTracker;

use crate::auth::credentials::CredentialStore;
use crate::cloudwatch::CloudWatch;
use crate::diagnostics::Diagnostics;
use crate::durability::Durability;
use crate::dynamodb::DynamoDb;
use crate::faults::Faults;
use crate::iam::Iam;
use crate::identity::Identity;
use crate::kinesis::Kinesis;
use crate::lambda::Lambda;
use crate::latency_profile::LatencyProfile;
use crate::logs::Logs;
use crate::sts::Sts;
use crate::tagging::Tagging;

/// All services behind the port.
pub(crate) struct Services {
    pub keys: CredentialStore,
    pub identity: Identity,
    pub kinesis: Kinesis,
    pub dynamodb: DynamoDb,
    pub iam: Iam,
    pub sts: Sts,
    pub logs: Logs,
    pub lambda: Lambda,
    pub tagging: Tagging,
    pub cloudwatch: CloudWatch,
    pub faults: Faults,
    pub notices: Diagnostics,
    pub timing: LatencyProfile,
    pub durability: Durability,
    /// Tasks of the services: they finish even if their connection ends, and before the data directory is released.
    pub work: TaskTracker,
}
