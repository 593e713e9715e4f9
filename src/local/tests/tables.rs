//! Tests of DynamoDB through the SDK.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate,
    KeySchemaElement, KeyType, Projection, ProjectionType, PutRequest, ScalarAttributeType, Tag,
    TimeToLiveSpecification, WriteRequest,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::start;
use crate::tests::clients::Clients;

pub(super) async fn create_table(clients: &Clients) -> String {
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let attribute =
        |name: &str, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap();
    let answer = clients
        .dynamodb
        .create_table()
        .table_name("SensorData")
        .key_schema(key("SensorId", KeyType::Hash))
        .key_schema(key("CurrentTime", KeyType::Range))
        .attribute_definitions(attribute("SensorId", ScalarAttributeType::S))
        .attribute_definitions(attribute("CurrentTime", ScalarAttributeType::N))
        .billing_mode(BillingMode::PayPerRequest)
        .tags(Tag::builder().key("sensorctl:stage").value("test").build().unwrap())
        .send()
        .await
        .unwrap();
    answer.table_description.unwrap().table_arn.unwrap()
}

fn put(sensor: &str, time: u32, temperature: &str) -> WriteRequest {
    let put = PutRequest::builder()
        .item("SensorId", AttributeValue::S(sensor.into()))
        .item("CurrentTime", AttributeValue::N(time.to_string()))
        .item("Temperature", AttributeValue::N(temperature.into()))
        .build()
        .unwrap();
    WriteRequest::builder().put_request(put).build()
}

async fn write(clients: &Clients, requests: Vec<WriteRequest>) -> Result<(), String> {
    match clients.dynamodb.batch_write_item().request_items("SensorData", requests).send().await {
        Ok(answer) => {
            assert!(answer.unprocessed_items.unwrap_or_default().is_empty());
            Ok(())
        }
        Err(error) => Err(error.message().unwrap_or_default().to_owned()),
    }
}

async fn temperatures(clients: &Clients) -> Vec<String> {
    let mut items = clients.dynamodb.scan().table_name("SensorData").send().await.unwrap().items.unwrap();
    items.sort_by_key(|item| item["CurrentTime"].as_n().unwrap().parse::<u32>().unwrap());
    items.iter().map(|item| item["Temperature"].as_n().unwrap().clone()).collect()
}

