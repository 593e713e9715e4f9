//! The desired state of the cloud: the resources of a pipeline, what they need from each other, and the engine that
//! compares (`plan`) and changes (`apply`).
//!
//! There is no state file. Every resource carries tags that say whose it is, so the cloud is the state, and a run that
//! was killed anywhere is finished by the next one.

mod caller_policy;
mod engine;
mod pipeline;
mod resources;

pub use caller_policy::caller_policy;
pub use engine::apply::{StepOutcome, apply};
pub use engine::arn_registry::ArnRegistry;
pub use engine::event::{StackEvent, StackObserver};
pub use engine::kind::Kind;
pub use engine::orphans::Orphans;
pub use engine::ownership::{DEFAULT_STAGE, Owner, Ownership};
pub use engine::plan::{Action, Plan, Step, TeardownOptions, with_arns};
pub use engine::preflight::{annotate_collateral, check_deletion_blockers};
pub use engine::recent::RecentWrites;
pub use engine::resource::{Difference, Observed, Properties, Readiness, Resource, State, differences};
pub use engine::session::{QUIET_WAIT, Session};
pub use pipeline::Stack;
pub use resources::artifact::{Architecture, Destination, FunctionArtifact};
pub use resources::event_source_mapping::STARTED_AT;
