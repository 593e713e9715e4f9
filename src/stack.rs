//! The desired state of the cloud: the resources of a pipeline, their dependencies, and the engine that compares
//! (`plan`) and changes (`apply`).
//!
//! There is no state file. Every resource has tags with its owner, so the cloud is the state. A run that was killed at
//! any point is completed by the next one.

mod engine;
mod orphans;
mod partition;
mod pipeline;
mod resources;

pub(crate) use engine::action::Action;
pub(crate) use engine::apply::{StepOutcome, apply};
pub(crate) use engine::arn_registry::ArnRegistry;
pub(crate) use engine::difference::Difference;
pub(crate) use engine::event::{StackEvent, StackObserver};
pub(crate) use engine::kind::Kind;
pub(crate) use engine::observed::{Observed, Properties, State};
pub(crate) use engine::ownership::{DEFAULT_STAGE, Owner, Ownership, STAGE as STAGE_TAG, VERSION as VERSION_TAG};
pub(crate) use engine::plan::{Plan, Step, TeardownOptions, with_arns};
pub(crate) use engine::preflight::{annotate_collateral, check_deletion_blockers};
pub(crate) use engine::recent::RecentWrites;
pub(crate) use engine::resource::{Readiness, Resource, differences};
pub(crate) use engine::session::{NOT_READ_QUICKLY, QUIET_WAIT, Session};
pub(crate) use orphans::Orphans;
pub(crate) use partition::partition;
pub(crate) use pipeline::Stack;
pub(crate) use resources::artifact::{Architecture, FunctionArtifact};
pub(crate) use resources::artifact_inspection::ArtifactInspection;
pub(crate) use resources::event_source_mapping::{STARTED_AT, filters_by_meaning};
pub(crate) use resources::function::PARTIAL_BATCH;
pub(crate) use resources::role::{Permission, RoleAccess, RolePolicy, role_access};
pub(crate) use resources::stream::STREAM_STATUS;
