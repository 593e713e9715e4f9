//! Tries permissions by reads that cost nothing and change nothing.

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};

use super::action_resource::ActionResource;
use super::verdict::{Verdict, Verdicts};
use crate::aws::{AwsFailure, Clients, FailureCause};
use crate::settings::Pipeline;

/// Calls at once: the limits of some lists are five a second for the whole account.
const CONCURRENCY: usize = 4;

type Probe<'a> = (ActionResource, &'static str, BoxFuture<'a, Result<(), AwsFailure>>);

/// Calls what can be called without effect, and returns which actions are allowed.
pub(super) async fn probe(clients: &Clients, settings: &Pipeline) -> Verdicts {
    let probes = tables(clients, settings).into_iter().chain(stream_of(clients, settings));
    let probes = probes.chain(role(clients, settings)).chain(function(clients, settings)).chain(lists(clients));
    let probes: Vec<Probe<'_>> = probes.collect();
    let tried = stream::iter(probes).map(async |(on, action, call)| ((on, action), verdict(call.await)));
    let mut verdicts = Verdicts::new();
    let mut tried = std::pin::pin!(tried.buffer_unordered(CONCURRENCY));
    while let Some((key, verdict)) = tried.next().await {
        // Both tables must be allowed.
        match verdicts.get(&key) {
            None | Some(Verdict::Allowed) => drop(verdicts.insert(key, verdict)),
            Some(_) => {}
        }
    }
    verdicts
}

/// A resource that does not exist was looked for: the services check permissions first.
fn verdict(result: Result<(), AwsFailure>) -> Verdict {
    match result {
        Ok(()) => Verdict::Allowed,
        Err(failure) if failure.cause == FailureCause::Missing => Verdict::Allowed,
        Err(failure) if failure.cause == FailureCause::Denied => Verdict::Denied(failure.said()),
        Err(failure) => Verdict::Unknown(failure.said()),
    }
}

fn tables<'a>(clients: &'a Clients, settings: &'a Pipeline) -> Vec<Probe<'a>> {
    let dynamodb = &clients.dynamodb;
    let mut probes: Vec<Probe<'a>> = Vec::new();
    for name in [settings.table.name.as_str(), &settings.rejects.table.name] {
        let call = move |operation| clients.call("DynamoDB", operation, name);
        let describe = dynamodb.describe_table().table_name(name);
        let look = async move { call("DescribeTable").unit(describe.send().await) };
        probes.push((ActionResource::Tables, "dynamodb:DescribeTable", look.boxed()));
        let describe = dynamodb.describe_time_to_live().table_name(name);
        let look = async move { call("DescribeTimeToLive").unit(describe.send().await) };
        probes.push((ActionResource::Tables, "dynamodb:DescribeTimeToLive", look.boxed()));
        let describe = dynamodb.describe_continuous_backups().table_name(name);
        let look = async move { call("DescribeContinuousBackups").unit(describe.send().await) };
        probes.push((ActionResource::Tables, "dynamodb:DescribeContinuousBackups", look.boxed()));
        // One row at most.
        let on = if name == settings.table.name { ActionResource::Readings } else { ActionResource::DeadLetters };
        let scan = dynamodb.scan().table_name(name).limit(1);
        let look = async move { call("Scan").unit(scan.send().await) };
        probes.push((on, "dynamodb:Scan", look.boxed()));
    }
    probes
}

fn stream_of<'a>(clients: &'a Clients, settings: &'a Pipeline) -> Vec<Probe<'a>> {
    let name = settings.stream.name.as_str();
    let kinesis = &clients.kinesis;
    let call = move |operation| clients.call("Kinesis", operation, name);
    let summary = kinesis.describe_stream_summary().stream_name(name);
    let tags = kinesis.list_tags_for_stream().stream_name(name);
    let shards = kinesis.list_shards().stream_name(name).max_results(1);
    let on = ActionResource::Stream;
    vec![
        (
            on,
            "kinesis:DescribeStreamSummary",
            async move { call("DescribeStreamSummary").unit(summary.send().await) }.boxed(),
        ),
        (on, "kinesis:ListTagsForStream", async move { call("ListTagsForStream").unit(tags.send().await) }.boxed()),
        (on, "kinesis:ListShards", async move { call("ListShards").unit(shards.send().await) }.boxed()),
    ]
}

