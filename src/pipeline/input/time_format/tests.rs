use proptest::prelude::*;

use super::*;

const NOVEMBER: &str = "1700000000";

fn parser(unit: TimeUnit, format: Option<&str>, zone: Option<&str>) -> TimeParser {
    let options = TimeOptions {
        unit,
        is_unit_assumed: false,
        format: format.map(str::to_owned),
        zone: zone.map(str::to_owned),
        decimal_comma: false,
    };
    TimeParser::new(&options).unwrap()
}

fn auto() -> TimeParser {
    TimeParser::default()
}

fn seconds(parser: &TimeParser, text: &str) -> Result<String, TimeError> {
    parser.text(text).map(|time| time.seconds.to_string())
}

fn check_all(parser: &TimeParser, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(seconds(parser, text), Ok((*expected).to_owned()), "{text}");
    }
}

#[test]
fn text_with_one_meaning_is_read() {
    for text in [
        "2023-11-14T22:13:20Z",
        "2023-11-14t22:13:20z",
        "2023-11-14 22:13:20",
        "2023-11-14_22:13:20",
        "2023-11-14  22:13:20 UTC",
        "2023-11-14 22:13:20 GMT",
        "2023-11-14 22:13:20Z",
        "2023-11-14 23:13:20 +0100",
        "2023-11-14 23:13:20 +01:00",
        "2023-11-14 23:13:20+01",
        "2023-11-14T23:13:20.000000000+01:00",
        "2023-11-14T21:13:20\u{2212}01:00",
        "2023-11-14 23:13:20 UTC+01:00",
        "2023-11-14T23:13:20+01:00[Europe/Berlin]",
        "2023-11-14T23:13:20[Europe/Berlin]",
        "2023-11-14 23:13:20 Europe/Berlin",
        "2023/11/14 22:13:20",
        "2023.11.14 22:13:20",
        "2023-11-14 10:13:20 PM",
        "2023/11/14 10:13:20 p.m.",
        "20231114T221320Z",
        "20231114 221320",
        "20231114T22:13:20+00:00",
        "Tue, 14 Nov 2023 22:13:20 GMT",
        "Tue, 14 Nov 2023 23:13:20 +0100",
        "Tue, 14 Nov 2023 23:13:20 +0100 (CET)",
        "Tue, 14 Nov 2023 17:13:20 EST",
        "14 Nov 2023 22:13:20 +0000",
        "Tuesday, 14-Nov-2023 22:13:20 GMT",
        "Tue Nov 14 22:13:20 2023",
        "Tue Nov 14 22:13:20 UTC 2023",
        "Tue 14 Nov 22:13:20 GMT 2023",
        "Tue Nov 14 10:13:20 PM UTC 2023",
        "Tue Nov 14 23:13:20 +0100 2023",
        "Nov 14, 2023 10:13:20 PM",
        "November 14, 2023, 22:13:20",
        "2023-Nov-14 22:13:20",
        " 2023-11-14T22:13:20Z ",
        "@1700000000",
        "1700000000",
        "1.700000000E9",
        "+1700000000",
    ] {
        assert_eq!(seconds(&auto(), text).as_deref(), Ok(NOVEMBER), "{text}");
    }
}

#[test]
fn text_keeps_every_digit_and_reaches_before_1970() {
    check_all(
        &auto(),
        &[
            ("2010-01-01T01:00:00.123456789Z", "1262307600.123456789"),
            ("2031-03-02T07:15:00.1230000Z", "1930202100.123"),
            ("2031-03-02T07:15:00,5Z", "1930202100.5"),
            ("2031-03-02T07:15:00.1234567890123456789Z", "1930202100.1234567890123456789"),
            ("1969-12-31T23:59:58.5Z", "-1.5"),
            ("1969-12-31T23:59:59.000000001Z", "-0.999999999"),
            ("1900-01-01T00:00:00Z", "-2208988800"),
            ("2023-11-14T24:00:00Z", "1700006400"),
            ("2023-12-31 24:00", "1704067200"),
            ("2023-11-14", "1699920000"),
            ("2023-11-14T22", "1699999200"),
            ("2023-11-14 22:13", "1699999980"),
            ("2023-11-14 12:00:00 AM", "1699920000"),
            ("2023-11-14 12:00:00 PM", "1699963200"),
        ],
    );
}

