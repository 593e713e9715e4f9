//! Makes a reading of a dead letter: as it is, or with the changes that were asked for.

use sensor_model::{Decimal, Reading, Value};

use super::item::{ReplayItem, ReplayReason};
use super::left_out::{completed, without};
use super::members::with_members;
use super::reading_origin::{AppliedEdit, ReadingOrigin};
use crate::operate::DeadLetter;
use crate::pipeline::{
    ConstantField, InputOptions, MAX_RECORD_BYTES, check_seconds, partition_key, read_document, value_json, value_of,
};

/// The changes to every dead letter.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplayEdit {
    /// Keys to set, with their values as JSON.
    set: Vec<(String, String)>,
    /// How to read it, by the rules of `put --file`.
    input: Option<InputOptions>,
    /// Members to leave out.
    drop: Vec<String>,
    /// Readings whose time had no zone, and was taken as UTC.
    pub assumed_utc: u64,
    /// Members that were left out because they were named.
    pub left_out: u64,
}

impl ReplayEdit {
    /// Creates the changes: keys to set, then how to read the result, and members to leave out.
    ///
    /// # Errors
    /// If a value cannot be kept exactly, or a key occurs twice.
    pub(crate) fn new(
        fields: &[ConstantField],
        input: Option<InputOptions>,
        drop: Vec<String>,
    ) -> Result<Self, String> {
        let mut set: Vec<(String, String)> = Vec::new();
        for ConstantField { name, value } in fields {
            if set.iter().any(|(other, _)| other == name) {
                return Err(format!("the field `{name}` was given twice"));
            }
            // An id such as 17 is a text.
            let is_text = name == "sensor_id";
            let value = match name.as_str() {
                _ if is_text => Ok(Value::Text(value.clone())),
                "current_time" => time_of(value).map(Value::Number),
                _ => value_of(value),
            };
            set.push((name.clone(), value_json(&value.map_err(|reason| format!("the field `{name}`: {reason}"))?)));
        }
        Ok(ReplayEdit { set, input, drop, assumed_utc: 0, left_out: 0 })
    }

    /// Makes the reading of a dead letter. `edited` replaces its data.
    ///
    /// # Errors
    /// If it is no reading, or cannot be sent; the dead letter comes back.
    pub(crate) fn prepare(
        &mut self,
        letter: DeadLetter,
        edited: Option<Vec<u8>>,
    ) -> Result<ReplayItem, (DeadLetter, ReplayReason)> {
        match self.reading(&letter, edited) {
            Ok((reading, data, origin)) => Ok(ReplayItem { letter, reading, data, origin }),
            Err(reason) => Err((letter, reason)),
        }
    }

    fn reading(
        &mut self,
        letter: &DeadLetter,
        edited: Option<Vec<u8>>,
    ) -> Result<(Reading, Vec<u8>, ReadingOrigin), ReplayReason> {
        if letter.missing_parts > 0 {
            let missing = letter.missing_parts;
            let message = format!("{missing} of its parts are missing, so it can only be deleted, by `rejects delete`");
            return Err(ReplayReason::new("missing-parts", message));
        }
        let is_by_hand = edited.is_some();
        let mut data = edited.unwrap_or_else(|| letter.data.clone());
        let no_object = || ReplayReason::new("not-an-object", "it is no JSON object, in which a key can be set");
        if !self.set.is_empty() {
            data = with_members(&data, &self.set).ok_or_else(no_object)?.into_bytes();
        }
        if let Some(input) = &self.input {
            let read = read_document(&data, input)
                .map_err(|error| ReplayReason::new(&error.code, with_way_to_options(error.reason)))?;
            self.assumed_utc += u64::from(read.is_assumed_utc);
            let whole = completed(&data, &read.json, &input.map, &self.set, &self.drop)?;
            self.left_out += whole.dropped;
            data = with_members(whole.json.as_bytes(), &self.set).ok_or_else(no_object)?.into_bytes();
        } else if let (false, Ok(text)) = (self.drop.is_empty(), std::str::from_utf8(&data)) {
            let (kept, dropped) = without(text, &self.drop);
            self.left_out += dropped;
            data = kept.into_bytes();
        }
        let reading = Reading::from_json(&data);
        let reading = reading.map_err(|error| ReplayReason::new(error.code(), error.to_string()))?;
        if is_by_hand && self.input.is_none() {
            let wrong = |why| ReplayReason::new("time-unit", format!("`current_time` of the edited data: {why}"));
            check_seconds(&reading.current_time).map_err(wrong)?;
        }
        let origin = if is_by_hand || !self.set.is_empty() || !self.drop.is_empty() || self.input.is_some() {
            let map = self.input.as_ref().map_or(&[][..], |input| &input.map);
            let edit = AppliedEdit { set: &self.set, map, is_by_hand };
            ReadingOrigin::new(&letter.data, &edit, &reading)
        } else {
            ReadingOrigin::unchanged(&letter.data)
        };
        let bytes = data.len() + partition_key(&reading.sensor_id).len();
        if bytes > MAX_RECORD_BYTES {
            let message = format!("with its key it has {bytes} bytes, a record at most {MAX_RECORD_BYTES}");
            return Err(ReplayReason::new("too-large", message));
        }
        Ok((reading, data, origin))
    }
}

