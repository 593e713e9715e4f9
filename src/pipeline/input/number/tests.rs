use proptest::prelude::*;

use super::*;

fn read(cell: &str, sign: DecimalSign) -> Result<String, NumberError> {
    number(cell, sign).map(|number| number.to_string())
}

fn is_number(cell: &str, expected: &str) -> bool {
    value(cell, DecimalSign::Point) == Value::Number(Decimal::parse(expected).unwrap())
}

#[test]
fn number_is_read_by_its_decimal_sign() {
    for (cell, expected) in
        [("21,5", "21.5"), ("-3,0", "-3"), (" 41 ", "41"), ("+,5", "0.5"), ("\u{2212}3,5", "-3.5"), ("1,5E3", "1500")]
    {
        assert_eq!(read(cell, DecimalSign::Comma).as_deref(), Ok(expected), "{cell}");
    }
    for (cell, expected) in [
        ("21.5", "21.5"),
        ("+.5", "0.5"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("\u{2212}3.5", "-3.5"),
        ("\u{a0}7", "7"),
        ("05", "5"),
    ] {
        assert_eq!(read(cell, DecimalSign::Point).as_deref(), Ok(expected), "{cell}");
    }
}

#[test]
fn thousands_are_never_guessed() {
    for cell in ["1,234", "21,5", "1.234,5", "1,234,567", "12,34.5"] {
        assert_eq!(read(cell, DecimalSign::Point), Err(NumberError::Comma), "{cell}");
        assert_eq!(read(cell, DecimalSign::Auto), Err(NumberError::Comma), "{cell}");
    }
    for cell in ["1.234", "1,234.5", "12.34,5"] {
        assert_eq!(read(cell, DecimalSign::Comma), Err(NumberError::Point), "{cell}");
    }
    assert_eq!(read("1,234,567", DecimalSign::Comma), Err(NumberError::NotANumber));
    assert!(NumberError::Comma.to_string().contains("--decimal"));
}

#[test]
fn thousands_are_certain_where_a_fraction_follows() {
    for (cell, sign) in [
        ("1.013,25", DecimalSign::Comma),
        ("1 013,25", DecimalSign::Comma),
        ("1\u{202f}013,25", DecimalSign::Comma),
        ("1,013.25", DecimalSign::Point),
        ("1'013.25", DecimalSign::Point),
    ] {
        assert_eq!(read(cell, sign).as_deref(), Ok("1013.25"), "{cell}");
        assert_eq!(value(cell, sign), Value::Number(Decimal::parse("1013.25").unwrap()), "{cell}");
    }
    for sign in [DecimalSign::Auto, DecimalSign::Point] {
        assert_eq!(value("5 123.5", sign), Value::Text("5 123.5".to_owned()), "they may be two numbers");
    }
    assert_eq!(read("-1.234.567,5", DecimalSign::Comma).as_deref(), Ok("-1234567.5"));
    for text in ["192.168.1.25", "1.2.3,4", "0.013,25", "1 2,5", "1 013"] {
        assert_eq!(value(text, DecimalSign::Comma), Value::Text(text.to_owned()), "{text}");
    }
}

#[test]
fn what_is_no_number_says_why() {
    for cell in ["", "-", "x", "21.5 °C", "0x1F", "1_000", "--1", "\u{2212}", "\u{2212}x", "1 000", "a,b"] {
        assert_eq!(read(cell, DecimalSign::Point), Err(NumberError::NotANumber), "{cell}");
    }
    for cell in ["nan", "NaN", "-inf", "Infinity"] {
        assert_eq!(read(cell, DecimalSign::Point), Err(NumberError::NotFinite), "{cell}");
    }
    let long = "1.00000000000000000000000000000000000000001";
    assert_eq!(read(long, DecimalSign::Point), Err(NumberError::Decimal(DecimalError::TooManyDigits)));
}

#[test]
fn further_columns_take_numbers_as_key_columns_do() {
    for (cell, expected) in [
        ("40", "40"),
        (" 40 ", "40"),
        ("+1", "1"),
        (".5", "0.5"),
        ("-0.50", "-0.5"),
        ("0", "0"),
        ("41.50", "41.5"),
        ("\u{2212}3", "-3"),
    ] {
        assert!(is_number(cell, expected), "{cell}");
    }
    assert_eq!(value("40,25", DecimalSign::Comma), Value::Number(Decimal::parse("40.25").unwrap()));
    assert_eq!(value(" true ", DecimalSign::Point), Value::Bool(true));
    assert_eq!(value("null", DecimalSign::Point), Value::Null);
}

#[test]
fn exponent_is_a_number_only_as_programs_print_it() {
    for (cell, expected) in [
        ("1.5E7", "15000000"),
        ("1e-07", "0.0000001"),
        ("1e+20", "100000000000000000000"),
        ("1.200000e+06", "1200000"),
        ("-2.5e-3", "-0.0025"),
        ("0.000000e+00", "0"),
        ("1.9302021001234567E9", "1930202100.1234567"),
    ] {
        assert!(is_number(cell, expected), "{cell}");
    }
    for cell in
        ["12e4", "1e5", "7E10", "45e67", "12e-4", "12.5e4", "01e+5", "0.5e+3", "1.e5", "e5", "1e", "1e400", "1E+400"]
    {
        assert_eq!(value(cell, DecimalSign::Point), Value::Text(cell.to_owned()), "{cell}");
    }
}

#[test]
fn identifiers_and_other_texts_stay_text() {
    for cell in [
        "007",
        "00",
        "-05",
        "00.5",
        "1234567890123456789012345678901234567890",
        "1000000000000000000000000000000000000000",
        "1.00000000000000000000000000000000000000001",
        "NaN",
        "True",
        "1,5",
        "1_000",
        "\"x\"",
        "[1]",
        "-",
        "+",
        ".",
        "1.2.3",
        "",
    ] {
        assert_eq!(value(cell, DecimalSign::Point), Value::Text(cell.to_owned()), "{cell}");
    }
    assert_eq!(value("1.234", DecimalSign::Comma), Value::Text("1.234".to_owned()));
}

#[test]
fn missing_values_are_compared_as_text_and_as_number() {
    let missing = MissingValues::new(["nan", "unavailable", "-9999", "M", "-888.88", "(null)"]).unwrap();
    for cell in
        ["", "  ", "NaN", "NAN", "unavailable", "Unavailable", "-9999", "-9999.0", " -9999 ", "m", "-888.880", "(null)"]
    {
        assert!(missing.contains(cell, DecimalSign::Point), "{cell}");
    }
    for cell in ["0", "9999", "-99990", "MM", "na", "-888,88"] {
        assert!(!missing.contains(cell, DecimalSign::Point), "{cell}");
    }
    assert!(missing.contains("-888,88", DecimalSign::Comma));
    let begun = MissingValues::new(["1970-*", "err*"]).unwrap();
    for (cell, is_missing) in [("1970-01-01T00:00:09", true), ("Error 5", true), ("er", false), ("2031-1970", false)] {
        assert_eq!(begun.contains(cell, DecimalSign::Point), is_missing, "{cell}");
    }
    assert!(missing.contains_value(&Value::Number(Decimal::parse("-9999").unwrap())));
    assert!(missing.contains_value(&Value::Text("NaN".to_owned())) && missing.contains_value(&Value::Null));
    assert!(!missing.contains_value(&Value::Number(Decimal::parse("9999").unwrap())));
    assert!(!MissingValues::default().contains("nan", DecimalSign::Point));
    assert!(MissingValues::new(["nan", " "]).is_err());
}

proptest! {
    #[test]
    fn number_keeps_its_exact_value_with_either_sign(whole in -1_000_000_000_i64..1_000_000_000, fraction in "[0-9]{0,12}") {
        let point = format!("{whole}.{fraction}");
        let expected = Decimal::parse(&point).unwrap();
        prop_assert_eq!(number(&point, DecimalSign::Point).unwrap(), expected.clone());
        prop_assert_eq!(number(&point.replace('.', ","), DecimalSign::Comma).unwrap(), expected.clone());
        prop_assert_eq!(value(&point, DecimalSign::Point), Value::Number(expected));
    }

    #[test]
    fn value_is_the_number_or_the_text_itself(cell in "[-+0-9.,eE \u{2212}a]{0,12}") {
        for sign in [DecimalSign::Point, DecimalSign::Comma] {
            match value(&cell, sign) {
                Value::Number(read) => prop_assert_eq!(number(&cell, sign), Ok(read)),
                Value::Text(text) => prop_assert_eq!(text.as_str(), cell.trim()),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn printed_floats_are_numbers(float in proptest::num::f64::NORMAL) {
        prop_assume!(float.abs() > 1e-100 && float.abs() < 1e100);
        // As Rust's Debug prints it: `1.5e-7`, `1e16`; Rust alone prints an exponent without sign and point.
        let text = format!("{float:?}");
        if text.contains('.') || text.contains("e-") || !text.contains('e') {
            prop_assert_eq!(value(&text, DecimalSign::Point), Value::Number(Decimal::parse(&text).unwrap()), "{}", text);
        }
    }
}

#[test]
fn value_with_its_quality_is_no_number_with_a_decimal_comma() {
    for (cell, sign) in [
        ("+0094,5", DecimalSign::Point),
        ("-0094,1", DecimalSign::Auto),
        ("+9999,9", DecimalSign::Point),
        ("-1234,C", DecimalSign::Point),
        ("+0094,5", DecimalSign::Comma),
    ] {
        let error = number(cell, sign).unwrap_err();
        assert_eq!(error, NumberError::Quality, "{cell}");
        assert!(!error.to_string().contains("--decimal"), "{error}");
    }
    assert_eq!(number("-1234,5", DecimalSign::Comma).unwrap().as_str(), "-1234.5");
    assert_eq!(number("+21,5", DecimalSign::Point), Err(NumberError::Comma));
}
