//! JSON: glued, in arrays, nested, with text where numbers belong.

use super::*;

const B: &str = r#"{"sensor_id":"b","temperature":1.5,"current_time":3}"#;

#[test]
fn objects_are_read_however_they_stand() {
    for text in [
        format!("{A}{B}"),
        format!("{A}\n{B}\n"),
        format!("[{A},{B}]"),
        format!("[\n  {A},\n  {B}\n]\n"),
        format!("{A},\n{B},\n"),
        format!("{A}\n{B}{A}\n").replace(&format!("{B}{A}"), &format!("{B},")),
        format!("{A}\n[{B}]\n"),
        format!("{}\n{B}", A.replace(',', ",\n  ")),
    ] {
        assert_eq!(read(text.clone(), ""), ["a 1 2", "b 1.5 3"], "{text}");
    }
    assert_eq!(read(format!("{A}\n{A}{B}\n"), ""), ["a 1 2", "a 1 2", "b 1.5 3"]);
    assert_eq!(read("", ""), [""; 0]);
    assert_eq!(read("[]", ""), [""; 0]);
}

#[test]
fn broken_object_costs_itself() {
    assert_eq!(read(format!("{A}\n{{oops\n{B}\n"), ""), ["a 1 2", "2 not-json", "b 1.5 3"]);
    assert_eq!(read(format!("[{A},{{\"a\":}},{B}]"), ""), ["a 1 2", "1 not-json", "b 1.5 3"]);
    assert_eq!(read(format!("{A}\n{}", &B[..20]), ""), ["a 1 2", "2 cut-line"]);
    assert_eq!(read(format!("[{A},{}", &B[..20]), ""), ["a 1 2", "1 cut-line"]);
}

#[test]
fn reason_says_what_a_line_is_instead() {
    let nan = A.replace(":1,", ":NaN,");
    assert_eq!(
        read(format!("{nan}\n{A}x\n[1]\neyJzZW5zb3JfaWQiOiJhIn0=\n{A}{nan}\n"), ""),
        ["1 not-json", "2 not-json", "3 not-an-object", "4 base64", "5 second-object",]
    );
    assert_eq!(read(format!("{nan}\n"), "--coerce"), ["1 not-json"]);
}

#[test]
fn paths_reach_into_nested_objects() {
    let text = r#"{"result":{"end_device_ids":{"device_id":"barn-3"},"received_at":"2031-03-02T07:15:00.123456789Z","uplink_message":{"f_port":2,"decoded_payload":{"temperature":6.25,"humidity":80}}}}

{"result":{"end_device_ids":{"device_id":"barn-4"},"received_at":"2031-03-02T07:16:00.5Z","join_accept":{}}}
"#;
    let flags = "--map~sensor_id=end_device_ids.device_id//result.end_device_ids.device_id\
                 ~--map~temperature=uplink_message.decoded_payload.temperature//result.uplink_message.decoded_payload.temperature\
                 ~--map~current_time=received_at//result.received_at";
    let expected = r#"barn-3 6.25 1930202100.123456789,"humidity":80"#;
    assert_eq!(read(text, flags), [expected, "3 missing-key"]);
    let flags = format!("{flags}~--match~result.uplink_message=*");
    assert_eq!(read(text, &flags), [expected]);
}

