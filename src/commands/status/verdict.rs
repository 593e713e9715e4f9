//! The exit code of `status`, and the way on.

use crate::error::Error;
use crate::output::{NOT_OURS, ResourceStatus, StackStatus};

/// Returns an error, for the exit code, unless all is well.
pub(super) fn verdict(status: &StackStatus) -> Result<(), Error> {
    if status.healthy {
        return Ok(());
    }
    if status.resources.iter().all(|resource| resource.state == "missing") {
        let StackStatus { stage, region, account, .. } = status;
        let place = format!("there is no pipeline of stage {stage} in {region}, account {account}");
        return Err(Error::incomplete(place).hint("`sensorctl up` creates it"));
    }
    let error = Error::incomplete(format!("problems: {}", status.problems.join("; ")));
    let differing = status.resources.iter().filter(|resource| ResourceStatus::problem(resource).is_some()).count();
    let has_dead_letters = status.health.dead_letters.is_some_and(|dead| dead.count > 0);
    let error = if has_dead_letters { error.hint("`sensorctl rejects list` shows the dead letters") } else { error };
    let dangers: usize = status.resources.iter().map(|resource| resource.dangers.len()).sum();
    let is_failing = status.problems.len() > differing + dangers + usize::from(has_dead_letters);
    let error = if is_failing { error.hint("`sensorctl why` says why, and what to do") } else { error };
    Err(if differing > 0 {
        error.hint("`sensorctl plan` shows what `sensorctl up` would change")
    } else if is_failing {
        error
    } else if dangers > 0 {
        error.hint(NOT_OURS)
    } else {
        error
    })
}
