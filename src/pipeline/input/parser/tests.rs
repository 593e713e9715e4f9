use std::io::{Cursor, Read as _, Write as _};

use flate2::write::GzEncoder;
use sensor_model::Reading;

use super::*;
use crate::pipeline::input::line_reader::MAX_LINE_BYTES;

/// Options as they are typed.
pub(super) fn options(flags: &str) -> InputOptions {
    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        input: InputOptions,
        #[arg(long)]
        sensor: Option<String>,
        #[arg(long)]
        field: Vec<crate::pipeline::ConstantField>,
    }
    let words = std::iter::once("put").chain(flags.split('~').filter(|word| !word.is_empty()));
    let typed = <Typed as clap::Parser>::try_parse_from(words).unwrap_or_else(|error| panic!("{flags}: {error}"));
    typed.input.typed(typed.sensor, typed.field)
}

fn open(bytes: impl Into<Vec<u8>>, options: &InputOptions) -> Result<Input, Error> {
    Input::open("dir/file-7.csv".into(), Box::new(Cursor::new(bytes.into())), options)
}

fn items(bytes: impl Into<Vec<u8>>, options: &InputOptions) -> Vec<ParsedLine> {
    items_of(open(bytes, options))
}

fn items_of(input: Result<Input, Error>) -> Vec<ParsedLine> {
    let mut input = input.unwrap_or_else(|error| panic!("{}", error.full_message()));
    let mut items = Vec::new();
    while let Some(item) = input.next().unwrap() {
        items.push(item);
    }
    items
}

/// Readings in a short form, and rejected lines by number and class.
fn read(bytes: impl Into<Vec<u8>>, flags: &str) -> Vec<String> {
    short_forms(items(bytes, &options(flags)))
}

/// Reads an input as a slow pipe gives it: `rest` is not there yet when the beginning is looked at.
fn read_slowly(beginning: &str, rest: &str, flags: &str) -> Vec<String> {
    let source = Cursor::new(beginning.to_owned()).chain(Cursor::new(rest.to_owned()));
    short_forms(items_of(Input::open("dir/file-7.csv".into(), Box::new(source), &options(flags))))
}

fn short_forms(items: Vec<ParsedLine>) -> Vec<String> {
    let short = |item: ParsedLine| match item {
        ParsedLine::Ready(record) => {
            let data = record.data.strip_prefix("{\"sensor_id\":\"").unwrap().to_owned();
            data.replace("\",\"temperature\":", " ").replace(",\"current_time\":", " ").replace('}', "")
        }
        ParsedLine::Rejected(line) => format!("{} {}", line.line, line.code),
    };
    items.into_iter().map(short).collect()
}

/// Returns what was counted while an input was read.
fn counted(bytes: impl Into<Vec<u8>>, flags: &str) -> InputFacts {
    let mut input = open(bytes, &options(flags)).unwrap_or_else(|error| panic!("{}", error.full_message()));
    while input.next().unwrap().is_some() {}
    input.facts().clone()
}

/// Returns the message and hints for an input that cannot be read.
fn wrong(bytes: impl Into<Vec<u8>>, flags: &str) -> String {
    match open(bytes, &options(flags)) {
        Ok(_) => panic!("it was opened"),
        Err(error) => format!("{}\n{}", error.full_message(), error.hints().join("\n")),
    }
}

const A: &str = r#"{"sensor_id":"a","temperature":1,"current_time":2}"#;
const H: &str = "sensor_id,temperature,current_time";
const T: &str = "1700000000";

#[test]
fn ndjson_has_line_numbers_whatever_its_line_ends_and_empty_lines() {
    let text = format!("\u{feff}{A}\r\n\r\n  \n{A}\n\n{A}");
    let lines: Vec<_> = items(text, &options(""))
        .into_iter()
        .map(|item| match item {
            ParsedLine::Ready(record) => record.line,
            ParsedLine::Rejected(line) => panic!("{line:?}"),
        })
        .collect();
    assert_eq!(lines, [1, 4, 6]);
}

#[test]
fn bad_lines_are_rejected_where_they_stand_and_the_rest_goes_on() {
    let mut bytes = b"{\"sensor_id\":\n\xff\xfe{}\n".to_vec();
    bytes.extend(vec![b' '; MAX_LINE_BYTES + 1]);
    bytes.extend_from_slice(format!("\n{A}\n").as_bytes());
    assert_eq!(read(bytes, "--format~ndjson"), ["1 not-json", "2 not-utf-8", "3 line-too-long", "a 1 2"]);
}

#[test]
fn csv_rows_over_several_lines_count_from_their_first() {
    let text = "\u{feff}sensor_id,temperature,current_time,note\r\na,1,2,\r\n\r\na,1,3,\"x\ny\"\r\na,1\r\na,1,4,z\r\n";
    assert_eq!(read(text, ""), ["a 1 2", r#"a 1 3,"note":"x\ny""#, "6 column-count", r#"a 1 4,"note":"z""#]);
}

#[test]
fn stray_quote_or_bytes_that_are_no_text_cost_their_own_line_and_no_other() {
    let with = |rows: &[u8]| read([H.as_bytes(), b"\n", rows].concat(), "");
    assert_eq!(with(b"a\xff,1,2\n\"a,1,2\nb,1,2\n"), ["2 not-utf-8", "3 open-quote", "b 1 2"]);
    let long = [b"\"".as_slice(), &vec![b'x'; 2 * MAX_LINE_BYTES], b"\"\na,1,2\n"].concat();
    assert_eq!(with(&long), ["2 line-too-long", "a 1 2"]);

    // Far more than a row can hold, and a line that is too long on the way.
    let rows = (0..60_000).map(|time| format!("a,1,{time},some text\n")).collect::<Vec<_>>().concat();
    let long = "x".repeat(MAX_LINE_BYTES + 1);
    let all = read(format!("{H},note\n\"a,1,2,x\n{rows}{long}\n\"b,1,2,x\nb,1,3,x\n"), "");
    assert_eq!(all.len(), 60_004);
    let codes: Vec<_> = all.iter().filter(|line| !line.contains(",\"note\"")).map(String::as_str).collect();
    assert_eq!(codes, ["2 open-quote", "60003 line-too-long", "60004 open-quote"]);
    assert_eq!(all[60_003], r#"b 1 3,"note":"x""#);
}

#[test]
fn raw_line_is_kept_for_the_rejects_file() {
    let found = items("{\"oops\": 1}\r\n", &options(""));
    let ParsedLine::Rejected(line) = &found[0] else { panic!("{found:?}") };
    assert_eq!((line.raw.as_slice(), line.truncated), (b"{\"oops\": 1}".as_slice(), false));
}

#[test]
fn station_csv_and_ndjson_are_the_same_readings_value_by_value() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let readings = |file: &str, flags: &str| -> Vec<Reading> {
        let read = |item: ParsedLine| match item {
            ParsedLine::Ready(record) => Reading::from_json(record.data.as_bytes()).unwrap(),
            ParsedLine::Rejected(line) => panic!("{line:?}"),
        };
        items(std::fs::read(folder.join(file)).unwrap(), &options(flags)).into_iter().map(read).collect()
    };
    let from_csv = readings("seattle-hourly.csv", "--sensor~seattle~--map~current_time=date");
    assert_eq!(from_csv.len(), 8759);
    assert!(from_csv == readings("seattle-hourly.ndjson", ""));
}

mod comments;
mod csv;
mod damaged;
mod dates;
mod devices;
mod headers;
mod joined;
mod json;
mod named_options;
mod other_formats;
mod series;
mod units;
mod zones;
