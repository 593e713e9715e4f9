//! Stand-in for the reading model, replaced at merge by the function's own.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Exact decimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal(String);

/// Why a text is no decimal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number that DynamoDB keeps exactly")]
pub struct DecimalError;

impl Decimal {
    /// Parses.
    pub fn parse(text: &str) -> Result<Decimal, DecimalError> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().map_err(|_| DecimalError)?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return Err(DecimalError);
        }
        let digits = format!("{whole}{fraction}");
        let mut point = i64::try_from(whole.len()).map_err(|_| DecimalError)? + exponent;
        let leading = digits.len() - digits.trim_start_matches('0').len();
        let trimmed = digits.trim_start_matches('0').trim_end_matches('0').to_owned();
        if trimmed.is_empty() {
            return Ok(Decimal("0".into()));
        }
        point -= i64::try_from(leading).map_err(|_| DecimalError)?;
        if trimmed.len() > 38 || !(-129..=126).contains(&point) {
            return Err(DecimalError);
        }
        let sign = if negative { "-" } else { "" };
        let length = i64::try_from(trimmed.len()).map_err(|_| DecimalError)?;
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        Ok(Decimal(if point <= 0 {
            format!("{sign}0.{}{trimmed}", zeros(-point))
        } else if point >= length {
            format!("{sign}{trimmed}{}", zeros(point - length))
        } else {
            let (whole, fraction) = trimmed.split_at(usize::try_from(point).unwrap_or(0));
            format!("{sign}{whole}.{fraction}")
        }))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = |text: &str| {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            (whole.trim_start_matches('0').len(), whole.trim_start_matches('0').to_owned(), fraction.to_owned())
        };
        match (self.0.strip_prefix('-'), other.0.strip_prefix('-')) {
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (None, None) => parts(&self.0).cmp(&parts(&other.0)),
            (Some(left), Some(right)) => parts(right).cmp(&parts(left)),
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.clone()).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// A JSON value with exact numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// null
    Null,
    /// true or false
    Bool(bool),
    /// number
    Number(Decimal),
    /// text
    Text(String),
    /// array
    List(Vec<Value>),
    /// object
    Map(BTreeMap<String, Value>),
}

/// A reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Sensor.
    pub sensor_id: String,
    /// Temperature.
    pub temperature: Decimal,
    /// Seconds since 1970.
    pub current_time: Decimal,
    /// Everything else.
    pub fields: BTreeMap<String, Value>,
}

/// Why something is no reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not JSON.
    #[error("not a JSON object")]
    NotJson,
    /// Missing key.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// Wrong type.
    #[error("`{0}` has the wrong type")]
    WrongType(String),
    /// Bad id.
    #[error("`sensor_id` must have 1 to 2048 bytes")]
    SensorId,
}

impl Refusal {
    /// Code.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NotJson => "not-json",
            Refusal::Missing(_) => "missing-key",
            Refusal::WrongType(_) => "wrong-type",
            Refusal::SensorId => "sensor-id-length",
        }
    }
}

fn value(raw: &RawValue) -> Result<Value, Refusal> {
    let text = raw.get();
    let broken = |_| Refusal::NotJson;
    Ok(match text.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'"') => Value::Text(serde_json::from_str(text).map_err(broken)?),
        Some(b'[') => Value::List(
            serde_json::from_str::<Vec<&RawValue>>(text)
                .map_err(broken)?
                .into_iter()
                .map(value)
                .collect::<Result<_, _>>()?,
        ),
        Some(b'{') => Value::Map(
            serde_json::from_str::<BTreeMap<String, &RawValue>>(text)
                .map_err(broken)?
                .into_iter()
                .map(|(key, raw)| Ok((key, value(raw)?)))
                .collect::<Result<_, _>>()?,
        ),
        _ => Value::Number(Decimal::parse(text).map_err(|_| Refusal::WrongType("number".into()))?),
    })
}

fn json(value: &Value) -> serde_json::Result<String> {
    Ok(match value {
        Value::Null => "null".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => serde_json::to_string(text)?,
        Value::List(list) => format!("[{}]", list.iter().map(json).collect::<Result<Vec<_>, _>>()?.join(",")),
        Value::Map(map) => {
            let pairs = map.iter().map(|(key, value)| Ok(format!("{}:{}", serde_json::to_string(key)?, json(value)?)));
            format!("{{{}}}", pairs.collect::<serde_json::Result<Vec<_>>>()?.join(","))
        }
    })
}

impl Reading {
    /// Parses.
    pub fn from_json(bytes: &[u8]) -> Result<Reading, Refusal> {
        let raw: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes).map_err(|_| Refusal::NotJson)?;
        let mut fields = BTreeMap::new();
        for (key, text) in raw {
            fields.insert(key, value(text)?);
        }
        let Value::Text(sensor_id) = fields.remove("sensor_id").ok_or(Refusal::Missing("sensor_id"))? else {
            return Err(Refusal::WrongType("sensor_id".into()));
        };
        let mut number = |key: &'static str| match fields.remove(key).ok_or(Refusal::Missing(key))? {
            Value::Number(number) => Ok(number),
            _ => Err(Refusal::WrongType(key.into())),
        };
        let (temperature, current_time) = (number("temperature")?, number("current_time")?);
        fields.remove("shard_id");
        fields.remove("sequence_number");
        let reading = Reading { sensor_id, temperature, current_time, fields };
        reading.check()?;
        Ok(reading)
    }

    /// Writes.
    pub fn to_json(&self) -> String {
        let mut text = format!(
            "{{\"sensor_id\":{},\"temperature\":{},\"current_time\":{}",
            serde_json::to_string(&self.sensor_id).unwrap_or_default(),
            self.temperature,
            self.current_time
        );
        for (key, value) in &self.fields {
            text.push(',');
            text.push_str(&serde_json::to_string(key).unwrap_or_default());
            text.push(':');
            text.push_str(&json(value).unwrap_or_default());
        }
        text.push('}');
        text
    }

    /// Checks.
    pub fn check(&self) -> Result<(), Refusal> {
        if (1..=2048).contains(&self.sensor_id.len()) { Ok(()) } else { Err(Refusal::SensorId) }
    }
}
