//! A column of `scan --fields`: the name of a field, or the path to a part of one.

use sensor_model::Value;

use super::condition::{AttributePath, PathPart, attribute_of, is_own};
use super::item_decode::{SENSOR, SEQUENCE, SHARD, TEMPERATURE, TIME};
use super::stored_reading::StoredReading;

/// A field of a reading or a part of it, and the name of its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowField {
    /// The name as it was typed, without the quotes around it.
    pub title: String,
    pub path: AttributePath,
}

impl RowField {
    /// Returns the field of this name, whatever signs it has.
    pub(crate) fn of_name(name: &str) -> Self {
        let path = AttributePath { attribute: attribute_of(name).to_owned(), parts: Vec::new() };
        RowField { title: name.to_owned(), path }
    }

    /// Parses a path such as `site`, `site.room`, `list[0]` or `` `a.b`.c ``. Names may have blanks and other signs.
    ///
    /// # Errors
    /// If it is not a path. The message does not name it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (name, mut rest) = name(text)?;
        let mut field = RowField::of_name(&name);
        while !rest.is_empty() {
            if let Some((index, behind)) = element(rest) {
                field.path.parts.push(PathPart::Element(index));
                rest = behind;
            } else if let Some(behind) = rest.strip_prefix('.') {
                let (member, behind) = self::name(behind)?;
                field.path.parts.push(PathPart::Member(member));
                rest = behind;
            } else {
                return Err("has signs behind a name in backticks or behind `]`".to_owned());
            }
        }
        if field.path.parts.is_empty() {
            return Ok(field);
        }
        if is_own(&field.path.attribute) {
            return Err("asks for a part of a text or a number".to_owned());
        }
        Ok(RowField { title: text.to_owned(), ..field })
    }

    /// Returns the value of a row, if it has one.
    pub(crate) fn value(&self, row: &StoredReading) -> Option<Value> {
        let reading = &row.reading;
        let text = |text: &String| Value::Text(text.clone());
        match self.path.attribute.as_str() {
            SENSOR => return Some(text(&reading.sensor_id)),
            TEMPERATURE => return Some(Value::Number(reading.temperature.clone())),
            TIME => return Some(Value::Number(reading.current_time.clone())),
            SHARD => return row.shard_id.as_ref().map(text),
            SEQUENCE => return row.sequence_number.as_ref().map(text),
            _ => {}
        }
        let whole = reading.fields.get(&self.path.attribute)?;
        let part = self.path.parts.iter().try_fold(whole, |value, part| match (value, part) {
            (Value::Map(members), PathPart::Member(name)) => members.get(name),
            (Value::List(elements), PathPart::Element(index)) => elements.get(usize::try_from(*index).ok()?),
            _ => None,
        });
        part.cloned()
    }
}

/// Takes a name, up to a point or an element unless it stands in backticks. Returns it with what is behind it.
fn name(text: &str) -> Result<(String, &str), String> {
    let Some(mut rest) = text.strip_prefix('`') else {
        let end = text.char_indices().find(|(at, sign)| *sign == '.' || element(&text[*at..]).is_some());
        let (name, rest) = text.split_at(end.map_or(text.len(), |(at, _)| at));
        return if name.is_empty() { Err("has an empty name".to_owned()) } else { Ok((name.to_owned(), rest)) };
    };
    let mut name = String::new();
    loop {
        let (part, behind) = rest.split_once('`').ok_or("has a backtick that is not closed")?;
        name.push_str(part);
        let Some(more) = behind.strip_prefix('`') else {
            return if name.is_empty() { Err("has an empty name".to_owned()) } else { Ok((name, behind)) };
        };
        name.push('`');
        rest = more;
    }
}

/// Takes `[3]`. Other brackets are a part of a name: many have a unit in them.
fn element(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.strip_prefix('[')?.split_once(']')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((digits.parse().ok().filter(|_| is_number)?, rest))
}

#[cfg(test)]
mod tests {
    use sensor_model::{Decimal, Reading};

    use super::*;

    fn row() -> StoredReading {
        let room = Value::Map([("no".to_owned(), Value::Number(Decimal::from(7)))].into());
        let list = Value::List(vec![Value::Text("x".to_owned()), room.clone()]);
        let fields = [("site", room), ("list", list), ("a.b", Value::Bool(true)), ("Temp [°C]", Value::Null)];
        let reading = Reading {
            sensor_id: "s".to_owned(),
            temperature: Decimal::from(1),
            current_time: Decimal::from(2),
            fields: fields.map(|(name, value)| (name.to_owned(), value)).into(),
        };
        StoredReading { reading, shard_id: Some("shard".to_owned()), sequence_number: None }
    }

    #[test]
    fn field_is_a_key_an_attribute_of_the_table_or_a_path() {
        let number = |number: u64| Some(Value::Number(Decimal::from(number)));
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        for (typed, title, value) in [
            ("sensor_id", "sensor_id", text("s")),
            ("SensorId", "SensorId", text("s")),
            ("Temperature", "Temperature", number(1)),
            (" CurrentTime ", "CurrentTime", number(2)),
            ("ShardID", "ShardID", text("shard")),
            ("SequenceNumber", "SequenceNumber", None),
            ("site.no", "site.no", number(7)),
            ("site.`no`", "site.`no`", number(7)),
            ("list[0]", "list[0]", text("x")),
            ("list[1].no", "list[1].no", number(7)),
            ("list[2]", "list[2]", None),
            ("site[0]", "site[0]", None),
            ("a.b", "a.b", None),
            ("`a.b`", "a.b", Some(Value::Bool(true))),
            ("Temp [°C]", "Temp [°C]", Some(Value::Null)),
            ("`x``y`", "x`y", None),
        ] {
            let field = RowField::parse(typed).unwrap();
            assert_eq!((field.title.as_str(), field.value(&row())), (title, value), "{typed}");
        }
    }

    #[test]
    fn what_is_not_a_path_is_refused() {
        for (typed, part) in [
            ("", "empty name"),
            ("a.", "empty name"),
            (".a", "empty name"),
            ("``", "empty name"),
            ("`a", "not closed"),
            ("`a`b", "signs behind"),
            ("a[0]b", "signs behind"),
            ("sensor_id.x", "a part of a text"),
            ("Temperature[0]", "a part of a text"),
        ] {
            let said = RowField::parse(typed).unwrap_err();
            assert!(said.contains(part), "{typed}: {said}");
        }
    }
}
