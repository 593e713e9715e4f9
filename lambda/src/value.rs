//! The values of a reading's attributes: JSON with exact numbers.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::decimal::Decimal;
use crate::json_escape;

/// A JSON value whose numbers are exact decimals and whose maps are sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An exact number.
    Number(Decimal),
    /// Text of any length.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map with unique names.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// Appends the value as JSON without blanks.
    pub fn push_json(&self, out: &mut String) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Value::Number(number) => out.push_str(number.as_str()),
            Value::Text(text) => json_escape::push_string(out, text),
            Value::List(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    element.push_json(out);
                }
                out.push(']');
            }
            Value::Map(members) => {
                out.push('{');
                for (index, (name, member)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    json_escape::push_string(out, name);
                    out.push(':');
                    member.push_json(out);
                }
                out.push('}');
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Number(number) => number.serialize(serializer),
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(elements) => serializer.collect_seq(elements),
            Value::Map(members) => serializer.collect_map(members),
        }
    }
}