#[tokio::test]
async fn table_has_local_arn_tags_and_exact_numbers_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (cloud, clients) = start(dir.path()).await;
    let arn = create_table(&clients).await;
    assert_eq!(arn, "arn:aws:dynamodb:eu-central-1:000000000000:table/SensorData");
    write(&clients, vec![put("a", 1, "1.10"), put("a", 2, "-0.5")]).await.unwrap();
    write(&clients, vec![put("a", 2, "12345678901234567890123456789012345678")]).await.unwrap();
    let ttl = TimeToLiveSpecification::builder().attribute_name("ExpiresAt").enabled(true).build().unwrap();
    clients
        .dynamodb
        .update_time_to_live()
        .table_name("SensorData")
        .time_to_live_specification(ttl)
        .send()
        .await
        .unwrap();
    cloud.shutdown().await.unwrap();

    let (cloud, clients) = start(dir.path()).await;
    assert_eq!(temperatures(&clients).await, ["1.1", "12345678901234567890123456789012345678"]);
    let tags = clients.dynamodb.list_tags_of_resource().resource_arn(&arn).send().await.unwrap().tags.unwrap();
    assert_eq!((tags[0].key(), tags[0].value()), ("sensorctl:stage", "test"));
    // A table may be named by its ARN.
    let found = clients.dynamodb.query().table_name(&arn).key_condition_expression("SensorId = :s");
    let found = found.expression_attribute_values(":s", AttributeValue::S("a".into())).send().await.unwrap();
    assert_eq!(found.count, 2);
    let ttl = clients.dynamodb.describe_time_to_live().table_name("SensorData").send().await.unwrap();
    assert_eq!(ttl.time_to_live_description.unwrap().attribute_name(), Some("ExpiresAt"));
    clients.dynamodb.delete_table().table_name("SensorData").send().await.unwrap();
    let gone = clients.dynamodb.describe_table().table_name("SensorData").send().await.unwrap_err();
    assert_eq!(gone.code(), Some("ResourceNotFoundException"));
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn batch_write_item_invalid_batch_is_rejected_whole_with_the_services_message() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, clients) = start(dir.path()).await;
    create_table(&clients).await;
    let keyless = PutRequest::builder().item("SensorId", AttributeValue::S("a".into())).build().unwrap();
    let keyless = WriteRequest::builder().put_request(keyless).build();
    let wrong_type = PutRequest::builder()
        .item("SensorId", AttributeValue::S("a".into()))
        .item("CurrentTime", AttributeValue::S("1".into()))
        .build()
        .unwrap();
    let wrong_type = WriteRequest::builder().put_request(wrong_type).build();
    let large = PutRequest::builder()
        .item("SensorId", AttributeValue::S("a".into()))
        .item("CurrentTime", AttributeValue::N("1".into()))
        .item("Text", AttributeValue::S("x".repeat(400 * 1024)))
        .build()
        .unwrap();
    let large = WriteRequest::builder().put_request(large).build();
    for (bad, words) in [
        (vec![put("b", 1, "1"), put("b", 1, "2")], "Provided list of item keys contains duplicates"),
        // The same number in two notations is one key.
        (
            vec![put("b", 10, "1"), {
                let put = PutRequest::builder()
                    .item("SensorId", AttributeValue::S("b".into()))
                    .item("CurrentTime", AttributeValue::N("1e1".into()))
                    .build()
                    .unwrap();
                WriteRequest::builder().put_request(put).build()
            }],
            "Provided list of item keys contains duplicates",
        ),
        (vec![put("b", 1, "1"), keyless], "key"),
        (vec![put("b", 1, "1"), wrong_type], "does not match the schema"),
        (vec![put("b", 1, "1"), large], "Item size has exceeded the maximum allowed size"),
        (vec![put("b", 1, &"1".repeat(39))], "more than 38 significant digits"),
        ((0..26).map(|time| put("b", time, "1")).collect(), "less than or equal to 25"),
    ] {
        let message = write(&clients, bad).await.unwrap_err();
        assert!(message.contains(words), "{words}: {message}");
    }
    assert!(temperatures(&clients).await.is_empty());
}

#[tokio::test]
async fn scan_follows_deleted_recreated_and_changed_tables() {
    let dir = tempfile::tempdir().unwrap();
    let (_cloud, clients) = start(dir.path()).await;
    let table = clients.dynamodb.scan().table_name("SensorData");
    create_table(&clients).await;
    write(&clients, vec![put("a", 1, "1"), put("b", 2, "2")]).await.unwrap();
    assert_eq!(table.clone().send().await.unwrap().count, 2);
    clients.dynamodb.delete_table().table_name("SensorData").send().await.unwrap();
    let gone = table.clone().send().await.unwrap_err();
    assert_eq!(gone.code(), Some("ResourceNotFoundException"));
    create_table(&clients).await;
    assert_eq!(table.clone().send().await.unwrap().count, 0);
    write(&clients, vec![put("a", 1, "1"), put("b", 2, "2")]).await.unwrap();
    let by_temperature = || table.clone().index_name("by_temperature").send();
    assert!(by_temperature().await.is_err());
    let key = KeySchemaElement::builder().attribute_name("Temperature").key_type(KeyType::Hash).build().unwrap();
    let all = Projection::builder().projection_type(ProjectionType::All).build();
    let index =
        CreateGlobalSecondaryIndexAction::builder().index_name("by_temperature").key_schema(key).projection(all);
    let update = GlobalSecondaryIndexUpdate::builder().create(index.build().unwrap()).build();
    let temperature = AttributeDefinition::builder()
        .attribute_name("Temperature")
        .attribute_type(ScalarAttributeType::N)
        .build()
        .unwrap();
    let changed = clients.dynamodb.update_table().table_name("SensorData").attribute_definitions(temperature);
    changed.global_secondary_index_updates(update).send().await.unwrap();
    assert_eq!(by_temperature().await.unwrap().count, 2);
}
