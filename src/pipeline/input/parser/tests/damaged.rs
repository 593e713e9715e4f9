//! CSV as devices leave it: lost power, cut lines, joined files, values for none, units in cells.

use super::*;

#[test]
fn line_with_zero_bytes_is_rejected_and_costs_no_other() {
    let text =
        format!("{H},note\na,1,{T},x\n\0\0\0\0b,2,1700000060,\n\0\0\0\nc,3,1700000120,\"y\0\"\nd,4,1700000180,\n");
    let expected = [r#"a 1 1700000000,"note":"x""#, "3 zero-bytes", "4 zero-bytes", "5 zero-bytes", "d 4 1700000180"];
    assert_eq!(read(text, ""), expected);
}

#[test]
fn last_number_with_fewer_decimals_than_all_before_may_be_cut() {
    let time_first = "current_time,sensor_id,temperature\n";
    let rows = "1700000000,a,21.5\n1700000060,a,9.8\n";
    for (last, expected) in [
        ("1700000120,a,21", "4 cut-line"),
        ("1700000120,a,2", "4 cut-line"),
        ("1700000120,a,21.", "4 cut-line"),
        ("1700000120,a,21.6", "a 21.6 1700000120"),
        ("1700000120,a,21\n", "a 21 1700000120"),
    ] {
        assert_eq!(read(format!("{time_first}{rows}{last}"), "")[2], expected, "{last:?}");
    }
    let mixed = format!("{time_first}{rows}1700000120,a,20\n1700000180,a,2");
    assert_eq!(read(mixed, "")[3], "a 2 1700000180", "some rows have none");
    let comma = "current_time;sensor_id;temperature\n1700000000;a;21,5\n1700000060;a;2";
    assert_eq!(read(comma, "")[1], "3 cut-line");
}

#[test]
fn joined_files_keep_their_byte_order_marks_out_of_the_rows() {
    let text = format!(
        "\u{feff}{H}\na,1,{T}\n\u{feff}{H}\na,2,1700000060\n\u{feff}current_time,sensor_id,temperature\n1700000120,a,3\n"
    );
    assert_eq!(read(text.clone(), ""), ["a 1 1700000000", "a 2 1700000060", "a 3 1700000120"]);
    assert_eq!(counted(text, "").passed_over, 2);
}

#[test]
fn units_in_brackets_below_the_header_are_no_reading() {
    let text = format!("{H},rh\n[-],[degC],[s],[%]\na,1,{T},40\n");
    assert_eq!(read(text, ""), [r#"a 1 1700000000,"rh":40"#]);
}

#[test]
fn unit_behind_a_temperature_is_read_and_must_be_one() {
    let text = format!("{H}\na,21.5 °C,{T}\na,-3.2°C,1700000060\na,70.7 °F,1700000120\na,ERR,1700000180\n");
    assert_eq!(read(text.clone(), ""), ["a 21.5 1700000000", "a -3.2 1700000060", "4 unit", "5 not-a-number"]);
    assert_eq!(read(text, "--unit~temperature=F:C"), ["2 unit", "3 unit", "a 21.5 1700000120", "5 not-a-number"]);
    let comma = "sensor_id;temperature;current_time\na;21,5 °C;1700000000\n";
    assert_eq!(read(comma, ""), ["a 21.5 1700000000"]);
}

#[test]
fn temperatures_below_absolute_zero_and_times_of_1970_are_counted() {
    let rows = [("-9999", T), ("-460", "1700000060"), ("-40", "10023"), ("21.5", "1970-01-01T00:05:00Z")];
    let csv = rows.map(|(temperature, time)| format!("a,{temperature},{time}\n")).concat();
    let found = counted(format!("{H}\n{csv}"), "");
    assert_eq!((found.impossible, found.times.early), (2, 2));
    let json = |flags: &str| {
        let line = |(temperature, time): &(&str, &str)| {
            format!("{{\"sensor_id\":\"a\",\"temperature\":{temperature},\"current_time\":{time}}}\n")
        };
        counted(rows[..3].iter().map(line).collect::<Vec<_>>().concat(), flags)
    };
    for flags in ["", "--coerce"] {
        assert_eq!((json(flags).impossible, json(flags).times.early), (2, 1), "{flags}");
    }
    let codes = counted(format!("{H}\na,-127,{T}\na,3276.7,1700000060\na,85,1700000120\n"), "");
    assert_eq!(codes.impossible, 2, "what a sensor writes without a value");
    let series = "[{\"bn\":\"k/\",\"bt\":1700000000,\"n\":\"temperature\",\"u\":\"Cel\",\"v\":-999}]";
    assert_eq!(counted(series, "").impossible, 1);
}

#[test]
fn file_of_another_kind_is_named() {
    assert!(wrong("<html><td>time</td><td>temp</td></html>\n", "").contains("it is HTML or XML"));
    let message = wrong("2023-11-14 22:13:20 info: {\"temperature\":21.5}\n", "");
    assert!(
        message.contains("JSON behind other text") && message.contains("/p' dir/file-7.csv | sensorctl put"),
        "{message}"
    );
    let message = read(format!("{H}\na,1\n"), "").remove(0);
    assert_eq!(message, "2 column-count");
}