/// Adds to a reason that names an option of `put --file` alone how to use it.
fn with_way_to_options(reason: String) -> String {
    const OWN: [&str; 4] = ["--coerce", "--drop", "--field", "--map"];
    let mut options =
        reason.split(|sign: char| !(sign.is_ascii_lowercase() || sign == '-')).filter(|word| word.len() > 2);
    if options.any(|word| word.starts_with("--") && !OWN.contains(&word)) {
        return format!("{reason}: `rejects export` writes a file for `put --file`, which has this option");
    }
    reason
}

/// Reads a time that was typed. A number is refused that is not certainly one of seconds.
fn time_of(text: &str) -> Result<Decimal, String> {
    match Decimal::parse(text.trim()) {
        Ok(number) => check_seconds(&number).map(|()| number),
        Err(_) => InputOptions::default().time(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::dead_letters::dead_letter::DeadLetterPart;
    use crate::operate::dead_letters::joiner::single_part;

    fn letter(data: &str) -> DeadLetter {
        let part = DeadLetterPart { reject_id: String::new(), bytes: data.len(), expires_at: None };
        single_part("s/1/0".parse().unwrap(), part, data.into())
    }

    fn prepared(data: &str, fields: &[&str]) -> Result<String, String> {
        let fields: Vec<ConstantField> = fields.iter().map(|text| text.parse().unwrap()).collect();
        let prepared = ReplayEdit::new(&fields, None, Vec::new())?.prepare(letter(data), None);
        prepared.map(|item| String::from_utf8(item.data).unwrap()).map_err(|(_, reason)| reason.code)
    }

    #[test]
    fn reading_without_edits_keeps_its_bytes() {
        let data = " {\"sensor_id\":\"a\", \"temperature\":1.10,\"current_time\":1}\n";
        assert_eq!(prepared(data, &[]).unwrap(), data);
    }

    #[test]
    fn fields_are_set_and_what_is_still_no_reading_is_refused() {
        let data = r#"{"temperature":"warm","current_time":1}"#;
        assert_eq!(
            prepared(data, &["temperature=21.50", "sensor_id=17", "site=lab"]).unwrap(),
            r#"{"current_time":1,"temperature":21.5,"sensor_id":"17","site":"lab"}"#
        );
        assert_eq!(prepared(data, &["temperature=1"]).unwrap_err(), "missing-key");
        assert_eq!(prepared("[", &["temperature=1"]).unwrap_err(), "not-an-object");
        assert_eq!(prepared(data, &["a=1", "a=2"]).unwrap_err(), "the field `a` was given twice");
        assert!(prepared(data, &["a=1e999"]).unwrap_err().contains("the field `a`: "));
    }

    #[test]
    fn option_that_only_put_has_is_named_with_the_way_to_it() {
        let reason = "a comma; --decimal comma takes it for the decimal sign".to_owned();
        assert!(with_way_to_options(reason).ends_with("for `put --file`, which has this option"));
        let own = "no path `a`; `--map temperature=PATH` names it".to_owned();
        assert_eq!(with_way_to_options(own.clone()), own);
    }

    #[test]
    fn time_of_edited_data_follows_the_rule_of_a_field() {
        let edited = |time: &str| {
            let data = format!(r#"{{"sensor_id":"a","temperature":1,"current_time":{time}}}"#);
            let prepared = ReplayEdit::default().prepare(letter("{"), Some(data.clone().into_bytes()));
            prepared.map(|item| String::from_utf8(item.data).unwrap() == data).map_err(|(_, reason)| reason)
        };
        for (time, part) in [("1700000000000", "milliseconds are written as"), ("20231114", "2023-11-14")] {
            let ReplayReason { code, message } = edited(time).unwrap_err();
            assert_eq!(code, "time-unit");
            assert!(message.starts_with("`current_time` of the edited data: ") && message.contains(part), "{message}");
        }
        assert_eq!(edited("1700000000.000"), Ok(true));
        let as_it_is = r#"{"sensor_id":"a","temperature":1,"current_time":1700000000000}"#;
        assert_eq!(prepared(as_it_is, &[]).as_deref(), Ok(as_it_is), "only what was typed is checked");
    }

    #[test]
    fn time_of_a_field_follows_the_rules_of_put_time() {
        let data = r#"{"sensor_id":"a","temperature":1}"#;
        for (time, part) in [("1700000000000", "milliseconds"), ("20231114", "2023-11-14"), ("soon", "current_time")] {
            let refusal = prepared(data, &[&format!("current_time={time}")]).unwrap_err();
            assert!(refusal.contains(part), "{time}: {refusal}");
        }
        let read = prepared(data, &["current_time=2023-11-14T22:13:20Z"]).unwrap();
        assert_eq!(read, r#"{"sensor_id":"a","temperature":1,"current_time":1700000000}"#);
    }
}
