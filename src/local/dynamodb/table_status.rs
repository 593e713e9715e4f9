//! Tables in creation or deletion, and their eventual consistency (docs/facts/dynamodb.md, Tables).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};

use crate::latency_profile::LatencyProfile;
use crate::operation;
use crate::protocol::aws_json;
use crate::protocol::aws_json::{AMZ_JSON_1_0, Response, ServiceError};

/// The tables whose status is changing; clones share them.
#[derive(Clone)]
pub(super) struct TableLifecycle {
    timing: LatencyProfile,
    tables: Arc<Mutex<Tables>>,
}

#[derive(Default)]
struct Tables {
    created: HashMap<String, Instant>,
    tagged: HashMap<String, Instant>,
    updated: HashMap<String, Instant>,
    deleted: HashMap<String, Deleted>,
    /// Number of describe calls of tables that may not be visible yet.
    looks: u64,
}

/// A table in deletion, as it was before.
struct Deleted {
    at: Instant,
    description: Value,
    tags: Option<Response>,
}

impl TableLifecycle {
    pub(super) fn new(timing: &LatencyProfile) -> Self {
        TableLifecycle { timing: *timing, tables: Arc::default() }
    }

    /// Returns whether any change takes time.
    pub(super) fn is_slow(&self) -> bool {
        !self.timing.is_none()
    }

    /// Returns the response for a table whose status is changing, or `None` if the database must answer.
    pub(super) fn before(&self, operation: &str, input: &Value) -> Option<Response> {
        let mut tables = self.tables();
        tables.deleted.retain(|_, deleted| deleted.at.elapsed() < self.timing.table_change);
        tables.created.retain(|_, at| at.elapsed() < self.timing.table_create.max(self.timing.table_lag));
        tables.tagged.retain(|_, at| at.elapsed() < self.timing.tags_lag);
        tables.updated.retain(|_, at| at.elapsed() < self.timing.table_change);
        let in_use = |doing: &str, name: &str| {
            let text = format!("Attempt to change a resource which is still in use: Table is being {doing}: {name}");
            Some(ServiceError::bad_request("ResourceInUseException", text).json(AMZ_JSON_1_0))
        };
        for name in names(input) {
            if let Some(Deleted { description, tags, .. }) = tables.deleted.get(&name) {
                match operation {
                    "DescribeTable" => {
                        return Some(aws_json::json_as(200, AMZ_JSON_1_0, &json!({"Table": description})));
                    }
                    "DeleteTable" => {
                        return Some(aws_json::json_as(200, AMZ_JSON_1_0, &json!({"TableDescription": description})));
                    }
                    "CreateTable" | "UpdateTable" | "UpdateTimeToLive" => return in_use("deleted", &name),
                    "ListTagsOfResource" if tags.is_some() => return tags.clone(),
                    _ => {}
                }
            }
            if operation == "ListTagsOfResource" && tables.tagged.contains_key(&name) {
                return Some(aws_json::json_as(200, AMZ_JSON_1_0, &json!({"Tags": []})));
            }
            if matches!(operation, "DeleteTable" | "UpdateTable") && tables.updated.contains_key(&name) {
                return in_use("updated", &name);
            }
            let Some(age) = tables.created.get(&name).map(Instant::elapsed) else { continue };
            let tables = &mut *tables;
            match operation {
                "DescribeTable" if age < self.timing.table_lag && is_missed(&mut tables.looks) => {
                    let text = format!("Requested resource not found: Table: {name} not found");
                    return Some(ServiceError::bad_request("ResourceNotFoundException", text).json(AMZ_JSON_1_0));
                }
                "DeleteTable" | "UpdateTable" | "UpdateTimeToLive" if age < self.timing.table_create => {
                    return in_use("created", &name);
                }
                _ if operation::touches_items(operation) && age < self.timing.table_create => {
                    let text = "Requested resource not found";
                    return Some(ServiceError::bad_request("ResourceNotFoundException", text).json(AMZ_JSON_1_0));
                }
                _ => {}
            }
        }
        None
    }

    /// Returns the database's response, adjusted for a table whose status is changing.
    pub(super) fn after(&self, operation: &str, input: &Value, response: Response, tags: Option<Response>) -> Response {
        if !response.status().is_success() {
            return response;
        }
        let Some(name) = names(input).pop() else { return response };
        let Ok(mut answer) = serde_json::from_slice::<Value>(response.body()) else { return response };
        let mut tables = self.tables();
        match operation {
            "CreateTable" => {
                answer["TableDescription"]["TableStatus"] = json!("CREATING");
                tables.created.insert(name.clone(), Instant::now());
                tables.tagged.insert(name, Instant::now());
            }
            "DescribeTable" => {
                let is_new = tables.created.get(&name).is_some_and(|at| at.elapsed() < self.timing.table_create);
                let is_changing = tables.updated.get(&name).is_some_and(|at| at.elapsed() < self.timing.table_change);
                answer["Table"]["TableStatus"] = match (is_new, is_changing) {
                    (true, _) => json!("CREATING"),
                    (false, true) => json!("UPDATING"),
                    (false, false) => return response,
                };
            }
            "UpdateTable" => {
                answer["TableDescription"]["TableStatus"] = json!("UPDATING");
                tables.updated.insert(name, Instant::now());
            }
            "DeleteTable" => {
                answer["TableDescription"]["TableStatus"] = json!("DELETING");
                tables.created.remove(&name);
                tables.tagged.remove(&name);
                tables.updated.remove(&name);
                let description = answer["TableDescription"].clone();
                tables.deleted.insert(name, Deleted { at: Instant::now(), description, tags });
            }
            "TagResource" => {
                tables.tagged.insert(name, Instant::now());
                return response;
            }
            _ => return response,
        }
        aws_json::json_as(200, AMZ_JSON_1_0, &answer)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock()
    }
}

