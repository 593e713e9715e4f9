//! The members of a dead letter that reading it by the rules of `put --file` leaves out: put's source file stays, a dead
//! letter is deleted, so they are kept, or the dead letter is refused.

use sensor_model::{Reading, Value, truncate_for_log};
use serde_json::value::RawValue;

use super::item::ReplayReason;
use super::members::{members_of, object_of, with_members};
use crate::pipeline::ColumnMapping;

const OWN: [&str; 3] = ["sensor_id", "temperature", "current_time"];
/// The name of `--drop` that stands for all members that are left out.
const ALL: &str = "*";

/// A reading with the members that were left out, and the number of those that `--drop` names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completed {
    /// The reading as JSON.
    pub json: String,
    /// Members that are dropped.
    pub dropped: u64,
}

/// Adds the members of a dead letter that its reading does not hold, without those of `--drop`. A member that holds more
/// than the reading has of it is added whole.
///
/// # Errors
/// If a member has no place in the reading, and `--drop` does not name it.
pub(super) fn completed(
    data: &[u8],
    read: &str,
    map: &[ColumnMapping],
    set: &[(String, String)],
    drop: &[String],
) -> Result<Completed, ReplayReason> {
    let is_dropped = |name: &str| drop.iter().any(|dropped| dropped == name || dropped == ALL);
    let Some(members) = members_of(data) else {
        if is_dropped(ALL) {
            return Ok(Completed { json: read.to_owned(), dropped: 1 });
        }
        let message = "it is not one JSON object, so the rest of it may be lost; `--drop '*'` replays it all the same";
        return Err(ReplayReason::new("fields-left-out", message));
    };
    let reading = Placed::new(&members, read, map);
    let (mut added, mut refused, mut dropped) = (Vec::new(), Vec::new(), 0);
    for (name, raw) in &members {
        let is_set = set.iter().any(|(key, _)| key == name);
        if is_set || reading.holds(&mut vec![name.clone()], raw) {
            continue;
        }
        let is_own = OWN.contains(&name.as_str());
        let place = reading.fields.iter().find(|(field, _)| field == name);
        if place.is_some_and(|(_, value)| is_equal(value, raw)) || (is_own && raw == "null") {
            continue;
        }
        if is_dropped(name) {
            dropped += 1;
        } else if place.is_some() || is_own || value_of(name, raw).is_err() {
            refused.push(truncate_for_log(name));
        } else {
            added.push((name.clone(), raw.clone()));
        }
    }
    if !refused.is_empty() {
        let names = refused.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let message = format!(
            "the reading has no place for {names}: another value has the key, or no field can hold it; `--drop NAME` \
             leaves it out"
        );
        return Err(ReplayReason::new("fields-left-out", message));
    }
    let json = with_members(read.as_bytes(), &added).ok_or_else(|| {
        ReplayReason::new("fields-left-out", "its reading is not an object that more can be added to")
    })?;
    let (json, fields) = without(&json, drop);
    Ok(Completed { json, dropped: dropped + fields })
}

/// Returns the object without further fields of these names, and the number of those that it had.
pub(super) fn without(json: &str, drop: &[String]) -> (String, u64) {
    let Some(members) = members_of(json.as_bytes()).filter(|_| !drop.is_empty()) else { return (json.to_owned(), 0) };
    let is_dropped = |name: &String| !OWN.contains(&name.as_str()) && drop.contains(name);
    let count = members.iter().filter(|(name, _)| is_dropped(name)).count() as u64;
    let kept: Vec<_> = members.into_iter().filter(|(name, _)| !is_dropped(name)).collect();
    if count == 0 {
        return (json.to_owned(), 0);
    }
    (object_of(kept.iter().map(|(name, value)| (name.as_str(), value.as_str()))), count)
}

/// The members of a dead letter that a reading holds.
struct Placed {
    fields: Vec<(String, String)>,
    /// The paths that the keys of the reading come from.
    taken: Vec<Vec<String>>,
    /// The objects that the temperature is in: what stands beside it is in the reading, under its own name.
    around: Vec<Vec<String>>,
}

impl Placed {
    fn new(members: &[(String, String)], read: &str, map: &[ColumnMapping]) -> Self {
        let fields = members_of(read.as_bytes()).unwrap_or_default();
        let mut placed = Placed { fields, taken: Vec::new(), around: Vec::new() };
        let own = OWN.into_iter().filter(|key| !map.iter().any(|mapping| mapping.key == *key));
        let own: Vec<_> = own.map(|key| ColumnMapping { key: key.to_owned(), source: key.to_owned() }).collect();
        for mapping in own.iter().chain(map) {
            let is_found = |part: &Option<Vec<String>>| part.as_ref().is_none_or(|path| value_at(members, path));
            // Alternatives behind one that leads into a list or a text are not known to be taken.
            let Some(parts) = mapping.key_paths().into_iter().find(|parts| parts.iter().all(is_found)) else {
                continue;
            };
            for path in parts.into_iter().flatten() {
                if mapping.key == "temperature" {
                    placed.around.push(path[..path.len().saturating_sub(1)].to_vec());
                }
                placed.taken.push(path);
            }
        }
        placed
    }

    /// Returns whether the reading has all of the value at a path.
    fn holds(&self, path: &mut Vec<String>, raw: &str) -> bool {
        if self.taken.contains(path) {
            return true;
        }
        let is_beside = self.around.iter().any(|around| Some(around.as_slice()) == path.split_last().map(|it| it.1));
        let is_field = |(name, value): &(String, String)| path.last() == Some(name) && is_equal(value, raw);
        if is_beside && self.fields.iter().any(is_field) {
            return true;
        }
        let members = members_of(raw.as_bytes()).unwrap_or_default();
        !members.is_empty()
            && members.iter().all(|(name, inner)| {
                path.push(name.clone());
                let is_held = self.holds(path, inner);
                path.pop();
                is_held
            })
    }
}

