//! Calculations that keep their terms, so that a figure can show how it came about.

use std::fmt;

use serde::Serialize;

use super::fixed::Fixed;

/// A sum, product or quotient with its terms, computed from left to right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arithmetic {
    value: Fixed,
    terms: Vec<Term>,
}

/// A term and how it is joined to those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    operator: Operator,
    operand: Operand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    First,
    Plus,
    Less,
    Times,
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operand {
    Number(Fixed, String),
    Calculation(Arithmetic),
}

impl Operand {
    fn value(&self) -> Fixed {
        match self {
            Operand::Number(value, _) => *value,
            Operand::Calculation(arithmetic) => arithmetic.value,
        }
    }
}

impl Arithmetic {
    /// Begins with a number.
    pub(crate) fn of(value: Fixed, label: impl Into<String>) -> Self {
        Arithmetic { value: Fixed::ZERO, terms: Vec::new() }.then(Operator::First, Operand::Number(value, label.into()))
    }

    /// Begins with a number of things, whose name takes an `s` unless there is one.
    pub(crate) fn count(count: u64, name: &str) -> Self {
        let count = Fixed::whole(count);
        Arithmetic::of(count, plural(count, name))
    }

    /// Multiplies with a number of things.
    pub(crate) fn times_count(self, count: Fixed, name: &str) -> Self {
        self.times(count, plural(count, name))
    }

    /// Returns the terms with their value: `4 shards × 2 at a time = 8`.
    pub(crate) fn equation(&self) -> String {
        if self.terms.len() == 1 { self.to_string() } else { format!("{self} = {}", self.value.tidy()) }
    }

    /// Adds a calculation.
    pub(crate) fn plus(self, other: Arithmetic) -> Self {
        self.then(Operator::Plus, Operand::Calculation(other))
    }

    /// Subtracts a number; the least is zero.
    pub(crate) fn less(self, value: Fixed, label: impl Into<String>) -> Self {
        self.then(Operator::Less, Operand::Number(value, label.into()))
    }

    /// Multiplies with a number.
    pub(crate) fn times(self, value: Fixed, label: impl Into<String>) -> Self {
        self.then(Operator::Times, Operand::Number(value, label.into()))
    }

    /// Divides by a number.
    pub(crate) fn over(self, value: Fixed, label: impl Into<String>) -> Self {
        self.then(Operator::Over, Operand::Number(value, label.into()))
    }

    /// Returns the calculation whose value is larger; the first of equal ones.
    pub(crate) fn or_more(self, other: Arithmetic) -> Self {
        if other.value > self.value { other } else { self }
    }

    /// Returns the calculation whose value is smaller; the first of equal ones.
    pub(crate) fn or_less(self, other: Arithmetic) -> Self {
        if other.value < self.value { other } else { self }
    }

    /// Returns the value.
    pub(crate) fn value(&self) -> Fixed {
        self.value
    }

    /// Makes it a figure, whose value is rounded up to what is shown.
    pub(crate) fn figure(self, name: &'static str, unit: &'static str) -> Figure {
        Figure { name, value: self.value.tidy(), unit, arithmetic: self }
    }

    fn then(mut self, operator: Operator, operand: Operand) -> Self {
        self.value = apply(self.value, operator, operand.value());
        self.terms.push(Term { operator, operand });
        self
    }
}

fn plural(count: Fixed, name: &str) -> String {
    if count == Fixed::ONE { name.to_owned() } else { format!("{name}s") }
}

fn apply(value: Fixed, operator: Operator, operand: Fixed) -> Fixed {
    match operator {
        Operator::First => operand,
        Operator::Plus => value.plus(operand),
        Operator::Less => value.less(operand),
        Operator::Times => value.times(operand),
        Operator::Over => value.over(operand),
    }
}

/// `1,000 readings/s × 1.25 with headroom ÷ 227 readings/record`.
impl fmt::Display for Arithmetic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_product =
            |at: usize| self.terms[at..].iter().any(|term| matches!(term.operator, Operator::Times | Operator::Over));
        // From left to right: what is multiplied after a sum takes the whole of it.
        let sums = (1..self.terms.len())
            .filter(|at| matches!(self.terms[at - 1].operator, Operator::Plus | Operator::Less) && is_product(*at));
        let close = sums.max();
        if close.is_some() {
            formatter.write_str("(")?;
        }
        for (at, Term { operator, operand }) in self.terms.iter().enumerate() {
            if close == Some(at) {
                formatter.write_str(")")?;
            }
            formatter.write_str(match operator {
                Operator::First => "",
                Operator::Plus => " + ",
                Operator::Less => " − ",
                Operator::Times => " × ",
                Operator::Over => " ÷ ",
            })?;
            match operand {
                Operand::Number(value, label) if label.is_empty() => write!(formatter, "{value}")?,
                Operand::Number(value, label) => write!(formatter, "{value} {label}")?,
                Operand::Calculation(other) => write!(formatter, "{other}")?,
            }
        }
        Ok(())
    }
}

impl Serialize for Arithmetic {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value with its name and how it came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Figure {
    /// Its name.
    pub name: &'static str,
    /// Its value, rounded up to what is shown.
    pub value: Fixed,
    /// Its unit.
    pub unit: &'static str,
    /// How it came about.
    pub arithmetic: Arithmetic,
}

#[cfg(test)]
impl Arithmetic {
    /// Returns the value of the terms, computed again.
    pub(crate) fn recomputed(&self) -> Fixed {
        self.terms.iter().fold(Fixed::ZERO, |value, term| {
            let operand = match &term.operand {
                Operand::Number(value, _) => *value,
                Operand::Calculation(other) => other.recomputed(),
            };
            apply(value, term.operator, operand)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: u64, label: &str) -> Arithmetic {
        Arithmetic::of(Fixed::whole(value), label)
    }

    #[test]
    fn arithmetic_shows_what_it_computes_from_left_to_right() {
        let product = number(1000, "readings/s").times(Fixed::ratio(5, 4), "").over(Fixed::whole(3), "shards");
        assert_eq!(product.to_string(), "1,000 readings/s × 1.25 ÷ 3 shards");
        assert_eq!(product.value(), Fixed::ratio(1250, 3));
        let figure = product.clone().figure("load", "readings/s");
        assert_eq!((figure.value.to_string().as_str(), figure.arithmetic), ("416.667", product));
        let sum = number(2, "a").times(Fixed::whole(3), "b").plus(number(4, "c").times(Fixed::whole(5), "d"));
        assert_eq!((sum.to_string().as_str(), sum.value()), ("2 a × 3 b + 4 c × 5 d", Fixed::whole(26)));
        let all = sum.times(Fixed::whole(2), "e");
        assert_eq!((all.to_string().as_str(), all.value()), ("(2 a × 3 b + 4 c × 5 d) × 2 e", Fixed::whole(52)));
        let rest = number(10, "GB").less(Fixed::whole(4), "free").times(Fixed::whole(2), "USD");
        assert_eq!((rest.to_string().as_str(), rest.value()), ("(10 GB − 4 free) × 2 USD", Fixed::whole(12)));
        assert_eq!(rest.recomputed(), rest.value());
    }
}
