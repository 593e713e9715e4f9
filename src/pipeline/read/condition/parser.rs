//! Parses the text of a condition.
//!
//! ```text
//! condition  = all ("or" all)*
//! all        = one ("and" one)*
//! one        = "not" one | "(" condition ")" | function | comparison
//! function   = "begins_with(" path "," text ")" | "contains(" path "," value ")" | "exists(" path ")"
//! comparison = path operator value | value operator path | path "between" value "and" value
//!            | path "in" "(" value ("," value)* ")"
//! path       = name ("." name | "[" number "]")*      name = bare | "`" … "`"
//! ```

use std::cmp::Ordering;

use sensor_model::Decimal;
use winnow::Parser;
use winnow::combinator::{alt, eof, opt, peek, repeat};
use winnow::error::{ErrMode, ModalResult, ParserError};
use winnow::stream::{Stateful, Stream};
use winnow::token::{self, literal, take_till, take_while};

use super::literal::Literal;
use super::name::{begins_name, is_bare_name, is_in_name, is_word};
use super::own_value::{is_own_number, own_value};
use super::tree::{AttributePath, Comparison, Condition, Operand, PathPart, attribute_of, is_own};

/// Maximum depth of parentheses and of `not`.
const MAX_DEPTH: usize = 32;
/// Maximum values of one `in` (AWS: "Quotas in Amazon DynamoDB", expression parameters).
const MAX_VALUES: usize = 100;
const FUNCTIONS: [&str; 3] = ["begins_with", "contains", "exists"];

/// The rest of the text, and the depth at its begin.
type Input<'a> = Stateful<&'a str, usize>;
type Parsed<T> = ModalResult<T, Problem>;

/// The reason why a text is not a condition.
#[derive(Debug)]
struct Problem(String);

impl ParserError<Input<'_>> for Problem {
    type Inner = Self;

    fn from_input(_: &Input<'_>) -> Self {
        Problem("unexpected".to_owned())
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

/// Parses a condition such as `humidity > 40 and site = "lab"`.
///
/// # Errors
/// If the text is not a condition. The message names the place.
pub(crate) fn parse_condition(text: &str) -> Result<Condition, String> {
    let input = Stateful { input: text, state: 0 };
    let mut whole = |input: &mut Input<'_>| {
        blanks(input)?;
        let condition = condition(input)?;
        if input.input.is_empty() { Ok(condition) } else { problem("expected `and`, `or` or the end") }
    };
    whole.parse(input).map_err(|error| {
        let rest = text.get(error.offset()..).unwrap_or_default().trim_start();
        let place = text[..text.len() - rest.len()].chars().count() + 1;
        let found: String = rest.chars().take_while(|next| !next.is_whitespace()).take(20).collect();
        let found = if rest.is_empty() { "the end".to_owned() } else { format!("`{found}`") };
        format!("at character {place} ({found}): {}", error.inner().0)
    })
}

fn problem<T>(message: impl Into<String>) -> Parsed<T> {
    Err(ErrMode::Cut(Problem(message.into())))
}

/// Fails at an earlier place.
fn problem_at<'a, T>(
    input: &mut Input<'a>,
    place: &<Input<'a> as Stream>::Checkpoint,
    message: impl Into<String>,
) -> Parsed<T> {
    input.reset(place);
    problem(message)
}

fn blanks(input: &mut Input<'_>) -> Parsed<()> {
    take_while(0.., char::is_whitespace).void().parse_next(input)
}

/// Takes a sign and the blanks behind it, if it is the next one.
fn takes(input: &mut Input<'_>, sign: &'static str) -> Parsed<bool> {
    let is_next = opt(literal(sign)).parse_next(input)?.is_some();
    if is_next {
        blanks(input)?;
    }
    Ok(is_next)
}

fn expect(input: &mut Input<'_>, sign: &'static str) -> Parsed<()> {
    if takes(input, sign)? { Ok(()) } else { problem(format!("expected `{sign}`")) }
}

/// Takes a word of the language, if it is the next one.
fn takes_word(input: &mut Input<'_>, word: &str) -> Parsed<bool> {
    let next = peek(take_while(0.., is_in_name)).parse_next(input)?;
    if !str::eq_ignore_ascii_case(next, word) {
        return Ok(false);
    }
    input.next_slice(next.len());
    blanks(input)?;
    Ok(true)
}

fn condition(input: &mut Input<'_>) -> Parsed<Condition> {
    let mut conditions = vec![all(input)?];
    while takes_word(input, "or")? {
        conditions.push(all(input)?);
    }
    Ok(Condition::any(conditions))
}

fn all(input: &mut Input<'_>) -> Parsed<Condition> {
    let mut conditions = vec![one(input)?];
    while takes_word(input, "and")? {
        conditions.push(one(input)?);
    }
    Ok(Condition::all(conditions))
}

