//! The tables, indexes and streams that a request names.
//!
//! One parser of names and ARNs serves the handlers and the authorizer. dynoxide checks neither the region nor the
//! account of an ARN.

use std::collections::BTreeMap;

use dynoxide::DynoxideError;
use dynoxide::actions::get_shard_iterator::decode_shard_iterator;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{DynamoDb, THEIR_ARN};
use crate::auth::permissions::Named;
use crate::identity::Identity;
use crate::protocol::aws_json;
use crate::protocol::aws_json::Request;

/// The members that name a resource, parsed without the items of a request.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[expect(clippy::zero_sized_map_values, reason = "a set would refuse what stands at its names")]
struct Members {
    table_name: Option<String>,
    index_name: Option<String>,
    resource_arn: Option<String>,
    stream_arn: Option<String>,
    shard_iterator: Option<String>,
    request_items: BTreeMap<String, IgnoredAny>,
    transact_items: Vec<BTreeMap<String, InTransaction>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InTransaction {
    table_name: Option<String>,
}

impl DynamoDb {
    /// Returns the resources that a request names.
    ///
    /// A resource that is named twice or by a wrong type is ambiguous, because the database may read it in another way.
    pub(crate) fn named_in(&self, request: &Request) -> Named {
        let operation = aws_json::operation(request);
        // Tables in a PartiQL statement are not parsed.
        if operation.contains("Execute") {
            return Named::Unclear;
        }
        let members = serde_json::from_slice(request.body()).ok();
        members.and_then(|members| self.resolve(operation, members)).unwrap_or(Named::Unclear)
    }

    fn resolve(&self, operation: &str, members: Members) -> Option<Named> {
        let table = |name: &str| Some(self.identity.table_arn(bare_name(&self.identity, name)?));
        let mut arns = Vec::new();
        if let Some(name) = &members.table_name {
            // In other operations an index name has no effect, and the table itself is read.
            let index = members.index_name.filter(|_| matches!(operation, "Query" | "Scan"));
            arns.push(table(name)? + &index.map(|index| format!("/index/{index}")).unwrap_or_default());
        }
        if let Some(arn) = &members.resource_arn {
            arns.push(self.identity.table_arn(tagged_table(&self.identity, arn)?));
        }
        if let Some(arn) = &members.stream_arn {
            arns.push(self.stream_of(streamed_table(&self.identity, arn)?)?);
        }
        if let Some(iterator) = members.shard_iterator.as_deref().filter(|_| operation == "GetRecords") {
            arns.push(self.stream_of(&decode_shard_iterator(iterator)?.0)?);
        }
        for name in members.request_items.keys() {
            arns.push(table(name)?);
        }
        for action in members.transact_items.iter().flat_map(BTreeMap::values) {
            arns.push(table(action.table_name.as_deref()?)?);
        }
        let of_account = matches!(operation, "ListTables" | "ListStreams" | "DescribeLimits");
        match arns.is_empty() {
            false => Some(Named::These(arns)),
            true if of_account => Some(Named::All),
            true => None,
        }
    }

    /// Returns the ARN of a table's stream; the database does not compare the stream's label.
    fn stream_of(&self, table: &str) -> Option<String> {
        let described = self.described(&json!({ "TableName": table }).to_string()).ok()?;
        let arn = described["Table"]["LatestStreamArn"].as_str()?;
        Some(arn.replace(THEIR_ARN, &self.our_arn()))
    }

    /// Rewrites the `ResourceArn` or `StreamArn` of a request to dynoxide's.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for an ARN of another account or region.
    pub(super) fn with_their_arn(&self, operation: &str, text: &str) -> Result<Option<String>, DynoxideError> {
        let is_tags = match operation {
            "TagResource" | "UntagResource" | "ListTagsOfResource" => true,
            "DescribeStream" | "GetShardIterator" => false,
            _ => return Ok(None),
        };
        let member = if is_tags { "ResourceArn" } else { "StreamArn" };
        let Ok(mut input) = serde_json::from_str::<Value>(text) else { return Ok(None) };
        let Some(arn) = input.get(member).and_then(Value::as_str).filter(|arn| !arn.is_empty()) else {
            return Ok(None);
        };
        let is_here = if is_tags {
            tagged_table(&self.identity, arn).is_some()
        } else {
            streamed_table(&self.identity, arn).is_some()
        };
        if !is_here {
            let kind = if is_tags { "ResourcArn" } else { "Stream" };
            let message = format!("Requested resource not found: {kind}: {arn} not found");
            return Err(DynoxideError::ResourceNotFoundException(message));
        }
        input[member] = arn.replacen(&self.our_arn(), THEIR_ARN, 1).into();
        Ok(Some(input.to_string()))
    }

    /// Replaces table ARNs in an item request by table names.
    pub(super) fn name_tables(&self, input: &mut Value) {
        let prefix = self.identity.table_arn("");
        let name = |value: &mut Value| {
            if let Some(name) = value.as_str().and_then(|arn| arn.strip_prefix(&prefix)) {
                *value = name.to_owned().into();
            }
        };
        if let Some(table) = input.get_mut("TableName") {
            name(table);
        }
        if let Some(Value::Object(tables)) = input.get_mut("RequestItems") {
            *tables = std::mem::take(tables)
                .into_iter()
                .map(|(table, requests)| {
                    let table = table.strip_prefix(&prefix).map(str::to_owned).unwrap_or(table);
                    (table, requests)
                })
                .collect();
        }
        if let Some(Value::Array(actions)) = input.get_mut("TransactItems") {
            let actions = actions.iter_mut().filter_map(Value::as_object_mut).flat_map(|action| action.values_mut());
            for table in actions.filter_map(|action| action.get_mut("TableName")) {
                name(table);
            }
        }
    }
}

/// Returns the name of a table given by name, or by an ARN in this account and region.
fn bare_name<'a>(identity: &Identity, text: &'a str) -> Option<&'a str> {
    if text.starts_with("arn:") { tagged_table(identity, text) } else { Some(text) }
}

/// Returns `T` of `arn:aws:dynamodb:REGION:ACCOUNT:table/T`.
fn tagged_table<'a>(identity: &Identity, arn: &'a str) -> Option<&'a str> {
    arn.strip_prefix(&identity.table_arn("")).filter(|name| !name.is_empty() && !name.contains('/'))
}

/// Returns `T` of `arn:aws:dynamodb:REGION:ACCOUNT:table/T/stream/LABEL`.
fn streamed_table<'a>(identity: &Identity, arn: &'a str) -> Option<&'a str> {
    let (table, label) = arn.strip_prefix(&identity.table_arn(""))?.split_once("/stream/")?;
    let is_whole = !table.is_empty() && !table.contains('/') && !label.is_empty() && !label.contains('/');
    is_whole.then_some(table)
}
