//! The checks that call services: all calls at once, each with its own deadline, and what they answered judged after.

use std::time::Duration;

use tokio::join;

use super::calls::{self, Answer, Reached};
use super::credentials::{self, Usable};
use super::endpoint::{self, ENDPOINTS};
use super::finding::{CheckFinding, Verdict, timed};
use super::kinesis_quota::StreamNow;
use super::{capacity_quota, clock, kinesis_quota, lambda_quota, permissions, tag_policy};
use crate::aws::{AwsFailure, Clients};
use crate::error::Error;
use crate::operate::permissions::CommandPermissions;
use crate::operate::quotas::ON_DEMAND_FIRST_SHARDS;
use crate::settings::{Capacity, Pipeline};

const CREDENTIALS: &str = "credentials";
const CLOCK: &str = "clock";
const LAMBDA_CONCURRENCY: &str = "lambda-concurrency";
const LAMBDA_STORAGE: &str = "lambda-storage";
const KINESIS_SHARDS: &str = "kinesis-shards";
const DYNAMODB_CAPACITY: &str = "dynamodb-capacity";
const ASSUMED_QUOTAS: &str = "assumed-quotas";
const TAG_POLICIES: &str = "tag-policies";

/// Why nothing is asked without a region or endpoint.
const NO_CONNECTION: &str = "not asked: there is no connection";
/// Why nothing is asked with credentials that are refused.
const REFUSED: &str = "not asked: the credentials cannot be used";

/// Returns the checks of services when none could be called.
#[must_use]
pub(crate) fn services_not_asked(settings: &Pipeline) -> Vec<CheckFinding> {
    let not_asked = |name| timed(name, || Verdict::unknown(NO_CONNECTION));
    let names = ENDPOINTS.iter().map(|(_, name)| *name);
    let names =
        [CREDENTIALS].into_iter().chain(names).chain([CLOCK, LAMBDA_CONCURRENCY, LAMBDA_STORAGE, KINESIS_SHARDS]);
    let mut findings: Vec<_> = names.map(not_asked).collect();
    let needs_limits = capacity_quota::needs_limits(settings);
    let capacity = || if needs_limits { Verdict::unknown(NO_CONNECTION) } else { capacity_quota::on_demand() };
    findings.extend([timed(DYNAMODB_CAPACITY, capacity), not_asked(TAG_POLICIES)]);
    findings.push(timed(ASSUMED_QUOTAS, || capacity_quota::judge_assumed(settings, None)));
    findings.extend(permissions::not_checked(&CommandPermissions::needing(), NO_CONNECTION, Duration::ZERO));
    findings
}

