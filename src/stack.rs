//! The desired state of the cloud: the resources of a pipeline, what they need from each other, and the engine that
//! compares (`plan`) and changes (`apply`).
//!
//! There is no state file. Every resource carries tags that say whose it is, so the cloud is the state, and a run that
//! was killed anywhere is finished by the next one.

mod caller_policy;
mod engine;
mod orphans;
mod pipeline;
mod resources;

pub use caller_policy::caller_policy;
pub use engine::action::Action;
pub use engine::apply::{StepOutcome, apply};
pub use engine::arn_registry::ArnRegistry;
pub use engine::difference::Difference;
pub use engine::event::{StackEvent, StackObserver};
pub use engine::kind::Kind;
pub use engine::observed::{Observed, Properties, State};
pub use engine::ownership::{DEFAULT_STAGE, Owner, Ownership};
pub use engine::plan::{Plan, Step, TeardownOptions, with_arns};
pub use engine::preflight::{annotate_collateral, check_deletion_blockers};
pub use engine::recent::RecentWrites;
pub use engine::resource::{Readiness, Resource, differences};
pub use engine::session::{QUIET_WAIT, Session};
pub use orphans::Orphans;
pub use pipeline::Stack;
pub use resources::artifact::{Architecture, Destination, FunctionArtifact};
pub use resources::event_source_mapping::STARTED_AT;
