//! The calls that `doctor` makes: reads only, each with its own deadline.

use std::future::Future;
use std::time::{Duration, Instant};

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::aws::{AnswerProbe, AwsFailure, Clients, ClockDifference, FailureCause};

/// Maximum time of one call with its retries.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// Seconds of the metric that is asked for.
const METRIC_SECONDS: i64 = 300;

/// How a service was reached.
#[derive(Clone, Debug)]
pub(super) struct Reached {
    /// The service, as AWS names it.
    pub(super) service: &'static str,
    /// Scheme and host; `None` before there was a request.
    pub(super) address: Option<String>,
    /// The failure of the call, if it failed.
    pub(super) failure: Option<AwsFailure>,
    /// Its clock, if it answered.
    pub(super) clock: Option<ClockDifference>,
    /// How long it took.
    pub(super) took: Duration,
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub(super) struct Answer<T> {
    pub(super) result: Result<T, AwsFailure>,
    pub(super) reached: Reached,
}

/// The caller.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) account: String,
    pub(super) arn: String,
}

/// The shards of an account; a limit is `None` where the answer has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShardLimits {
    pub(super) shards: Option<i32>,
    pub(super) open_shards: i32,
    pub(super) on_demand_streams: Option<i32>,
    pub(super) open_on_demand_streams: i32,
}

/// A stream that exists.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamShards {
    pub(super) open_shards: i32,
    pub(super) is_on_demand: bool,
}

/// The limits of Lambda in an account, as far as the answer has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct LambdaAccount {
    pub(super) concurrency: Option<i32>,
    pub(super) unreserved: Option<i32>,
    pub(super) code_bytes: Option<i64>,
    pub(super) most_code_bytes: Option<i64>,
}

/// The limits of provisioned capacity units, as far as the answer has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct CapacityLimits {
    pub(super) table_read: Option<i64>,
    pub(super) table_write: Option<i64>,
    pub(super) account_read: Option<i64>,
    pub(super) account_write: Option<i64>,
}

/// A resource that does not comply with a tag policy.
#[derive(Clone, Debug)]
pub(super) struct Noncompliant {
    pub(super) arn: String,
    pub(super) keys: Vec<String>,
}

/// The tags of the stage's resources, under the tag policies of the account.
#[derive(Clone, Debug, Default)]
pub(super) struct Compliance {
    pub(super) resources: usize,
    /// Those of which the answer says whether they comply.
    pub(super) judged: usize,
    /// True if the stage has more resources than one answer.
    pub(super) is_partial: bool,
    pub(super) noncompliant: Vec<Noncompliant>,
}

/// The tag keys that a policy requires of a type of resource, such as `kinesis:stream`.
#[derive(Clone, Debug)]
pub(super) struct RequiredTags {
    pub(super) resource_type: String,
    pub(super) keys: Vec<String>,
}

pub(super) async fn identity(clients: &Clients) -> Answer<Identity> {
    let send = |probe: AnswerProbe| clients.sts.get_caller_identity().customize().interceptor(probe).send();
    let answer = ask(clients, "STS", "GetCallerIdentity", "the credentials", send).await;
    answer.map(|found| Identity { account: found.account.unwrap_or_default(), arn: found.arn.unwrap_or_default() })
}

pub(super) async fn shard_limits(clients: &Clients) -> Answer<ShardLimits> {
    let send = |probe: AnswerProbe| clients.kinesis.describe_limits().customize().interceptor(probe).send();
    ask(clients, "Kinesis", "DescribeLimits", "the account", send).await.map(|limits| ShardLimits {
        shards: stated(limits.shard_limit),
        open_shards: limits.open_shard_count,
        on_demand_streams: stated(limits.on_demand_stream_count_limit),
        open_on_demand_streams: limits.on_demand_stream_count,
    })
}

/// Returns a limit, which the SDK gives as 0 where the answer has none.
fn stated(limit: i32) -> Option<i32> {
    Some(limit).filter(|limit| *limit > 0)
}

