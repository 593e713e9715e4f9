//! A local cloud, and all the state that must be the same after an interrupted run and an uninterrupted one.

use serde_json::{Value, json};

use super::super::{ApiClient, ForeignStack, Runner, Sandbox, percent_encode};

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

/// An environment with a local cloud, and clients that change resources behind the back of `sensorctl`.
pub struct CrashEnv<R> {
    pub env: Sandbox<R>,
    pub api: ApiClient,
    /// Names of the resources. With the default names, they are also those of `sensorctl`.
    pub foreign: ForeignStack,
}

impl<R: Runner> CrashEnv<R> {
    pub fn new() -> Self {
        let env = Sandbox::with_local_cloud();
        let (api, foreign) = (ApiClient::new(&env), ForeignStack::with_default_names(&env));
        CrashEnv { env, api, foreign }
    }

    /// As [`CrashEnv::new`], with a pipeline that is up.
    pub fn with_pipeline() -> Self {
        let setup = CrashEnv::new();
        setup.env.run(["up", "--local"]).assert_success();
        setup
    }

    /// Describes the pipeline as the services do and counts the resources of each kind, without the volatile fields.
    #[track_caller]
    pub fn state(&self) -> Value {
        let ours = ForeignStack { policy: "sensorctl".into(), ..self.foreign.clone() };
        let ForeignStack { stream, function, .. } = &ours;
        let mut all: Vec<Value> = ours.describe_all().iter().map(|text| stable_part(text)).collect();
        let group = json!({"resourceArn": log_group_arn(function)});
        for (target, input) in [
            ("Kinesis_20131202.DescribeStreamSummary", json!({"StreamName": stream})),
            ("Logs_20140328.ListTagsForResource", group),
        ] {
            all.push(stable_part(&self.api.json(target, &input).to_string()));
        }
        let names = self.api.list_all();
        let count = |list: &str, what: &str| list.matches(what).count();
        all.push(json!([
            count(&names[0], "StreamARN"),
            count(&names[1], "SensorData"),
            count(&names[2], "\"logGroupName\""),
            count(&names[3], "\"FunctionArn\""),
            count(&names[4], "\"UUID\""),
            count(&names[5], "<RoleName>"),
        ]));
        Value::Array(all)
    }

    /// Removes the tags of sensorctl from all resources, so that they are unmanaged.
    pub fn remove_sensorctl_tags(&self) {
        let ForeignStack { table, rejects, stream, function, role, .. } = &self.foreign;
        let keys = ["sensorctl:stage", "sensorctl:region", "sensorctl:version", "sensorctl:adopted"];
        for table in [table, rejects] {
            let input = json!({"ResourceArn": table_arn(table), "TagKeys": keys});
            self.api.json_when_accepted("DynamoDB_20120810.UntagResource", &input);
        }
        let input = json!({"StreamName": stream, "TagKeys": keys});
        self.api.json_when_accepted("Kinesis_20131202.RemoveTagsFromStream", &input);
        let group = json!({"resourceArn": log_group_arn(function), "tagKeys": keys});
        self.api.json_when_accepted("Logs_20140328.UntagResource", &group);
        let member = |(n, key): (usize, &&str)| format!("&TagKeys.member.{}={}", n + 1, percent_encode(key));
        let members: String = keys.iter().enumerate().map(member).collect();
        self.api.iam(&format!("Action=UntagRole&RoleName={role}{members}"));
        let query: Vec<_> = keys.iter().map(|key| format!("tagKeys={}", percent_encode(key))).collect();
        let query = query.join("&");
        let mapping = self.api.event_source_mappings()[0]["EventSourceMappingArn"].as_str().unwrap().to_owned();
        for arn in [function_arn(function), mapping] {
            let line = format!("DELETE /2017-03-31/tags/{}?{query}", percent_encode(&arn));
            self.api.lambda_when_accepted(&line, &Value::Null);
        }
    }
}

pub fn table_arn(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
}

fn log_group_arn(function: &str) -> String {
    format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{function}")
}

fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// Fields that differ in each run, or that the service counts. A stream's shards include its closed ones.
const VOLATILE_FIELDS: [&str; 19] = [
    "CreationDateTime",
    "TableId",
    "LastUpdateToPayPerRequestDateTime",
    "LastIncreaseDateTime",
    "LastDecreaseDateTime",
    "NumberOfDecreasesToday",
    "LastUpdateDateTime",
    "EarliestRestorableDateTime",
    "LatestRestorableDateTime",
    "StreamCreationTimestamp",
    "Shards",
    "HasMoreShards",
    "creationTime",
    "LastModified",
    "RevisionId",
    "Location",
    "UUID",
    "EventSourceMappingArn",
    "LastProcessingResult",
];

/// Returns a response without its volatile fields.
fn stable_part(text: &str) -> Value {
    let Ok(mut value) = serde_json::from_str(text) else {
        return Value::String(without_element(&without_element(text, "RoleId"), "CreateDate"));
    };
    remove_volatile_fields(&mut value);
    value
}

/// Removes the XML elements of a name.
fn without_element(text: &str, name: &str) -> String {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let parts = text.split(&begin);
    parts.enumerate().map(|(n, part)| if n == 0 { part } else { part.split_once(&end).unwrap().1 }).collect()
}

fn remove_volatile_fields(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !VOLATILE_FIELDS.contains(&name.as_str()));
            members.values_mut().for_each(remove_volatile_fields);
        }
        Value::Array(items) => {
            items.iter_mut().for_each(remove_volatile_fields);
            // The order of tags has no meaning.
            if items.iter().all(|item| item.get("Key").is_some()) {
                items.sort_by_key(Value::to_string);
            }
        }
        _ => {}
    }
}
