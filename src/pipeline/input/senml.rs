//! `SenML` JSON (RFC 8428): records of one quantity, whose base fields stay in force for those behind them.

use std::borrow::Cow;

use num_bigint::BigInt;
use sensor_model::{Decimal, json_escape};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::keys::TEMPERATURE;
use super::row_error::{RowError, row_error};
use crate::pipeline::now;

/// The newest version of the format (RFC 8428, section 4.4).
const VERSION: u64 = 10;
/// Times below it are relative to now (RFC 8428, section 4.5.3).
const ABSOLUTE_FROM: &str = "268435456";

const OTHER_VERSION: &str = "the version of its pack (`bver`) is not a number up to 10";
const MUST_UNDERSTAND: &str =
    "a record of its pack has a label that ends with `_`, which must be understood (RFC 8428, section 4.4)";

/// Last parts of names that say what is measured, with the key of the reading.
const QUANTITIES: [(&str, &str); 10] = [
    ("temperature", TEMPERATURE),
    ("temp", TEMPERATURE),
    ("t", TEMPERATURE),
    ("humidity", "humidity"),
    ("hum", "humidity"),
    ("rh", "humidity"),
    ("pressure", "pressure"),
    ("voltage", "voltage"),
    ("battery", "battery"),
    ("rssi", "rssi"),
];

/// Base fields in force.
#[derive(Debug, Default)]
pub(super) struct SenmlPack {
    /// Why all of its records are refused, where one has what must be understood and is not.
    refusal: Option<&'static str>,
    name: String,
    time: Option<Decimal>,
    unit: String,
    value: Option<Decimal>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    n: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    u: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    v: Option<&'a RawValue>,
    #[serde(borrow, default)]
    vs: Option<&'a RawValue>,
    #[serde(default)]
    vb: Option<bool>,
    #[serde(borrow, default)]
    vd: Option<&'a RawValue>,
    #[serde(borrow, default)]
    t: Option<&'a RawValue>,
}

impl SenmlPack {
    /// Writes a record as a JSON object with `name`, `sensor`, `quantity`, `value`, `unit` and `time`. False where it only
    /// sets base fields.
    ///
    /// # Errors
    /// When it is no `SenML` record.
    pub(super) fn write_json(&mut self, record: &RawValue, out: &mut String) -> Result<bool, RowError> {
        let wrong = |reason: &str| row_error("not-senml", reason);
        let has_base_value = self.take_base_fields(record)?;
        if let Some(reason) = self.refusal {
            return Err(wrong(reason));
        }
        let read: Record<'_> =
            serde_json::from_str(record.get()).map_err(|_| wrong("a label of it has a value of another type"))?;
        has_base_value?;
        let number = |raw: &RawValue| Decimal::parse(raw.get()).map_err(|_| wrong("one of its numbers is malformed"));
        let value = match (read.v, read.vs, read.vb, read.vd) {
            (Some(value), None, None, None) => sum(&number(value)?, self.value.as_ref())?.to_string(),
            (None, Some(text), None, None) | (None, None, None, Some(text)) => text.get().to_owned(),
            (None, None, Some(truth), None) => truth.to_string(),
            (None, None, None, None) => match &self.value {
                // A sum (`s`) or a record that only sets base fields.
                Some(value) if read.n.is_some() || read.t.is_some() => value.to_string(),
                _ => return Ok(false),
            },
            _ => return Err(wrong("it has more than one value")),
        };
        let own = read.n.as_deref().unwrap_or_default();
        let name = format!("{}{own}", self.name);
        if name.is_empty() {
            return Err(wrong("it has no name"));
        }
        let unit = read.u.as_deref().unwrap_or(&self.unit);
        let time = match (read.t.map(number).transpose()?, &self.time) {
            (Some(time), base) => sum(&time, base.as_ref())?,
            (None, Some(base)) => base.clone(),
            (None, None) => Decimal::from(0),
        };
        let time = absolute(time)?;
        let (sensor, quantity) = split_name(&name, &self.name, own, unit);
        out.clear();
        for (key, text) in [
            ("{\"name\":", name.as_str()),
            (",\"sensor\":", sensor),
            (",\"quantity\":", quantity),
            (",\"unit\":", unit),
        ] {
            out.push_str(key);
            json_escape::push_string(out, text);
        }
        out.push_str(",\"value\":");
        out.push_str(&value);
        out.push_str(",\"time\":");
        out.push_str(time.as_str());
        out.push('}');
        Ok(true)
    }
}

