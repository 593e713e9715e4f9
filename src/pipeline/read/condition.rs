//! A condition on stored readings, as `scan --where` takes it: its syntax tree, its text and its expression.

mod expression;
mod literal;
mod name;
mod parser;
mod text;
mod tree;

pub(crate) use literal::Literal;
pub(crate) use parser::parse_condition;
#[cfg(test)]
pub(crate) use tree::{AttributePath, PathPart};
pub(crate) use tree::{Comparison, Condition, Operand, attribute_of};
