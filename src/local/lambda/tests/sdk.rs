//! A test of the whole pipeline through the AWS SDK and the local cloud's own port.

use aws_sdk_kinesis::types::{StreamDescriptionSummary, StreamStatus};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Environment, EventSourceMappingConfiguration, EventSourcePosition, FunctionCode, LogType, Runtime, State,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::support::{TRUST, function_zip};
use crate::tests::clients::{Clients, connect};
use crate::tests::eventually;
use crate::{LocalCloud, LocalOptions};

async fn create_function(clients: &Clients, role: &str, out: &str) -> Result<(), aws_sdk_lambda::Error> {
    let code = FunctionCode::builder().zip_file(Blob::new(function_zip())).build();
    let environment = Environment::builder().variables("MODE", "consume").variables("OUT", out).build();
    let made = clients
        .lambda
        .create_function()
        .function_name("Fn")
        .runtime(Runtime::from("provided.al2023"))
        .role(role)
        .handler("bootstrap")
        .code(code)
        .environment(environment)
        .tags("sensorctl:stage", "test")
        .send()
        .await?;
    assert_eq!(made.state(), Some(&State::Active));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sdk_pipeline_delivers_records_end_to_end() {
    let dir = tempfile::tempdir().unwrap();
    let options = LocalOptions { data_dir: dir.path().join("data"), ..LocalOptions::default() };
    let cloud = LocalCloud::start(options).await.unwrap();
    let clients = connect(&cloud.connection_info()).await;
    let out = dir.path().join("handled");

    let role = clients.iam.create_role().role_name("r").assume_role_policy_document(TRUST).send().await.unwrap();
    let role = role.role().unwrap().arn().to_owned();
    let reading = "arn:aws:iam::aws:policy/service-role/AWSLambdaKinesisExecutionRole";
    clients.iam.attach_role_policy().role_name("r").policy_arn(reading).send().await.unwrap();
    create_function(&clients, &role, out.to_str().unwrap()).await.unwrap();
    let again = create_function(&clients, &role, "").await.unwrap_err();
    assert_eq!(
        (again.code(), again.message()),
        (Some("ResourceConflictException"), Some("Function already exist: Fn"))
    );
    let got = clients.lambda.get_function().function_name("Fn").send().await.unwrap();
    assert_eq!(got.tags().unwrap().len(), 1);

    let event = Blob::new(r#"{"Records":[]}"#);
    let answer =
        clients.lambda.invoke().function_name("Fn").payload(event).log_type(LogType::Tail).send().await.unwrap();
    assert_eq!((answer.status_code(), answer.function_error()), (200, None));
    assert_eq!(answer.payload().unwrap().as_ref(), br#"{"batchItemFailures":[]}"#);
    assert!(answer.log_result().is_some());

    clients.kinesis.create_stream().stream_name("s").shard_count(1).send().await.unwrap();
    let describe = async || {
        let about = clients.kinesis.describe_stream_summary().stream_name("s").send().await.unwrap();
        about.stream_description_summary().unwrap().clone()
    };
    let is_active = |about: &StreamDescriptionSummary| *about.stream_status() == StreamStatus::Active;
    let stream = eventually("the stream is ACTIVE", describe, is_active).await.stream_arn().to_owned();
    let mapping = clients
        .lambda
        .create_event_source_mapping()
        .event_source_arn(&stream)
        .function_name("Fn")
        .starting_position(EventSourcePosition::Latest)
        .send()
        .await
        .unwrap();
    let put = clients
        .kinesis
        .put_record()
        .stream_name("s")
        .partition_key("k")
        .data(aws_sdk_kinesis::primitives::Blob::new("one"))
        .send()
        .await
        .unwrap();
    let handled = || std::fs::read_to_string(&out).unwrap_or_default();
    let line = eventually("a record is handled", async || handled(), |text| text.ends_with('\n')).await;
    assert_eq!(line.trim(), put.sequence_number());

    let listed = clients.lambda.list_event_source_mappings().function_name("Fn").send().await.unwrap();
    let uuids: Vec<_> =
        listed.event_source_mappings().iter().filter_map(EventSourceMappingConfiguration::uuid).collect();
    assert_eq!(uuids, [mapping.uuid().unwrap()]);
    clients.lambda.delete_event_source_mapping().uuid(uuids[0]).send().await.unwrap();
    clients.lambda.delete_function().function_name("Fn").send().await.unwrap();
    let gone = clients.lambda.get_function().function_name("Fn").send().await.unwrap_err().into_service_error();
    assert!(gone.is_resource_not_found_exception());
    cloud.shutdown().await.unwrap();
}
