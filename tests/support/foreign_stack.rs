//! A pipeline that was created without sensorctl in the same local cloud: every kind of resource, and full descriptions
//! of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::api_client::without_request_id;
use super::{ApiClient, Runner, Sandbox, eventually, percent_encode};

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

/// The names of an unmanaged pipeline's resources, which carry the tag `owner=other-team`.
#[derive(Clone)]
pub struct ForeignStack {
    pub api: ApiClient,
    pub table: String,
    pub rejects: String,
    pub stream: String,
    pub role: String,
    pub function: String,
    /// The inline policy of the role that [`ForeignStack::describe_all`] reads.
    pub policy: String,
}

impl ForeignStack {
    /// Names the resources as sensorctl names its own by default.
    pub fn with_default_names<R: Runner>(env: &Sandbox<R>) -> Self {
        ForeignStack {
            api: ApiClient::new(env),
            table: "SensorData".into(),
            rejects: "SensorDataRejects".into(),
            stream: "temperature-sensor-data".into(),
            role: "kinesis-lambda-dynamodb".into(),
            function: "ProcessKinesisRecords".into(),
            policy: "own".into(),
        }
    }

    /// Names the resources as sensorctl does, with `-suffix` appended.
    pub fn with_suffix<R: Runner>(env: &Sandbox<R>, suffix: &str) -> Self {
        let ours = Self::with_default_names(env);
        let name = |name: &str| format!("{name}-{suffix}");
        ForeignStack {
            table: name(&ours.table),
            rejects: name(&ours.rejects),
            stream: name(&ours.stream),
            role: name(&ours.role),
            function: name(&ours.function),
            ..ours
        }
    }

    /// Creates all resources, as the walkthrough does.
    pub fn create_all<R: Runner>(&self, env: &Sandbox<R>) {
        self.create_table(&self.table, "SensorId", "CurrentTime", "N");
        self.create_table(&self.rejects, "ShardId", "RejectId", "S");
        self.create_stream();
        self.create_role();
        self.create_log_group();
        self.create_function(env);
        self.create_mapping(&self.stream, &self.function);
    }

