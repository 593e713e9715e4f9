//! Somebody else with a pipeline in the same local cloud, made without sensorctl: every kind of resource, and full
//! descriptions of them.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Home, Stranger};

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

/// The names of somebody's resources.
#[derive(Clone)]
pub struct Neighbour {
    pub cloud: Stranger,
    pub table: String,
    pub rejects: String,
    pub stream: String,
    pub role: String,
    pub function: String,
    /// Name of an inline policy of the role.
    pub policy: String,
}

impl Neighbour {
    /// Somebody whose resources have the names that sensorctl would give its own.
    pub fn with_our_names(home: &Home) -> Self {
        Neighbour {
            cloud: Stranger::of(home),
            table: "SensorData".into(),
            rejects: "SensorDataRejects".into(),
            stream: "temperature-sensor-data".into(),
            role: "kinesis-lambda-dynamodb".into(),
            function: "ProcessKinesisRecords".into(),
            policy: "own".into(),
        }
    }

    /// Somebody whose resources end in `-ending`.
    pub fn ending(home: &Home, ending: &str) -> Self {
        let ours = Self::with_our_names(home);
        let name = |name: &str| format!("{name}-{ending}");
        Neighbour {
            table: name(&ours.table),
            rejects: name(&ours.rejects),
            stream: name(&ours.stream),
            role: name(&ours.role),
            function: name(&ours.function),
            ..ours
        }
    }

    /// All of it, as the walkthrough makes it.
    pub fn makes_everything(&self, home: &Home) {
        self.makes_table(&self.table, "SensorId", "CurrentTime", "N");
        self.makes_table(&self.rejects, "ShardId", "RejectId", "S");
        self.makes_stream();
        self.makes_role();
        self.makes_log_group();
        self.makes_function(home);
        self.makes_mapping(&self.stream, &self.function);
    }

    #[track_caller]
    fn does(&self, target: &str, body: &Value) -> Value {
        let (status, said) = self.cloud.call(target, &body.to_string());
        assert_eq!(status, 200, "{target} {body}: {said}");
        serde_json::from_str(&said).unwrap_or_default()
    }

