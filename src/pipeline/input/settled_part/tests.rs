//! Inputs of every form that are read again behind any item, and after they have grown.

use std::io::Cursor;
use std::io::Write as _;

use super::super::item_position::ItemPosition;
use super::super::layout::Layouts;
use super::super::layout::tests::{completed, fixtures, layout_of};
use super::super::options::InputOptions;
use super::super::parsed_line::ParsedLine;
use super::super::source::{Inputs, ReadProgress};
use crate::error::Error;

/// The part that was read.
struct Read {
    items: Vec<ParsedLine>,
    /// The number of leading items that stay when the input grows.
    stable: usize,
    error: Option<Error>,
}

fn read(bytes: &[u8], options: &InputOptions, settled: ItemPosition) -> Result<Read, Error> {
    let inputs = Inputs::of("f", Box::new(Cursor::new(bytes.to_vec())), options)?.after(vec![settled]);
    let mut read = Read { items: Vec::new(), stable: 0, error: None };
    inputs.read(|chunk| {
        match chunk {
            Ok(chunk) => {
                if chunk.stable > 0 {
                    assert_eq!(read.stable, read.items.len(), "no stable item behind one that is not");
                    read.stable += chunk.stable;
                }
                read.items.extend(chunk.items);
            }
            Err(error) => read.error = Some(error),
        }
        ReadProgress::Wanted
    });
    Ok(read)
}

