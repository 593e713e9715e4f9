//! Observation for `status`: the resources, and the flow of readings.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::resources::resources_of;
use crate::commands::stack_context::{DEFAULT_TIMEOUT, DiscoveryScope, StackContext, session};
use crate::context::Context;
use crate::error::Error;
use crate::operate::{HealthReadings, MappingHealth, PipelineNames, StreamLag};
use crate::output::{
    HealthStatus, MappingStatus, ResourceRef, ResourceStatus, ShardStatus, StackProgress, StackStatus,
};
use crate::stack::{Kind, NOT_READ_QUICKLY, Orphans, STREAM_STATUS, Session};

/// Age at which the metrics and the number of dead letters are read again: a metric has a point a minute.
const READINGS_AGE: Duration = Duration::from_secs(60);

/// Age at which everything is read again.
const STACK_AGE: Duration = Duration::from_mins(5);

/// Resources whose state changes while a pipeline runs.
const LIVELY: [Kind; 3] = [Kind::Stream, Kind::Function, Kind::Mapping];

/// Results of earlier refreshes of a watch.
#[derive(Default)]
pub(super) struct StatusCache {
    stack: Option<(StackContext, Instant)>,
    readings: Option<(HealthReadings, Instant)>,
    stream_lag: StreamLag,
}

/// How to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// At everything, with the orphans of the stage.
    Once,
    /// Again and again, at what may have changed.
    Again,
}

/// Returns the status and the orphans.
///
/// # Errors
/// When there is no cloud to talk to, or a resource cannot be looked at. What else cannot be read is unknown.
pub(super) async fn see(
    context: &Context,
    cache: &mut StatusCache,
    look: Look,
) -> Result<(StackStatus, Orphans), Error> {
    let observer = Arc::new(StackProgress::new(&context.output));
    let session = session(context, DEFAULT_TIMEOUT, observer).await?;
    let clients = Arc::clone(&session.clients);
    let names = PipelineNames::of(&context.settings.pipeline);
    let readings = async {
        match cache.readings.take().filter(|(_, at)| at.elapsed() < READINGS_AGE) {
            Some(readings) => readings,
            None => (HealthReadings::read(&clients, &names).await, Instant::now()),
        }
    };
    let stack = stack(context, session, cache.stack.take(), look);
    let (stack, readings) = futures::join!(stack, readings);
    let ((mut deployment, stack_read), (mut readings, readings_read)) = (stack?, readings);
    let status = status_of(context, &deployment, &mut readings, &names, &mut cache.stream_lag).await;
    let orphans = std::mem::take(&mut deployment.orphans);
    cache.stack = Some((deployment, stack_read));
    cache.readings = Some((readings, readings_read));
    Ok((status, orphans))
}

/// Returns the observed resources, read again as far as they may have changed.
async fn stack(
    context: &Context,
    session: Session,
    before: Option<(StackContext, Instant)>,
    look: Look,
) -> Result<(StackContext, Instant), Error> {
    let is_whole = |(stack, at): &(StackContext, Instant)| {
        at.elapsed() < STACK_AGE && stack.found.iter().all(crate::stack::Observed::exists)
    };
    if let Some((mut stack, at)) = before.filter(is_whole) {
        stack.refresh(&LIVELY).await?;
        return Ok((stack, at));
    }
    let scope = if look == Look::Once { DiscoveryScope::Stage } else { DiscoveryScope::Configured };
    Ok((StackContext::observe_quickly(context, session, scope).await?, Instant::now()))
}

async fn status_of(
    context: &Context,
    deployment: &StackContext,
    readings: &mut HealthReadings,
    names: &PipelineNames,
    stream_lag: &mut StreamLag,
) -> StackStatus {
    let now = readings.now();
    let StackContext { session, account, found, orphans, .. } = deployment;
    let resources = resources_of(deployment);
    let observed_mapping = found.iter().find(|found| found.details.contains_key("uuid"));
    let mapping = observed_mapping.map(|found| MappingStatus {
        uuid: found.details["uuid"].clone(),
        state: found.details["state"].clone(),
        last_processing_result: found.details["last_processing_result"].clone(),
    });
    let mut problems: Vec<String> = resources.iter().filter_map(ResourceStatus::problem).collect();
    let mut health = HealthStatus::default();
    if found.iter().any(crate::stack::Observed::exists) {
        let mapping_health = mapping.as_ref().zip(observed_mapping).map(|(mapping, observed)| MappingHealth {
            uuid: &mapping.uuid,
            state: &mapping.state,
            last_result: &mapping.last_processing_result,
            is_current: session.clients.is_loopback(),
            publishes_events: observed.switch("metrics") == Some(true),
            is_limited: ["retry_attempts", "record_age_seconds"].iter().any(|limit| observed.number(limit) != Some(-1)),
        });
        readings.count_given_up(&session.clients, mapping_health).await;
        let lag = readings.lag(&session.clients, names, now, mapping_health, stream_lag).await;
        let judged = readings.judge(now, lag, mapping_health);
        problems.extend(judged.problems.iter().cloned());
        let why = readings.metrics.as_ref().err().map(|unavailable| unavailable.reason().to_owned());
        health = HealthStatus::new(&judged, shards_of(deployment), &readings.dead_letters, why, now);
    }
    // These concern unmanaged resources and carry their own remedy.
    problems.extend(resources.iter().flat_map(|resource| resource.dangers.clone()));
    StackStatus {
        account: account.clone(),
        region: session.owner.region.clone(),
        stage: session.owner.stage.clone(),
        healthy: problems.is_empty(),
        resources,
        mapping,
        orphans: ResourceRef::of_orphans(orphans),
        health,
        problems,
        not_compared: NOT_READ_QUICKLY.to_vec(),
        shows_arns: context.output.is_verbose(),
    }
}

fn shards_of(deployment: &StackContext) -> Option<ShardStatus> {
    let stream = deployment.stack.resources().iter().position(|resource| resource.kind() == Kind::Stream);
    let stream = &deployment.found[stream?];
    Some(ShardStatus {
        open: stream.number("shards").and_then(|open| u64::try_from(open).ok())?,
        mode: stream.text("mode")?,
        is_resharding: stream.details.get(STREAM_STATUS).is_some_and(|status| status == "UPDATING"),
    })
}