/// Returns whether there is a value at a path.
fn value_at(members: &[(String, String)], path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    let Some((_, raw)) = members.iter().find(|(name, _)| name == first) else { return false };
    match rest {
        [] => raw != "null",
        rest => members_of(raw.as_bytes()).is_some_and(|inner| value_at(&inner, rest)),
    }
}

fn value_of(name: &str, raw: &str) -> Result<Value, ()> {
    let raw: &RawValue = serde_json::from_str(raw).map_err(|_| ())?;
    Reading::field_from_json(name, raw).map_err(|_| ())
}

fn is_equal(left: &str, right: &str) -> bool {
    left == right || matches!((value_of("x", left), value_of("x", right)), (Ok(left), Ok(right)) if left == right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{InputFormat, InputOptions, read_document};

    fn read(data: &str, map: &[&str], drop: &[&str]) -> Result<(String, u64), String> {
        let map: Vec<ColumnMapping> = map.iter().map(|text| text.parse().unwrap()).collect();
        let options =
            InputOptions { map: map.clone(), coerce: true, format: Some(InputFormat::Json), ..InputOptions::default() };
        let read = read_document(data.as_bytes(), &options).map_err(|error| error.code)?;
        let drop: Vec<_> = drop.iter().map(|&name| name.to_owned()).collect();
        let completed = completed(data.as_bytes(), &read.json, &map, &[], &drop);
        let completed = completed.map_err(|reason| format!("{}: {}", reason.code, reason.message))?;
        Reading::from_json(completed.json.as_bytes()).unwrap();
        Ok((completed.json, completed.dropped))
    }

    fn json(fields: &str) -> String {
        format!(r#"{{"sensor_id":"Q","temperature":3,"current_time":1700000000{fields}}}"#)
    }

    #[test]
    fn members_outside_the_object_of_the_temperature_are_kept() {
        let map = ["sensor_id=id", "temperature=data.temp", "current_time=data.ts"];
        let data = r#"{"id":"Q","data":{"temp":3,"ts":1700000000000},"site":"roof","battery":88}"#;
        assert_eq!(read(data, &map, &[]), Ok((json(r#","site":"roof","battery":88"#), 0)));
        assert_eq!(read(data, &map, &["site"]), Ok((json(r#","battery":88"#), 1)));
        assert_eq!(read(data, &map, &["*"]), Ok((json(""), 2)));
        let beside = r#"{"sensor_id":"Q","payload":{"t":"3","hum":5},"current_time":1700000000,"site":"x"}"#;
        assert_eq!(read(beside, &["temperature=payload.t"], &[]), Ok((json(r#","hum":5,"site":"x""#), 0)));
        let empty = r#"{"sensor_id":"Q","temperature":"3","current_time":1700000000,"empty":"","n":null}"#;
        assert_eq!(read(empty, &[], &[]), Ok((json(r#","n":null,"empty":"""#), 0)));
    }

    #[test]
    fn member_of_which_the_reading_has_a_part_is_kept_whole() {
        let data = r#"{"dev":{"id":"Q","model":"x"},"v":[{"t":3}],"current_time":1700000000}"#;
        let map = ["sensor_id=dev.id", "temperature=v[0].t"];
        assert_eq!(read(data, &map, &[]), Ok((json(r#","dev":{"id":"Q","model":"x"},"v":[{"t":3}]"#), 0)));
        let text = r#"{"sensor_id":"Q","m":"{\"t\":3,\"x\":1}","current_time":1700000000}"#;
        let kept = read(text, &["temperature=m.@json.t"], &[]).unwrap().0;
        assert!(kept.contains(r#""m":"{\"t\":3,\"x\":1}""#), "{kept}");
        let either = r#"{"sensor_id":"Q","a":3,"b":4,"current_time":1700000000}"#;
        assert_eq!(read(either, &["temperature=a//b"], &[]), Ok((json(r#","b":4"#), 0)), "not taken");
    }

    #[test]
    fn member_without_a_place_is_refused_by_name_unless_it_is_dropped() {
        let map = &["temperature=p.t"];
        for (data, name, kept) in [
            (r#"{"sensor_id":"Q","temperature":"n/a","p":{"t":3},"current_time":1700000000}"#, "temperature", ""),
            (r#"{"sensor_id":"Q","p":{"t":3},"current_time":1700000000,"SensorId":1}"#, "SensorId", ""),
            (r#"{"sensor_id":"Q","p":{"t":3},"current_time":1700000000,"big":1e400}"#, "big", ""),
        ] {
            let refusal = read(data, map, &[]).unwrap_err();
            assert!(refusal.starts_with("fields-left-out: ") && refusal.contains(name), "{refusal}");
            assert_eq!(read(data, map, &[name]), Ok((json(kept), 1)), "{name}");
        }
        let clash = r#"{"sensor_id":"Q","site":"a","p":{"t":3,"site":"b"},"current_time":1700000000}"#;
        assert!(read(clash, map, &[]).unwrap_err().contains("`site`"));
        let equal = clash.replace("\"b\"", "\"a\"");
        assert_eq!(read(&equal, map, &[]), Ok((json(r#","site":"a""#), 0)));
        assert!(read(&format!("[{}]", json("")), &[], &[]).unwrap_err().contains("not one JSON object"));
    }
}