#[test]
fn keys_with_colons_and_dots_are_reached() {
    let text =
        r#"{"src":"plus-1","params":{"ts":1930202100.31,"temperature:0":{"id":0,"tC":18.7,"tF":65.7},"a.b":{"c":4}}}"#;
    let flags = "--map~sensor_id=src~--map~temperature=params.temperature:0.tC~--map~current_time=params.ts~--drop~id,tF\
                 ~--map~x=params.\"a.b\".c";
    assert_eq!(read(text, flags), [r#"plus-1 18.7 1930202100.31,"x":4"#]);
}

#[test]
fn mapped_json_follows_the_rules_of_csv() {
    let text = r#"{"sensor_id":42,"temperature":"21.5","current_time":"2024-07-05T16:16:30Z","note":"7"}"#;
    assert_eq!(read(text, ""), ["1 wrong-type"]);
    assert_eq!(read(text, "--coerce"), [r#"42 21.5 1720196190,"note":"7""#]);
    let text = r#"{"device":"th","ts":1930202100123,"temp":21.9,"hum":null,"deep":{"a":[1]}}"#;
    let flags = "--map~sensor_id=device~--map~temperature=temp~--map~current_time=ts";
    assert_eq!(read(text, flags), [r#"th 21.9 1930202100.123,"deep":{"a":[1],"hum":null"#]);
}

#[test]
fn arrays_and_members_give_a_reading_each() {
    let text = r#"{"status":"success","data":{"result":[{"metric":{"sensor":"attic"},"values":[[1930202100.5,"19.4"],[1930202115.5,"NaN"]]}]}}"#;
    let flags = "--map~sensor_id=data.result[].metric.sensor~--map~temperature=data.result[].values[][1]\
                 ~--map~current_time=data.result[].values[][0]";
    assert_eq!(read(text, flags), ["attic 19.4 1930202100.5", "1 not-a-number"]);
    let text = r#"{"Freezer 2":[{"ts":1930202100000,"values":{"temperature":-18.4,"humidity":41}},{"ts":1930202160000,"values":{"temperature":-18.2}}]}"#;
    let flags = "--map~sensor_id=*.@key~--map~temperature=*[].values.temperature~--map~current_time=*[].ts";
    assert_eq!(read(text, flags), [r#"Freezer 2 -18.4 1930202100,"humidity":41"#, "Freezer 2 -18.2 1930202160"]);
    let text = r#"{"hourly":{"time":["2031-03-02T08:00","2031-03-02T09:00"],"temperature_2m":[6.1,null]}}"#;
    let flags = "--sensor~here~--map~temperature=hourly.temperature_2m[]~--map~current_time=hourly.time[]";
    assert_eq!(read(text, flags), ["here 6.1 1930204800", "1 missing-key"]);
}

#[test]
fn rows_of_one_quantity_in_json_are_joined() {
    let text =
        r#"{"humidity":[{"ts":1930202100000,"value":"41"}],"temperature":[{"ts":1930202100000,"value":"-18.4"}]}"#;
    let flags = "--sensor~s~--quantity~*.@key~--value~*[].value~--map~current_time=*[].ts";
    assert_eq!(read(text, flags), [r#"s -18.4 1930202100,"humidity":41"#]);
}

#[test]
fn copied_readings_keep_their_times() {
    let copy = r#"{"sensor_id":"a","temperature":1,"current_time":-5,"shard_id":"s","sequence_number":"1"}"#;
    assert_eq!(read(copy, ""), ["a 1 -5"]);
    assert_eq!(read(copy.replace("-5", "20231114"), "--coerce"), ["a 1 20231114"]);
    assert_eq!(read(copy.replace(",\"shard_id\":\"s\"", ""), ""), ["1 time-unit"]);
    assert_eq!(read(A.replace(":2}", ":1700000000000}"), ""), ["a 1 1700000000"]);
    assert_eq!(read(A.replace(":2}", ":5000000000}"), ""), ["1 time-unit"]);
}

#[test]
fn rejected_row_of_a_large_document_keeps_its_own_text() {
    let kept = |text: String, flags: &str| -> Vec<(String, bool)> {
        let rejected = |item| match item {
            ParsedLine::Ready(_) => None,
            ParsedLine::Rejected(line) => Some((String::from_utf8(line.raw).unwrap(), line.truncated)),
        };
        items(text, &options(flags)).into_iter().filter_map(rejected).collect()
    };
    let good = "[1930202100,\"19.4\"],".repeat(1000);
    let text = format!("{{\"data\":[{{\"s\":\"a\",\"values\":[{good}[1930202115,\"x\"]]}}]}}");
    let flags = "--map~sensor_id=data[].s~--map~temperature=data[].values[][1]~--map~current_time=data[].values[][0]";
    assert_eq!(kept(text, flags), [("[1930202115,\"x\"]".to_owned(), false)]);
    let times = "\"2031-03-02T08:00\",".repeat(1000);
    let text = format!("{{\"time\":[{times}\"2031-03-02T09:00\"],\"t\":[{}null]}}", "1,".repeat(1000));
    let flags = "--sensor~here~--map~temperature=t[]~--map~current_time=time[]";
    assert_eq!(kept(text, flags), [("[\"2031-03-02T09:00\",null]".to_owned(), false)]);
    let text = format!("{{\"rows\":[{{\"t\":1,\"note\":\"{}\"}}]}}", "x".repeat(100_000));
    let flags = "--sensor~here~--map~temperature=rows[].t~--map~current_time=rows[].time";
    let all = kept(text, flags);
    assert_eq!((all.len(), all[0].0.len(), all[0].1), (1, 4096, true));
}

#[test]
fn text_that_holds_json_is_read_by_its_path() {
    let flags = "--map~sensor_id=id~--map~temperature=p.@json.t~--map~humidity=p.@json.h[0]~--map~current_time=at";
    let text = r#"{"id":"k","at":1700000000,"p":"{\"t\":21.5,\"h\":[40.0]}"}"#;
    assert_eq!(read(text, flags), [r#"k 21.5 1700000000,"humidity":40"#]);
    for (payload, code) in
        [("\"online\"", "not-json"), ("\"{\\\"t\\\":1\"", "not-json"), ("\"\"", "missing-key"), ("7", "missing-key")]
    {
        let text = format!("{{\"id\":\"k\",\"at\":1700000000,\"p\":{payload}}}\n");
        assert_eq!(read(text, flags), [format!("1 {code}")], "{payload}");
    }
    let flags = "--map~sensor_id=id~--map~temperature=b.t//b.@base64.t~--map~current_time=at";
    let of = |body: &str| read(format!("{{\"id\":\"k\",\"at\":1700000000,\"b\":{body}}}\n"), flags);
    assert_eq!(of("{\"t\":1}"), ["k 1 1700000000"]);
    assert_eq!(of("\"eyJ0IjoyMS41fQ==\""), ["k 21.5 1700000000"]);
    assert_eq!(of("\"eyJ0IjoyMS41fQ\""), ["k 21.5 1700000000"], "without padding");
    assert_eq!(of("\"?\""), ["1 not-base64"]);
    assert_eq!(of("\"AAEC\""), ["1 not-json"]);
    assert_eq!(of("\"eyJ4IjoxfQ==\""), ["1 missing-key"]);
}

#[test]
fn reading_of_a_decoded_text_does_not_need_all_texts() {
    let flags = "--sensor~k~--map~temperature=t~--map~humidity=p.@json.h~--map~current_time=at";
    assert_eq!(read(r#"{"t":1,"at":1700000000,"p":"off"}"#, flags), ["k 1 1700000000"]);
}

const SERIES: &str = "--map~sensor_id=data.result[].metric.sensor~--map~temperature=data.result[].values[][1]\
                      ~--map~current_time=data.result[].values[][0]";

#[test]
fn document_above_the_line_limit_is_read_row_by_row() {
    // Blanks make it large, which takes little time to read.
    let row = |n: u64| format!("[{},{:200}\"19.{}\"]", 1_700_000_000 + n, "", n % 10);
    let values = (0..6_000).map(row).collect::<Vec<_>>().join(",");
    let series = |name: &str, values: &str| format!("{{\"metric\":{{\"sensor\":\"{name}\"}},\"values\":[{values}]}}");
    let all = [series("attic", &values), series("cellar", "[1700000000,\"x\"],[1700000060,\"4\"]")];
    let text = format!("{{\"data\":{{\"result\":[{}]}}}}\n", all.join(","));
    assert!(text.len() > MAX_LINE_BYTES);
    let small = text.replace(&values, "[1700000000,\"19.0\"]");
    let found = read(format!("{text}{small}"), SERIES);
    assert_eq!(found.len(), 6_005);
    assert_eq!(found[..2], ["attic 19 1700000000", "attic 19.1 1700000001"]);
    assert_eq!(
        found[6_000..],
        ["1 not-a-number", "cellar 4 1700000060", "attic 19 1700000000", "2 not-a-number", "cellar 4 1700000060"]
    );
    // The same in an array around all, and with what belongs to all rows behind them.
    let behind = format!(
        "{{\"rows\":[{}],\"id\":\"k\"}}",
        format!("{{\"t\":1,{:200}\"at\":2}},", "").repeat(8_000) + "{\"t\":2,\"at\":3}"
    );
    let flags = "--map~sensor_id=id~--map~temperature=rows[].t~--map~current_time=rows[].at";
    let found = read(format!("[{behind},{behind}]"), flags);
    assert_eq!((found.len(), found[8_000].as_str()), (16_002, "k 2 3"));
}

#[test]
fn large_arrays_side_by_side_go_together_element_by_element() {
    let times = (0..10_000).map(|n| format!("{}{:100}", 1_700_000_000 + n, "")).collect::<Vec<_>>().join(",");
    let flags = "--sensor~k~--map~temperature=h.t[]~--map~current_time=h.time[]";
    let text = |temperatures: &str| format!("{{\"h\":{{\"time\":[{times}],\"t\":[{temperatures}]}}}}");
    let even = text(&format!("{}2", "1,".repeat(9_999)));
    assert!(even.len() > MAX_LINE_BYTES);
    let found = read(even, flags);
    assert_eq!((found.len(), found[9_999].as_str()), (10_000, "k 2 1700009999"));
    assert_eq!(read(text("1,2"), flags), ["1 array-lengths"]);
}

#[test]
fn large_document_that_is_broken_or_one_reading_is_rejected_whole() {
    let series = |end: &str| {
        let values = format!("[1700000000,{:200}\"19.4\"],", "").repeat(6_000);
        format!("{{\"data\":{{\"result\":[{{\"metric\":{{\"sensor\":\"a\"}},\"values\":[{values}{end}")
    };
    let good = r#"{"data":{"result":[{"metric":{"sensor":"a"},"values":[[1700000000,"4"]]}]}}"#;
    assert_eq!(read(series("[1700000000,"), SERIES), ["1 cut-line"]);
    assert_eq!(read(format!("{}\n{good}", series("oops]}]}}")), SERIES), ["1 not-json", "a 4 1700000000"]);
    let one = good.replace("[1700000000,\"4\"]", &format!("[1700000000,\"4\",\"{}\"]", "x".repeat(MAX_LINE_BYTES)));
    assert_eq!(read(format!("{one}\n{good}"), SERIES), ["1 line-too-long", "a 4 1700000000"]);
    let flat =
        format!("{{\"sensor_id\":\"a\",\"temperature\":1,\"current_time\":2,\"x\":[{}1]}}", "1,".repeat(600_000));
    assert_eq!(read(format!("[{flat},{A}]"), ""), ["1 line-too-long", "a 1 2"]);
    assert_eq!(read(format!("[{flat},{A}]"), "--coerce"), ["1 line-too-long", "a 1 2"]);
}

#[test]
fn temperature_of_missing_is_rejected_in_both_forms() {
    let wide = format!("{H}\nk,NaN,1700000000\nk,4,1700000060\n");
    assert_eq!(read(wide, "--missing~nan"), ["2 missing-key", "k 4 1700000060"]);
    let long = "sensor_id,current_time,what,value\nk,1700000000,temperature,NaN\nk,1700000000,humidity,NaN\nk,1700000060,temperature,4\n";
    let flags = "--missing~nan~--quantity~what~--value~value";
    assert_eq!(read(long, flags), ["2 missing-key", "k 4 1700000060"]);
    // Rows that are known to be without a value are passed over and counted.
    assert_eq!(read(long, &format!("{flags}~--match~value=*")), ["k 4 1700000060"]);
    assert_eq!(counted(long, &format!("{flags}~--match~value=*")).passed_over, 2);
    let json = r#"[{"q":"temperature","v":null,"t":1700000000},{"q":"temperature","v":4,"t":1700000060}]"#;
    let flags = "--sensor~k~--quantity~q~--value~v~--map~current_time=t";
    assert_eq!(read(json, flags), ["1 missing-key", "k 4 1700000060"]);
}

#[test]
fn names_of_only_and_drop_that_no_field_has_are_told() {
    let text = format!("{}\n", A.replace('}', ",\"rh\":41}"));
    let unmatched = |flags: &str| counted(text.clone(), flags).unmatched.unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(unmatched("--only~RH,temperature"), ["RH"]);
    assert_eq!(unmatched("--only~rh~--drop~x"), ["x"]);
    assert_eq!(unmatched(""), [""; 0]);
    let series = "[{\"bn\":\"k/\",\"bt\":1700000000,\"n\":\"temperature\",\"v\":1},{\"n\":\"rh\",\"v\":2}]";
    assert_eq!(counted(series, "--only~humidity,RH").unmatched.unwrap().into_iter().collect::<Vec<_>>(), ["RH"]);
}

#[test]
fn line_above_the_limit_is_read_by_rows_like_an_element_of_an_array() {
    let point = |n| format!("{{\"ts\":{},{:200}\"t\":1.5}}", 1_700_000_000 + n, "");
    let points = (0..6_000).map(point).collect::<Vec<_>>().join(",");
    let large = format!("{{\"id\":\"k\",\"points\":[{points}]}}");
    assert!(large.len() > MAX_LINE_BYTES);
    let small = "{\"id\":\"a\",\"points\":[{\"ts\":1700000000,\"t\":2}]}";
    let flags = "--map~sensor_id=id~--map~temperature=points[].t~--map~current_time=points[].ts";
    for text in [format!("{small}\n{large}\n{small}\n"), format!("[{small},{large},{small}]")] {
        let all = read(text, flags);
        assert_eq!((all.len(), all[0].as_str(), all[6_000].as_str()), (6_002, "a 2 1700000000", "k 1.5 1700005999"));
    }
    let broken = format!("{small}\n{}\n{small}\n", large.replace("}]}", "}]"));
    assert_eq!(read(broken, flags), ["a 2 1700000000", "2 cut-line", "a 2 1700000000"]);
    let flat = "--map~sensor_id=id~--map~temperature=t~--map~current_time=points[0].ts";
    let lines = format!("{small}\n{large}\n");
    assert_eq!(read(lines, flat)[1], "2 line-too-long", "one reading of a value is no reason to keep it");
}

#[test]
fn broken_json_in_a_text_is_rejected_and_other_texts_are_passed_over() {
    let text = "{\"topic\":\"a\",\"tst\":1700000000,\"p\":\"{\\\"t\\\":1}\"}\n\
        {\"topic\":\"a\",\"tst\":1700000060,\"p\":\"{\\\"t\\\":\"}\n\
        {\"topic\":\"a\",\"tst\":1700000060,\"p\":\"online\"}\n{\"topic\":\"a\",\"tst\":1700000060,\"p\":null}\n\
        {\"topic\":\"b\",\"tst\":1700000060,\"p\":\"[broken\"}\n";
    let flags = "--map~sensor_id=topic~--map~temperature=p.@json.t~--map~current_time=tst~--match~p.@json.t=*";
    assert_eq!(read(text, flags), ["a 1 1700000000", "2 not-json", "5 not-json"]);
    assert_eq!(counted(text, flags).passed_over, 2);
    let of_a = format!("{flags}~--match~topic=a");
    assert_eq!(read(text, &of_a), ["a 1 1700000000", "2 not-json"], "another topic is not asked for");
}

#[test]
fn identifier_of_a_device_is_read_as_it_is_printed() {
    let of = |id: &str| {
        let text = format!("{{\"eui\":\"{id}\",\"t\":1,\"ts\":1700000000}}");
        read(text, "--map~sensor_id=eui.@eui64~--map~temperature=t~--map~current_time=ts").remove(0)
    };
    for (id, digits) in [
        ("0102030405060708", "0102030405060708"),
        ("70B3D5499FFFAB01", "70B3D5499FFFAB01"),
        ("AQIDBAUGBwg=", "0102030405060708"),
        ("AQIDBAUGBwg", "0102030405060708"),
        ("cLPVSZ//qwE=", "70b3d5499fffab01"),
    ] {
        assert_eq!(of(id), format!("{digits} 1 1700000000"), "{id}");
    }
    for id in ["AQIDBAUGBwgJ", "010203040506070", "my-sensor", "AQIDBAUG"] {
        assert_eq!(of(id), "1 not-an-eui", "{id}");
    }
}

#[test]
fn bytes_of_another_encoding_in_a_last_line_are_named_as_such() {
    let csv = |last: &[u8]| read([format!("{H},note\na,1,{T},x\n").as_bytes(), last].concat(), "");
    assert_eq!(csv(b"b,2,1700000060,caf\xe9s"), ["a 1 1700000000,\"note\":\"x\"", "3 not-utf-8"]);
    assert_eq!(csv(b"b,2,1700000060,caf\xc3")[1], "3 cut-line", "the end of a character is missing");
    let json = |last: &[u8]| read([A.as_bytes(), b"\n", last].concat(), "");
    assert_eq!(json(b"{\"sensor_id\":\"caf\xe9\"}")[1], "2 not-utf-8");
    assert_eq!(json(b"{\"sensor_id\":\"caf\xc3")[1], "2 cut-line");
}

#[test]
fn byte_order_mark_between_joined_files_is_passed_over() {
    let other = A.replace("\"current_time\":2", "\"current_time\":3");
    for text in
        [format!("{A}\n\u{feff}{other}\n"), format!("[{A}]\u{feff}[{other}]"), format!("{A}{A}\n\u{feff}{other}")]
    {
        let whole = read(text.clone(), "");
        assert_eq!(whole.last().map(String::as_str), Some("a 1 3"), "{text}: {whole:?}");
        assert_eq!(read(text, "--map~temperature=temperature").last().map(String::as_str), Some("a 1 3"));
    }
    let line = "climate,sensor_id=a temperature=1 1700000000000000000\n";
    assert_eq!(read(format!("{line}\u{feff}{line}"), "").len(), 2);
    assert!(!read(format!("{line}\u{feff}{line}"), "")[1].contains("not-"));
}

#[test]
fn whole_document_without_line_end_is_not_cut() {
    assert!(!counted(A, "").last_line_unterminated && !counted(format!("{A}{A}"), "").last_line_unterminated);
    assert_eq!(read(&A[..A.len() - 1], ""), ["1 cut-line"]);
    assert!(counted(format!("{A}\n{A}"), "").last_line_unterminated, "lines may follow");
    let many = format!("{{\"rows\":[{}{A}]}}", format!("{A},").repeat(30_000));
    let map =
        "--map~sensor_id=rows[].sensor_id~--map~temperature=rows[].temperature~--map~current_time=rows[].current_time";
    assert!(!counted(many, map).last_line_unterminated, "nor is a large one");
}

#[test]
fn path_that_leads_nowhere_is_named_with_its_key() {
    let reasons = |flags: &str, text: &str| -> Vec<String> {
        let rejected = items(text, &options(flags)).into_iter().filter_map(|item| match item {
            ParsedLine::Rejected(line) => Some(line.reason),
            ParsedLine::Ready(_) => None,
        });
        rejected.collect()
    };
    for (key, or) in [("sensor_id", " or `--sensor ID`"), ("temperature", ""), ("current_time", "")] {
        let said = format!("`{key}` is missing: there is nothing at `a.nope`; `--map {key}=PATH`{or} names it");
        assert_eq!(reasons(&format!("--map~{key}=a.nope"), A), [said], "{key}");
        let empty = A.replace(&format!("\"{key}\":"), "\"a\":{\"nope\":\"\"},\"other\":");
        assert_eq!(reasons(&format!("--map~{key}=a.nope"), &empty), [format!("`{key}` is empty")], "{key}");
    }
    let long = r#"{"id":"a","name":"temperature","value":1}"#;
    let flags = "--map~sensor_id=id~--quantity~name~--value~value~--map~current_time=when";
    assert_eq!(
        reasons(flags, long),
        ["`current_time` is missing: there is nothing at `when`; `--map current_time=PATH` names it"]
    );
    let probes = "--map~temperature=temperature~--map~temperature=b~--map~sensor_id=nope";
    assert_eq!(
        reasons(probes, A),
        ["`sensor_id` is missing: there is nothing at `nope`; `--map sensor_id=PATH` or `--sensor ID` names it"]
    );
}
