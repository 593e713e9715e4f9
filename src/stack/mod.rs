//! The desired state of the cloud: the resources of a pipeline, what they need from each other, and the engine that
//! compares (`plan`) and changes (`apply`).
//!
//! There is no state file. Every resource carries tags that say whose it is, so the cloud is the state, and a run that
//! was killed anywhere is finished by the next one.

mod apply;
mod artifact;
mod caller_policy;
mod change_tracker;
mod event;
mod event_source_mapping;
mod function;
mod kind;
mod log_group;
mod orphans;
mod ownership;
mod pipeline;
mod plan;
mod preflight;
mod recent;
mod references;
mod resource;
mod role;
mod session;
mod sighting;
mod stream;
mod table;

pub use apply::{Done, apply};
pub use artifact::{Architecture, Artifact, Destination};
pub use caller_policy::caller_policy;
pub use event::{Event, Observer};
pub use event_source_mapping::STARTED_AT;
pub use kind::Kind;
pub use orphans::Leftovers;
pub use ownership::{DEFAULT_STAGE, Owner, Ownership};
pub use pipeline::Stack;
pub use plan::{Action, Plan, Step, Teardown};
pub use preflight::{check_obstacles, name_what_goes_along};
pub use recent::RecentWrites;
pub use references::References;
pub use resource::{Difference, Found, Properties, Resource, Settled, State, differences};
pub use session::{Cloud, PATIENCE};