fn behind(items: &[ParsedLine]) -> ItemPosition {
    let mut position = ItemPosition::default();
    for item in items {
        position.add(item);
    }
    position
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Returns files of every form, with their options.
fn files() -> Vec<(String, Vec<u8>, InputOptions)> {
    let layouts = Layouts::default();
    let mut files: Vec<_> = fixtures()
        .into_iter()
        .map(|(name, bytes)| (name.clone(), bytes, completed(&layouts.get(layout_of(&name)).unwrap())))
        .collect();
    let reading = |time: u32| format!(r#"{{"sensor_id":"s{}","temperature":{time},"current_time":{time}}}"#, time % 3);
    let join = |between: &str| (1..12).map(reading).collect::<Vec<_>>().join(between);
    let csv = "sensor_id,temperature,current_time,note\ns,1,1,\"a\nb\"\ns,2,2,\"c \"\"d\"\"\"\ns,x,3,\ns,4,4,\"open\ns,5,5,f\n";
    let wide = "current_time,in_celsius,out_celsius\n1,1,2\n2,,3\n3,4,5\n";
    let long = "sensor,time,name,value\na,2,temperature,1\nb,1,temperature,2\na,2,humidity,3\na,1,temperature,4\n";
    let own = InputOptions::default();
    let mapped =
        |maps: &[&str]| InputOptions { map: maps.iter().map(|map| map.parse().unwrap()).collect(), ..own.clone() };
    let wide_options = InputOptions { sensor: Some("s".into()), ..mapped(&["temperature=*_celsius"]) };
    let long_options = InputOptions {
        quantity: Some("name".into()),
        value: Some("value".into()),
        ..mapped(&["sensor_id=sensor", "current_time=time"])
    };
    let ndjson = join("\n") + "\n";
    let utf_16: Vec<u8> = format!("\u{feff}{ndjson}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let several = "{\"sensor_id\":\"s\",\"temperature\":1,\"current_time\":1},{\"sensor_id\":\"s\",\"temperature\":2,\"current_time\":2}\n";
    for (name, bytes, options) in [
        ("ndjson", ndjson.clone().into_bytes(), &own),
        ("ndjson without last line end", join("\n").into_bytes(), &own),
        ("crlf", join("\r\n").into_bytes(), &own),
        ("cr", (join("\r") + "\r").into_bytes(), &own),
        ("bad lines", format!("{}\nbad\n\n{}\n\u{fffd}", reading(1), reading(2)).into_bytes(), &own),
        ("several on a line", several.repeat(3).into_bytes(), &own),
        ("array on one line", format!("[{}]", join(",")).into_bytes(), &own),
        ("array over lines", format!("[\n{}\n]\n", join(",\n")).into_bytes(), &own),
        ("glued", join("").into_bytes(), &own),
        ("gzip", gzip(ndjson.as_bytes()), &own),
        ("gzip members", [gzip(ndjson.as_bytes()), gzip(ndjson.as_bytes())].concat(), &own),
        ("utf-16", utf_16, &own),
        ("csv", csv.into(), &own),
        ("csv crlf", csv.replace('\n', "\r\n").into(), &own),
        ("two temperatures a row", wide.into(), &wide_options),
        ("one quantity a row", long.into(), &long_options),
    ] {
        files.push((name.to_owned(), bytes, options.clone()));
    }
    files
}

#[test]
fn input_of_every_form_goes_on_behind_any_item() {
    let mut count = 0;
    for (name, bytes, options) in files() {
        let whole = read(&bytes, &options, ItemPosition::default()).unwrap();
        assert!(!whole.items.is_empty() && whole.error.is_none(), "{name}");
        for at in 0..=whole.items.len() {
            let rest = read(&bytes, &options, behind(&whole.items[..at])).unwrap();
            assert_eq!(rest.items, whole.items[at..], "{name} behind item {at}");
            assert_eq!(rest.stable, whole.stable.saturating_sub(at), "{name} behind item {at}");
            assert!(rest.error.is_none());
            count += 1;
        }
    }
    assert!(count > 300, "{count}");
}

#[test]
fn changed_input_is_refused_and_nothing_behind_it_is_read() {
    let text = |value: u32| {
        let line = |time| format!("{{\"sensor_id\":\"s\",\"temperature\":{value},\"current_time\":{time}}}\n");
        (0..10_000).map(line).collect::<String>()
    };
    let options = InputOptions::default();
    let whole = read(text(1).as_bytes(), &options, ItemPosition::default()).unwrap();
    let settled = behind(&whole.items[..9000]);
    let refused = |text: &str| {
        let read = read(text.as_bytes(), &options, settled).unwrap();
        assert!(read.items.is_empty());
        read.error.unwrap().to_string()
    };
    let reason = "f is not as it was: its lines up to 9000 were put with other content";
    assert_eq!(refused(&text(2)), reason);
    let shorter: String = text(1).split_inclusive('\n').take(8000).collect();
    assert_eq!(refused(&shorter), reason);
    assert_eq!(refused(&text(1).replacen("\"current_time\":8999}", "\"current_time\":8998}", 1)), reason);
    let behind_it = text(1).replacen("\"current_time\":9000}", "\"current_time\":9001}", 1);
    assert_eq!(
        read(behind_it.as_bytes(), &options, settled).unwrap().items.len(),
        1000,
        "what is not settled may change"
    );
}

mod slow {
    use super::*;

    #[test]
    fn stable_items_of_a_cut_input_are_those_of_the_whole() {
        let mut stable_items = 0;
        for (name, bytes, options) in files() {
            let whole = read(&bytes, &options, ItemPosition::default()).unwrap();
            for cut in (0..bytes.len()).step_by(5) {
                // The beginning may be too short to be recognized.
                let Ok(begun) = read(&bytes[..cut], &options, ItemPosition::default()) else { continue };
                let stable = &begun.items[..begun.stable];
                let rest = read(&bytes, &options, behind(stable)).unwrap();
                assert!(rest.error.is_none(), "{name} cut at {cut}: {:?}", rest.error);
                assert_eq!(stable, &whole.items[..stable.len()], "{name} cut at {cut}");
                assert_eq!(rest.items, whole.items[stable.len()..], "{name} cut at {cut}");
                stable_items += stable.len();
            }
        }
        assert!(stable_items > 2_000, "{stable_items}");
    }
}
