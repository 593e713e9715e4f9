//! Expression limits that are checked before dynoxide parses.
//!
//! Its parsers recurse, and a stack overflow ends the whole process. `docs/local-cloud.md` has a program that shows it.

use dynoxide::DynoxideError;
use dynoxide::actions::batch_get_item::BatchGetItemRequest;
use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use dynoxide::actions::query::QueryRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::actions::transact_get_items::TransactGetItemsRequest;
use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::actions::update_item::UpdateItemRequest;

/// Limit of nested parentheses, calls and `NOT`. DynamoDB publishes no such limit; an expression of 4 KB and 300
/// operators that a person or a library writes stays far below it.
const MAX_DEPTH: usize = 100;

/// Limit of operators and functions in an expression (AWS: "Quotas in Amazon DynamoDB", expression parameters).
const MAX_OPERATORS: usize = 300;

/// Limit of operands in one `IN` (AWS: "Quotas in Amazon DynamoDB", expression parameters).
const MAX_OPERANDS: usize = 100;

/// Limit of an expression in bytes (the same page).
const MAX_BYTES: usize = 4096;

/// A request with expressions.
pub(super) trait Expressions {
    /// Returns its expressions, each with the name of its member.
    fn expressions(&self) -> Vec<(&'static str, Option<&str>)>;

    /// Rejects an expression beyond a limit.
    fn check(&self) -> Result<(), DynoxideError> {
        check_all(&self.expressions())
    }
}

fn check_all(expressions: &[(&'static str, Option<&str>)]) -> Result<(), DynoxideError> {
    for (member, text) in expressions {
        check(text.unwrap_or_default())
            .map_err(|why| DynoxideError::ValidationException(format!("Invalid {member}: {why}")))?;
    }
    Ok(())
}

const CONDITION: &str = "ConditionExpression";
const FILTER: &str = "FilterExpression";
const KEY_CONDITION: &str = "KeyConditionExpression";
const PROJECTION: &str = "ProjectionExpression";
const UPDATE: &str = "UpdateExpression";

impl Expressions for PutItemRequest {
    fn expressions(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![(CONDITION, self.condition_expression.as_deref())]
    }
}

impl Expressions for DeleteItemRequest {
    fn expressions(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![(CONDITION, self.condition_expression.as_deref())]
    }
}

impl Expressions for UpdateItemRequest {
    fn expressions(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![(UPDATE, self.update_expression.as_deref()), (CONDITION, self.condition_expression.as_deref())]
    }
}

impl Expressions for GetItemRequest {
    fn expressions(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![(PROJECTION, self.projection_expression.as_deref())]
    }
}

impl Expressions for QueryRequest {
    fn expressions(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![
            (KEY_CONDITION, self.key_condition_expression.as_deref()),
            (FILTER, self.filter_expression.as_deref()),
            (PROJECTION, self.projection_expression.as_deref()),
        ]
    }
}

impl Expressions for ScanRequest {
    fn expressions(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![(FILTER, self.filter_expression.as_deref()), (PROJECTION, self.projection_expression.as_deref())]
    }
}

impl Expressions for BatchGetItemRequest {
    fn expressions(&self) -> Vec<(&'static str, Option<&str>)> {
        self.request_items.values().map(|table| (PROJECTION, table.projection_expression.as_deref())).collect()
    }
}

impl Expressions for TransactGetItemsRequest {
    fn expressions(&self) -> Vec<(&'static str, Option<&str>)> {
        self.transact_items.iter().map(|item| (PROJECTION, item.get.projection_expression.as_deref())).collect()
    }
}

impl Expressions for TransactWriteItemsRequest {
    fn check(&self) -> Result<(), DynoxideError> {
        let values = self.transact_items.iter().flat_map(|item| {
            [
                item.put.as_ref().and_then(|put| put.expression_attribute_values.as_ref()),
                item.delete.as_ref().and_then(|delete| delete.expression_attribute_values.as_ref()),
                item.update.as_ref().and_then(|update| update.expression_attribute_values.as_ref()),
                item.condition_check.as_ref().and_then(|check| check.expression_attribute_values.as_ref()),
            ]
        });
        if values.flatten().any(std::collections::HashMap::is_empty) {
            return Err(DynoxideError::ValidationException("ExpressionAttributeValues must not be empty".to_owned()));
        }
        check_all(&self.expressions())
    }

    fn expressions(&self) -> Vec<(&'static str, Option<&str>)> {
        let mut all = Vec::new();
        for item in &self.transact_items {
            all.extend(item.put.iter().map(|put| (CONDITION, put.condition_expression.as_deref())));
            all.extend(item.delete.iter().map(|delete| (CONDITION, delete.condition_expression.as_deref())));
            all.extend(item.condition_check.iter().map(|check| (CONDITION, Some(check.condition_expression.as_str()))));
            if let Some(update) = &item.update {
                all.push((UPDATE, Some(update.update_expression.as_str())));
                all.push((CONDITION, update.condition_expression.as_deref()));
            }
        }
        all
    }
}

fn check(text: &str) -> Result<(), String> {
    let Size { depth, operators, operands } = Size::of(text);
    if operands > MAX_OPERANDS && text.len() <= MAX_BYTES && operators <= MAX_OPERATORS {
        return Err(format!("The IN operator is provided with too many operands; number of operands: {operands}"));
    }
    if depth <= MAX_DEPTH && operators <= MAX_OPERATORS {
        return Ok(());
    }
    // The service checks the length first.
    if text.len() > MAX_BYTES {
        return Err("Expression size has exceeded the maximum allowed size;".to_owned());
    }
    if operators > MAX_OPERATORS {
        // The service stops counting there.
        return Err(format!("The expression contains too many operators; operator count: {}", MAX_OPERATORS + 1));
    }
    Err(format!("The expression nests deeper than the {MAX_DEPTH} levels that the local cloud reads;"))
}

/// The size of an expression.
#[derive(Debug, Default, PartialEq, Eq)]
struct Size {
    depth: usize,
    operators: usize,
    /// Operands of the longest `IN` list.
    operands: usize,
}

impl Size {
    /// Measures an expression, well-formed or not, without recursion.
    fn of(text: &str) -> Size {
        let mut size = Size::default();
        // The number of `NOT`s before each open parenthesis, and of those before the next token.
        let mut open: Vec<usize> = Vec::new();
        let (mut depth, mut nots) = (0, 0);
        // The `AND` of `BETWEEN a AND b` does not count as an operator.
        let mut between = 0_usize;
        let mut previous = Token::Other;
        // The number of operands so far in each open list; `None` for a parenthesis that does not belong to an `IN`.
        let mut lists: Vec<Option<usize>> = Vec::new();
        for token in Tokens(text) {
            match token {
                Token::Not => {
                    nots += 1;
                    size.operators += 1;
                }
                Token::Open => {
                    depth += nots + 1;
                    open.push(nots + 1);
                    lists.push((previous == Token::In).then_some(1));
                    nots = 0;
                    size.operators += usize::from(previous == Token::Name);
                }
                Token::Close => {
                    depth -= open.pop().unwrap_or_default();
                    size.operands = size.operands.max(lists.pop().flatten().unwrap_or_default());
                }
                Token::Comma => {
                    if let Some(Some(operands)) = lists.last_mut() {
                        *operands += 1;
                    }
                }
                Token::And if between > 0 => between -= 1,
                Token::Between => {
                    between += 1;
                    size.operators += 1;
                }
                Token::And | Token::In | Token::Operator => size.operators += 1,
                Token::Name | Token::Other => {}
            }
            size.depth = size.depth.max(depth + nots);
            if !matches!(token, Token::Not | Token::Open) {
                nots = 0;
            }
            previous = token;
        }
        size
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Not,
    And,
    Between,
    In,
    Comma,
    /// `OR`, a comparison or arithmetic.
    Operator,
    /// Any other word; a function if a parenthesis follows.
    Name,
    Other,
}

/// The tokens of an expression, as far as its size needs them.
struct Tokens<'a>(&'a str);

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let text = self.0.trim_ascii_start();
        let first = text.chars().next()?;
        let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let length = match first {
            '<' if text.starts_with("<>") || text.starts_with("<=") => 2,
            '>' if text.starts_with(">=") => 2,
            // A placeholder is one token, whatever its name.
            '#' | ':' => 1 + text.as_bytes()[1..].iter().take_while(|byte| in_name(byte)).count(),
            'a'..='z' | 'A'..='Z' | '_' => text.bytes().take_while(|byte| in_name(byte)).count(),
            _ => first.len_utf8(),
        };
        let (token, rest) = text.split_at(length);
        self.0 = rest;
        Some(match first {
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '=' | '<' | '>' | '+' | '-' => Token::Operator,
            'a'..='z' | 'A'..='Z' | '_' => match token.to_ascii_uppercase().as_str() {
                "NOT" => Token::Not,
                "AND" => Token::And,
                "BETWEEN" => Token::Between,
                "IN" => Token::In,
                "OR" => Token::Operator,
                _ => Token::Name,
            },
            _ => Token::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::dynamodb::decode;

    fn size(text: &str) -> (usize, usize) {
        let Size { depth, operators, .. } = Size::of(text);
        (depth, operators)
    }

    #[test]
    fn expression_size_counts_nesting_and_operators_as_the_service_does() {
        assert_eq!(size("a = :a"), (0, 1));
        assert_eq!(size("(a = :a) AND (b = :b)"), (1, 3));
        assert_eq!(size("NOT (NOT (a = :a)) OR b = :b"), (4, 5));
        assert_eq!(size("NOT NOT a = :a AND NOT b <> :b"), (2, 6));
        assert_eq!(size("a BETWEEN :a AND :b AND size(c) >= :c"), (1, 4));
        assert_eq!(size("a IN (:a, :b) or attribute_exists(#not)"), (1, 3));
        assert_eq!(size("SET a = if_not_exists(a, list_append(:b, :c)) - :d"), (2, 4));
        // Placeholders are names, and an unmatched closing parenthesis closes nothing.
        assert_eq!(size("#NOT = :AND )))"), (0, 1));
        assert_eq!(size("\u{a0}(ä("), (2, 0));
    }

    #[test]
    fn expression_size_of_151_comparisons_is_301_operators() {
        let text = vec!["#a <> :a"; 151].join(" AND ");
        assert_eq!(size(&text).1, MAX_OPERATORS + 1);
        assert_eq!(check(&text).unwrap_err(), "The expression contains too many operators; operator count: 301");
        check(&vec!["#a <> :a"; 150].join(" AND ")).unwrap();
    }

    #[test]
    fn expression_in_accepts_at_most_a_hundred_operands() {
        let of = |count: usize| format!("a IN ({}) AND begins_with(b, :c)", vec![":a"; count].join(", "));
        check(&of(100)).unwrap();
        let why = check(&of(101)).unwrap_err();
        assert_eq!(why, "The IN operator is provided with too many operands; number of operands: 101");
        check(&format!("f({})", vec![":a"; 101].join(","))).unwrap();
    }

    #[test]
    fn transaction_expression_attribute_values_are_optional() {
        let put = |values: Value| {
            let put =
                json!({ "TableName": "table", "Item": { "k": { "S": "a" } }, "ExpressionAttributeValues": values });
            json!({ "TransactItems": [{ "Put": put }] }).to_string()
        };
        let said = refusal("TransactWriteItems", &put(json!({}))).unwrap_or_default();
        assert!(said.contains("ExpressionAttributeValues must not be empty"), "{said}");
        assert_eq!(refusal("TransactWriteItems", &put(Value::Null)), None);
    }

    #[test]
    fn expression_check_rejects_excess_depth_and_reports_size_first() {
        let nested = |depth: usize| format!("{}a = :a{}", "(".repeat(depth), ")".repeat(depth));
        check(&nested(MAX_DEPTH)).unwrap();
        assert!(check(&nested(MAX_DEPTH + 1)).unwrap_err().contains("nests deeper than the 100 levels"));
        assert!(check(&"NOT ".repeat(MAX_DEPTH + 1)).unwrap_err().contains("nests deeper"));
        assert!(check(&"(".repeat(MAX_BYTES + 1)).unwrap_err().contains("Expression size has exceeded"));
        // The database rejects an expression that is long but not deep.
        check(&"x".repeat(MAX_BYTES + 1)).unwrap();
    }

    /// Returns every member of every request that holds an expression, with the expression in its place.
    fn requests(text: &str) -> Vec<(&'static str, &'static str, Value)> {
        let key = json!({ "k": { "S": "a" } });
        let one = |member: &str| json!({ "TableName": "table", "Item": key, "Key": key, member: text });
        let action = |kind: &str, member: &str| {
            let mut action = json!({ "TableName": "table", "Item": key, "Key": key, "UpdateExpression": "REMOVE a" });
            action[member] = text.into();
            json!({ "TransactItems": [{ kind: action }] })
        };
        vec![
            ("PutItem", CONDITION, one(CONDITION)),
            ("DeleteItem", CONDITION, one(CONDITION)),
            ("UpdateItem", UPDATE, one(UPDATE)),
            ("UpdateItem", CONDITION, one(CONDITION)),
            ("GetItem", PROJECTION, one(PROJECTION)),
            ("Query", KEY_CONDITION, one(KEY_CONDITION)),
            ("Query", FILTER, one(FILTER)),
            ("Query", PROJECTION, one(PROJECTION)),
            ("Scan", FILTER, one(FILTER)),
            ("Scan", PROJECTION, one(PROJECTION)),
            ("BatchGetItem", PROJECTION, json!({ "RequestItems": { "table": { "Keys": [key], PROJECTION: text } } })),
            ("TransactGetItems", PROJECTION, action("Get", PROJECTION)),
            ("TransactWriteItems", CONDITION, action("Put", CONDITION)),
            ("TransactWriteItems", CONDITION, action("Delete", CONDITION)),
            ("TransactWriteItems", CONDITION, action("ConditionCheck", CONDITION)),
            ("TransactWriteItems", CONDITION, action("Update", CONDITION)),
            ("TransactWriteItems", UPDATE, action("Update", UPDATE)),
        ]
    }

    fn refusal(operation: &str, text: &str) -> Option<String> {
        fn of<T: Expressions + serde::de::DeserializeOwned>(text: &str) -> Option<String> {
            decode::input::<T>(text).unwrap().check().err().map(|error| error.to_json())
        }
        match operation {
            "PutItem" => of::<PutItemRequest>(text),
            "DeleteItem" => of::<DeleteItemRequest>(text),
            "UpdateItem" => of::<UpdateItemRequest>(text),
            "GetItem" => of::<GetItemRequest>(text),
            "Query" => of::<QueryRequest>(text),
            "Scan" => of::<ScanRequest>(text),
            "BatchGetItem" => of::<BatchGetItemRequest>(text),
            "TransactGetItems" => of::<TransactGetItemsRequest>(text),
            "TransactWriteItems" => of::<TransactWriteItemsRequest>(text),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn expression_check_covers_every_member_of_every_operation() {
        for (operation, member, request) in requests(&"(".repeat(2000)) {
            let refusal = refusal(operation, &request.to_string()).unwrap_or_default();
            assert!(
                refusal.contains(&format!("Invalid {member}: The expression nests deeper")),
                "{operation}: {refusal}"
            );
        }
        for (operation, _, request) in requests("a") {
            assert_eq!(refusal(operation, &request.to_string()), None);
        }
    }
}