fn role<'a>(clients: &'a Clients, settings: &'a Pipeline) -> Vec<Probe<'a>> {
    let name = settings.role.name.as_str();
    let iam = &clients.iam;
    let call = move |operation| clients.call("IAM", operation, name);
    let get = iam.get_role().role_name(name);
    let inline = iam.list_role_policies().role_name(name);
    let attached = iam.list_attached_role_policies().role_name(name);
    let profiles = iam.list_instance_profiles_for_role().role_name(name);
    let policy = iam.get_role_policy().role_name(name).policy_name("sensorctl");
    let on = ActionResource::Role;
    vec![
        (on, "iam:GetRole", async move { call("GetRole").unit(get.send().await) }.boxed()),
        (on, "iam:GetRolePolicy", async move { call("GetRolePolicy").unit(policy.send().await) }.boxed()),
        (on, "iam:ListRolePolicies", async move { call("ListRolePolicies").unit(inline.send().await) }.boxed()),
        (
            on,
            "iam:ListAttachedRolePolicies",
            async move { call("ListAttachedRolePolicies").unit(attached.send().await) }.boxed(),
        ),
        (
            on,
            "iam:ListInstanceProfilesForRole",
            async move { call("ListInstanceProfilesForRole").unit(profiles.send().await) }.boxed(),
        ),
    ]
}

fn function<'a>(clients: &'a Clients, settings: &'a Pipeline) -> Vec<Probe<'a>> {
    let name = settings.function.name.as_str();
    let get = clients.lambda.get_function().function_name(name);
    let filter = clients.logs.filter_log_events().log_group_name(settings.log_group_name()).limit(1);
    vec![
        (
            ActionResource::Function,
            "lambda:GetFunction",
            async move { clients.call("Lambda", "GetFunction", name).unit(get.send().await) }.boxed(),
        ),
        (
            ActionResource::LogGroup,
            "logs:FilterLogEvents",
            async move { clients.call("CloudWatch Logs", "FilterLogEvents", name).unit(filter.send().await) }.boxed(),
        ),
    ]
}

fn lists(clients: &Clients) -> Vec<Probe<'_>> {
    let on = ActionResource::Everything;
    let call = move |service, operation| clients.call(service, operation, "the account");
    let tables = clients.dynamodb.list_tables().limit(1);
    let streams = clients.kinesis.list_streams().limit(1);
    let roles = clients.iam.list_roles().max_items(1);
    let functions = clients.lambda.list_functions().max_items(1);
    let mappings = clients.lambda.list_event_source_mappings().max_items(1);
    let groups = clients.logs.describe_log_groups().limit(1);
    let tagged = clients.tagging.get_resources().resources_per_page(1);
    vec![
        (on, "dynamodb:ListTables", async move { call("DynamoDB", "ListTables").unit(tables.send().await) }.boxed()),
        (on, "kinesis:ListStreams", async move { call("Kinesis", "ListStreams").unit(streams.send().await) }.boxed()),
        (on, "iam:ListRoles", async move { call("IAM", "ListRoles").unit(roles.send().await) }.boxed()),
        (
            on,
            "lambda:ListFunctions",
            async move { call("Lambda", "ListFunctions").unit(functions.send().await) }.boxed(),
        ),
        (
            on,
            "lambda:ListEventSourceMappings",
            async move { call("Lambda", "ListEventSourceMappings").unit(mappings.send().await) }.boxed(),
        ),
        (
            on,
            "logs:DescribeLogGroups",
            async move { call("CloudWatch Logs", "DescribeLogGroups").unit(groups.send().await) }.boxed(),
        ),
        (on, "tag:GetResources", async move { call("Tagging", "GetResources").unit(tagged.send().await) }.boxed()),
    ]
}
