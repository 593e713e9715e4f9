//! `scan --where` against a model of the service's filter: the same rows, whatever the condition.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sensor_model::{Decimal, Value};
use serde_json::{Value as Json, json};

use super::in_process_runner::InProcessEnv;
use super::scan_rows::{create_table, put_items};
use super::support::ApiClient;
use crate::pipeline::{AttributePath, Comparison, Condition, Literal, Operand, PathPart};

const CASES: u32 = 150;

type Item = BTreeMap<String, Value>;

fn number(text: &str) -> Value {
    Value::Number(Decimal::parse(text).unwrap())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Items with every type in every place, and without some attributes.
fn items() -> Vec<Item> {
    let values = |index: usize| {
        let tags = Value::List(vec![text("hot"), number("41"), text("x")]);
        let deep = Value::Map([("a".to_owned(), number("41")), ("b".to_owned(), text("hot"))].into());
        match index % 8 {
            0 => vec![("humidity", number("40")), ("site", text("lab"))],
            1 => vec![("humidity", number("41.000000000000000000000000000000000001")), ("site", text("label"))],
            2 => vec![("humidity", text("40")), ("tags", tags)],
            3 => vec![("deep", deep), ("site", text(""))],
            4 => vec![("humidity", Value::Null), ("site", Value::Bool(true)), ("odd name", number("-1.5"))],
            5 => vec![
                ("humidity", number("41")),
                ("site", text("Ünïcode")),
                ("deep", number("1")),
                ("tags", text("hot")),
            ],
            6 => vec![
                ("humidity", number("1E-100")),
                ("tags", Value::List(vec![])),
                ("deep", Value::Map(BTreeMap::new())),
            ],
            _ => vec![],
        }
    };
    (0..48)
        .map(|index| {
            let mut item: Item = values(index).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            item.insert("SensorId".to_owned(), text(["a", "b", "ab"][index % 3]));
            item.insert("CurrentTime".to_owned(), number(&(index / 3).to_string()));
            item.insert("Temperature".to_owned(), number(&format!("{}.5", i64::try_from(index).unwrap() - 20)));
            item
        })
        .collect()
}

fn attribute_value(value: &Value) -> Json {
    match value {
        Value::Null => json!({"NULL": true}),
        Value::Bool(truth) => json!({"BOOL": truth}),
        Value::Number(number) => json!({"N": number.to_string()}),
        Value::Text(text) => json!({"S": text}),
        Value::List(elements) => json!({"L": elements.iter().map(attribute_value).collect::<Vec<_>>()}),
        Value::Map(members) => {
            let members = members.iter().map(|(name, member)| (name.clone(), attribute_value(member)));
            json!({"M": members.collect::<serde_json::Map<_, _>>()})
        }
    }
}

fn literal_value(literal: &Literal) -> Value {
    match literal {
        Literal::Number(number) => Value::Number(number.clone()),
        Literal::Text(text) => Value::Text(text.clone()),
        Literal::Bool(truth) => Value::Bool(*truth),
        Literal::Null => Value::Null,
    }
}

fn found<'a>(item: &'a Item, path: &AttributePath) -> Option<&'a Value> {
    path.parts.iter().try_fold(item.get(&path.attribute)?, |value, part| match (value, part) {
        (Value::Map(members), PathPart::Member(name)) => members.get(name),
        (Value::List(elements), PathPart::Element(index)) => elements.get(*index as usize),
        _ => None,
    })
}

fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => Some(one.cmp(other)),
        (Value::Text(one), Value::Text(other)) => Some(one.as_bytes().cmp(other.as_bytes())),
        _ => None,
    }
}

fn compares(one: Option<&Value>, comparison: Comparison, other: Option<&Value>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return comparison == Comparison::NotEqual };
    let order = order(one, other);
    match comparison {
        Comparison::Equal => one == other,
        Comparison::NotEqual => one != other,
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
    }
}

