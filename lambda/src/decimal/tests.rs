use super::{Decimal, DecimalError, NumberPrefix};
use proptest::prelude::*;

fn canonical(text: &str) -> String {
    Decimal::parse(text).unwrap().to_string()
}

#[test]
fn parse_returns_form_that_dynamodb_returns() {
    for (given, kept) in [
        ("88.8", "88.8"),
        ("1.10", "1.1"),
        ("1e2", "100"),
        ("1E+2", "100"),
        ("-0", "0"),
        ("-0.000e99999999999999999999", "0"),
        ("0007.50", "7.5"),
        ("+.5", "0.5"),
        ("12.", "12"),
        ("-12.34e1", "-123.4"),
        ("12.34e-4", "0.001234"),
        ("100e-2", "1"),
        ("987654321", "987654321"),
        ("1668000000.123", "1668000000.123"),
        ("-50", "-50"),
    ] {
        assert_eq!(canonical(given), kept, "{given}");
    }
}

#[test]
fn parse_keeps_range_limits_and_refuses_beyond() {
    let nines = "9".repeat(38);
    assert_eq!(canonical(&format!("{nines}e88")), format!("9.{}E125", &nines[1..]));
    assert_eq!(canonical("1E-130"), "1E-130");
    for beyond in ["1e126", "-1e126", "9e-131", "1e99999999999999999999", "1e-99999999999999999999"] {
        assert_eq!(Decimal::parse(beyond), Err(DecimalError::OutOfRange), "{beyond}");
    }
    assert_eq!(Decimal::parse(&format!("{nines}.5")), Err(DecimalError::TooManyDigits));
    assert_eq!(canonical(&format!("{nines}.0")), nines);
}

#[test]
fn parse_long_zeros_yield_exponent_in_every_notation() {
    let zeros = "0".repeat(125);
    for (given, kept, digits) in [
        (format!("1{zeros}"), "1E125", 1),
        ("10e124".to_owned(), "1E125", 1),
        ("1e+125".to_owned(), "1E125", 1),
        (format!("-12{zeros}e-1"), "-1.2E125", 2),
        (format!("0.{zeros}15"), "1.5E-126", 2),
        ("1e40".to_owned(), "1E40", 1),
        ("1e39".to_owned(), "1000000000000000000000000000000000000000", 1),
        ("1e-39".to_owned(), "1E-39", 1),
        ("-1e-38".to_owned(), "-0.00000000000000000000000000000000000001", 1),
    ] {
        assert_eq!(canonical(&given), kept, "{given}");
        assert_eq!(Decimal::parse(&given).unwrap().significant_digits(), digits);
    }
}

#[test]
fn parse_non_number_is_refused() {
    for text in
        ["", "-", ".", "e5", "1e", "1e+", "NaN", "Infinity", "1 ", " 1", "1_000", "1,5", "0x10", "--1", "1.2.3", "١"]
    {
        assert_eq!(Decimal::parse(text), Err(DecimalError::NotANumber), "{text:?}");
    }
}

#[test]
fn json_round_trip_keeps_every_digit() {
    let digits = "0.1234567890123456789012345678901234567";
    let number = Decimal::parse(digits).unwrap();
    assert_eq!(serde_json::to_string(&[&number]).unwrap(), format!("[{digits}]"));
}

fn number_text() -> impl Strategy<Value = String> {
    ("-?[0-9]{1,20}(\\.[0-9]{1,18})?", -80_i32..80).prop_map(|(mantissa, exponent)| format!("{mantissa}e{exponent}"))
}

proptest! {
    #[test]
    fn parse_canonical_text_is_unchanged(text in number_text()) {
        let once = canonical(&text);
        prop_assert_eq!(canonical(&once), once);
    }

    #[test]
    fn canonical_fast_path_agrees_with_full_parse(text in "-?[0-9]{0,3}(\\.[0-9]{0,3})?|-?0?\\.?0{0,2}") {
        // The sign `+` avoids the fast path.
        let long_way = |text: &str| match text.strip_prefix('-') {
            Some(_) => Decimal::parse(&format!("{text}e0")),
            None => Decimal::parse(&format!("+{text}")),
        };
        prop_assert_eq!(Decimal::parse(&text), long_way(&text));
    }

    #[test]
    fn ordering_is_by_value(left in -1_000_000_i64..1_000_000, right in -1_000_000_i64..1_000_000, scale in 0_u32..9) {
        let number = |mantissa: i64| Decimal::parse(&format!("{mantissa}e-{scale}")).unwrap();
        prop_assert_eq!(number(left).cmp(&number(right)), left.cmp(&right));
    }

    #[test]
    fn ordering_is_by_value_in_every_notation(left in number_text(), right in number_text()) {
        let value = |text: &str| text.parse::<f64>().unwrap();
        let by_value = value(&left).total_cmp(&(value(&right)));
        let (left, right) = (Decimal::parse(&left).unwrap(), Decimal::parse(&right).unwrap());
        // A float cannot tell nearly equal numbers apart.
        prop_assume!(value(left.as_str()).total_cmp(&value(right.as_str())) != std::cmp::Ordering::Equal);
        prop_assert_eq!(left.cmp(&right), by_value);
    }

    #[test]
    fn from_float_keeps_shortest_text(number in any::<f64>().prop_filter("in range", |number| {
        number.is_finite() && (number.abs() > 1e-120 && number.abs() < 1e120 || *number == 0.0)
    })) {
        let read: f64 = canonical(&format!("{number:e}")).parse().unwrap();
        prop_assert_eq!(read.total_cmp(&(number + 0.0)), std::cmp::Ordering::Equal);
    }

    #[test]
    fn parse_arbitrary_text_does_not_panic(text in "[-+0-9eE. ]{0,12}") {
        let _ = Decimal::parse(&text);
    }
}

#[test]
fn number_prefix_ends_where_the_number_does() {
    for (text, length, is_canonical) in [
        ("88.8,", 5 - 1, true),
        ("0}", 1, true),
        ("-0.5 ", 4, true),
        ("-0", 2, false),
        ("36.0", 4, false),
        ("100", 3, true),
        ("1e5", 3, false),
        ("-1.5E+07,", 8, false),
        ("01", 1, true),
    ] {
        assert_eq!(NumberPrefix::of(text.as_bytes()), Some(NumberPrefix { length, is_canonical }), "{text}");
    }
    for text in ["", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "x", "\"1\"", "NaN"] {
        assert_eq!(NumberPrefix::of(text.as_bytes()), None, "{text}");
    }
}

proptest! {
    #[test]
    fn number_prefix_is_a_json_number_and_canonical_as_parse_says(
        text in "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{0,40})?([eE][+-]?[0-9]{0,3})?[,} x]?"
    ) {
        let Some(found) = NumberPrefix::of(text.as_bytes()) else {
            prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&text).is_err());
            return Ok(());
        };
        let number = &text[..found.length];
        prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(number).is_ok(), "{}", number);
        let parsed = Decimal::parse(number);
        if found.is_canonical {
            prop_assert_eq!(parsed.unwrap().to_string(), number);
        } else if number.len() <= 38 && !number.contains(['e', 'E']) {
            // Long ones and those with an exponent are left to a closer look: `1E40` is canonical, too.
            prop_assert_ne!(parsed.map(|number| number.to_string()), Ok(number.to_owned()));
        }
    }
}
