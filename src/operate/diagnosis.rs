//! Why the pipeline is blocked, slow or losing data: reads each fact once, the cheapest first, and judges them by
//! probes.
//!
//! Everything here only reads. One call tells the time, a first round needs nothing but names, a second what the first
//! returned. Only metrics cost something, about 0.0001 USD a look. Probes are pure, and what cannot be read is an open
//! question, never an exclusion.

mod answer;
mod bisection;
mod blocked_batch;
mod deployed_code;
mod finding;
mod log_evidence;
mod metric_facts;
mod observations;
mod probes;
mod reads;

use std::time::Duration;

use tokio::time::timeout;

use self::answer::Answer;
use self::log_evidence::LogEvidence;
use self::metric_facts::{MetricFacts, metric_facts};
use self::observations::{Emptiness, MappingFacts, Observations, StreamFacts};
use self::reads::answered;
use crate::aws::{AwsFailure, FailureCause, ServiceClock};
use crate::operate::PipelineNames;
use crate::operate::answer_limit::ANSWER_LIMIT;
use crate::operate::dead_letter_count::dead_letter_reasons;
use crate::operate::given_up::{GivenUpLog, counted_given_up, given_up_batches};
use crate::operate::read_budget::ReadBudget;
use crate::settings::Pipeline;
use crate::stack::{Session, role_access};

pub(crate) use self::bisection::{BatchRun, BatchRunner, FaultyRecord, FunctionSetup, SearchOptions};
pub(crate) use self::finding::{Cause, CauseName, Diagnosis, Unexcluded};

/// A log has several pages, and a large one is searched for seconds. A stream is read once a second.
const LONG_READ_LIMIT: Duration = Duration::from_secs(20);
/// A role takes several calls, one after the other.
const ROLE_LIMIT: Duration = Duration::from_secs(10);

/// Diagnoses the pipeline of these settings. With `search`, finds the record for which the function fails.
///
/// # Errors
/// If there are no valid credentials, or AWS does not answer. A denied call is an open question.
pub(crate) async fn diagnose(
    session: &Session,
    settings: &Pipeline,
    search: Option<SearchOptions<'_>>,
) -> Result<Diagnosis, AwsFailure> {
    let seen = Box::pin(observe(session, settings)).await?;
    let mut diagnosis = Diagnosis::of(probes::findings(&seen));
    if let Some(search) = search {
        Box::pin(blocked_batch::locate(session, &seen, search, &mut diagnosis)).await?;
    }
    Ok(diagnosis)
}

