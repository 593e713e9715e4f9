//! A local cloud, and all that is to be the same in it after a disturbed run and an undisturbed one.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Home, Neighbour, Stranger, form};

const JSON: &str = "Content-Type: application/json";
const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

/// A home with a local cloud, and somebody who does things in it by hand.
pub struct Ground {
    pub home: Home,
    pub cloud: Stranger,
    pub somebody: Neighbour,
}

impl Ground {
    pub fn new() -> Self {
        let home = Home::with_local_cloud();
        let (cloud, somebody) = (Stranger::of(&home), Neighbour::with_our_names(&home));
        Ground { home, cloud, somebody }
    }

    /// The same with a pipeline.
    pub fn with_pipeline() -> Self {
        let ground = Ground::new();
        ground.home.run(["up", "--local"]).succeeded();
        ground
    }

    /// Calls until the service takes it: what was done before may still be under way.
    #[track_caller]
    pub fn by_hand(&self, target: &str, body: &Value) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (status, said) = self.cloud.call(target, &body.to_string());
            if status == 200 {
                return said;
            }
            assert!(said.contains("InUse") && Instant::now() < deadline, "{target} {body}: {said}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The same of Lambda.
    #[track_caller]
    pub fn lambda(&self, line: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (status, said) = self.cloud.send(line, "lambda", JSON, &body);
            if (200..300).contains(&status) {
                return serde_json::from_str(&said).unwrap_or_default();
            }
            let is_passing = said.contains("InUse") || said.contains("Conflict");
            assert!(is_passing && Instant::now() < deadline, "{line} {body}: {said}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a look fails, for what is being deleted.
    #[track_caller]
    pub fn until_gone(&self, look: impl Fn(&Stranger) -> u16) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while look(&self.cloud) == 200 {
            assert!(Instant::now() < deadline, "it is still there");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The mappings that there are.
    pub fn mappings(&self) -> Vec<Value> {
        let list = self.lambda("GET /2015-03-31/event-source-mappings", &Value::Null);
        list["EventSourceMappings"].as_array().unwrap().clone()
    }

    pub fn mapping_path(&self) -> String {
        format!("/2015-03-31/event-source-mappings/{}", self.mappings()[0]["UUID"].as_str().unwrap())
    }

    /// Everything that the services say of the pipeline, and how much there is of each kind; without what is new every
    /// time, and what they count by themselves.
    #[track_caller]
    pub fn state(&self) -> Value {
        let ours = Neighbour { policy: "sensorctl".into(), ..self.somebody.clone() };
        let Neighbour { stream, function, .. } = &ours;
        let mut all: Vec<Value> = ours.described().iter().map(|text| read(text)).collect();
        all.push(read(&self.by_hand("Kinesis_20131202.DescribeStreamSummary", &json!({"StreamName": stream}))));
        let group = json!({"resourceArn": group_arn(function)});
        all.push(read(&self.by_hand("Logs_20140328.ListTagsForResource", &group)));
        let names = self.cloud.everything();
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

    /// Takes all tags of sensorctl off everything, as if somebody had made it.
    pub fn forgets_us(&self) {
        let Neighbour { table, rejects, stream, function, role, .. } = &self.somebody;
        let keys = ["sensorctl:stage", "sensorctl:region", "sensorctl:version", "sensorctl:adopted"];
        for table in [table, rejects] {
            let mut body = table_arn(table);
            body["TagKeys"] = json!(keys);
            self.by_hand("DynamoDB_20120810.UntagResource", &body);
        }
        self.by_hand("Kinesis_20131202.RemoveTagsFromStream", &json!({"StreamName": stream, "TagKeys": keys}));
        let group = json!({"resourceArn": group_arn(function), "tagKeys": keys});
        self.by_hand("Logs_20140328.UntagResource", &group);
        let members: String =
            keys.iter().enumerate().map(|(n, key)| format!("&TagKeys.member.{}={}", n + 1, form(key))).collect();
        self.cloud.iam(&format!("Action=UntagRole&RoleName={role}{members}"));
        let query: Vec<_> = keys.iter().map(|key| format!("tagKeys={}", form(key))).collect();
        let query = query.join("&");
        let mapping = self.mappings()[0]["EventSourceMappingArn"].as_str().unwrap().to_owned();
        for arn in [function_arn(function), mapping] {
            self.lambda(&format!("DELETE /2017-03-31/tags/{}?{query}", form(&arn)), &Value::Null);
        }
    }
}

pub fn table_arn(name: &str) -> Value {
    json!({"ResourceArn": format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")})
}

fn group_arn(function: &str) -> String {
    format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{function}")
}

fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// What is new every time, or counted by the service; the shards of a stream also tell of those before them.
const OF_THE_MOMENT: [&str; 19] = [
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

/// An answer without what is of the moment only.
fn read(text: &str) -> Value {
    let Ok(mut value) = serde_json::from_str(text) else {
        return Value::String(without(&without(text, "RoleId"), "CreateDate"));
    };
    forget_the_moment(&mut value);
    value
}

/// XML without the elements of a name.
fn without(text: &str, name: &str) -> String {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let parts = text.split(&begin);
    parts.enumerate().map(|(n, part)| if n == 0 { part } else { part.split_once(&end).unwrap().1 }).collect()
}

fn forget_the_moment(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !OF_THE_MOMENT.contains(&name.as_str()));
            members.values_mut().for_each(forget_the_moment);
        }
        Value::Array(items) => {
            items.iter_mut().for_each(forget_the_moment);
            // Their order is nobody's matter.
            if items.iter().all(|item| item.get("Key").is_some()) {
                items.sort_by_key(Value::to_string);
            }
        }
        _ => {}
    }
}
