//! Texts of conditions, and the places of their errors.

use proptest::prelude::*;

use super::*;

fn shown(text: &str) -> String {
    parse_condition(text).map_or_else(|error| error, |condition| condition.to_string())
}

#[test]
fn condition_of_every_kind_is_read() {
    for (text, shown_as) in [
        ("humidity>40", "humidity > 40"),
        (r#"humidity > 40 and site = "lab""#, r#"humidity > 40 and site = "lab""#),
        ("40.50 <= humidity", "humidity >= 40.5"),
        ("a != 1 OR b <> 'x' And c == true", r#"a <> 1 or (b <> "x" and c = true)"#),
        ("(a = 1 or b = 2) and not (c = null)", "(a = 1 or b = 2) and not c = null"),
        ("((a = 1) and (b = 2 and c = 3))", "a = 1 and b = 2 and c = 3"),
        ("not not a = 1", "a = 1"),
        ("x between -1e3 and +5", "x between -1000 and 5"),
        ("x in ('it''s', 1)", "at character 11 (`'s',`): expected `)`"),
        (r"x in ('it\'s', 1 , 1.0)", r#"x in ("it's", 1, 1)"#),
        ("begins_with ( site , 'la\\n' )", r#"begins_with(site, "la\n")"#),
        (
            "Contains(tags, 5) and exists(`odd name`.`x``y`[3].z)",
            "contains(tags, 5) and exists(`odd name`.`x``y`[3].z)",
        ),
        ("size > 1 and contains > 2", "size > 1 and contains > 2"),
        ("`and` = 1", "`and` = 1"),
        ("SensorId = 'a' and sensor_id = 'b'", r#"sensor_id = "a" and sensor_id = "b""#),
        ("a > `humidity-2`", "a > `humidity-2`"),
        ("température >= 12345678901234567890.123456789", "température >= 12345678901234567890.123456789"),
        ("current_time >= '2010-01-01T01:00:00Z'", "current_time >= 1262307600"),
    ] {
        assert_eq!(shown(text), shown_as, "{text}");
    }
}

#[test]
fn error_names_the_place_and_what_is_missing() {
    for (text, error) in [
        ("", "at character 1 (the end): expected the name of a field"),
        ("humidity > ", "at character 12 (the end): expected a value"),
        ("humidity 40", "at character 10 (`40`): expected a comparison (= <> < <= > >=), `between` or `in`"),
        ("site = lab", "at character 8 (`lab`): a text stands in quotes, as in \"lab\""),
        ("a = 1 b = 2", "at character 7 (`b`): expected `and`, `or` or the end"),
        ("a = 1 and", "at character 10 (the end): expected the name"),
        ("(a = 1", "at character 7 (the end): expected `)`"),
        ("a = 1)", "at character 6 (`)`): expected `and`, `or` or the end"),
        ("température = \"x", "at character 15 (`\"x`): the quote is not closed"),
        ("a = 'x\\", "at character 5 (`'x\\`): the quote is not closed"),
        ("a = 'x\\q'", "a backslash stands before"),
        ("a = `b", "at character 7 (the end): the backtick of the name is not closed"),
        ("a = 1.2.3", "at character 5 (`1.2.3`): not a decimal number"),
        ("a = 1e400", "at character 5 (`1e400`): magnitude outside"),
        ("a = 123456789012345678901234567890123456789", "more than 38 significant digits"),
        ("a between 5 and 'x'", "at character 17 (`'x'`): between takes two numbers or two texts"),
        ("a between 5 and 4", "at character 17 (`4`): the upper value is below 5"),
        ("a between 5 or 6", "at character 13 (`or`): expected `and` and the upper value"),
        ("a in ()", "at character 7 (`)`): expected a value"),
        ("attribute_exists(a)", "at character 1 (`attribute_exists(a)`): unknown function; there are begins_with"),
        ("begins_with(a, 5)", "at character 16 (`5)`): begins_with takes a text"),
        ("begins_with(temperature, '5')", "at character 26 (`'5')`): `temperature` is a number"),
        ("temperature > '5'", "at character 15 (`'5'`): `temperature` is a number"),
        ("'5' < temperature", "at character 1 (`'5'`): `temperature` is a number"),
        ("sensor_id = 5", "at character 13 (`5`): `sensor_id` is a text; write it in quotes"),
        ("current_time >= 1700000000000", "at character 17 (`1700000000000`): in seconds it is after the year 5138"),
        ("1700000000000 <= current_time", "at character 1 (`1700000000000`): in seconds"),
        ("current_time in (5, 1.7e12)", "at character 21 (`1.7e12)`): in seconds"),
        ("current_time between 5 and 1700000000000", "at character 28 (`1700000000000`): in seconds"),
        ("sensor_id.x = 'a'", "at character 1 (`sensor_id.x`): `sensor_id` is a text or a number, and has no parts"),
        ("a = `CurrentTime`[0]", "at character 5 (``CurrentTime`[0]`): `CurrentTime` is a text or a number"),
        ("current_time > 'later'", "at character 16 (`'later'`): neither a time nor an age"),
        ("a > true", "at character 5 (`true`): only `=` and `<>`"),
        ("a = `a`", "at character 5 (`` `a` ``): the same attribute"),
        ("and = 1", "at character 1 (`and`): expected a name; a field `and` stands in backticks"),
        ("a[x] = 1", "at character 3 (`x]`): expected the number of an element"),
        ("a. = 1", "at character 4 (`=`): expected the name"),
    ] {
        let error = error.replace("(`` `a` ``)", "(``a``)");
        let said = shown(text);
        assert!(said.contains(&error), "{text}: {said}");
    }
}

#[test]
fn parentheses_nest_to_32_levels() {
    let nested = |depth: usize| format!("{}a = 1{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(shown(&nested(32)), "a = 1");
    assert_eq!(shown(&nested(33)), format!("at character 33 (`(a`): nested deeper than {MAX_DEPTH} levels"));
    assert!(shown(&nested(100_000)).contains("nested deeper"));
    assert!(shown(&"not ".repeat(100_000)).contains("nested deeper"));
}

#[test]
fn in_takes_a_hundred_values() {
    let of = |count: usize| shown(&format!("a in ({})", vec!["1"; count].join(",")));
    assert!(of(100).starts_with("a in (1, 1"));
    assert!(of(101).contains("at most 100 values"), "{}", of(101));
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zé_][a-z0-9_-]{0,5}", "[ -~é`]{1,6}", Just("and".to_owned()), Just("In".to_owned())]
        .prop_filter("not the JSON name of an own attribute", |name| attribute_of(name) == name)
}

fn any_path() -> impl Strategy<Value = AttributePath> {
    let part = prop_oneof![any_name().prop_map(PathPart::Member), (0..1000_u32).prop_map(PathPart::Element)];
    (any_name(), prop::collection::vec(part, 0..3)).prop_map(|(attribute, parts)| AttributePath { attribute, parts })
}

fn any_number() -> impl Strategy<Value = Decimal> {
    (any::<i64>(), -40..40_i32).prop_map(|(digits, exponent)| Decimal::parse(&format!("{digits}e{exponent}")).unwrap())
}

fn any_literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any_number().prop_map(Literal::Number),
        ".{0,6}".prop_map(Literal::Text),
        "[\"'\\\\\n\r\t ]{0,4}".prop_map(Literal::Text),
        any::<bool>().prop_map(Literal::Bool),
        Just(Literal::Null),
    ]
}

fn any_leaf() -> impl Strategy<Value = Condition> {
    let ordered = prop_oneof![
        Just(Comparison::Less),
        Just(Comparison::LessOrEqual),
        Just(Comparison::Greater),
        Just(Comparison::GreaterOrEqual)
    ];
    let equality = prop_oneof![Just(Comparison::Equal), Just(Comparison::NotEqual)];
    let pair = (any_number(), any_number());
    prop_oneof![
        (any_path(), ordered, any_number()).prop_map(|(path, sign, number)| Condition::Compare(
            path,
            sign,
            Operand::Literal(Literal::Number(number))
        )),
        (any_path(), equality, any_literal()).prop_map(|(path, sign, literal)| Condition::Compare(
            path,
            sign,
            Operand::Literal(literal)
        )),
        (any_path(), any_path())
            .prop_filter("two attributes", |(one, other)| one != other)
            .prop_map(|(path, other)| Condition::Compare(path, Comparison::Less, Operand::Attribute(other))),
        (any_path(), pair).prop_map(|(path, (one, other))| {
            let (low, high) = if one <= other { (one, other) } else { (other, one) };
            Condition::Between(path, Literal::Number(low), Literal::Number(high))
        }),
        (any_path(), prop::collection::vec(any_literal(), 1..4)).prop_map(|(path, values)| Condition::In(path, values)),
        (any_path(), ".{0,6}").prop_map(|(path, prefix)| Condition::BeginsWith(path, prefix)),
        (any_path(), any_literal()).prop_map(|(path, value)| Condition::Contains(path, value)),
        any_path().prop_map(Condition::Exists),
    ]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    any_leaf().prop_recursive(6, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::all),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::any),
            inner.prop_map(Condition::negated),
        ]
    })
}

proptest! {
    #[test]
    fn printed_condition_parses_to_the_same(condition in any_condition()) {
        let text = condition.to_string();
        prop_assert_eq!(parse_condition(&text), Ok(condition), "{}", text);
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "[a-c0-9 ()`'\"\\\\=<>.,!\\[\\]é-]{0,40}") {
        if let Ok(condition) = parse_condition(&text) {
            prop_assert_eq!(parse_condition(&condition.to_string()), Ok(condition));
        }
    }
}