impl SenmlPack {
    /// Why none of its records may be used.
    pub(super) fn refusal(&self) -> Option<RowError> {
        self.refusal.map(|reason| row_error("not-senml", reason))
    }

    /// Takes the base fields of a record, also of one that is refused for something else: those behind it mean them. The
    /// inner result says whether all of them are valid.
    fn take_base_fields(&mut self, record: &RawValue) -> Result<Result<(), RowError>, RowError> {
        let wrong = |reason: &str| row_error("not-senml", reason);
        let mut valid = Ok(());
        super::json_paths::members(record, |label, raw| {
            let text = || {
                serde_json::from_str::<String>(raw.get())
                    .map_err(|_| wrong("a label of it has a value of another type"))
            };
            let number = || Decimal::parse(raw.get()).map_err(|_| wrong("one of its numbers is malformed"));
            let taken = match &*label {
                "bn" => text().map(|name| self.name = name),
                "bt" => number().map(|time| self.time = Some(time)),
                "bu" => text().map(|unit| self.unit = unit),
                "bv" => number().map(|value| self.value = Some(value)),
                "bver" => {
                    if raw.get().parse::<u64>().is_ok_and(|version| version <= VERSION) {
                        return Ok(());
                    }
                    self.refusal.get_or_insert(OTHER_VERSION);
                    Ok(())
                }
                label if label.ends_with('_') => {
                    self.refusal.get_or_insert(MUST_UNDERSTAND);
                    Ok(())
                }
                _ => Ok(()),
            };
            if valid.is_ok() {
                valid = taken;
            }
            Ok(())
        })?;
        Ok(valid)
    }
}

/// Returns the sensor and the key of what it measures. The last part of a name that says what is measured is no part of
/// the sensor; any other name is that of a sensor of its own, because several may measure the same.
fn split_name<'n>(whole: &'n str, base: &'n str, own: &'n str, unit: &str) -> (&'n str, &'n str) {
    let trimmed = |name: &'n str| name.trim_end_matches([':', '/', '_', '-', '.']);
    let of_word = |word: &str| QUANTITIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, key)| *key);
    let is_temperature = matches!(unit, "Cel" | "K");
    let by_unit = if is_temperature {
        Some(TEMPERATURE)
    } else if unit == "%RH" {
        Some("humidity")
    } else {
        None
    };
    if own.is_empty() || base.is_empty() {
        let name = if own.is_empty() { base } else { own };
        let at = name.rfind([':', '/', '_', '-', '.']).map_or(0, |at| at + 1);
        return match of_word(&name[at..]) {
            Some(key) if at > 0 => (trimmed(&name[..at]), key),
            _ => (name, by_unit.unwrap_or("value")),
        };
    }
    let sensor = trimmed(base);
    match (of_word(own), by_unit) {
        (Some(key), _) => (sensor, key),
        // One of several of the same kind: the whole name is its own.
        (None, Some(_)) if is_temperature => (whole, TEMPERATURE),
        (None, by_unit) => (sensor, by_unit.unwrap_or(own)),
    }
}

fn sum(one: &Decimal, other: Option<&Decimal>) -> Result<Decimal, RowError> {
    let Some(other) = other else { return Ok(one.clone()) };
    exact_sum(one, other).ok_or_else(|| row_error("too-many-digits", "a sum with a base value has more than 38 digits"))
}

fn exact_sum(one: &Decimal, other: &Decimal) -> Option<Decimal> {
    let parts = |number: &Decimal| {
        let text = number.as_str();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        Some((format!("{whole}{fraction}").parse::<BigInt>().ok()?, fraction.len()))
    };
    let ((one, places), (other, other_places)) = (parts(one)?, parts(other)?);
    let most = places.max(other_places);
    let scaled =
        |digits: BigInt, places: usize| Some(digits * BigInt::from(10).pow(u32::try_from(most - places).ok()?));
    let total = scaled(one, places)? + scaled(other, other_places)?;
    Decimal::parse(&format!("{total}e-{most}")).ok()
}

