//! Creating and listing streams and shards: on-demand mode, tags at creation, paging and filters.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ferrokinesis::types::{Shard as StoredShard, StreamMode};
use serde_json::{Value, json};

use super::{Kinesis, Request, Response, Shard, refused};
use crate::local::wire::{self, AMZ_JSON_1_1, ServiceError};

/// The shards of a new on-demand stream.
const ON_DEMAND_SHARDS: u64 = 4;

/// The most shards in one answer of `ListShards`.
const SHARDS_PER_PAGE: u64 = 10_000;

impl Kinesis {
    /// The shards of a stream, closed ones too.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when there is no such stream.
    pub(crate) async fn shards(&self, stream_arn: &str) -> Result<Vec<Shard>, ServiceError> {
        let name = self.name_of(stream_arn)?;
        let _reading = self.0.order.read().await;
        let stream = self.0.store.get_stream(&name).await.map_err(refused)?;
        Ok(stream
            .shards
            .into_iter()
            .map(|shard| Shard {
                open: is_open(&shard),
                id: shard.shard_id,
                parent: shard.parent_shard_id,
                adjacent_parent: shard.adjacent_parent_shard_id,
            })
            .collect())
    }

    /// `CreateStream` with the tags and the on-demand mode that ferrokinesis drops.
    pub(super) async fn create_stream(&self, mut input: Value, mut request: Request) -> Response {
        let mode = input["StreamModeDetails"]["StreamMode"].as_str();
        let on_demand = mode == Some("ON_DEMAND") || (mode.is_none() && input.get("ShardCount").is_none());
        if on_demand && input.get("ShardCount").is_some() {
            let message = "ShardCount must not be given for a stream in ON_DEMAND mode.";
            return ServiceError::bad_request("ValidationException", message).json(AMZ_JSON_1_1);
        }
        let tags = match tags_of(&input) {
            Ok(tags) => tags,
            Err(error) => return error.json(AMZ_JSON_1_1),
        };
        if on_demand {
            input["ShardCount"] = ON_DEMAND_SHARDS.into();
        }
        *request.body_mut() = input.to_string().into();
        let response = self.forward(request).await;
        if !response.status().is_success() || (tags.is_empty() && !on_demand) {
            return response;
        }
        let name = input["StreamName"].as_str().unwrap_or_default();
        let amended = self.0.store.update_stream(name, |stream| {
            stream.tags.extend(tags);
            if on_demand {
                stream.stream_mode_details.stream_mode = StreamMode::OnDemand;
            }
            Ok(())
        });
        match amended.await {
            Ok(()) => response,
            Err(error) => refused(error).json(AMZ_JSON_1_1),
        }
    }

    /// `ListShards` by name, with paging and filters.
    pub(super) async fn list_shards(&self, input: &Value) -> Result<Value, ServiceError> {
        let token = input.get("NextToken").and_then(Value::as_str);
        let (name, after) = match (token, input.get("StreamName").and_then(Value::as_str)) {
            (Some(_), Some(_)) => {
                return Err(invalid("NextToken and StreamName cannot be provided together."));
            }
            (Some(token), None) => decode_token(token)?,
            (None, Some(name)) => {
                (name.to_owned(), input["ExclusiveStartShardId"].as_str().unwrap_or_default().to_owned())
            }
            (None, None) => return Err(invalid("Either NextToken or StreamName should be provided.")),
        };
        let limit = input.get("MaxResults").map_or(Some(SHARDS_PER_PAGE), Value::as_u64).unwrap_or_default();
        if !(1..=SHARDS_PER_PAGE).contains(&limit) {
            return Err(ServiceError::bad_request(
                "ValidationException",
                "1 validation error detected: Value at 'maxResults' failed to satisfy constraint: \
                 Member must have value between 1 and 10000",
            ));
        }
        let stream = self.0.store.get_stream(&name).await.map_err(refused)?;
        let open_only = input["ShardFilter"]["Type"] == "AT_LATEST";
        let after_filter = match input["ShardFilter"]["Type"].as_str() {
            Some("AFTER_SHARD_ID") => input["ShardFilter"]["ShardId"].as_str().unwrap_or_default(),
            _ => "",
        };
        let mut rest = stream
            .shards
            .iter()
            .filter(|shard| shard.shard_id > after && shard.shard_id.as_str() > after_filter)
            .filter(|shard| !open_only || is_open(shard));
        let page: Vec<&StoredShard> = rest.by_ref().take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        let mut body = json!({ "Shards": page });
        if rest.next().is_some()
            && let Some(last) = page.last()
        {
            body["NextToken"] = BASE64.encode(format!("{name}/{}", last.shard_id)).into();
        }
        Ok(body)
    }

