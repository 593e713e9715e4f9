//! Items in `DynamoDB`'s JSON, written once and sent as they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sensor_model::json_text::push_string;
use sensor_model::{Decimal, Value};

/// A table and the attributes of its key.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Partition key, of type S.
    pub partition: &'static str,
    /// Sort key.
    pub sort: &'static str,
}

/// An item in the making: `{"SensorId":{"S":"…"},…`.
#[derive(Debug)]
pub struct ItemJson(String);

impl ItemJson {
    /// An item without attributes.
    pub fn new() -> Self {
        ItemJson(String::with_capacity(256))
    }

    /// An attribute of type S.
    #[must_use]
    pub fn text(mut self, name: &str, text: &str) -> Self {
        self.name(name);
        push_text(&mut self.0, text);
        self
    }

    /// An attribute of type N.
    #[must_use]
    pub fn number(mut self, name: &str, number: &Decimal) -> Self {
        self.name(name);
        push_number(&mut self.0, number);
        self
    }

    /// An attribute of type B.
    #[must_use]
    pub fn bytes(mut self, name: &str, bytes: &[u8]) -> Self {
        self.name(name);
        self.0.push_str("{\"B\":\"");
        STANDARD.encode_string(bytes, &mut self.0);
        self.0.push_str("\"}");
        self
    }

    /// An attribute of the type that the value has.
    #[must_use]
    pub fn value(mut self, name: &str, value: &Value) -> Self {
        self.name(name);
        push_value(&mut self.0, value);
        self
    }

    /// The finished item.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.0.push(if self.0.is_empty() { '{' } else { '}' });
        self.0
    }

    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        push_string(&mut self.0, name);
        self.0.push(':');
    }
}

fn push_text(out: &mut String, text: &str) {
    out.push_str("{\"S\":");
    push_string(out, text);
    out.push('}');
}

fn push_number(out: &mut String, number: &Decimal) {
    out.push_str("{\"N\":\"");
    out.push_str(number.as_str());
    out.push_str("\"}");
}

fn push_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("{\"NULL\":true}"),
        Value::Bool(true) => out.push_str("{\"BOOL\":true}"),
        Value::Bool(false) => out.push_str("{\"BOOL\":false}"),
        Value::Number(number) => push_number(out, number),
        Value::Text(text) => push_text(out, text),
        Value::List(elements) => {
            out.push_str("{\"L\":[");
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_value(out, element);
            }
            out.push_str("]}");
        }
        Value::Map(members) => {
            out.push_str("{\"M\":{");
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_string(out, name);
                out.push(':');
                push_value(out, member);
            }
            out.push_str("}}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ItemJson;
    use sensor_model::{Decimal, Reading};

    #[test]
    fn every_type_has_its_descriptor() {
        let json =
            br#"{"sensor_id":"s","temperature":1,"current_time":2,"a":[null,true,false,1.50,"x\n",{"k":{}}],"b":[]}"#;
        let reading = Reading::from_json(json).unwrap();
        let item = ItemJson::new().text("SensorId", "s").number("N", &Decimal::from(7_u64)).bytes("D", b"\x00\xff");
        let item = reading.fields.iter().fold(item, |item, (name, value)| item.value(name, value)).finish();
        assert_eq!(
            item,
            concat!(
                r#"{"SensorId":{"S":"s"},"N":{"N":"7"},"D":{"B":"AP8="},"#,
                r#""a":{"L":[{"NULL":true},{"BOOL":true},{"BOOL":false},{"N":"1.5"},{"S":"x\n"},{"M":{"k":{"M":{}}}}]},"#,
                r#""b":{"L":[]}}"#
            )
        );
    }
}