#[test]
fn text_with_several_meanings_or_none_names_the_option() {
    let cases = [
        ("05/25/23 10:52:42 AM", TimeError::Ambiguous),
        ("25.05.2023 10:52", TimeError::Ambiguous),
        ("03/02/2031 08:15:00", TimeError::Ambiguous),
        ("03-02-2031 08:15:00", TimeError::Ambiguous),
        ("14-Nov-23 22:13", TimeError::Ambiguous),
        ("2023-11-14 22:13:20 CET", TimeError::ZoneAbbreviation),
        ("2023-11-14 22:13:20 IST", TimeError::ZoneAbbreviation),
        ("2023-11-14 22:13:20 Europe/Berlinn", TimeError::UnknownZone),
        ("2023-11-14T22:13:20+05:00[Europe/Berlin]", TimeError::ZoneConflict),
        ("2016-12-31T23:59:60Z", TimeError::LeapSecond),
        ("0001-01-01T00:00:00Z", TimeError::Unset),
        ("2023-11-14T24:00:01Z", TimeError::NotATime),
        ("2023-11-14T25:00:00Z", TimeError::NotATime),
        ("2023-02-29", TimeError::NotATime),
        ("2023-13-01T00:00:00Z", TimeError::NotATime),
        ("2023-11/14 22:13", TimeError::NotATime),
        ("Mon, 14 Nov 2023 22:13:20 GMT", TimeError::NotATime),
        ("2023-11-14 13:00 PM", TimeError::NotATime),
        ("2023-11-14 22:13:20 hello there", TimeError::NotATime),
        ("2023-11-14T22:13:20.Z", TimeError::NotATime),
        ("22:13:20", TimeError::NotATime),
        ("2023-11-14 22:1", TimeError::NotATime),
        ("soon", TimeError::NotATime),
        ("1h", TimeError::NotATime),
        ("NaN", TimeError::NotATime),
        ("", TimeError::NotATime),
        ("@", TimeError::NotATime),
        ("@1700000000000", TimeError::NoUnit),
        ("ü023-11-14", TimeError::NotATime),
        ("2023-1ü-14", TimeError::NotATime),
    ];
    for (text, expected) in cases {
        assert_eq!(seconds(&auto(), text), Err(expected), "{text}");
    }
    assert!(
        TimeError::Ambiguous.to_string().contains("--time-format") || TimeError::Ambiguous.to_string().contains("form")
    );
}

#[test]
fn numbers_are_taken_in_the_unit_of_their_size() {
    let cases = [
        ("0", "0", TimeUnit::Seconds),
        ("45244", "45244", TimeUnit::Seconds),
        ("987654321.25", "987654321.25", TimeUnit::Seconds),
        ("4102444799.999", "4102444799.999", TimeUnit::Seconds),
        ("100000000000", "100000000", TimeUnit::Milliseconds),
        ("1700000000000", "1700000000", TimeUnit::Milliseconds),
        ("1930202100123.5", "1930202100.1235", TimeUnit::Milliseconds),
        ("4099999999999", "4099999999.999", TimeUnit::Milliseconds),
        ("1700000000000001", "1700000000.000001", TimeUnit::Microseconds),
        ("1930202100000000001", "1930202100.000000001", TimeUnit::Nanoseconds),
        ("1.9302021001234567E9", "1930202100.1234567", TimeUnit::Seconds),
        ("1.700000000123e12", "1700000000.123", TimeUnit::Milliseconds),
        ("1E-40", "1E-40", TimeUnit::Seconds),
    ];
    for (text, expected, unit) in cases {
        let time = auto().text(text).unwrap();
        assert_eq!((time.seconds.as_str(), time.facts.unit), (expected, Some(unit)), "{text}");
        assert_eq!(auto().number(&Decimal::parse(text).unwrap()), Ok(time), "{text}");
    }
}

