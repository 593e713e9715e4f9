//! Compares desired with observed resources (`plan`) and applies the difference. Knows no resource type.

pub(crate) mod action;
pub(crate) mod apply;
pub(crate) mod arn_registry;
pub(crate) mod change_tracker;
pub(crate) mod difference;
pub(crate) mod event;
pub(crate) mod kind;
pub(crate) mod observed;
pub(crate) mod ownership;
pub(crate) mod plan;
pub(crate) mod preflight;
pub(crate) mod recent;
pub(crate) mod resource;
mod resource_calls;
pub(crate) mod session;
pub(crate) mod sighting;
mod stage_tag_calls;
pub(crate) mod stage_tags;
pub(crate) mod tagged_resource;