/// Adds now to a time that is relative to it.
fn absolute(time: Decimal) -> Result<Decimal, RowError> {
    let limit = Decimal::parse(ABSOLUTE_FROM).map_err(|error| row_error("not-senml", error.to_string()))?;
    if time >= limit {
        return Ok(time);
    }
    let now = now().map_err(|reason| row_error("not-a-time", reason))?;
    sum(&time, Some(&now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(records: &[&str]) -> Vec<String> {
        let mut pack = SenmlPack::default();
        let mut out = String::new();
        let read = |record: &&str| {
            let raw: &RawValue = serde_json::from_str(record).unwrap();
            match pack.write_json(raw, &mut out) {
                Ok(true) => out.clone(),
                Ok(false) => "-".to_owned(),
                Err(error) => error.reason,
            }
        };
        records.iter().map(read).collect()
    }

    #[test]
    fn base_fields_stay_in_force_for_later_records() {
        assert_eq!(
            records(&[
                r#"{"bn":"urn:dev:mac:0a0b0c:","bt":1930202100,"bu":"Cel","n":"temp","v":20.5}"#,
                r#"{"n":"rh","u":"%RH","v":48}"#,
                r#"{"n":"temp","t":-60.5,"v":20.4}"#,
            ]),
            [
                r#"{"name":"urn:dev:mac:0a0b0c:temp","sensor":"urn:dev:mac:0a0b0c","quantity":"temperature","unit":"Cel","value":20.5,"time":1930202100}"#,
                r#"{"name":"urn:dev:mac:0a0b0c:rh","sensor":"urn:dev:mac:0a0b0c","quantity":"humidity","unit":"%RH","value":48,"time":1930202100}"#,
                r#"{"name":"urn:dev:mac:0a0b0c:temp","sensor":"urn:dev:mac:0a0b0c","quantity":"temperature","unit":"Cel","value":20.4,"time":1930202039.5}"#,
            ]
        );
    }

    #[test]
    fn base_value_is_added_and_record_of_base_fields_is_no_value() {
        let all = records(&[r#"{"bn":"a:","bt":1930202100,"bv":10.5}"#, r#"{"n":"temp","v":0.25}"#]);
        assert_eq!(all[0], "-");
        assert!(all[1].contains(r#""value":10.75"#), "{}", all[1]);
    }

    #[test]
    fn refused_record_sets_its_base_fields() {
        for broken in [
            r#"{"bn":"dev2:","bt":1930202100,"bu":"Cel","n":"temp","v":"x"}"#,
            r#"{"bn":"dev2:","bt":1930202100,"bu":"Cel","n":"temp","v":1,"vs":"b"}"#,
            r#"{"bn":"dev2:","bt":1930202100,"bu":"Cel","n":5,"v":1}"#,
            r#"{"bn":"dev2:","bt":1930202100,"bu":"Cel","bv":"x","n":"temp","v":1}"#,
        ] {
            let base = r#"{"bn":"dev1:","bt":1930202000,"n":"temp","v":1}"#;
            let all = records(&[base, broken, r#"{"n":"temp","v":2}"#]);
            assert!(!all[1].starts_with('{'), "{}", all[1]);
            assert!(
                all[2].contains(r#""sensor":"dev2""#) && all[2].contains("1930202100") && all[2].contains("Cel"),
                "{}",
                all[2]
            );
        }
    }

    #[test]
    fn time_below_2_to_the_28_is_relative_to_now() {
        let all = records(&[r#"{"n":"urn:x:temp","u":"Cel","v":1,"t":-5}"#]);
        let read: serde_json::Value = serde_json::from_str(&all[0]).unwrap();
        let now: f64 = now().unwrap().as_str().parse().unwrap();
        assert!((now - 5.0 - read["time"].as_f64().unwrap()).abs() < 60.0);
    }

    #[test]
    fn what_must_be_understood_and_is_not_is_refused() {
        assert!(records(&[r#"{"n":"a","v":1,"x_":2}"#])[0].contains("must be understood"));
        assert!(records(&[r#"{"bver":11,"n":"a","v":1}"#])[0].contains("bver"));
        let all = records(&[r#"{"bn":"a:","bver":"10","n":"b","v":1}"#, r#"{"bn":"a:","n":"b","v":1}"#]);
        assert!(all.iter().all(|reason| reason.contains("bver")), "{all:?}");
        assert!(records(&[r#"{"n":"a","v":1,"vs":"b"}"#])[0].contains("more than one value"));
        assert!(records(&[r#"{"v":1}"#])[0].contains("no name"));
        assert!(records(&[r#"{"n":"a","v":"1"}"#])[0].contains("one of its numbers is malformed"));
    }
}