fn holds(condition: &Condition, item: &Item) -> bool {
    match condition {
        Condition::All(conditions) => conditions.iter().all(|condition| holds(condition, item)),
        Condition::Any(conditions) => conditions.iter().any(|condition| holds(condition, item)),
        Condition::Not(inner) => !holds(inner, item),
        Condition::Compare(path, comparison, Operand::Literal(literal)) => {
            compares(found(item, path), *comparison, Some(&literal_value(literal)))
        }
        Condition::Compare(path, comparison, Operand::Attribute(other)) => {
            compares(found(item, path), *comparison, found(item, other))
        }
        Condition::Between(path, low, high) => {
            let value = found(item, path);
            compares(value, Comparison::GreaterOrEqual, Some(&literal_value(low)))
                && compares(value, Comparison::LessOrEqual, Some(&literal_value(high)))
        }
        Condition::In(path, values) => {
            found(item, path).is_some_and(|value| values.iter().any(|each| literal_value(each) == *value))
        }
        Condition::BeginsWith(path, prefix) => {
            matches!(found(item, path), Some(Value::Text(text)) if text.starts_with(prefix.as_str()))
        }
        Condition::Contains(path, literal) => match (found(item, path), literal) {
            (Some(Value::Text(text)), Literal::Text(part)) => text.contains(part.as_str()),
            (Some(Value::List(elements)), literal) => elements.contains(&literal_value(literal)),
            _ => false,
        },
        Condition::Exists(path) => found(item, path).is_some(),
    }
}

fn any_field() -> impl Strategy<Value = AttributePath> {
    let whole = |name: &str| AttributePath { attribute: name.to_owned(), parts: vec![] };
    let part = |name: &str, part: PathPart| AttributePath { attribute: name.to_owned(), parts: vec![part] };
    prop::sample::select(vec![
        whole("humidity"),
        whole("humidity"),
        whole("site"),
        whole("tags"),
        whole("deep"),
        whole("odd name"),
        whole("nowhere"),
        part("deep", PathPart::Member("a".to_owned())),
        part("deep", PathPart::Member("b".to_owned())),
        part("tags", PathPart::Element(1)),
    ])
}

fn any_number() -> impl Strategy<Value = Literal> {
    let numbers = ["40", "41", "-1.5", "0", "41.000000000000000000000000000000000001", "1E-100", "8"];
    prop::sample::select(numbers.map(|text| Literal::Number(Decimal::parse(text).unwrap())).to_vec())
}

fn any_text() -> impl Strategy<Value = Literal> {
    prop::sample::select(
        ["lab", "la", "hot", "40", "Ünï", "b", "a"].map(|text| Literal::Text(text.to_owned())).to_vec(),
    )
}

fn any_literal() -> impl Strategy<Value = Literal> {
    prop_oneof![4 => any_number(), 3 => any_text(), 1 => any::<bool>().prop_map(Literal::Bool), 1 => Just(Literal::Null)]
}