#[test]
fn numbers_of_no_certain_unit_are_refused_until_it_is_named() {
    let cases = [
        ("-1", TimeError::Negative),
        ("-0.5", TimeError::Negative),
        ("4102444800", TimeError::NoUnit),
        ("99999999999", TimeError::NoUnit),
        ("4100000000000", TimeError::NoUnit),
        ("5000000000000000", TimeError::NoUnit),
        ("9000000000000000000", TimeError::NoUnit),
        ("99999999999999999999999", TimeError::NoUnit),
        ("1E60", TimeError::NoUnit),
        ("20231114", TimeError::CompactDate { format: "%Y%m%d" }),
        ("202311142213", TimeError::CompactDate { format: "%Y%m%d%H%M" }),
        ("20231114221320", TimeError::CompactDate { format: "%Y%m%d%H%M%S" }),
        ("45244.9259", TimeError::SpreadsheetDay),
        ("20000.5", TimeError::SpreadsheetDay),
        ("1.7E+09", TimeError::Rounded),
        ("1.70000012E+12", TimeError::Rounded),
    ];
    for (text, expected) in cases {
        assert_eq!(seconds(&auto(), text), Err(expected), "{text}");
        assert!(expected.to_string().contains("--time-"), "{expected}");
        let as_seconds = seconds(&parser(TimeUnit::Seconds, None, None), text);
        assert_eq!(as_seconds.as_deref(), Ok(Decimal::parse(text).unwrap().as_str()), "{text}");
    }
    // Eight digits that are no date of our time are seconds.
    for text in ["20231332", "14112023", "10000000", "99991231"] {
        assert_eq!(seconds(&auto(), text).as_deref(), Ok(text));
    }
}

#[test]
fn named_unit_is_exact_for_any_number() {
    check_all(
        &parser(TimeUnit::Milliseconds, None, None),
        &[
            ("1", "0.001"),
            ("-1500", "-1.5"),
            ("1E60", "1E57"),
            ("12345678901234567890.5", "12345678901234567.8905"),
            ("0", "0"),
        ],
    );
    check_all(&parser(TimeUnit::Nanoseconds, None, None), &[("1", "0.000000001"), ("1700000000000000000", NOVEMBER)]);
    // A text keeps its own meaning.
    check_all(&parser(TimeUnit::Milliseconds, None, None), &[("2023-11-14T22:13:20Z", NOVEMBER)]);
}

#[test]
fn decimal_comma_is_read_where_the_file_has_it() {
    let options = TimeOptions { decimal_comma: true, ..TimeOptions::default() };
    check_all(&TimeParser::new(&options).unwrap(), &[("1700000000,25", "1700000000.25")]);
    assert_eq!(seconds(&auto(), "1700000000,25"), Err(TimeError::NotATime));
}

#[test]
fn time_format_reads_what_loggers_write() {
    let cases = [
        ("%d.%m.%Y %H:%M", "14.11.2023 22:13", "1699999980"),
        ("%m/%d/%y %I:%M:%S %p", "11/14/23 10:13:20 PM", NOVEMBER),
        ("%m/%d/%y %I:%M:%S %p", "11/14/23 10:13:20  pm", NOVEMBER),
        ("%m/%d/%Y %H:%M:%S", "11/14/2023 22:13:20", NOVEMBER),
        ("%m/%d/%Y %H:%M:%S", "11/14/2023 2:13:20", "1699928000"),
        ("%Y-%m-%d %H:%M:%S%.f", "2023-11-14 22:13:20.25", "1700000000.25"),
        ("%Y-%m-%d %H:%M:%S%.f", "2023-11-14 22:13:20", NOVEMBER),
        ("%Y%m%d", "20231114", "1699920000"),
        ("%Y%m%d%H%M%S", "20231114221320", NOVEMBER),
        ("%Y %m %d %H", "2023 11 14 22", "1699999200"),
        ("%d/%b/%Y:%H:%M:%S %z", "14/Nov/2023:23:13:20 +0100", NOVEMBER),
        ("%Y-%m-%dT%H:%M:%S%:z", "2023-11-14T23:13:20+01:00", NOVEMBER),
        ("%Y-%m-%d %H:%M:%S CET", "2023-11-14 22:13:20 CET", NOVEMBER),
        ("%s", "1700000000", NOVEMBER),
        ("%Y-%j", "2023-318", "1699920000"),
        ("%d.%m.%Y %H:%M", "31.12.2023 24:00", "1704067200"),
        ("%d.%m.%Y %H:%M", "24.11.2023 24:00", "1700870400"),
        ("%Y-%m-%d %H:%M:%S", "1960-06-06 06:06:06", "-302032434"),
    ];
    for (format, text, expected) in cases {
        let time = parser(TimeUnit::Auto, Some(format), None).text(text);
        assert_eq!(time.map(|time| time.seconds.to_string()), Ok(expected.to_owned()), "{format} {text}");
    }
}

