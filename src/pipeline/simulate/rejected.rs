//! Simulated readings in the dead-letter table.

use aws_sdk_dynamodb::types::AttributeValue;
use sensor_model::Reading;

use super::plan::SENSOR_PREFIX;
use crate::aws::{Clients, FailureCause};
use crate::error::Error;

/// Returns the simulated readings in the dead-letter table, as far as they can be read now: without a table there are
/// none, and while the table is throttled there may be more. What is not a whole reading is left out.
///
/// # Errors
/// If the table cannot be read.
pub(crate) async fn rejected_readings(clients: &Clients, table: &str) -> Result<Vec<Reading>, Error> {
    let resource = format!("table {table}");
    let mut readings = Vec::new();
    let mut start = None;
    loop {
        let request = clients
            .dynamodb
            .scan()
            .table_name(table)
            .consistent_read(true)
            .filter_expression("begins_with(#key, :prefix)")
            .expression_attribute_names("#key", "PartitionKey")
            .expression_attribute_names("#data", "Data")
            .expression_attribute_values(":prefix", AttributeValue::S(SENSOR_PREFIX.to_owned()))
            .projection_expression("#data")
            .set_exclusive_start_key(start);
        let answer = match clients.call("DynamoDB", "Scan", &resource).answer(request.send().await) {
            Ok(answer) => answer,
            Err(failure) if failure.is_transient() => return Ok(readings),
            Err(failure) if failure.cause == FailureCause::Missing => return Ok(readings),
            Err(failure) => return Err(clients.with_account_context(failure).await.into()),
        };
        for item in answer.items.unwrap_or_default() {
            if let Some(AttributeValue::B(data)) = item.get("Data") {
                readings.extend(Reading::from_json(data.as_ref()));
            }
        }
        start = answer.last_evaluated_key.filter(|key| !key.is_empty());
        if start.is_none() {
            return Ok(readings);
        }
    }
}
