//! What of ours was deleted or changed by hand: told by name, and mended.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{FUNCTION, by_hand, lambda, mapping_path, planned};
use crate::support::{Home, Neighbour, Stranger, form};

const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/temperature-sensor-data";

#[test]
fn what_was_deleted_by_hand_is_made_anew() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    let table = |name: &str| by_hand(&cloud, "DynamoDB_20120810.DeleteTable", &json!({"TableName": name}));
    let delete_stream =
        || by_hand(&cloud, "Kinesis_20131202.DeleteStream", &json!({"StreamName": "temperature-sensor-data"}));
    let delete_group = || {
        by_hand(&cloud, "Logs_20140328.DeleteLogGroup", &json!({"logGroupName": "/aws/lambda/ProcessKinesisRecords"}));
    };
    let delete_role = || {
        cloud.iam("Action=DeleteRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl");
        cloud.iam("Action=DeleteRole&RoleName=kinesis-lambda-dynamodb");
    };
    let delete_function = || drop(lambda(&cloud, &format!("DELETE {FUNCTION}"), &Value::Null));
    let delete_mapping = || {
        let path = mapping_path(&cloud);
        drop(lambda(&cloud, &format!("DELETE {path}"), &Value::Null));
    };
    let deletions: [(&str, &dyn Fn()); 7] = [
        ("table", &|| table("SensorData")),
        ("rejects-table", &|| table("SensorDataRejects")),
        ("stream", &delete_stream),
        ("role", &delete_role),
        ("log-group", &delete_group),
        ("function", &delete_function),
        ("mapping", &delete_mapping),
    ];
    for (n, (kind, delete)) in deletions.into_iter().enumerate() {
        delete();
        home.run(["status", "--local"]).exited(3);
        // A stream takes its mapping along, and that is asked about.
        home.run(["up", "--local", "--yes"]).succeeded();
        home.becomes_healthy();
        let time = n.to_string();
        home.run(["put", "--local", "--sensor", kind, "--temp", "1", "--time", &time, "--wait"]).succeeded();
    }
    delete_function();
    let down = home.run(["down", "--local", "--yes", "-o", "json"]).succeeded().json();
    assert_eq!(down["changed"], 6, "a mapping outlives its function, and is found all the same: {down}");
    let everything = cloud.everything();
    assert!(!everything[4].contains("UUID"), "{everything:?}");
}

/// What `up` takes back only with consent: data would go, or what guards it.
const LOSING: [(&str, &str); 4] = [
    ("stream", "retention_hours"),
    ("table", "deletion_protection"),
    ("table", "point_in_time_recovery"),
    ("log-group", "retention_days"),
];

/// What is changed, the properties that differ then, and how.
type Change<'a> = (&'a str, &'a [&'a str], &'a dyn Fn());

