//! The syntax tree of a condition.

use super::literal::Literal;
use crate::pipeline::read::item_decode::{SENSOR, SEQUENCE, SHARD, TEMPERATURE, TIME};

/// Returns the attribute of the table that holds a reading's key or field.
pub(crate) fn attribute_of(name: &str) -> &str {
    OWN_ATTRIBUTES.iter().find(|(own, _)| *own == name).map_or(name, |(_, attribute)| attribute)
}

/// Returns whether an attribute of the table holds a key of the reading, and no field.
pub(crate) fn is_own(attribute: &str) -> bool {
    OWN_ATTRIBUTES.iter().any(|(_, own)| *own == attribute)
}

/// Names of a stored reading in its JSON form, with their attributes of the table.
pub(crate) const OWN_ATTRIBUTES: [(&str, &str); 5] = [
    ("sensor_id", SENSOR),
    ("temperature", TEMPERATURE),
    ("current_time", TIME),
    ("shard_id", SHARD),
    ("sequence_number", SEQUENCE),
];

/// A condition. [`Condition::all`] and [`Condition::any`] keep it without nested lists of one kind, and
/// [`Condition::negated`] without double negations: `DynamoDB` refuses redundant parentheses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// Each of two or more holds.
    All(Vec<Condition>),
    /// One of two or more holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// An attribute compares with a value or with another attribute.
    Compare(AttributePath, Comparison, Operand),
    /// An attribute lies between two values, both included.
    Between(AttributePath, Literal, Literal),
    /// An attribute has one of the values.
    In(AttributePath, Vec<Literal>),
    /// A text begins with another.
    BeginsWith(AttributePath, String),
    /// A text or a list contains a value.
    Contains(AttributePath, Literal),
    /// The item has the attribute.
    Exists(AttributePath),
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The right side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Literal(Literal),
    Attribute(AttributePath),
}

/// An attribute of the table, or a part of one that is a map or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttributePath {
    /// The name of the table's attribute.
    pub attribute: String,
    /// The way to the part; empty for the whole attribute.
    pub parts: Vec<PathPart>,
}

/// A step into an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathPart {
    Member(String),
    Element(u32),
}

impl Condition {
    /// Joins conditions by `and`.
    pub(crate) fn all(conditions: Vec<Condition>) -> Self {
        Self::joined(conditions, Condition::All, |condition| match condition {
            Condition::All(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// Joins conditions by `or`.
    pub(crate) fn any(conditions: Vec<Condition>) -> Self {
        Self::joined(conditions, Condition::Any, |condition| match condition {
            Condition::Any(inner) => Ok(inner),
            other => Err(other),
        })
    }

    fn joined(
        conditions: Vec<Condition>,
        join: impl Fn(Vec<Condition>) -> Condition,
        inner: impl Fn(Condition) -> Result<Vec<Condition>, Condition>,
    ) -> Self {
        let mut flat: Vec<_> =
            conditions.into_iter().flat_map(|each| inner(each).unwrap_or_else(|other| vec![other])).collect();
        match flat.pop() {
            Some(only) if flat.is_empty() => only,
            last => {
                flat.extend(last);
                join(flat)
            }
        }
    }

    /// Returns the opposite.
    pub(crate) fn negated(self) -> Self {
        match self {
            Condition::Not(inner) => *inner,
            other => Condition::Not(Box::new(other)),
        }
    }

    /// Returns the attributes that it names, with repetitions.
    pub(crate) fn attributes(&self) -> Vec<&str> {
        match self {
            Condition::All(conditions) | Condition::Any(conditions) => {
                conditions.iter().flat_map(Condition::attributes).collect()
            }
            Condition::Not(inner) => inner.attributes(),
            Condition::Compare(path, _, Operand::Attribute(other)) => vec![&path.attribute, &other.attribute],
            Condition::Compare(path, ..)
            | Condition::Between(path, ..)
            | Condition::In(path, _)
            | Condition::BeginsWith(path, _)
            | Condition::Contains(path, _)
            | Condition::Exists(path) => vec![&path.attribute],
        }
    }
}

impl Comparison {
    /// Returns the operator in the form that `DynamoDB` takes.
    pub(crate) fn operator(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }

    /// Returns the operator that says the opposite of two values of one type.
    pub(crate) fn negated(self) -> Self {
        match self {
            Comparison::Equal => Comparison::NotEqual,
            Comparison::NotEqual => Comparison::Equal,
            Comparison::Less => Comparison::GreaterOrEqual,
            Comparison::LessOrEqual => Comparison::Greater,
            Comparison::Greater => Comparison::LessOrEqual,
            Comparison::GreaterOrEqual => Comparison::Less,
        }
    }

    /// Returns the operator that says the same with the sides exchanged.
    pub(super) fn exchanged(self) -> Self {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }
}
