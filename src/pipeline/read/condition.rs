//! A condition on stored readings, as `scan --where` takes it: its syntax tree, its text and its expression.

mod expression;
mod key_evaluation;
mod literal;
mod name;
mod own_value;
mod parser;
mod text;
mod tree;

pub(crate) use key_evaluation::ItemKey;
pub(crate) use literal::Literal;
pub(crate) use parser::parse_condition;
pub(crate) use tree::{AttributePath, Comparison, Condition, Operand, PathPart, attribute_of, is_own};