/// Returns whether a call misses a new table, as happens on AWS by chance.
///
/// It is every other call on average, and the same calls in every run.
fn is_missed(looks: &mut u64) -> bool {
    *looks += 1;
    looks.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1
}

/// Returns the bare names of the tables that a request names.
fn names(input: &Value) -> Vec<String> {
    let bare = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let texts = [input.get("TableName"), input.get("ResourceArn")];
    let mut names: Vec<String> = texts.into_iter().flatten().filter_map(Value::as_str).map(bare).collect();
    if let Some(tables) = input.get("RequestItems").and_then(Value::as_object) {
        names.extend(tables.keys().map(|name| bare(name)));
    }
    let actions = input.get("TransactItems").and_then(Value::as_array).into_iter().flatten();
    let actions = actions.filter_map(Value::as_object).flat_map(|action| action.values());
    names.extend(actions.filter_map(|action| action.get("TableName")?.as_str()).map(bare));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a lifecycle in which changes last until the end of the test, or take no time at all.
    fn life(lasts: bool) -> TableLifecycle {
        TableLifecycle::new(&if lasts { "aws".parse().unwrap() } else { LatencyProfile::default() })
    }

    fn ok(body: &Value) -> Response {
        aws_json::json_as(200, AMZ_JSON_1_0, body)
    }

    fn said(answer: Option<Response>) -> String {
        answer.map_or_else(String::new, |answer| String::from_utf8_lossy(answer.body()).into_owned())
    }

    #[test]
    fn new_table_while_creating_has_no_tags_and_rejects_items() {
        let table = json!({ "TableName": "t" });
        let arn = json!({ "ResourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/t" });
        let created = ok(&json!({ "TableDescription": { "TableStatus": "ACTIVE" } }));
        let slow = life(true);
        assert!(said(Some(slow.after("CreateTable", &table, created.clone(), None))).contains("CREATING"));
        assert_eq!(said(slow.before("ListTagsOfResource", &arn)), r#"{"Tags":[]}"#);
        for (operation, input) in [
            ("Scan", table.clone()),
            ("BatchWriteItem", json!({ "RequestItems": { "t": [] } })),
            ("TransactWriteItems", json!({ "TransactItems": [{ "Put": { "TableName": "t" } }] })),
            ("TransactGetItems", json!({ "TransactItems": [{ "Get": { "TableName": "t" } }] })),
        ] {
            assert!(said(slow.before(operation, &input)).contains("ResourceNotFoundException"), "{operation}");
            assert!(slow.before(operation, &json!({ "TableName": "another" })).is_none());
        }
        let quick = life(false);
        quick.after("CreateTable", &table, created, None);
        for operation in ["Scan", "ListTagsOfResource", "DescribeTable", "DeleteTable"] {
            assert!(quick.before(operation, &table).is_none(), "{operation}");
        }
        assert!(quick.tables().created.is_empty(), "nothing is kept of what is over");
    }

    #[test]
    fn new_table_is_eventually_consistent_in_describe_table() {
        let slow = life(true);
        let table = json!({ "TableName": "t" });
        slow.after("CreateTable", &table, ok(&json!({ "TableDescription": {} })), None);
        let missed = (0..20).filter(|_| slow.before("DescribeTable", &table).is_some()).count();
        assert!((5..=15).contains(&missed), "{missed}");
    }

    #[test]
    fn existing_table_new_tags_are_eventually_consistent() {
        let slow = life(true);
        let arn = json!({ "ResourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/old" });
        assert!(slow.before("ListTagsOfResource", &arn).is_none());
        slow.after("TagResource", &arn, ok(&json!({})), None);
        assert_eq!(said(slow.before("ListTagsOfResource", &arn)), r#"{"Tags":[]}"#);
    }

    #[test]
    fn table_while_updating_accepts_items() {
        let table = json!({ "TableName": "t" });
        let slow = life(true);
        let changed = ok(&json!({ "TableDescription": { "TableStatus": "ACTIVE" } }));
        assert!(said(Some(slow.after("UpdateTable", &table, changed.clone(), None))).contains("UPDATING"));
        let described = ok(&json!({ "Table": { "TableStatus": "ACTIVE" } }));
        assert!(said(Some(slow.after("DescribeTable", &table, described.clone(), None))).contains("UPDATING"));
        for operation in ["UpdateTable", "DeleteTable"] {
            assert!(said(slow.before(operation, &table)).contains("Table is being updated: t"), "{operation}");
        }
        assert!(slow.before("Scan", &table).is_none());
        let quick = life(false);
        quick.after("UpdateTable", &table, changed, None);
        assert!(quick.before("UpdateTable", &table).is_none());
        assert!(said(Some(quick.after("DescribeTable", &table, described, None))).contains("ACTIVE"));
    }
}
