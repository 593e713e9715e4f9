//! Running the pipeline: what its function logs, one invocation of it, and what keeps it from working.
//!
//! Nothing here prints. Reads `stack`'s resources and `pipeline`'s data; `commands` report what it returns.

mod diagnosis;
mod doctor;
mod function_log;
mod invocation;

pub(crate) use diagnosis::{Cause, CauseName, Diagnosis, Unexcluded, diagnose};
pub(crate) use doctor::{
    CheckResult, Finding, LocalCloudFacts, RunningLocalCloud, examine_artifact, examine_local_cloud, examine_retention,
    examine_zip,
};
pub(crate) use function_log::{InvocationMetrics, InvocationUsage, LogFollower, LogKind, LogLine, LogQuery, read_log};
pub(crate) use invocation::{EventOrigin, EventRecord, FunctionInvocation, invoke, read_record};
