//! The key of a table, from the JSON document of the AWS CLI.

use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeDefinition, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription};
use aws_smithy_types::error::operation::BuildError;
use serde::Deserialize;
use serde_json::{Value, json};

/// The input of `aws dynamodb create-table --cli-input-json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Document {
    #[serde(rename = "TableName")]
    _table_name: String,
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<Key>,
    #[serde(rename = "BillingMode")]
    _billing_mode: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Key {
    attribute_name: String,
    key_type: String,
}

impl Document {
    /// Parses one of the bundled documents.
    #[must_use]
    pub(super) fn bundled(text: &str) -> Self {
        serde_json::from_str(text).expect("the bundled templates are checked by a test")
    }

    /// Returns the key as a property: name, part and type of each attribute.
    #[must_use]
    pub(super) fn key(&self) -> Value {
        let type_of = |name: &str| {
            let definitions = &self.attribute_definitions;
            definitions.iter().find(|attribute| attribute.attribute_name == name).map(|a| a.attribute_type.as_str())
        };
        let keys = self.key_schema.iter();
        json!(keys.map(|key| (&key.attribute_name, &key.key_type, type_of(&key.attribute_name))).collect::<Vec<_>>())
    }

    /// Sets the key in a call.
    pub(super) fn fill(&self, mut call: CreateTableFluentBuilder) -> Result<CreateTableFluentBuilder, BuildError> {
        for attribute in &self.attribute_definitions {
            let definition = AttributeDefinition::builder()
                .attribute_name(&attribute.attribute_name)
                .attribute_type(ScalarAttributeType::from(attribute.attribute_type.as_str()));
            call = call.attribute_definitions(definition.build()?);
        }
        for key in &self.key_schema {
            let element = KeySchemaElement::builder()
                .attribute_name(&key.attribute_name)
                .key_type(KeyType::from(key.key_type.as_str()));
            call = call.key_schema(element.build()?);
        }
        Ok(call)
    }
}

/// Returns the key of an observed table, in the same form.
pub(super) fn key_of(table: &TableDescription) -> Value {
    let type_of = |name: &str| {
        let definition = table.attribute_definitions().iter().find(|attribute| attribute.attribute_name == name);
        definition.map(|attribute| attribute.attribute_type.as_str())
    };
    let keys = table.key_schema().iter();
    json!(
        keys.map(|key| (&key.attribute_name, key.key_type.as_str(), type_of(&key.attribute_name))).collect::<Vec<_>>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_the_tables_of_the_walkthrough() {
        let readings = Document::bundled(include_str!("../../../../templates/sensor-data-table.json"));
        assert_eq!(readings.key(), json!([["SensorId", "HASH", "S"], ["CurrentTime", "RANGE", "N"]]));
        let rejects = Document::bundled(include_str!("../../../../templates/rejects-table.json"));
        assert_eq!(rejects.key(), json!([["ShardId", "HASH", "S"], ["RejectId", "RANGE", "S"]]));
    }
}