    #[track_caller]
    pub fn create_table(&self, name: &str, partition: &str, sort: &str, sort_type: &str) {
        self.api.json(
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
                "Tags": [{"Key": "owner", "Value": "other-team"}],
            }),
        );
    }

    #[track_caller]
    pub fn create_stream(&self) {
        let tags = json!({"owner": "other-team"});
        self.api
            .json("Kinesis_20131202.CreateStream", &json!({"StreamName": self.stream, "ShardCount": 1, "Tags": tags}));
    }

    #[track_caller]
    pub fn register_consumer(&self, stream: &str, name: &str) {
        let arn = stream_arn(stream);
        self.api.json("Kinesis_20131202.RegisterStreamConsumer", &json!({"StreamARN": arn, "ConsumerName": name}));
    }

    #[track_caller]
    pub fn create_role(&self) {
        let name = &self.role;
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ]});
        let trust = percent_encode(&trust.to_string());
        self.api.iam(&format!(
            "Action=CreateRole&RoleName={name}&AssumeRolePolicyDocument={trust}&Tags.member.1.Key=owner&\
             Tags.member.1.Value=other-team"
        ));
        for policy in ["service-role/AWSLambdaKinesisExecutionRole", "AmazonDynamoDBFullAccess"] {
            let arn = percent_encode(&format!("arn:aws:iam::aws:policy/{policy}"));
            self.api.iam(&format!("Action=AttachRolePolicy&RoleName={name}&PolicyArn={arn}"));
        }
        self.put_policy("own", "Allow", "s3:GetObject");
    }

    #[track_caller]
    pub fn put_policy(&self, policy: &str, effect: &str, action: &str) {
        let document = json!({"Statement": {"Effect": effect, "Action": action, "Resource": "*"}});
        let (role, document) = (&self.role, percent_encode(&document.to_string()));
        self.api.iam(&format!("Action=PutRolePolicy&RoleName={role}&PolicyName={policy}&PolicyDocument={document}"));
    }

    /// Permits only EC2 to assume the role.
    #[track_caller]
    pub fn trust_only_ec2(&self) {
        let trust = json!({"Version": "2012-10-17", "Statement":
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}});
        let (role, trust) = (&self.role, percent_encode(&trust.to_string()));
        self.api.iam(&format!("Action=UpdateAssumeRolePolicy&RoleName={role}&PolicyDocument={trust}"));
    }

    #[track_caller]
    pub fn create_log_group(&self) {
        let name = format!("/aws/lambda/{}", self.function);
        self.api.json("Logs_20140328.CreateLogGroup", &json!({"logGroupName": name, "tags": {"owner": "other-team"}}));
    }

    #[track_caller]
    pub fn create_function<R: Runner>(&self, env: &Sandbox<R>) {
        self.create_function_of(&env.bundled_function_zip());
    }

    /// Creates the function with a program.
    #[track_caller]
    pub fn create_function_of(&self, zip: &[u8]) {
        self.api.lambda_when_accepted(
            "POST /2015-03-31/functions",
            &json!({
                "FunctionName": self.function,
                "Role": format!("arn:aws:iam::{ACCOUNT}:role/{}", self.role),
                "Runtime": "provided.al2023",
                "Handler": "bootstrap",
                "Environment": {"Variables": {"SENSORCTL_TABLE": self.table, "THEIR": "own"}},
                "Code": {"ZipFile": STANDARD.encode(zip)},
                "Tags": {"owner": "other-team"},
            }),
        );
    }

    #[track_caller]
    pub fn create_mapping(&self, stream: &str, function: &str) {
        let made = self.api.lambda_when_accepted(
            "POST /2015-03-31/event-source-mappings/",
            &json!({
                "EventSourceArn": stream_arn(stream),
                "FunctionName": function,
                "StartingPosition": "TRIM_HORIZON",
                "Tags": {"owner": "other-team"},
            }),
        );
        let get = format!("GET /2015-03-31/event-source-mappings/{}", made["UUID"].as_str().unwrap());
        let state = || self.api.lambda(&get, &Value::Null)["State"].clone();
        eventually("the event source mapping is Enabled", state, |state| state == "Enabled");
    }

    /// Describes everything as the services do, without their own counters.
    pub fn describe_all(&self) -> Vec<String> {
        let of_table = |name: &str| {
            let name = json!({"TableName": name});
            let mut table = self.api.json("DynamoDB_20120810.DescribeTable", &name);
            let arn = json!({"ResourceArn": table["Table"]["TableArn"]});
            table["Tags"] = self.api.json("DynamoDB_20120810.ListTagsOfResource", &arn);
            table["Expiry"] = self.api.json("DynamoDB_20120810.DescribeTimeToLive", &name);
            table["Backups"] = self.api.json("DynamoDB_20120810.DescribeContinuousBackups", &name);
            table["Rows"] = self.api.json("DynamoDB_20120810.Scan", &name);
            table.to_string()
        };
        let stream = json!({"StreamName": self.stream});
        let role = |action: &str| {
            without_request_id(&self.api.iam(&format!("Action={action}&RoleName={}", self.role))).to_owned()
        };
        let group = format!("/aws/lambda/{}", self.function);
        let mut group = self.api.json("Logs_20140328.DescribeLogGroups", &json!({"logGroupNamePrefix": group}));
        for group in group["logGroups"].as_array_mut().unwrap() {
            group["storedBytes"] = Value::Null;
        }
        let function = format!("/2015-03-31/functions/{}", self.function);
        let mappings = format!("GET /2015-03-31/event-source-mappings?FunctionName={}", self.function);
        let mappings = self.api.lambda(&mappings, &Value::Null);
        let mapping_tags = mappings["EventSourceMappings"].as_array().unwrap().iter().map(|mapping| {
            let arn = mapping["EventSourceMappingArn"].as_str().unwrap();
            self.api.lambda(&format!("GET /2017-03-31/tags/{}", percent_encode(arn)), &Value::Null).to_string()
        });
        let mapping_tags: Vec<_> = mapping_tags.collect();
        let mut all = vec![
            of_table(&self.table),
            of_table(&self.rejects),
            self.api.json("Kinesis_20131202.DescribeStream", &stream).to_string(),
            self.api.json("Kinesis_20131202.ListTagsForStream", &stream).to_string(),
            self.api
                .json("Kinesis_20131202.ListStreamConsumers", &json!({"StreamARN": stream_arn(&self.stream)}))
                .to_string(),
            role("GetRole"),
            role("ListRolePolicies"),
            role("ListAttachedRolePolicies"),
            role(&format!("GetRolePolicy&PolicyName={}", self.policy)),
            group.to_string(),
            self.api.lambda(&format!("GET {function}"), &Value::Null).to_string(),
            mappings.to_string(),
        ];
        all.extend(mapping_tags);
        all
    }
}

fn stream_arn(name: &str) -> String {
    format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}")
}
