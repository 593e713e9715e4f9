//! The permissions that commands need of their caller: one table, the policies made from it, and a check of a caller's own.

mod action_resource;
mod check;
mod command_permissions;
mod grants;
mod policy;
mod probe;
#[cfg(test)]
mod reference;
mod simulation;
mod verdict;

pub(crate) use action_resource::Place;
#[cfg(test)]
pub(crate) use check::Limitation;
pub(crate) use check::{CommandCheck, PermissionResult, check_permissions};
pub(crate) use command_permissions::{COMMANDS, CommandPermissions};
pub(crate) use policy::{
    LIMITS as POLICY_LIMITS, MANAGED as MANAGED_POLICY, PolicyLimit, caller_policy, characters as policy_characters,
    groups_that_fit,
};