    #[track_caller]
    fn lambda(&self, line: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, said) = self.cloud.send(line, "lambda", "Content-Type: application/json", &body);
        assert!((200..300).contains(&status), "{line} {body}: {said}");
        serde_json::from_str(&said).unwrap_or_default()
    }

    pub fn makes_table(&self, name: &str, partition: &str, sort: &str, sort_type: &str) {
        self.does(
            "DynamoDB_20120810.CreateTable",
            &json!({
                "TableName": name,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": partition, "AttributeType": "S"},
                    {"AttributeName": sort, "AttributeType": sort_type},
                ],
                "KeySchema": [
                    {"AttributeName": partition, "KeyType": "HASH"},
                    {"AttributeName": sort, "KeyType": "RANGE"},
                ],
                "Tags": [{"Key": "owner", "Value": "somebody"}],
            }),
        );
    }

    pub fn makes_stream(&self) {
        let tags = json!({"owner": "somebody"});
        self.does("Kinesis_20131202.CreateStream", &json!({"StreamName": self.stream, "ShardCount": 1, "Tags": tags}));
    }

    pub fn registers_consumer(&self, stream: &str, name: &str) {
        let arn = stream_arn(stream);
        self.does("Kinesis_20131202.RegisterStreamConsumer", &json!({"StreamARN": arn, "ConsumerName": name}));
    }

    pub fn makes_role(&self) {
        let name = &self.role;
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ]});
        let trust = form(&trust.to_string());
        self.cloud.iam(&format!(
            "Action=CreateRole&RoleName={name}&AssumeRolePolicyDocument={trust}&Tags.member.1.Key=owner&\
             Tags.member.1.Value=somebody"
        ));
        for policy in ["service-role/AWSLambdaKinesisExecutionRole", "AmazonDynamoDBFullAccess"] {
            let arn = form(&format!("arn:aws:iam::aws:policy/{policy}"));
            self.cloud.iam(&format!("Action=AttachRolePolicy&RoleName={name}&PolicyArn={arn}"));
        }
        self.puts_policy("own", "Allow", "s3:GetObject");
    }

    pub fn puts_policy(&self, policy: &str, effect: &str, action: &str) {
        let document = json!({"Statement": {"Effect": effect, "Action": action, "Resource": "*"}});
        let (role, document) = (&self.role, form(&document.to_string()));
        self.cloud.iam(&format!("Action=PutRolePolicy&RoleName={role}&PolicyName={policy}&PolicyDocument={document}"));
    }

    /// Lets nobody but EC2 take the role.
    pub fn trusts_somebody_else(&self) {
        let trust = json!({"Version": "2012-10-17", "Statement":
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}});
        let (role, trust) = (&self.role, form(&trust.to_string()));
        self.cloud.iam(&format!("Action=UpdateAssumeRolePolicy&RoleName={role}&PolicyDocument={trust}"));
    }

    pub fn makes_log_group(&self) {
        let name = format!("/aws/lambda/{}", self.function);
        self.does("Logs_20140328.CreateLogGroup", &json!({"logGroupName": name, "tags": {"owner": "somebody"}}));
    }

    pub fn makes_function(&self, home: &Home) {
        home.run(["export", "function-zip", "somebodys.zip"]).succeeded();
        let zip = std::fs::read(home.path("somebodys.zip")).unwrap();
        self.lambda(
            "POST /2015-03-31/functions",
            &json!({
                "FunctionName": self.function,
                "Role": format!("arn:aws:iam::{ACCOUNT}:role/{}", self.role),
                "Runtime": "provided.al2023",
                "Handler": "bootstrap",
                "Environment": {"Variables": {"SENSORCTL_TABLE": self.table, "THEIR": "own"}},
                "Code": {"ZipFile": STANDARD.encode(zip)},
                "Tags": {"owner": "somebody"},
            }),
        );
    }

    pub fn makes_mapping(&self, stream: &str, function: &str) {
        let made = self.lambda(
            "POST /2015-03-31/event-source-mappings/",
            &json!({
                "EventSourceArn": stream_arn(stream),
                "FunctionName": function,
                "StartingPosition": "TRIM_HORIZON",
                "Tags": {"owner": "somebody"},
            }),
        );
        let get = format!("GET /2015-03-31/event-source-mappings/{}", made["UUID"].as_str().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.lambda(&get, &Value::Null)["State"] != "Enabled" {
            assert!(Instant::now() < deadline, "{made}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything that the services say of it, without what they count by themselves.
    pub fn described(&self) -> Vec<String> {
        let of_table = |name: &str| {
            let name = json!({"TableName": name});
            let mut table = self.does("DynamoDB_20120810.DescribeTable", &name);
            let arn = json!({"ResourceArn": table["Table"]["TableArn"]});
            table["Tags"] = self.does("DynamoDB_20120810.ListTagsOfResource", &arn);
            table["Expiry"] = self.does("DynamoDB_20120810.DescribeTimeToLive", &name);
            table["Backups"] = self.does("DynamoDB_20120810.DescribeContinuousBackups", &name);
            table["Rows"] = self.does("DynamoDB_20120810.Scan", &name);
            table.to_string()
        };
        let stream = json!({"StreamName": self.stream});
        let role = |action: &str| {
            let answer = self.cloud.iam(&format!("Action={action}&RoleName={}", self.role));
            // Every answer has an id of its own behind the result.
            answer.split("<ResponseMetadata>").next().unwrap().to_owned()
        };
        let group = format!("/aws/lambda/{}", self.function);
        let mut group = self.does("Logs_20140328.DescribeLogGroups", &json!({"logGroupNamePrefix": group}));
        for group in group["logGroups"].as_array_mut().unwrap() {
            group["storedBytes"] = Value::Null;
        }
        let function = format!("/2015-03-31/functions/{}", self.function);
        let mappings = format!("GET /2015-03-31/event-source-mappings?FunctionName={}", self.function);
        let mappings = self.lambda(&mappings, &Value::Null);
        let mapping_tags = mappings["EventSourceMappings"].as_array().unwrap().iter().map(|mapping| {
            let arn = mapping["EventSourceMappingArn"].as_str().unwrap();
            self.lambda(&format!("GET /2017-03-31/tags/{}", form(arn)), &Value::Null).to_string()
        });
        let mapping_tags: Vec<_> = mapping_tags.collect();
        let mut all = vec![
            of_table(&self.table),
            of_table(&self.rejects),
            self.does("Kinesis_20131202.DescribeStream", &stream).to_string(),
            self.does("Kinesis_20131202.ListTagsForStream", &stream).to_string(),
            self.does("Kinesis_20131202.ListStreamConsumers", &json!({"StreamARN": stream_arn(&self.stream)}))
                .to_string(),
            role("GetRole"),
            role("ListRolePolicies"),
            role("ListAttachedRolePolicies"),
            role(&format!("GetRolePolicy&PolicyName={}", self.policy)),
            group.to_string(),
            self.lambda(&format!("GET {function}"), &Value::Null).to_string(),
            mappings.to_string(),
        ];
        all.extend(mapping_tags);
        all
    }
}

pub fn stream_arn(name: &str) -> String {
    format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}")
}

/// As it stands in a form or a path.
pub fn form(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