fn one(input: &mut Input<'_>) -> Parsed<Condition> {
    let start = input.checkpoint();
    if takes_word(input, "not")? {
        return deeper(input, &start, |input| one(input).map(Condition::negated));
    }
    if takes(input, "(")? {
        return deeper(input, &start, |input| {
            let inner = condition(input)?;
            expect(input, ")").map(|()| inner)
        });
    }
    let name = peek(take_while(0.., is_in_name)).parse_next(input)?;
    if is_call(input.input, name) {
        input.next_slice(name.len());
        blanks(input)?;
        input.next_slice(1);
        blanks(input)?;
        let found = function(input, &start, name)?;
        return expect(input, ")").map(|()| found);
    }
    comparison(input)
}

/// Returns whether a name is followed by an opening parenthesis, and no word of the language.
fn is_call(rest: &str, name: &str) -> bool {
    name.starts_with(begins_name) && !is_word(name) && rest[name.len()..].trim_start().starts_with('(')
}

fn deeper<'a>(
    input: &mut Input<'a>,
    start: &<Input<'a> as Stream>::Checkpoint,
    inner: impl FnOnce(&mut Input<'a>) -> Parsed<Condition>,
) -> Parsed<Condition> {
    if input.state == MAX_DEPTH {
        return problem_at(input, start, format!("nested deeper than {MAX_DEPTH} levels"));
    }
    input.state += 1;
    let found = inner(input)?;
    input.state -= 1;
    Ok(found)
}

fn function<'a>(input: &mut Input<'a>, start: &<Input<'a> as Stream>::Checkpoint, name: &str) -> Parsed<Condition> {
    if !FUNCTIONS.iter().any(|function| function.eq_ignore_ascii_case(name)) {
        return problem_at(input, start, "unknown function; there are begins_with, contains and exists");
    }
    let path = path(input)?;
    if name.eq_ignore_ascii_case("exists") {
        return Ok(Condition::Exists(path));
    }
    expect(input, ",")?;
    let place = input.checkpoint();
    let value = value(input)?;
    if is_own_number(&path) {
        return problem_at(input, &place, format!("`{path}` is a number, not a text or a list"));
    }
    match (name.eq_ignore_ascii_case("contains"), value) {
        (true, value) => Ok(Condition::Contains(path, value)),
        (false, Literal::Text(prefix)) => Ok(Condition::BeginsWith(path, prefix)),
        (false, _) => problem_at(input, &place, "begins_with takes a text in quotes"),
    }
}

fn comparison(input: &mut Input<'_>) -> Parsed<Condition> {
    if begins_value(input.input) {
        let start = input.checkpoint();
        let left = value(input)?;
        let operator = operator(input)?;
        let path = path(input)?;
        let left = value_for(input, &path, left, &start)?;
        return Ok(Condition::Compare(path, operator.exchanged(), Operand::Literal(left)));
    }
    let path = path(input)?;
    if takes_word(input, "between")? {
        let low = typed_value(input, &path)?;
        if !takes_word(input, "and")? {
            return problem("expected `and` and the upper value");
        }
        let place = input.checkpoint();
        let high = typed_value(input, &path)?;
        return match low.order(&high) {
            None => problem_at(input, &place, "between takes two numbers or two texts"),
            Some(Ordering::Greater) => problem_at(input, &place, format!("the upper value is below {low}")),
            Some(_) => Ok(Condition::Between(path, low, high)),
        };
    }
    if takes_word(input, "in")? {
        expect(input, "(")?;
        let mut values = vec![typed_value(input, &path)?];
        while takes(input, ",")? {
            if values.len() == MAX_VALUES {
                return problem(format!("`in` takes at most {MAX_VALUES} values"));
            }
            values.push(typed_value(input, &path)?);
        }
        return expect(input, ")").map(|()| Condition::In(path, values));
    }
    let operator = operator(input)?;
    if input.input.starts_with('`') {
        let place = input.checkpoint();
        let other = self::path(input)?;
        if other == path {
            return problem_at(input, &place, "the same attribute stands on both sides");
        }
        return Ok(Condition::Compare(path, operator, Operand::Attribute(other)));
    }
    let place = input.checkpoint();
    let value = typed_value(input, &path)?;
    let is_ordered = !matches!(operator, Comparison::Equal | Comparison::NotEqual);
    if is_ordered && matches!(value, Literal::Bool(_) | Literal::Null) {
        return problem_at(input, &place, "only `=` and `<>` compare with true, false and null");
    }
    Ok(Condition::Compare(path, operator, Operand::Literal(value)))
}

fn operator(input: &mut Input<'_>) -> Parsed<Comparison> {
    let found = opt(alt((
        literal("<=").value(Comparison::LessOrEqual),
        literal("<>").value(Comparison::NotEqual),
        literal("<").value(Comparison::Less),
        literal(">=").value(Comparison::GreaterOrEqual),
        literal(">").value(Comparison::Greater),
        literal("!=").value(Comparison::NotEqual),
        literal("==").value(Comparison::Equal),
        literal("=").value(Comparison::Equal),
    )))
    .parse_next(input)?;
    let Some(found) = found else { return problem("expected a comparison (= <> < <= > >=), `between` or `in`") };
    blanks(input).map(|()| found)
}