/// Reads everything, in two rounds after the first call.
async fn observe(session: &Session, settings: &Pipeline) -> Result<Observations, AwsFailure> {
    let clients = &session.clients;
    let clock = ServiceClock::default();
    let (names, group) = (settings, settings.log_group_name());
    // Alone, because it tells the time of the service, to which the windows of the log and the metrics belong.
    let stream = match timeout(ANSWER_LIMIT, reads::stream(clients, &names.stream.name, &clock)).await {
        // Nothing is there that could answer another call.
        Ok(Err(failure)) if failure.cause == FailureCause::Unreachable => return Err(failure),
        Ok(read) => answered(read)?,
        Err(_) => Err(no_answer("Kinesis DescribeStreamSummary", ANSWER_LIMIT)),
    };
    let now_ms = clock.now_ms();
    let now = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_else(|_| jiff::Timestamp::now());
    let first = async {
        tokio::join!(
            within(
                ANSWER_LIMIT,
                "Lambda ListEventSourceMappings",
                reads::mapping(clients, &names.stream.name, &names.function.name)
            ),
            within(ANSWER_LIMIT, "Lambda GetFunction", reads::function(clients, &names.function.name)),
            within(ANSWER_LIMIT, "DynamoDB DescribeTable", reads::table_status(clients, &names.table.name)),
            within(ANSWER_LIMIT, "DynamoDB DescribeTable", reads::table_status(clients, &names.rejects.table.name)),
            within(ANSWER_LIMIT, "DynamoDB Scan", dead_letter_reasons(clients, &names.rejects.table.name, &clock)),
            within(LONG_READ_LIMIT, "CloudWatch Logs FilterLogEvents", reads::log(clients, &group, now_ms)),
            metric_facts(clients, names, now),
            within(ANSWER_LIMIT, "CloudWatch Logs FilterLogEvents", given_up_batches(clients, &group, now_ms)),
        )
    };
    let (mapping, function, table, rejects, dead_letters, log, metrics, given_up) = first.await;
    let (mapping, function, table, rejects) = (mapping?, function?, table?, rejects?);
    let is_table_on_demand = table.as_ref().is_ok_and(|(_, is_on_demand)| *is_on_demand);
    let [table, rejects] = [table, rejects].map(|table| table.map(|(status, _)| status));
    let (log, dead_letters, given_up) = (log?, dead_letters?, given_up?);
    let has_batches = log.as_ref().is_ok_and(LogEvidence::has_batches);
    let role_name = match &function {
        Ok(Some(function)) => function.role_arn.rsplit('/').next().unwrap_or(&settings.role.name),
        _ => settings.role.name.as_str(),
    };
    let counted_given_up = async {
        match &mapping {
            Ok(Some(mapping)) if mapping.publishes_events => Some(counted_given_up(clients, &mapping.uuid, now).await),
            _ => None,
        }
    };
    let given_up = async {
        match given_up {
            Ok(Some(batches)) => Ok(Some(GivenUpLog::look_up(clients, &PipelineNames::of(settings), batches).await)),
            Ok(None) => Ok(None),
            Err(why) => Err(why),
        }
    };
    let (role, emptiness, other_readers, counted_given_up, given_up) = tokio::join!(
        within(ROLE_LIMIT, "IAM GetRole", role_access(session, role_name)),
        emptiness(session, settings, &stream, has_batches),
        other_readers(session, &metrics, &mapping, &stream),
        counted_given_up,
        given_up,
    );
    Ok(Observations {
        settings: settings.clone(),
        now_ms: clock.now_ms(),
        mapping_in_force_ms: i64::try_from(clients.mapping_in_force.as_millis()).unwrap_or_default(),
        is_result_current: clients.is_loopback(),
        role: role?,
        emptiness: emptiness?,
        other_readers: other_readers?,
        metrics,
        mapping,
        function,
        stream,
        table,
        is_table_on_demand,
        rejects,
        dead_letters,
        log,
        given_up,
        counted_given_up,
    })
}

/// Waits for an answer that its causes can do without, and turns its absence or a refusal into an open question.
async fn within<T>(
    limit: Duration,
    call: &str,
    read: impl Future<Output = Result<T, AwsFailure>>,
) -> Result<Answer<T>, AwsFailure> {
    match timeout(limit, read).await {
        Ok(read) => answered(read),
        Err(_) => Ok(Err(no_answer(call, limit))),
    }
}

fn no_answer(call: &str, limit: Duration) -> String {
    format!("{call} gave no answer in {} s", limit.as_secs())
}

/// Looks whether the stream holds a record, unless the log shows batches of it: a read takes from the reads that the
/// mapping lives on.
async fn emptiness(
    session: &Session,
    settings: &Pipeline,
    stream: &Answer<Option<StreamFacts>>,
    has_batches: bool,
) -> Result<Option<Answer<Emptiness>>, AwsFailure> {
    if has_batches || !matches!(stream, Ok(Some(_))) {
        return Ok(None);
    }
    let budget = ReadBudget::default();
    let read = reads::emptiness(&session.clients, &settings.stream.name, &budget);
    Ok(Some(within(LONG_READ_LIMIT, "Kinesis GetRecords", read).await?))
}

/// Lists the other readers of the stream that Lambda knows, if a reader was throttled.
async fn other_readers(
    session: &Session,
    metrics: &Answer<MetricFacts>,
    mapping: &Answer<Option<MappingFacts>>,
    stream: &Answer<Option<StreamFacts>>,
) -> Result<Option<Answer<Vec<String>>>, AwsFailure> {
    let is_throttled = matches!(metrics, Ok(MetricFacts { read_throttles: Ok(count), .. }) if *count > 0.0);
    let (true, Ok(Some(stream))) = (is_throttled, stream) else { return Ok(None) };
    let own = mapping.as_ref().ok().and_then(Option::as_ref).map_or("", |mapping| mapping.uuid.as_str());
    let read = reads::other_readers(&session.clients, &stream.arn, own);
    Ok(Some(within(ANSWER_LIMIT, "Lambda ListEventSourceMappings", read).await?))
}
