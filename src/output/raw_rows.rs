//! Items in the JSON of `DynamoDB`, as `aws dynamodb scan` prints them.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::Row;
use crate::error::Error;
use crate::pipeline::RawItem;

impl Serialize for RawItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.json).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl Row for RawItem {
    fn columns() -> &'static [&'static str] {
        &["item"]
    }

    fn cells(&self) -> Vec<String> {
        vec![self.json.clone()]
    }

    fn json_line(&self) -> Result<String, Error> {
        Ok(self.json.clone())
    }

    fn json_document(count: u64) -> (&'static str, String) {
        ("{\n\"Items\": [", format!("],\n\"Count\": {count}\n}}\n"))
    }
}