/// Returns the shards of the stream, or `None` if it does not exist. An answer without a summary has 0 open shards.
pub(super) async fn stream_shards(clients: &Clients, name: &str) -> Answer<Option<StreamShards>> {
    let send = |probe: AnswerProbe| {
        clients.kinesis.describe_stream_summary().stream_name(name).customize().interceptor(probe).send()
    };
    let answer = ask(clients, "Kinesis", "DescribeStreamSummary", &format!("stream {name}"), send).await;
    let found = answer.map(|found| {
        let summary = found.stream_description_summary;
        let open_shards = summary.as_ref().map_or(0, |summary| summary.open_shard_count);
        let mode = summary.and_then(|summary| summary.stream_mode_details);
        let is_on_demand = mode.is_some_and(|details| details.stream_mode.as_str() == "ON_DEMAND");
        Some(StreamShards { open_shards, is_on_demand })
    });
    found.none_if_missing()
}

pub(super) async fn lambda_account(clients: &Clients) -> Answer<LambdaAccount> {
    let send = |probe: AnswerProbe| clients.lambda.get_account_settings().customize().interceptor(probe).send();
    ask(clients, "Lambda", "GetAccountSettings", "the account", send).await.map(|settings| {
        let limit = settings.account_limit.as_ref();
        LambdaAccount {
            concurrency: limit.and_then(|limit| stated(limit.concurrent_executions)),
            unreserved: limit.and_then(|limit| limit.unreserved_concurrent_executions),
            code_bytes: settings.account_usage.as_ref().map(|usage| usage.total_code_size),
            most_code_bytes: limit.map(|limit| limit.total_code_size).filter(|most| *most > 0),
        }
    })
}

/// Returns the concurrency that is reserved for the function now; `None` also if it does not exist.
pub(super) async fn reserved_concurrency(clients: &Clients, name: &str) -> Answer<Option<i32>> {
    let send = |probe: AnswerProbe| {
        clients.lambda.get_function_concurrency().function_name(name).customize().interceptor(probe).send()
    };
    let answer = ask(clients, "Lambda", "GetFunctionConcurrency", &format!("function {name}"), send).await;
    answer.map(|found| found.reserved_concurrent_executions).none_if_missing()
}

pub(super) async fn capacity_limits(clients: &Clients) -> Answer<CapacityLimits> {
    let send = |probe: AnswerProbe| clients.dynamodb.describe_limits().customize().interceptor(probe).send();
    ask(clients, "DynamoDB", "DescribeLimits", "the account", send).await.map(|limits| CapacityLimits {
        table_read: limits.table_max_read_capacity_units,
        table_write: limits.table_max_write_capacity_units,
        account_read: limits.account_max_read_capacity_units,
        account_write: limits.account_max_write_capacity_units,
    })
}

/// Calls a service whose answer does not matter.
pub(super) async fn dynamodb(clients: &Clients) -> Answer<()> {
    let send = |probe: AnswerProbe| clients.dynamodb.list_tables().limit(1).customize().interceptor(probe).send();
    ask(clients, "DynamoDB", "ListTables", "the account", send).await.map(drop)
}

/// As [`dynamodb`].
pub(super) async fn iam(clients: &Clients, role: &str) -> Answer<()> {
    let send = |probe: AnswerProbe| clients.iam.get_role().role_name(role).customize().interceptor(probe).send();
    ask(clients, "IAM", "GetRole", &format!("role {role}"), send).await.map(drop)
}

/// As [`dynamodb`].
pub(super) async fn logs(clients: &Clients, group: &str) -> Answer<()> {
    let request = clients.logs.describe_log_groups().log_group_name_prefix(group).limit(1);
    let send = |probe: AnswerProbe| request.customize().interceptor(probe).send();
    ask(clients, "CloudWatch Logs", "DescribeLogGroups", &format!("log group {group}"), send).await.map(drop)
}

