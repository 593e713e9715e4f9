//! `DescribeTable`: dynoxide counts the rows of the table and of its indexes for each answer. For a large table the
//! answer is kept for a while, as `DynamoDB` does, which counts about every six hours.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use dynoxide::DynoxideError;
use dynoxide::actions::describe_table::{self, DescribeTableRequest};
use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::storage::Storage;

use super::poll_once::at_once;
use super::to_json;

/// An answer that took less is not kept: it is always of the moment.
const WORTH_KEEPING: Duration = Duration::from_millis(10);

/// How many times as long as it took an answer is kept: counting takes no more than a hundredth of the time.
const KEPT_FOR: u32 = 100;

/// The descriptions of tables without vector indexes.
pub(super) struct Descriptions {
    path: Box<str>,
    worth_keeping: Duration,
    /// A connection of its own: counting does not keep others from reading and writing.
    storage: Option<Storage>,
    kept: HashMap<String, Kept>,
}

struct Kept {
    answer: String,
    at: Instant,
    took: Duration,
}

impl Descriptions {
    pub(super) fn new(path: &str) -> Descriptions {
        Descriptions { path: path.into(), worth_keeping: WORTH_KEEPING, storage: None, kept: HashMap::new() }
    }

    /// Forgets what is known of the tables, before one of them changes.
    pub(super) fn forget(&mut self) {
        self.storage = None;
        self.kept.clear();
    }

    /// Answers `DescribeTable`.
    pub(super) fn describe(&mut self, request: DescribeTableRequest) -> Result<String, DynoxideError> {
        let name = request.table_name.clone();
        if let Some(kept) = self.kept.get(&name).filter(|kept| kept.at.elapsed() < kept.took * KEPT_FOR) {
            return Ok(kept.answer.clone());
        }
        let storage = match &self.storage {
            Some(storage) => storage,
            None => self.storage.insert(Storage::new(&self.path)?),
        };
        let began = Instant::now();
        let answer = to_json(&at_once(describe_table::execute(storage, request, &VectorIndexLifecycle::new()))?)?;
        let (at, took) = (Instant::now(), began.elapsed());
        if took >= self.worth_keeping {
            self.kept.insert(name, Kept { answer: answer.clone(), at, took });
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use dynoxide::Database;
    use serde_json::{Value, json};

    use super::*;

    fn count(descriptions: &mut Descriptions) -> u64 {
        let answer = descriptions.describe(DescribeTableRequest { table_name: "rows".to_owned() }).unwrap();
        serde_json::from_str::<Value>(&answer).unwrap()["Table"]["ItemCount"].as_u64().unwrap()
    }

    #[test]
    fn item_count_of_a_large_table_is_counted_once_and_that_of_a_small_one_always() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.sqlite").to_str().unwrap().to_owned();
        let database = Database::new(&path).unwrap();
        let table = json!({
            "TableName": "rows", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{ "AttributeName": "k", "KeyType": "HASH" }],
            "AttributeDefinitions": [{ "AttributeName": "k", "AttributeType": "S" }],
        });
        database.create_table(serde_json::from_value(table).unwrap()).unwrap();
        let put = |key: &str| {
            let put = json!({ "TableName": "rows", "Item": { "k": { "S": key } } });
            database.put_item(serde_json::from_value(put).unwrap()).unwrap();
        };
        let mut small = Descriptions { worth_keeping: Duration::MAX, ..Descriptions::new(&path) };
        assert_eq!(count(&mut small), 0);
        put("a");
        assert_eq!(count(&mut small), 1);
        let mut large = Descriptions { worth_keeping: Duration::ZERO, ..Descriptions::new(&path) };
        assert_eq!(count(&mut large), 1);
        let kept = large.kept.get_mut("rows").unwrap();
        kept.took = Duration::from_secs(60);
        put("b");
        assert_eq!(count(&mut large), 1, "it is kept");
        large.forget();
        assert_eq!(count(&mut large), 2);
        large.kept.get_mut("rows").unwrap().took = Duration::ZERO;
        put("c");
        assert_eq!(count(&mut large), 3, "it was kept for long enough");
    }
}