/// Calls the services, and judges their answers. `stage` is the tag of the stage's resources.
pub(crate) async fn examine_services(clients: &Clients, settings: &Pipeline, stage: (&str, &str)) -> Vec<CheckFinding> {
    let probing = clients.for_probes(true);
    let mut identity = calls::identity(&probing).await;
    let usable = credentials::usable(&identity.result);
    let mut findings = vec![credentials::judge(&identity.result).named(CREDENTIALS, identity.reached.took)];
    let probing = if usable == Usable::Missing { clients.for_probes(false) } else { probing };
    let is_usable = usable == Usable::Yes;
    let sts = async { if usable == Usable::Missing { Some(calls::identity(&probing).await) } else { None } };
    let needs_capacity = is_usable && capacity_quota::needs_limits(settings);
    let group = settings.log_group_name();
    let commands = CommandPermissions::needing();
    let answers = join!(
        sts,
        calls::shard_limits(&probing),
        calls::lambda_account(&probing),
        calls::dynamodb(&probing),
        calls::iam(&probing, &settings.role.name),
        calls::logs(&probing, &group),
        calls::cloudwatch(&probing, &settings.stream.name),
        calls::compliance(&probing, stage),
        when(is_usable, calls::stream_shards(&probing, &settings.stream.name)),
        when(is_usable, calls::reserved_concurrency(&probing, &settings.function.name)),
        when(needs_capacity, calls::capacity_limits(&probing)),
        when(is_usable, calls::required_tags(&probing)),
        when(is_usable, permissions::examine(&probing, settings, &commands)),
    );
    let (sts, shards, lambda, dynamodb, iam, logs, cloudwatch, tags, stream, reserved, capacity, required, permitted) =
        answers;
    if let Some(sts) = sts {
        identity = sts;
    }
    let reached: [&Reached; ENDPOINTS.len()] = [
        &identity.reached,
        &shards.reached,
        &lambda.reached,
        &dynamodb.reached,
        &iam.reached,
        &logs.reached,
        &cloudwatch.reached,
        &tags.reached,
    ];
    findings.extend(endpoint::judge_all(&reached));
    let clocks: Vec<_> = reached.iter().filter_map(|reached| Some((reached.service, reached.clock?))).collect();
    findings.push(timed(CLOCK, || clock::judge(&clocks)));
    let account = lambda.result.as_ref().ok().copied();
    let stream_now = match stream.as_ref().map(|stream| &stream.result) {
        Some(Ok(Some(shards))) if shards.open_shards > 0 => StreamNow::Found(*shards),
        Some(Ok(None)) => StreamNow::Missing,
        Some(Ok(_) | Err(_)) | None => StreamNow::Unknown,
    };
    let judged = |name, took: Duration, verdict: Verdict| {
        let verdict = if is_usable { verdict } else { Verdict::unknown(REFUSED) };
        verdict.named(name, took)
    };
    let concurrency = judge(&lambda.result, |account| {
        let reserved = reserved.as_ref().map_or(Ok(None), |reserved| reserved.result.as_ref().copied());
        lambda_quota::judge_concurrency(account, reserved, settings, shards_read(stream_now, settings))
    });
    findings.push(judged(LAMBDA_CONCURRENCY, longest(&lambda, reserved.as_ref()), concurrency));
    findings.push(judged(LAMBDA_STORAGE, lambda.reached.took, judge(&lambda.result, lambda_quota::judge_storage)));
    let open = judge(&shards.result, |limits| kinesis_quota::judge(limits, stream_now, &settings.stream));
    findings.push(judged(KINESIS_SHARDS, longest(&shards, stream.as_ref()), open));
    findings.push(match &capacity {
        None if capacity_quota::needs_limits(settings) => {
            judged(DYNAMODB_CAPACITY, Duration::ZERO, Verdict::unknown(""))
        }
        None => timed(DYNAMODB_CAPACITY, capacity_quota::on_demand),
        Some(capacity) => {
            let verdict = judge(&capacity.result, |limits| capacity_quota::judge(limits, settings));
            judged(DYNAMODB_CAPACITY, capacity.reached.took, verdict)
        }
    });
    let concurrency = account.and_then(|account| account.concurrency);
    findings.push(timed(ASSUMED_QUOTAS, || capacity_quota::judge_assumed(settings, concurrency)));
    findings.push(match required {
        Some(required) => {
            let verdict = tag_policy::judge(&tags.result, &required.result, settings);
            judged(TAG_POLICIES, longest(&tags, Some(&required)), verdict)
        }
        None => judged(TAG_POLICIES, tags.reached.took, Verdict::unknown("")),
    });
    findings.extend(permitted.unwrap_or_else(|| permissions::not_checked(&commands, REFUSED, Duration::ZERO)));
    findings
}

/// Checks the credentials, and the permissions that these commands need; no clients mean no connection.
pub(crate) async fn examine_permissions(
    clients: Option<&Clients>,
    settings: &Pipeline,
    commands: &[&CommandPermissions],
) -> Vec<CheckFinding> {
    let Some(clients) = clients else {
        let credentials = timed(CREDENTIALS, || Verdict::unknown(NO_CONNECTION));
        let not_checked = permissions::not_checked(commands, NO_CONNECTION, Duration::ZERO);
        return std::iter::once(credentials).chain(not_checked).collect();
    };
    let probing = clients.for_probes(true);
    let identity = calls::identity(&probing).await;
    let mut findings = vec![credentials::judge(&identity.result).named(CREDENTIALS, identity.reached.took)];
    findings.extend(match credentials::usable(&identity.result) {
        Usable::Yes => permissions::examine(&probing, settings, commands).await,
        _ => permissions::not_checked(commands, REFUSED, Duration::ZERO),
    });
    findings
}

/// Judges an answer; a call that failed leaves it unknown.
fn judge<T: Copy>(answer: &Result<T, AwsFailure>, judge: impl FnOnce(T) -> Verdict) -> Verdict {
    match answer {
        Ok(answer) => judge(*answer),
        Err(failure) => Verdict::unknown_with(&Error::from(failure.clone())),
    }
}

/// Returns the shards that are read at once, and whether the number is assumed.
fn shards_read(now: StreamNow, settings: &Pipeline) -> (i32, bool) {
    let stream = &settings.stream;
    match (stream.capacity, now.shards()) {
        (Capacity::Shards(shards), found) if !stream.existing => {
            let more = found.filter(|found| !found.is_on_demand).map_or(0, |found| found.open_shards);
            (more.max(shards), matches!(now, StreamNow::Unknown))
        }
        (_, Some(found)) => (found.open_shards, false),
        (Capacity::OnDemand, None) => (ON_DEMAND_FIRST_SHARDS.into(), true),
        (Capacity::Shards(shards), None) => (shards, true),
    }
}

async fn when<T>(is_asked: bool, call: impl Future<Output = T>) -> Option<T> {
    if is_asked { Some(call.await) } else { None }
}

fn longest<T, U>(one: &Answer<T>, other: Option<&Answer<U>>) -> Duration {
    one.reached.took.max(other.map_or(Duration::ZERO, |other| other.reached.took))
}