/// As [`dynamodb`]: one metric of the stream, of the last minutes.
pub(super) async fn cloudwatch(clients: &Clients, stream: &str) -> Answer<()> {
    let dimension = Dimension::builder().name("StreamName").value(stream).build();
    let metric = Metric::builder().namespace("AWS/Kinesis").metric_name("IncomingRecords").dimensions(dimension);
    let stat = MetricStat::builder().metric(metric.build()).period(60).stat("Sum").build();
    let query = MetricDataQuery::builder().id("m0").metric_stat(stat).build();
    let now = Timestamp::now().as_second();
    let request = clients.cloudwatch.get_metric_data().metric_data_queries(query);
    let request = request.start_time(DateTime::from_secs(now - METRIC_SECONDS)).end_time(DateTime::from_secs(now));
    let send = |probe: AnswerProbe| request.customize().interceptor(probe).send();
    ask(clients, "CloudWatch", "GetMetricData", "the pipeline", send).await.map(drop)
}

/// Returns how the resources with a tag comply with the tag policies of the account; one page of them.
pub(super) async fn compliance(clients: &Clients, (key, value): (&str, &str)) -> Answer<Compliance> {
    let filter = TagFilter::builder().key(key).values(value).build();
    let request = clients.tagging.get_resources().tag_filters(filter).include_compliance_details(true);
    let send = |probe: AnswerProbe| request.customize().interceptor(probe).send();
    ask(clients, "tag", "GetResources", "all resources of the stage", send).await.map(|found| {
        let is_partial = found.pagination_token.is_some_and(|token| !token.is_empty());
        let resources = found.resource_tag_mapping_list.unwrap_or_default();
        let count = resources.len();
        let statuses = resources.iter().filter_map(|resource| resource.compliance_details.as_ref()?.compliance_status);
        let judged = statuses.count();
        let noncompliant = resources.into_iter().filter_map(|resource| {
            let details = resource.compliance_details.filter(|details| details.compliance_status == Some(false))?;
            let lists = [details.noncompliant_keys, details.keys_with_noncompliant_values, details.missing_tag_keys];
            let keys = lists.into_iter().flatten().flatten().collect();
            Some(Noncompliant { arn: resource.resource_arn.unwrap_or_default(), keys })
        });
        Compliance { resources: count, judged, is_partial, noncompliant: noncompliant.collect() }
    })
}

/// Returns the tag keys that the tag policies of the account require; the first page of them.
pub(super) async fn required_tags(clients: &Clients) -> Answer<Vec<RequiredTags>> {
    let send = |probe: AnswerProbe| clients.tagging.list_required_tags().customize().interceptor(probe).send();
    ask(clients, "tag", "ListRequiredTags", "the account", send).await.map(|found| {
        let required = found.required_tags.unwrap_or_default().into_iter();
        let required = required.map(|required| RequiredTags {
            resource_type: required.resource_type.unwrap_or_default(),
            keys: required.reporting_tag_keys.unwrap_or_default(),
        });
        required.collect()
    })
}

/// Makes a call within its deadline.
async fn ask<T, E, F>(
    clients: &Clients,
    service: &'static str,
    operation: &'static str,
    resource: &str,
    send: impl FnOnce(AnswerProbe) -> F,
) -> Answer<T>
where
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let (probe, began) = (AnswerProbe::default(), Instant::now());
    let call = clients.call(service, operation, resource);
    let result = if let Ok(answer) = timeout(DEADLINE, send(probe.clone())).await {
        call.answer(answer)
    } else {
        let why = format!("no answer in {} s", DEADLINE.as_secs());
        Err(AwsFailure { cause: FailureCause::Unreachable, ..call.build_failure(why) })
    };
    let reached = Reached {
        service,
        address: probe.address().map(str::to_owned),
        failure: result.as_ref().err().cloned(),
        clock: probe.clock(),
        took: began.elapsed(),
    };
    Answer { result, reached }
}

impl<T> Answer<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { result: self.result.map(change), reached: self.reached }
    }
}

impl<T> Answer<Option<T>> {
    fn none_if_missing(self) -> Self {
        let Answer { result, reached } = self;
        match result {
            Err(failure) if failure.cause == FailureCause::Missing => Answer { result: Ok(None), reached },
            result => Answer { result, reached },
        }
    }
}
