//! The text of a condition. It parses to the same condition.

use std::fmt;

use super::literal::Literal;
use super::name::is_bare_name;
use super::tree::{AttributePath, Condition, OWN_ATTRIBUTES, Operand, PathPart};

/// Returns the name that an attribute of the table has in a reading.
fn reading_name(attribute: &str) -> &str {
    let own = OWN_ATTRIBUTES.iter().find(|(_, own)| *own == attribute);
    own.map_or(attribute, |(name, _)| *name)
}

impl fmt::Display for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |out: &mut fmt::Formatter<'_>, conditions: &[Condition], word: &str| {
            for (index, condition) in conditions.iter().enumerate() {
                let before = if index == 0 { "" } else { word };
                match condition {
                    Condition::All(_) | Condition::Any(_) => write!(out, "{before}({condition})")?,
                    other => write!(out, "{before}{other}")?,
                }
            }
            Ok(())
        };
        match self {
            Condition::All(conditions) => joined(out, conditions, " and "),
            Condition::Any(conditions) => joined(out, conditions, " or "),
            Condition::Not(inner) if matches!(**inner, Condition::All(_) | Condition::Any(_)) => {
                write!(out, "not ({inner})")
            }
            Condition::Not(inner) => write!(out, "not {inner}"),
            Condition::Compare(path, comparison, operand) => {
                write!(out, "{path} {} {operand}", comparison.operator())
            }
            Condition::Between(path, low, high) => write!(out, "{path} between {low} and {high}"),
            Condition::In(path, values) => {
                let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                write!(out, "{path} in ({})", values.join(", "))
            }
            Condition::BeginsWith(path, prefix) => {
                write!(out, "begins_with({path}, {})", Literal::Text(prefix.clone()))
            }
            Condition::Contains(path, value) => write!(out, "contains({path}, {value})"),
            Condition::Exists(path) => write!(out, "exists({path})"),
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Literal(literal) => literal.fmt(out),
            // On this side a name without backticks would be a text whose quotes the shell removed.
            Operand::Attribute(path) => path.write(out, true),
        }
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(out, false)
    }
}

impl AttributePath {
    fn write(&self, out: &mut fmt::Formatter<'_>, is_quoted: bool) -> fmt::Result {
        let name = |out: &mut fmt::Formatter<'_>, name: &str, is_quoted: bool| {
            if is_quoted || !is_bare_name(name) {
                write!(out, "`{}`", name.replace('`', "``"))
            } else {
                out.write_str(name)
            }
        };
        name(out, reading_name(&self.attribute), is_quoted)?;
        for part in &self.parts {
            match part {
                PathPart::Member(member) => {
                    out.write_str(".")?;
                    name(out, member, false)?;
                }
                PathPart::Element(index) => write!(out, "[{index}]")?,
            }
        }
        Ok(())
    }
}
