//! Parameters of the query protocol as JSON: `A.member.1.B=x` is `{"A": [{"B": "x"}]}`.

use serde_json::{Map, Value};

use crate::protocol::aws_query::Parameters;

/// Limit of the parts of a parameter's name: names nest, and those of the operations have far fewer.
const DEEPEST: usize = 16;

/// Returns the parameters as JSON, all values as text; `None` if a name nests too deeply or contradicts another one.
pub(super) fn as_json(parameters: &Parameters) -> Option<Value> {
    let mut all = Map::new();
    for name in parameters.names() {
        if matches!(name, "Action" | "Version") || name.starts_with("X-Amz-") {
            continue;
        }
        let parts: Vec<&str> = name.split('.').filter(|part| *part != "member").collect();
        if parts.len() > DEEPEST {
            return None;
        }
        insert(&mut all, &parts, parameters.get(name).unwrap_or_default())?;
    }
    Some(with_lists(all))
}

fn insert(into: &mut Map<String, Value>, parts: &[&str], value: &str) -> Option<()> {
    match parts {
        [] => None,
        [last] => into.insert((*last).to_owned(), value.into()).is_none().then_some(()),
        [first, rest @ ..] => {
            let inner = into.entry(*first).or_insert_with(|| Value::Object(Map::new()));
            insert(inner.as_object_mut()?, rest, value)
        }
    }
}

/// Makes a list of each structure whose members are numbers, in their order.
fn with_lists(members: Map<String, Value>) -> Value {
    let convert = |value| match value {
        Value::Object(inner) => with_lists(inner),
        other => other,
    };
    let numbers: Option<Vec<u32>> = members.keys().map(|name| name.parse().ok()).collect();
    match numbers.filter(|numbers| !numbers.is_empty()) {
        None => Value::Object(members.into_iter().map(|(name, value)| (name, convert(value))).collect()),
        Some(numbers) => {
            let mut list: Vec<_> = numbers.into_iter().zip(members.into_iter().map(|(_, value)| value)).collect();
            list.sort_by_key(|(number, _)| *number);
            Value::Array(list.into_iter().map(|(_, value)| convert(value)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn query_parameters_become_structures_and_lists() {
        let read = |text: &str| as_json(&Parameters::parse(text.as_bytes()));
        assert_eq!(
            read("Action=X&Version=1&A.member.2.B=z&A.member.10.B=w&A.member.1.B=y&C=1").unwrap(),
            json!({"A": [{"B": "y"}, {"B": "z"}, {"B": "w"}], "C": "1"})
        );
        assert_eq!(read("A=1&A.B=2"), None);
        assert_eq!(read(&format!("A{}=1", ".1".repeat(1000))), None);
    }
}
