//! Adapts requests and responses where dynoxide differs from the service.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Returns a Query in which an expression replaces `KeyConditions` that stand beside expressions.
///
/// The service accepts that mixture, which the mapper of the Java SDK sends; dynoxide does not. Returns `None` if the
/// Query needs no change, or if a condition is malformed and dynoxide rejects it.
pub(super) fn key_conditions(text: &str) -> Option<String> {
    if !text.contains("\"KeyConditions\"") {
        return None;
    }
    let mut input: Map<String, Value> = serde_json::from_str(text).ok()?;
    let has = |name: &str| input.get(name).is_some_and(|value| !value.is_null());
    let is_mixed = has("FilterExpression") || has("ProjectionExpression");
    let others = ["KeyConditionExpression", "QueryFilter", "AttributesToGet", "ConditionalOperator"];
    if !is_mixed || others.iter().any(|name| has(name)) {
        return None;
    }
    let conditions = input.get("KeyConditions")?.as_object()?.clone();
    let (mut names, mut values, mut terms) = (Map::new(), Map::new(), Vec::new());
    for (at, (attribute, condition)) in conditions.iter().enumerate() {
        let name = format!("#keyCondition{at}");
        let given = condition.get("AttributeValueList")?.as_array()?;
        let of = |place: usize| format!(":keyCondition{at}value{place}");
        let operator = condition.get("ComparisonOperator")?.as_str()?;
        terms.push(match (operator, given.len()) {
            ("EQ", 1) => format!("{name} = {}", of(0)),
            ("LT", 1) => format!("{name} < {}", of(0)),
            ("LE", 1) => format!("{name} <= {}", of(0)),
            ("GT", 1) => format!("{name} > {}", of(0)),
            ("GE", 1) => format!("{name} >= {}", of(0)),
            ("BEGINS_WITH", 1) => format!("begins_with({name}, {})", of(0)),
            ("BETWEEN", 2) => format!("{name} BETWEEN {} AND {}", of(0), of(1)),
            _ => return None,
        });
        names.insert(name, attribute.clone().into());
        values.extend(given.iter().enumerate().map(|(place, value)| (of(place), value.clone())));
    }
    input.remove("KeyConditions");
    input.insert("KeyConditionExpression".to_owned(), terms.join(" AND ").into());
    for (member, added) in [("ExpressionAttributeNames", names), ("ExpressionAttributeValues", values)] {
        match input.entry(member).or_insert_with(|| json!({})) {
            Value::Object(all) => all.extend(added),
            other => *other = added.into(),
        }
    }
    Some(Value::Object(input).to_string())
}

/// Returns the tables of a batch that are named by ARN, as a map from name to ARN.
pub(super) fn asked_by_arn(text: &str, prefix: &str) -> BTreeMap<String, String> {
    let input = if text.contains(prefix) { serde_json::from_str(text).unwrap_or_default() } else { Value::Null };
    let tables = input.get("RequestItems").and_then(Value::as_object).into_iter().flatten();
    tables.filter_map(|(arn, _)| Some((arn.strip_prefix(prefix)?.to_owned(), arn.clone()))).collect()
}

/// Returns the batch response with each table named as in the request.
pub(super) fn named_as_asked(answer: String, asked: &BTreeMap<String, String>) -> String {
    if asked.is_empty() {
        return answer;
    }
    let Ok(mut body) = serde_json::from_str::<Value>(&answer) else { return answer };
    for member in ["Responses", "UnprocessedKeys", "UnprocessedItems"] {
        if let Some(Value::Object(tables)) = body.get_mut(member) {
            *tables = std::mem::take(tables)
                .into_iter()
                .map(|(table, found)| (asked.get(&table).cloned().unwrap_or(table), found))
                .collect();
        }
    }
    body.to_string()
}

/// Returns the response to a transaction of statements with one entry for each statement, as the service does.
///
/// dynoxide returns no entries for writes.
pub(super) fn response_for_each_statement(text: &str, answer: String) -> String {
    let input: Value = serde_json::from_str(text).unwrap_or_default();
    let count = input.get("TransactStatements").and_then(Value::as_array).map_or(0, Vec::len);
    let Ok(mut body) = serde_json::from_str::<Value>(&answer) else { return answer };
    if body.get("Responses").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        body["Responses"] = vec![json!({}); count].into();
    }
    body.to_string()
}

/// Returns a `GetItem` for the item of an update with `ReturnValues: ALL_OLD`.
///
/// It shows whether the item existed: for a new item dynoxide returns its key as the old attributes.
pub(super) fn look_before(text: &str) -> Option<String> {
    let input: Value = if text.contains("ALL_OLD") { serde_json::from_str(text).ok()? } else { return None };
    if input.get("ReturnValues")? != "ALL_OLD" {
        return None;
    }
    let look = json!({ "TableName": input.get("TableName")?, "Key": input.get("Key")?, "ConsistentRead": true });
    Some(look.to_string())
}

/// Returns the response to an update of a new item, which has no old attributes.
pub(super) fn without_attributes(answer: String) -> String {
    let Ok(mut body) = serde_json::from_str::<Value>(&answer) else { return answer };
    if let Some(members) = body.as_object_mut() {
        members.remove("Attributes");
    }
    body.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_key_conditions_beside_expressions_become_an_expression() {
        let input = json!({
            "TableName": "t", "FilterExpression": "#a = :a", "ExpressionAttributeNames": {"#a": "a"},
            "ExpressionAttributeValues": {":a": {"S": "x"}},
            "KeyConditions": {
                "k": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "1"}]},
                "s": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"N": "1"}, {"N": "2"}]},
            },
        });
        let changed: Value = serde_json::from_str(&key_conditions(&input.to_string()).unwrap()).unwrap();
        let expression = changed["KeyConditionExpression"].as_str().unwrap();
        assert_eq!(
            expression,
            "#keyCondition0 = :keyCondition0value0 AND #keyCondition1 BETWEEN :keyCondition1value0 AND \
             :keyCondition1value1"
        );
        assert_eq!(changed["ExpressionAttributeNames"]["#keyCondition1"], "s");
        assert_eq!(changed["ExpressionAttributeValues"][":keyCondition1value1"], json!({"N": "2"}));
        assert_eq!(changed["ExpressionAttributeValues"][":a"], json!({"S": "x"}));
        assert_eq!(changed.get("KeyConditions"), None);
        let mut alone = input.clone();
        alone.as_object_mut().unwrap().remove("FilterExpression");
        assert_eq!(key_conditions(&alone.to_string()), None);
        let mut wrong = input;
        wrong["KeyConditions"]["k"]["ComparisonOperator"] = json!("NE");
        assert_eq!(key_conditions(&wrong.to_string()), None, "dynoxide refuses it");
    }
}
