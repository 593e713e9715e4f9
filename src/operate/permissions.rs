//! The permissions that commands need of their caller: one table, the policies made from it, and a check of a caller's own.

mod action_resource;
#[allow(dead_code, reason = "`doctor` calls it")]
mod check;
mod command_permissions;
#[allow(dead_code, reason = "`doctor` reads the needs")]
mod grants;
mod policy;
#[allow(dead_code, reason = "`doctor` calls it")]
mod probe;
#[cfg(test)]
mod reference;
#[allow(dead_code, reason = "`doctor` calls it")]
mod simulation;
#[allow(dead_code, reason = "`doctor` calls it")]
mod verdict;

pub(crate) use action_resource::Place;
#[allow(unused_imports, reason = "`doctor` reports them")]
pub(crate) use check::{CommandCheck, Limitation, PermissionResult, check_permissions};
pub(crate) use command_permissions::{COMMANDS, CommandPermissions};
pub(crate) use policy::{
    LIMITS as POLICY_LIMITS, MANAGED as MANAGED_POLICY, PolicyLimit, caller_policy, characters as policy_characters,
    groups_that_fit,
};
