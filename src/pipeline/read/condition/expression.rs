//! Writes a condition as an expression of `DynamoDB`.

use aws_sdk_dynamodb::types::AttributeValue;

use super::literal::Literal;
use super::tree::{AttributePath, Condition, Operand, PathPart};
use crate::pipeline::read::expression::Placeholders;

impl Condition {
    /// Returns the expression. Names and values are placeholders, so that no name is a reserved word and no value is
    /// read as a part of the expression.
    pub(crate) fn expression(&self, placeholders: &mut Placeholders) -> String {
        let mut joined = |conditions: &[Condition], word: &str| {
            let part = |condition: &Condition| match condition {
                Condition::Any(_) => format!("({})", condition.expression(placeholders)),
                other => other.expression(placeholders),
            };
            conditions.iter().map(part).collect::<Vec<_>>().join(word)
        };
        match self {
            Condition::All(conditions) => joined(conditions, " AND "),
            Condition::Any(conditions) => {
                // `AND` binds closer, so it needs no parentheses here.
                let parts = conditions.iter().map(|condition| condition.expression(placeholders));
                parts.collect::<Vec<_>>().join(" OR ")
            }
            Condition::Not(inner) => match **inner {
                Condition::All(_) | Condition::Any(_) => format!("NOT ({})", inner.expression(placeholders)),
                _ => format!("NOT {}", inner.expression(placeholders)),
            },
            Condition::Compare(path, comparison, operand) => {
                let path = path.expression(placeholders);
                let operand = match operand {
                    Operand::Literal(literal) => placeholders.value(literal.attribute_value()),
                    Operand::Attribute(other) => other.expression(placeholders),
                };
                format!("{path} {} {operand}", comparison.operator())
            }
            Condition::Between(path, low, high) => {
                let path = path.expression(placeholders);
                let [low, high] = [low, high].map(|bound| placeholders.value(bound.attribute_value()));
                format!("{path} BETWEEN {low} AND {high}")
            }
            Condition::In(path, values) => {
                let path = path.expression(placeholders);
                let values: Vec<_> = values.iter().map(|value| placeholders.value(value.attribute_value())).collect();
                format!("{path} IN ({})", values.join(","))
            }
            Condition::BeginsWith(path, prefix) => {
                let path = path.expression(placeholders);
                format!("begins_with({path},{})", placeholders.value(AttributeValue::S(prefix.clone())))
            }
            Condition::Contains(path, value) => {
                let path = path.expression(placeholders);
                format!("contains({path},{})", placeholders.value(value.attribute_value()))
            }
            Condition::Exists(path) => format!("attribute_exists({})", path.expression(placeholders)),
        }
    }
}

impl AttributePath {
    fn expression(&self, placeholders: &mut Placeholders) -> String {
        let mut text = placeholders.name(&self.attribute);
        for part in &self.parts {
            match part {
                PathPart::Member(member) => {
                    text.push('.');
                    text.push_str(&placeholders.name(member));
                }
                PathPart::Element(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

impl Literal {
    fn attribute_value(&self) -> AttributeValue {
        match self {
            Literal::Number(number) => AttributeValue::N(number.to_string()),
            Literal::Text(text) => AttributeValue::S(text.clone()),
            Literal::Bool(truth) => AttributeValue::Bool(*truth),
            Literal::Null => AttributeValue::Null(true),
        }
    }
}
