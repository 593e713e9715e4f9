//! Drift: resources that were deleted or changed by hand are reported by name, and `up` restores them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::in_process_runner::InProcessEnv;
use super::super::support::{
    ApiClient, ForeignStack, RESOURCE_KINDS, create_permissions_boundary, delete_by_hand, eventually, percent_encode,
};

const FUNCTION: &str = "/2015-03-31/functions/ProcessKinesisRecords";
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/temperature-sensor-data";

#[test]
fn resource_deleted_by_hand_is_recreated() {
    let env = InProcessEnv::with_pipeline();
    let api = ApiClient::new(&env);
    for (n, kind) in RESOURCE_KINDS.into_iter().enumerate() {
        delete_by_hand(&api, kind);
        env.run(["status", "--local"]).assert_code(3);
        // `--yes` consents to the new mapping that a new stream needs.
        env.run(["up", "--local", "--yes"]).assert_success();
        env.wait_until_healthy();
        let time = n.to_string();
        env.run(["put", "--local", "--sensor", kind, "--temp", "1", "--time", &time, "--wait"]).assert_success();
    }
    delete_by_hand(&api, "function");
    let down = env.run(["down", "--local", "--yes", "-o", "json"]).assert_success().json();
    assert_eq!(down["changed"], 6, "a mapping outlives its function, and `down` finds it: {down}");
    let everything = api.list_all();
    assert!(!everything[4].contains("UUID"), "{everything:?}");
}

/// Changes that `up` reverts only with consent, because data or its protection would be lost.
const LOSES_DATA: [(&str, &str); 4] = [
    ("stream", "retention_hours"),
    ("table", "deletion_protection"),
    ("table", "point_in_time_recovery"),
    ("log-group", "retention_days"),
];

/// Kind of the changed resource, the properties that differ afterwards, and the change.
type Change<'a> = (&'a str, &'a [&'a str], &'a dyn Fn());

#[test]
#[expect(clippy::too_many_lines, reason = "a table of changes, one for each property")]
fn property_changed_by_hand_is_reported_and_restored() {
    let env = InProcessEnv::with_pipeline();
    let api = ApiClient::new(&env);
    let kinesis = |operation: &str, mut body: Value| {
        body["StreamName"] = json!("temperature-sensor-data");
        api.json_when_accepted(&format!("Kinesis_20131202.{operation}"), &body);
    };
    let dynamodb = |operation: &str, table: &str, mut body: Value| {
        body["TableName"] = json!(table);
        api.json_when_accepted(&format!("DynamoDB_20120810.{operation}"), &body);
    };
    let role = |rest: &str| drop(api.iam(&format!("{rest}&RoleName=kinesis-lambda-dynamodb")));
    let configure = |body: Value| drop(api.lambda(&format!("PUT {FUNCTION}/configuration"), &body));
    let map = |body: Value| {
        let path = api.event_source_mapping_path();
        drop(api.lambda(&format!("PUT {path}"), &body));
    };
    create_permissions_boundary(&api);
    let foreign = ForeignStack::with_default_names(&env);
    // Lambda checks that the role may send to the failure destination.
    foreign.put_policy("theirs", "Allow", "sqs:SendMessage");
    ForeignStack { role: "theirs".into(), ..foreign }.create_role();
    let other_code = STANDARD.encode(env.rebuilt_function_zip());
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
            api.json_when_accepted("Kinesis_20131202.UpdateStreamMode", &mode);
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
            role(&format!("Action=UpdateAssumeRolePolicy&PolicyDocument={}", percent_encode(ec2)));
        }),
        ("role", &["policy"], &|| {
            let all = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
            role(&format!("Action=PutRolePolicy&PolicyName=sensorctl&PolicyDocument={}", percent_encode(all)));
        }),
        ("role", &["managed_policies"], &|| {
            role("Action=AttachRolePolicy&PolicyArn=arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess");
        }),
        ("role", &["permissions_boundary"], &|| {
            role("Action=PutRolePermissionsBoundary&PermissionsBoundary=arn:aws:iam::000000000000:policy/bounds");
        }),
        ("log-group", &["retention_days"], &|| {
            let body = json!({"logGroupName": "/aws/lambda/ProcessKinesisRecords", "retentionInDays": 30});
            api.json_when_accepted("Logs_20140328.PutRetentionPolicy", &body);
        }),
        ("function", &["memory_mb", "timeout_seconds"], &|| configure(json!({"MemorySize": 512, "Timeout": 9}))),
        ("function", &["environment"], &|| configure(json!({"Environment": {"Variables": {"OTHER": "1"}}}))),
        ("function", &["handler", "runtime"], &|| {
            configure(json!({"Runtime": "provided.al2", "Handler": "other"}));
        }),
        ("function", &["role"], &|| configure(json!({"Role": "arn:aws:iam::000000000000:role/theirs"}))),
        ("function", &["code_sha256"], &|| {
            drop(api.lambda(&format!("PUT {FUNCTION}/code"), &json!({"ZipFile": other_code})));
        }),
        ("function", &["log_format"], &|| configure(json!({"LoggingConfig": {"LogFormat": "JSON"}}))),
        ("function", &["log_group"], &|| configure(json!({"LoggingConfig": {"LogGroup": "/elsewhere"}}))),
        ("function", &["reserved_concurrency"], &|| {
            let path = "PUT /2017-10-31/functions/ProcessKinesisRecords/concurrency";
            drop(api.lambda(path, &json!({"ReservedConcurrentExecutions": 5})));
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
        // While the change is in progress, `plan` shows only that.
        let expected = [(kind.to_owned(), properties.iter().map(|name| (*name).to_owned()).collect())];
        eventually(
            &format!("{kind} differs in {properties:?}"),
            || env.planned_changes(),
            |planned| planned[..] == expected,
        );
        let status = env.run(["status", "--local", "-o", "json"]);
        if status.json()["not_compared"].as_array().unwrap().iter().any(|name| name == properties[0]) {
            status.assert_success();
        } else {
            status.assert_code(3).assert_stderr_contains(&[kind, properties[0]]);
        }
        let run = env.run(["up", "--local"]);
        if LOSES_DATA.contains(&(kind, properties[0])) {
            let effect = match properties[0] {
                "deletion_protection" => "removes the protection against deletion",
                "point_in_time_recovery" => "deletes the backups",
                _ => "can delete data",
            };
            run.assert_code(2).assert_stderr_contains(&[properties[0], effect, "--yes"]);
            let plan = env.run(["plan", "--local", "-o", "json"]).assert_success().json();
            // Protection is not data.
            let mark = if properties[0] == "deletion_protection" { "removes_protection" } else { "loses_data" };
            let is_marked = |change: &Value| change[mark] == true && change["property"] == properties[0];
            let mut changes = plan["resources"].as_array().unwrap().iter().filter_map(|it| it["changes"].as_array());
            assert!(changes.any(|changes| changes.iter().any(is_marked)), "{plan}");
            env.run(["up", "--local", "--yes"]).assert_success();
        } else {
            run.assert_success();
        }
        assert_eq!(env.planned_changes(), [], "{kind} {properties:?}");
    }
    // An equivalent policy is not drift: another order, a list of one, other case in an action.
    let policy = api.iam("Action=GetRolePolicy&RoleName=kinesis-lambda-dynamodb&PolicyName=sensorctl");
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
    role(&format!("Action=PutRolePolicy&PolicyName=sensorctl&PolicyDocument={}", percent_encode(&same)));
    assert_eq!(env.planned_changes(), []);
}