    /// `ListStreams` with the summaries that newer clients show, and AWS's page of 100.
    pub(super) async fn list_streams(&self, mut input: Value, mut request: Request) -> Response {
        if let Some(token) = input.get("NextToken").and_then(Value::as_str) {
            let token = token.to_owned();
            input["ExclusiveStartStreamName"] = token.into();
        }
        if let Some(fields) = input.as_object_mut() {
            fields.remove("NextToken");
            fields.entry("Limit").or_insert_with(|| 100.into());
        }
        *request.body_mut() = input.to_string().into();
        let response = self.forward(request).await;
        if !response.status().is_success() {
            return response;
        }
        let mut body: Value = match serde_json::from_slice(response.body()) {
            Ok(body) => body,
            Err(error) => return ServiceError::internal(error.to_string()).json(AMZ_JSON_1_1),
        };
        let names: Vec<String> = serde_json::from_value(body["StreamNames"].clone()).unwrap_or_default();
        let mut summaries = Vec::new();
        for name in &names {
            // One deleted since it was listed is not there any more.
            if let Ok(stream) = self.0.store.get_stream(name).await {
                summaries.push(json!({
                    "StreamName": stream.stream_name,
                    "StreamARN": stream.stream_arn,
                    "StreamStatus": stream.stream_status,
                    "StreamModeDetails": stream.stream_mode_details,
                    "StreamCreationTimestamp": stream.stream_creation_timestamp,
                }));
            }
        }
        body["StreamSummaries"] = summaries.into();
        if body["HasMoreStreams"] == true {
            body["NextToken"] = names.last().cloned().into();
        }
        wire::json_as(200, AMZ_JSON_1_1, &body)
    }
}

fn is_open(shard: &StoredShard) -> bool {
    shard.sequence_number_range.ending_sequence_number.is_none()
}

/// The tags of a `CreateStream`, within the limits of `AddTagsToStream`.
fn tags_of(input: &Value) -> Result<Vec<(String, String)>, ServiceError> {
    let Some(tags) = input.get("Tags").filter(|tags| !tags.is_null()) else { return Ok(Vec::new()) };
    let tags = tags.as_object().ok_or_else(|| {
        ServiceError::bad_request("SerializationException", "Start of structure or map found where not expected.")
    })?;
    if tags.len() > 50 {
        return Err(invalid("A stream cannot have more than 50 tags."));
    }
    tags.iter()
        .map(|(key, value)| {
            let value = value.as_str().ok_or_else(|| {
                ServiceError::bad_request("SerializationException", "A tag's value must be a string.")
            })?;
            let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
            if !fits || key.starts_with("aws:") {
                return Err(invalid(&format!("The tag {key} is not valid.")));
            }
            Ok((key.clone(), value.to_owned()))
        })
        .collect()
}

fn decode_token(token: &str) -> Result<(String, String), ServiceError> {
    BASE64
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.split_once('/').map(|(name, after)| (name.to_owned(), after.to_owned())))
        .ok_or_else(|| invalid("Invalid NextToken."))
}

fn invalid(message: &str) -> ServiceError {
    ServiceError::bad_request("InvalidArgumentException", message)
}