#[test]
#[expect(clippy::too_many_lines, reason = "a table of changes, one for each property")]
fn what_was_changed_by_hand_is_told_by_name_and_mended() {
    let home = Home::with_pipeline();
    let cloud = Stranger::of(&home);
    let kinesis = |operation: &str, mut body: Value| {
        body["StreamName"] = json!("temperature-sensor-data");
        by_hand(&cloud, &format!("Kinesis_20131202.{operation}"), &body);
    };
    let dynamodb = |operation: &str, table: &str, mut body: Value| {
        body["TableName"] = json!(table);
        by_hand(&cloud, &format!("DynamoDB_20120810.{operation}"), &body);
    };
    let role = |rest: &str| drop(cloud.iam(&format!("{rest}&RoleName=kinesis-lambda-dynamodb")));
    let configure = |body: Value| drop(lambda(&cloud, &format!("PUT {FUNCTION}/configuration"), &body));
    let map = |body: Value| {
        let path = mapping_path(&cloud);
        drop(lambda(&cloud, &format!("PUT {path}"), &body));
    };
    let document = |text: &str| form(text);
    let all = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    cloud.iam(&format!("Action=CreatePolicy&PolicyName=bounds&PolicyDocument={}", form(all)));
    let somebody = Neighbour::with_our_names(&home);
    // Lambda checks that the role may tell a destination of failures.
    somebody.puts_policy("theirs", "Allow", "sqs:SendMessage");
    Neighbour { role: "theirs".into(), ..somebody }.makes_role();
    // Another build: the same program beside something else.
    home.run(["export", "function-zip", "function.zip"]).succeeded();
    let bundled = std::fs::read(home.path("function.zip")).unwrap();
    let mut zip = zip::ZipWriter::new_append(std::io::Cursor::new(bundled)).unwrap();
    zip.start_file("notes", zip::write::SimpleFileOptions::default()).unwrap();
    let other_code = STANDARD.encode(zip.finish().unwrap().into_inner());
    let ec2 =
        r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
    let changes: [Change<'_>; 28] = [
        ("stream", &["shards"], &|| {
            kinesis("UpdateShardCount", json!({"TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"}));
        }),
        ("stream", &["retention_hours"], &|| {
            kinesis("IncreaseStreamRetentionPeriod", json!({"RetentionPeriodHours": 48}));
        }),
        ("stream", &["encryption"], &|| {
            kinesis("StartStreamEncryption", json!({"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}));
        }),
        ("stream", &["mode"], &|| {
            let mode = json!({"StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "StreamARN": STREAM});
            by_hand(&cloud, "Kinesis_20131202.UpdateStreamMode", &mode);
        }),
        ("table", &["ttl_attribute"], &|| {
            let on = json!({"Enabled": true, "AttributeName": "until"});
            dynamodb("UpdateTimeToLive", "SensorData", json!({"TimeToLiveSpecification": on}));
        }),
        ("table", &["class"], &|| {
            dynamodb("UpdateTable", "SensorData", json!({"TableClass": "STANDARD_INFREQUENT_ACCESS"}));
        }),
        ("table", &["billing"], &|| {
            let units = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 5});
            dynamodb(
                "UpdateTable",
                "SensorData",
                json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": units}),
            );
        }),
        ("table", &["deletion_protection"], &|| {
            dynamodb("UpdateTable", "SensorData", json!({"DeletionProtectionEnabled": true}));
        }),
        ("table", &["point_in_time_recovery"], &|| {
            let on = json!({"PointInTimeRecoveryEnabled": true});
            dynamodb("UpdateContinuousBackups", "SensorData", json!({"PointInTimeRecoverySpecification": on}));
        }),
        ("rejects-table", &["ttl_attribute"], &|| {
            let off = json!({"Enabled": false, "AttributeName": "ExpiresAt"});
            dynamodb("UpdateTimeToLive", "SensorDataRejects", json!({"TimeToLiveSpecification": off}));
        }),
        ("role", &["trust_policy"], &|| {
            role(&format!("Action=UpdateAssumeRolePolicy&PolicyDocument={}", document(ec2)));
        }),
        ("role", &["policy"], &|| {
            let all = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
            role(&format!("Action=PutRolePolicy&PolicyName=sensorctl&PolicyDocument={}", document(all)));
        }),
        ("role", &["managed_policies"], &|| {
            role("Action=AttachRolePolicy&PolicyArn=arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess");
        }),
        ("role", &["permissions_boundary"], &|| {
            role("Action=PutRolePermissionsBoundary&PermissionsBoundary=arn:aws:iam::000000000000:policy/bounds");
        }),
        ("log-group", &["retention_days"], &|| {
            let body = json!({"logGroupName": "/aws/lambda/ProcessKinesisRecords", "retentionInDays": 30});
            by_hand(&cloud, "Logs_20140328.PutRetentionPolicy", &body);
        }),
        ("function", &["memory_mb", "timeout_seconds"], &|| configure(json!({"MemorySize": 512, "Timeout": 9}))),
        ("function", &["environment"], &|| configure(json!({"Environment": {"Variables": {"OTHER": "1"}}}))),
        ("function", &["handler", "runtime"], &|| {
            configure(json!({"Runtime": "provided.al2", "Handler": "other"}));
        }),
        ("function", &["role"], &|| configure(json!({"Role": "arn:aws:iam::000000000000:role/theirs"}))),
        ("function", &["code_sha256"], &|| {
            drop(lambda(&cloud, &format!("PUT {FUNCTION}/code"), &json!({"ZipFile": other_code})));
        }),
        ("function", &["log_format"], &|| configure(json!({"LoggingConfig": {"LogFormat": "JSON"}}))),
        ("function", &["log_group"], &|| configure(json!({"LoggingConfig": {"LogGroup": "/elsewhere"}}))),
        ("function", &["reserved_concurrency"], &|| {
            let path = "PUT /2017-10-31/functions/ProcessKinesisRecords/concurrency";
            drop(lambda(&cloud, path, &json!({"ReservedConcurrentExecutions": 5})));
        }),
        ("mapping", &["enabled"], &|| map(json!({"Enabled": false}))),
        ("mapping", &["response_types"], &|| map(json!({"FunctionResponseTypes": []}))),
        ("mapping", &["metrics", "on_failure"], &|| {
            let to = json!({"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:failed"}});
            map(json!({"MetricsConfig": {"Metrics": ["EventCount"]}, "DestinationConfig": to}));
        }),
        ("mapping", &["filters"], &|| {
            map(json!({"FilterCriteria": {"Filters": [{"Pattern": r#"{"partitionKey":["none"]}"#}]}}));
        }),
        (
            "mapping",
            &["batch_size", "bisect", "parallelization", "record_age_seconds", "retry_attempts", "window_seconds"],
            &|| {
                map(json!({"BatchSize": 10, "BisectBatchOnFunctionError": false, "ParallelizationFactor": 2,
                       "MaximumRecordAgeInSeconds": 60, "MaximumRetryAttempts": 1, "MaximumBatchingWindowInSeconds": 1}));
            },
        ),
    ];
    for (kind, properties, change) in changes {
        change();
        // A change that is still under way is planned as such.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let found = planned(&home);
            if found == [(kind.to_owned(), properties.iter().map(|name| (*name).to_owned()).collect())] {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "{kind} {properties:?}: {found:?}");
        }
        home.run(["status", "--local"]).exited(3).says(&[kind, properties[0]]);
        let run = home.run(["up", "--local"]);
        if LOSING.contains(&(kind, properties[0])) {
            run.exited(2).says(&[properties[0], "loses data", "--yes"]);
            let plan = home.run(["plan", "--local", "-o", "json"]).succeeded().json();
            let is_marked = |change: &Value| change["loses_data"] == true && change["property"] == properties[0];
            let mut changes = plan["resources"].as_array().unwrap().iter().filter_map(|it| it["changes"].as_array());
            assert!(changes.any(|changes| changes.iter().any(is_marked)), "{plan}");
            home.run(["up", "--local", "--yes"]).succeeded();
        } else {
            run.succeeded();
        }
        assert_eq!(planned(&home), [], "{kind} {properties:?}");
    }
    // By meaning the same: another order, one in a list, other letters of an action.
    let policy = cloud.iam("Action=GetRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl");
    let text = policy.split("<PolicyDocument>").nth(1).unwrap().split('<').next().unwrap();
    let text: String = percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let mut same: Value = serde_json::from_str(&text).unwrap();
    for statement in same["Statement"].as_array_mut().unwrap() {
        statement["Sid"] = Value::Null;
        statement.as_object_mut().unwrap().remove("Sid");
        if let Some(resource) = statement["Resource"].as_str().map(str::to_owned) {
            statement["Resource"] = json!([resource]);
        }
        if let Some(actions) = statement["Action"].as_array_mut() {
            actions.reverse();
        }
    }
    same["Statement"].as_array_mut().unwrap().reverse();
    let same = same.to_string().replace("kinesis:GetRecords", "kinesis:getrecords");
    role(&format!("Action=PutRolePolicy&PolicyName=sensorctl&PolicyDocument={}", document(&same)));
    assert_eq!(planned(&home), []);
}