#[test]
fn time_format_is_the_only_form_and_a_leap_second_is_refused() {
    let parser = parser(TimeUnit::Auto, Some("%d.%m.%Y %H:%M:%S"), None);
    for text in ["2023-11-14T22:13:20Z", "1700000000", "14.11.2023", "14.11.2023 24:00:01", ""] {
        assert_eq!(seconds(&parser, text), Err(TimeError::OtherFormat), "{text}");
    }
    assert_eq!(seconds(&parser, "31.12.2016 23:59:60"), Err(TimeError::LeapSecond));
    let date = self::parser(TimeUnit::Auto, Some("%Y%m%d"), None);
    assert_eq!(date.number(&Decimal::parse("20231114").unwrap()).unwrap().seconds.as_str(), "1699920000");
}

#[test]
fn wrong_options_are_refused_by_their_name() {
    let wrong = |format: Option<&str>, zone: Option<&str>, unit| {
        let options = TimeOptions {
            is_unit_assumed: false,
            unit,
            format: format.map(str::to_owned),
            zone: zone.map(str::to_owned),
            decimal_comma: false,
        };
        TimeParser::new(&options).unwrap_err()
    };
    for format in ["%Q2", "%", "%H:%M", "hello", "%Y-%m-%d %Z", ""] {
        let error = wrong(Some(format), None, TimeUnit::Auto);
        assert!(error.starts_with("--time-format"), "{format}: {error}");
    }
    for (zone, meant) in
        [("Berlin", "Europe/Berlin"), ("europe/berln", "Europe/Berlin"), ("CEST", "such as"), ("+25:00", "+01:00")]
    {
        let error = wrong(None, Some(zone), TimeUnit::Auto);
        assert!(error.starts_with("--time-zone") && error.contains(meant), "{zone}: {error}");
    }
    assert!(wrong(Some("%s"), None, TimeUnit::Milliseconds).contains("--time-unit"));
}

#[test]
fn local_times_are_read_in_the_named_zone_and_their_doubt_is_said() {
    let berlin = parser(TimeUnit::Auto, None, Some("Europe/Berlin"));
    let decided = |text: &str| berlin.text(text).map(|time| (time.seconds.to_string(), time.facts)).unwrap();
    let known = TimeFacts::default();
    assert_eq!(decided("2023-11-14 23:13:20"), (NOVEMBER.to_owned(), known));
    // 02:30 twice on 29 October, the first of them in summer time; never on 26 March.
    assert_eq!(decided("2023-10-29 02:30:00"), ("1698539400".to_owned(), TimeFacts { ambiguous: true, ..known }));
    assert_eq!(decided("2023-03-26 02:30:00"), ("1679794200".to_owned(), TimeFacts { skipped: true, ..known }));
    // Its own zone goes before the named one.
    assert_eq!(decided("2023-11-14 22:13:20 UTC"), (NOVEMBER.to_owned(), known));
    let numbers = berlin.text(NOVEMBER).unwrap();
    assert_eq!((numbers.seconds.as_str(), numbers.facts.unit), (NOVEMBER, Some(TimeUnit::Seconds)));
    assert_eq!(auto().text("2023-11-14 22:13:20").unwrap().facts, TimeFacts { assumed_utc: true, ..known });
    assert_eq!(auto().text("2023-11-14 22:13:20Z").unwrap().facts, known);
    let fixed = parser(TimeUnit::Auto, Some("%m/%d/%y %I:%M:%S %p"), Some("-07:00"));
    assert_eq!(fixed.text("11/14/23 03:13:20 PM").unwrap().seconds.as_str(), NOVEMBER);
    assert_eq!(parser(TimeUnit::Auto, None, Some("UTC")).text("2023-11-14 22:13:20").unwrap().facts, known);
}