fn any_order() -> impl Strategy<Value = Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    prop::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn any_leaf() -> impl Strategy<Value = Condition> {
    let typed = prop_oneof![any_number(), any_text()];
    let own = |name: &str| AttributePath { attribute: name.to_owned(), parts: vec![] };
    let keys = prop_oneof![
        (any_order(), any_number()).prop_map(move |(sign, value)| (own("CurrentTime"), sign, value)),
        (any_order(), any_number()).prop_map(move |(sign, value)| (own("Temperature"), sign, value)),
        (any_order(), any_text()).prop_map(move |(sign, value)| (own("SensorId"), sign, value)),
    ];
    let equality = prop_oneof![Just(Comparison::Equal), Just(Comparison::NotEqual)];
    let compare = |(path, sign, value)| Condition::Compare(path, sign, Operand::Literal(value));
    prop_oneof![
        2 => (any_field(), any_order(), typed).prop_map(compare),
        1 => (any_field(), equality, any_literal()).prop_map(compare),
        2 => keys.prop_map(compare),
        1 => (any_field(), any_order(), any_field())
            .prop_filter("two attributes", |(one, _, other)| one != other)
            .prop_map(|(path, sign, other)| Condition::Compare(path, sign, Operand::Attribute(other))),
        1 => (any_field(), any_number(), any_number())
            .prop_filter("in order", |(_, low, high)| low.order(high).is_some_and(Ordering::is_le))
            .prop_map(|(path, low, high)| Condition::Between(path, low, high)),
        1 => (any_field(), prop::collection::vec(any_literal(), 1..4)).prop_map(|(path, values)| Condition::In(path, values)),
        1 => (any_field(), any_text()).prop_map(|(path, prefix)| match prefix {
            Literal::Text(prefix) => Condition::BeginsWith(path, prefix),
            _ => Condition::Exists(path),
        }),
        1 => (any_field(), any_literal()).prop_map(|(path, value)| Condition::Contains(path, value)),
        1 => any_field().prop_map(Condition::Exists),
    ]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    any_leaf().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::all),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::any),
            inner.prop_map(Condition::negated),
        ]
    })
}

/// The keys of rows, as text.
type Keys = BTreeSet<(String, String)>;

fn expected(items: &[Item], condition: &Condition, sensor: Option<&str>) -> Keys {
    let key = |item: &Item| match (&item["SensorId"], &item["CurrentTime"]) {
        (Value::Text(sensor), Value::Number(time)) => (sensor.clone(), time.to_string()),
        _ => unreachable!("the types of the key"),
    };
    let matching = items.iter().filter(|item| holds(condition, item)).map(key);
    matching.filter(|(id, _)| sensor.is_none_or(|sensor| sensor == id)).collect()
}

fn scanned(env: &InProcessEnv, condition: &Condition, sensor: Option<&str>) -> Option<Keys> {
    let text = condition.to_string();
    let mut arguments = vec!["scan", "--local", "-o", "ndjson", "--where", &text];
    arguments.extend(sensor.iter().flat_map(|sensor| ["--sensor", sensor]));
    let run = env.run(arguments);
    if run.code == 2 {
        // A key below `or` with other attributes is refused with a sensor, and conditions that no key meets always.
        let said = ["by `and` only", "leave no time", "names `sensor_id`", "leaves no sensor"];
        assert!(said.iter().any(|part| run.stderr.contains(part)), "{}", run.stderr);
        assert!(text.contains("current_time") || text.contains("sensor_id"), "{text}");
        return None;
    }
    let run = run.assert_success();
    let rows = run.stdout.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    Some(rows.map(|row| (row["sensor_id"].as_str().unwrap().to_owned(), row["current_time"].to_string())).collect())
}

mod slow {
    use super::*;

    #[test]
    fn scan_filter_shows_the_rows_of_the_model() {
        let env = InProcessEnv::with_local_cloud();
        let api = ApiClient::new(&env);
        create_table(&api);
        let items = items();
        let attributes = |item: &Item| {
            let item = item.iter().map(|(name, value)| (name.clone(), attribute_value(value)));
            Json::Object(item.collect())
        };
        put_items(&api, &items.iter().map(attributes).collect::<Vec<_>>());
        let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
        let compared = std::cell::Cell::new([0, 0]);
        runner
            .run(&any_condition(), |condition| {
                for (place, sensor) in [None, Some("ab")].into_iter().enumerate() {
                    if let Some(found) = scanned(&env, &condition, sensor) {
                        prop_assert_eq!(found, expected(&items, &condition, sensor), "{} {:?}", condition, sensor);
                        let mut counts = compared.get();
                        counts[place] += 1;
                        compared.set(counts);
                    }
                }
                Ok(())
            })
            .unwrap();
        let [scans, queries] = compared.get();
        assert!(scans > CASES / 2 && queries > CASES / 4, "{scans} and {queries} were compared");
    }
}