fn path(input: &mut Input<'_>) -> Parsed<AttributePath> {
    let start = input.checkpoint();
    let name = name(input)?;
    let attribute = attribute_of(&name).to_owned();
    let mut parts = Vec::new();
    loop {
        if opt(literal(".")).parse_next(input)?.is_some() {
            parts.push(PathPart::Member(self::name(input)?));
        } else if opt(literal("[")).parse_next(input)?.is_some() {
            let digits = take_while(0.., |next: char| next.is_ascii_digit()).parse_next(input)?;
            let Ok(index) = digits.parse() else { return problem("expected the number of an element") };
            expect_close(input)?;
            parts.push(PathPart::Element(index));
        } else if is_own(&attribute) && !parts.is_empty() {
            return problem_at(input, &start, format!("`{name}` is a text or a number, and has no parts"));
        } else {
            blanks(input)?;
            return Ok(AttributePath { attribute, parts });
        }
    }
}

fn expect_close(input: &mut Input<'_>) -> Parsed<()> {
    if opt(literal("]")).parse_next(input)?.is_some() { Ok(()) } else { problem("expected `]`") }
}

fn name(input: &mut Input<'_>) -> Parsed<String> {
    if opt(literal("`")).parse_next(input)?.is_some() {
        let part = alt((literal("``").value("`"), take_till(1.., '`')));
        let name: String = repeat(0.., part).fold(String::new, |name, part| name + part).parse_next(input)?;
        if opt(literal("`")).parse_next(input)?.is_none() {
            return problem("the backtick of the name is not closed");
        }
        return if name.is_empty() { problem("the name is empty") } else { Ok(name) };
    }
    let start = input.checkpoint();
    let name = take_while(0.., is_in_name).parse_next(input)?;
    if is_word(name) {
        return problem_at(input, &start, format!("expected a name; a field `{name}` stands in backticks"));
    }
    if is_bare_name(name) {
        return Ok(name.to_owned());
    }
    problem_at(input, &start, "expected the name of a field; one with other signs stands in backticks")
}

fn begins_value(rest: &str) -> bool {
    let word = rest.find(|next| !is_in_name(next)).map_or(rest, |end| &rest[..end]);
    rest.starts_with(|next: char| next.is_ascii_digit() || matches!(next, '"' | '\'' | '-' | '+'))
        || ["true", "false", "null"].iter().any(|literal| word.eq_ignore_ascii_case(literal))
}

/// Reads a value, and checks that the attribute can have it.
fn typed_value(input: &mut Input<'_>, path: &AttributePath) -> Parsed<Literal> {
    let start = input.checkpoint();
    let value = value(input)?;
    value_for(input, path, value, &start)
}

fn value(input: &mut Input<'_>) -> Parsed<Literal> {
    let start = input.checkpoint();
    let found = if input.input.starts_with(['"', '\'']) {
        text(input)?
    } else {
        let word = take_while(0.., |next: char| is_in_name(next) || matches!(next, '.' | '+')).parse_next(input)?;
        match word.to_ascii_lowercase().as_str() {
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            "null" => Literal::Null,
            "" => return problem("expected a value: a number, a text in quotes, true, false or null"),
            other if other.starts_with(begins_name) => {
                let message =
                    format!("a text stands in quotes, as in \"{word}\" (mind the shell's own); a field in backticks");
                return problem_at(input, &start, message);
            }
            other => match Decimal::parse(other) {
                Ok(number) => Literal::Number(number),
                Err(error) => return problem_at(input, &start, error.to_string()),
            },
        }
    };
    blanks(input).map(|()| found)
}

fn text(input: &mut Input<'_>) -> Parsed<Literal> {
    let start = input.checkpoint();
    let quote = token::any.parse_next(input)?;
    let mut text = String::new();
    loop {
        text.push_str(take_till(0.., |next: char| next == quote || next == '\\').parse_next(input)?);
        if opt(eof).parse_next(input)?.is_some() {
            return problem_at(input, &start, "the quote is not closed");
        }
        if token::any.parse_next(input)? == quote {
            return Ok(Literal::Text(text));
        }
        let Some(escaped) = opt(token::any).parse_next(input)? else {
            return problem_at(input, &start, "the quote is not closed");
        };
        text.push(match escaped {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '"' | '\'' | '\\' => escaped,
            _ => return problem("a backslash stands before `\"`, `'`, `\\`, n, r or t only"),
        });
    }
}

/// Checks the value of an attribute whose type is known.
fn value_for<'a>(
    input: &mut Input<'a>,
    path: &AttributePath,
    value: Literal,
    place: &<Input<'a> as Stream>::Checkpoint,
) -> Parsed<Literal> {
    own_value(path, value).or_else(|reason| problem_at(input, place, reason))
}

#[cfg(test)]
mod tests;