#[test]
fn local_seconds_are_what_a_clock_shows() {
    let local = |zone: Option<&str>, text: &str| parser(TimeUnit::LocalSeconds, None, zone).text(text).unwrap();
    let summer = local(Some("Europe/Berlin"), "1688169600.25");
    assert_eq!(summer.seconds.as_str(), "1688162400.25");
    assert_eq!(summer.facts, TimeFacts { unit: Some(TimeUnit::LocalSeconds), ..TimeFacts::default() });
    assert!(local(None, NOVEMBER).facts.assumed_utc);
    // 02:30 on the day that the clocks went back.
    assert!(local(Some("Europe/Berlin"), "1698546600").facts.ambiguous);
    assert_eq!(parser(TimeUnit::LocalSeconds, None, None).text("-5"), Err(TimeError::OutOfRange));
}

#[test]
fn counts_are_added_up_by_unit_and_doubt() {
    let mut counts = TimeCounts::default();
    for text in ["1700000000", "1700000000000", "1700000000001", "2023-11-14"] {
        counts.add(auto().text(text).unwrap().facts);
    }
    let mut sum = counts;
    sum.merge(&counts);
    assert_eq!(sum.units().collect::<Vec<_>>(), [(TimeUnit::Seconds, 2), (TimeUnit::Milliseconds, 4)]);
    assert_eq!((sum.assumed_utc, sum.ambiguous, sum.skipped), (2, 0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn rfc_3339_round_trips(nanoseconds in -62_000_000_000_000_000_000_i128..253_000_000_000_000_000_000) {
        let moment = Timestamp::from_nanosecond(nanoseconds).unwrap();
        let expected = seconds_of(moment).unwrap();
        for text in [moment.to_string(), moment.to_string().replace('T', " "), moment.to_string().replace('Z', " +0000")] {
            prop_assert_eq!(auto().text(&text).unwrap().seconds, expected.clone(), "{}", text);
        }
        let sum: Vec<i128> = expected.as_str().split('.').map(|part| part.trim_start_matches('-').parse().unwrap()).collect();
        let width = expected.as_str().split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let fraction = sum.get(1).map_or(0, |digits| digits * 10_i128.pow(9 - u32::try_from(width).unwrap()));
        prop_assert_eq!(sum[0] * 1_000_000_000 + fraction, nanoseconds.abs());
    }

    #[test]
    fn zoned_times_round_trip(second in 0_i64..4_000_000_000, zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])) {
        let moment = Timestamp::from_second(second).unwrap();
        let text = moment.to_zoned(TimeZone::get(zone).unwrap()).strftime("%m/%d/%Y %I:%M:%S %p").to_string();
        let parser = parser(TimeUnit::Auto, Some("%m/%d/%Y %I:%M:%S %p"), Some(zone));
        let time = parser.text(&text).unwrap();
        let read: i64 = time.seconds.as_str().parse().unwrap();
        prop_assert!(!time.facts.skipped);
        prop_assert!(read == second || (time.facts.ambiguous && (read - second).abs() <= 7200), "{} {}", read, second);
    }

    #[test]
    fn units_of_the_same_time_agree(second in 100_000_000_u64..4_099_999_999, fraction in 0_u32..1_000_000_000) {
        // Twelve and fourteen digits may be a date.
        let expected = Decimal::parse(&format!("{second}.{fraction:09}")).unwrap();
        for places in [3, 6, 9] {
            let (digits, rest) = (format!("{second}{fraction:09}"), 9 - places);
            let at = digits.len() - rest;
            let text = format!("{}.{}", &digits[..at], &digits[at..]).trim_end_matches('.').to_owned();
            match auto().text(&text) {
                Ok(time) => prop_assert_eq!(&time.seconds, &expected),
                Err(error) => prop_assert!(matches!(error, TimeError::CompactDate { .. }), "{} {}", text, error),
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,30}", format in prop::sample::select(vec!["%d.%m.%Y %H:%M:%S", "%s", "%F %T%.f"])) {
        let _ = auto().text(&text);
        let _ = parser(TimeUnit::Auto, Some(format), None).text(&text);
    }

    #[test]
    fn any_date_like_text_is_read_or_refused_without_a_panic(text in "[0-9TZ:/., +-]{0,30}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{0,12}[Z+-]?[0-9:]{0,6}") {
        if let Ok(time) = auto().text(&text) {
            prop_assert!(Decimal::parse(time.seconds.as_str()).is_ok());
        }
    }
}
