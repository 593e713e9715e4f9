//! Property tests: pages of random tables equal those of dynoxide, which collects all rows for each page.

use dynoxide::{Database, DynoxideError};
use proptest::prelude::*;
use proptest::sample::select;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::decode;
use super::page::Segment;
use super::reader::{Readers, is_select};
use super::to_json;

/// The indexes of the table, and whether each is a local one.
const INDEXES: [(&str, bool); 4] =
    [("global_all", false), ("global_keys", false), ("local_all", true), ("local_keys", true)];

/// A generated item.
#[derive(Clone, Debug)]
struct Row {
    partition: u8,
    sort: u16,
    group: Option<u8>,
    order: Option<u8>,
    level: u8,
    /// Size of the text, in bytes.
    text: usize,
}

/// A generated read.
#[derive(Clone, Debug)]
struct Read {
    index: Option<(&'static str, bool)>,
    /// Partition of a Query; `None` for a Scan.
    partition: Option<u8>,
    /// Lowest sort key of a Query.
    from: Option<u8>,
    forward: bool,
    segment: Option<(u32, u32)>,
    limit: Option<usize>,
    filter: Option<u8>,
    project: bool,
    /// `Select`.
    wanted: Option<&'static str>,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    // As large as a page, as small as a reading, and sizes of which many fit into a page.
    let text = prop_oneof![0..200_usize, 1000..5000_usize, 100_000..300_000_usize, Just(380_000)];
    let group = proptest::option::weighted(0.8, 0..3_u8);
    let order = proptest::option::weighted(0.8, 0..4_u8);
    let row = (0..3_u8, 0..2000_u16, group, order, 0..4_u8, text)
        .prop_map(|(partition, sort, group, order, level, text)| Row { partition, sort, group, order, level, text });
    proptest::collection::vec(row, 0..24)
}

fn reads() -> impl Strategy<Value = Vec<Read>> {
    let index = proptest::option::weighted(0.6, select(&INDEXES[..]));
    let key = (proptest::option::of(0..3_u8), proptest::option::of(0..4_u8), any::<bool>());
    let segment = proptest::option::weighted(0.3, (1..5_u32, any::<u32>()).prop_map(|(total, at)| (at % total, total)));
    let limit = proptest::option::weighted(0.4, prop_oneof![1..4_usize, 4..40_usize]);
    let filter = proptest::option::weighted(0.4, 0..4_u8);
    let wanted = proptest::option::weighted(0.4, select(vec!["COUNT", "ALL_ATTRIBUTES"]));
    let read = (index, key, segment, limit, filter, any::<bool>(), wanted).prop_map(
        |(index, (partition, from, forward), segment, limit, filter, project, wanted)| {
            let is_all = index.is_none_or(|(name, is_local)| is_local || name == "global_all");
            let wanted = wanted.filter(|wanted| *wanted == "COUNT" || is_all);
            // DynamoDB supports no segments in a Query, and no projection beside Select.
            Read {
                index,
                partition,
                from,
                forward,
                segment: segment.filter(|_| partition.is_none()),
                limit,
                filter,
                project: project && wanted.is_none(),
                wanted,
            }
        },
    );
    proptest::collection::vec(read, 6)
}

impl Row {
    fn item(&self) -> Value {
        let mut item = json!({
            "p": { "S": format!("partition-{}", self.partition) },
            "s": { "N": self.sort.to_string() },
            "level": { "N": self.level.to_string() },
            "text": { "S": "x".repeat(self.text) },
            // Its JSON is larger than the item.
            "more": { "L": [{ "NULL": true }, { "BOOL": false }, { "N": "1e-100" }, { "B": "AAEC" }, { "S": "\n\n" }] },
        });
        if let Some(group) = self.group {
            item["g"] = json!({ "S": format!("group-{group}") });
        }
        if let Some(order) = self.order {
            item["o"] = json!({ "N": order.to_string() });
        }
        item
    }
}

impl Read {
    fn operation(&self) -> &'static str {
        if self.partition.is_some() { "Query" } else { "Scan" }
    }

    /// Returns the request of the page after this key.
    fn request(&self, after: Option<&Value>, with_filter: bool) -> Value {
        let (mut request, mut names, mut values) = (Map::new(), Map::new(), Map::new());
        let mut set = |name: &str, value: Value| request.insert(name.to_owned(), value);
        set("TableName", json!("rows"));
        set("ReturnConsumedCapacity", json!("INDEXES"));
        if let Some((index, _)) = self.index {
            set("IndexName", json!(index));
        }
        if let Some(limit) = self.limit {
            set("Limit", json!(limit));
        }
        if let Some((number, total)) = self.segment {
            set("Segment", json!(number));
            set("TotalSegments", json!(total));
        }
        if let Some(key) = after {
            set("ExclusiveStartKey", key.clone());
        }
        if let Some(partition) = self.partition {
            let (hash, range, value) = match self.index {
                Some((_, false)) => ("g", "s", format!("group-{partition}")),
                Some((_, true)) => ("p", "o", format!("partition-{partition}")),
                None => ("p", "s", format!("partition-{partition}")),
            };
            values.insert(":hash".to_owned(), json!({ "S": value }));
            let mut condition = format!("{hash} = :hash");
            if let Some(from) = self.from {
                values.insert(":from".to_owned(), json!({ "N": from.to_string() }));
                condition += &format!(" AND {range} >= :from");
            }
            set("KeyConditionExpression", json!(condition));
            set("ScanIndexForward", json!(self.forward));
        }
        if let Some(level) = self.filter.filter(|_| with_filter) {
            names.insert("#level".to_owned(), json!("level"));
            values.insert(":level".to_owned(), json!({ "N": level.to_string() }));
            set("FilterExpression", json!("#level < :level"));
        }
        if self.project {
            set("ProjectionExpression", json!("s, more[1]"));
        }
        if let Some(wanted) = self.wanted {
            set("Select", json!(wanted));
        }
        for (name, map) in [("ExpressionAttributeNames", names), ("ExpressionAttributeValues", values)] {
            if !map.is_empty() {
                set(name, Value::Object(map));
            }
        }
        Value::Object(request)
    }
}

/// Creates a table with these rows; returns it with its file.
fn table(rows: &[Row]) -> (TempDir, String, Database) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.sqlite").to_str().unwrap().to_owned();
    let database = Database::new(&path).unwrap();
    let key = |hash: &str, range: &str| json!([{ "AttributeName": hash, "KeyType": "HASH" }, { "AttributeName": range, "KeyType": "RANGE" }]);
    let index = |name: &str, key: Value, projection: &str| json!({ "IndexName": name, "KeySchema": key, "Projection": { "ProjectionType": projection } });
    let attribute = |name: &str, kind: &str| json!({ "AttributeName": name, "AttributeType": kind });
    let definition = json!({
        "TableName": "rows",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": key("p", "s"),
        "AttributeDefinitions": [attribute("p", "S"), attribute("s", "N"), attribute("g", "S"), attribute("o", "N")],
        "GlobalSecondaryIndexes": [index("global_all", key("g", "s"), "ALL"), index("global_keys", key("g", "s"), "KEYS_ONLY")],
        "LocalSecondaryIndexes": [index("local_all", key("p", "o"), "ALL"), index("local_keys", key("p", "o"), "KEYS_ONLY")],
    });
    database.create_table(serde_json::from_value(definition).unwrap()).unwrap();
    for row in rows {
        let put = json!({ "TableName": "rows", "Item": row.item() });
        database.put_item(serde_json::from_value(put).unwrap()).unwrap();
    }
    (folder, path, database)
}

fn answer<I: DeserializeOwned>(request: &Value, run: impl FnOnce(&str, I) -> Result<String, DynoxideError>) -> Value {
    let text = request.to_string();
    let input = decode::input(&text).unwrap();
    let output = run(&text, input).unwrap_or_else(|error| panic!("{error}: {request}"));
    serde_json::from_str(&output).unwrap()
}

/// Returns the page from dynoxide, with `ScannedCount` as DynamoDB counts: it does not evaluate rows that do not fit.
fn expected(database: &Database, read: &Read, after: Option<&Value>) -> Value {
    let run = |request: Value| match read.operation() {
        "Query" => answer(&request, |_, input| to_json(&database.query(input)?)),
        _ => answer(&request, |_, input| to_json(&database.scan(input)?)),
    };
    let mut page = run(read.request(after, true));
    // Without a filter, each evaluated row counts.
    page["ScannedCount"] = run(read.request(after, false))["Count"].clone();
    page
}

fn actual(readers: &Readers, read: &Read, after: Option<&Value>) -> Value {
    let request = read.request(after, true);
    match read.operation() {
        "Query" => answer(&request, |text, input| readers.query(text, input)),
        _ => answer(&request, |text, input| readers.scan(text, input)),
    }
}

/// Compares all pages up to the end.
fn compare(database: &Database, whole: &Read, readers: &Readers, read: &Read) {
    let mut after = None;
    loop {
        let page = actual(readers, read, after.as_ref());
        let wanted = expected(database, whole, after.as_ref());
        assert_eq!(page, wanted, "after {after:?} of {read:?}");
        after = page.get("LastEvaluatedKey").cloned();
        if after.is_none() {
            return;
        }
    }
}

/// Returns `count` rows of one partition, each about a hundredth of a page.
fn many(count: u16) -> Vec<Row> {
    let row = |sort| Row { partition: 0, sort, group: Some(0), order: Some(0), level: 0, text: 10_000 };
    (0..count).map(row).collect()
}

const WHOLE: Read = Read {
    index: None,
    partition: None,
    from: None,
    forward: true,
    segment: None,
    limit: None,
    filter: None,
    project: false,
    wanted: None,
};

#[test]
fn page_limit_at_page_edge_excludes_the_row_that_does_not_fit() {
    let (_folder, path, database) = table(&many(120));
    let readers = Readers::new(&path);
    let holds = usize::try_from(actual(&readers, &WHOLE, None)["Count"].as_u64().unwrap()).unwrap();
    for limit in [holds - 1, holds, holds + 1, holds + 2] {
        let read = Read { limit: Some(limit), filter: Some(1), ..WHOLE };
        let page = actual(&readers, &read, None);
        assert_eq!(page, expected(&database, &read, None), "{limit}");
        assert_eq!(page["ScannedCount"], json!(limit.min(holds)));
    }
}

#[test]
fn select_statement_returns_every_row_once_in_pages_of_a_megabyte() {
    let (_folder, path, _) = table(&many(300));
    let readers = Readers::new(&path);
    for (statement, limit) in [
        ("SELECT s FROM \"rows\"", None),
        ("  select s from \"rows\".\"global_all\" where g = 'group-0'", None),
        ("SELECT s FROM rows WHERE p = 'partition-0'", Some(7)),
    ] {
        assert!(is_select(statement));
        let (mut seen, mut sizes, mut token) = (Vec::new(), Vec::new(), None);
        loop {
            let mut request = json!({ "Statement": statement, "NextToken": token });
            if let Some(limit) = limit {
                request["Limit"] = json!(limit);
            }
            let page = answer(&request, |text, input| readers.select(text, input));
            let rows = page["Items"].as_array().unwrap();
            seen.extend(rows.iter().map(|row| row["s"]["N"].as_str().unwrap().parse::<u16>().unwrap()));
            sizes.push(rows.len());
            token = page.get("NextToken").cloned();
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..300).collect::<Vec<_>>(), "{statement}");
        let largest = limit.unwrap_or(110);
        assert!(sizes.iter().all(|rows| *rows <= largest) && sizes[0] > largest * 9 / 10, "{statement}: {sizes:?}");
    }
}

mod slow {
    use super::*;

    #[test]
    fn page_of_large_table_reads_few_rows_beyond_the_page() {
        let (_folder, path, _) = table(&many(1000));
        for (index, partition) in
            INDEXES.map(Some).into_iter().chain([None]).flat_map(|index| [(index, None), (index, Some(0))])
        {
            // A KEYS_ONLY index holds all its rows in one page.
            if index.is_some_and(|(name, _)| name.ends_with("keys")) {
                continue;
            }
            for segment in [None, Some((0, 1))].into_iter().take(if partition.is_none() { 2 } else { 1 }) {
                let readers = Readers::with(&path, 64, 1);
                let read = Read { index, partition, segment, ..WHOLE };
                let page = actual(&readers, &read, None);
                let (count, rows) = (page["Count"].as_u64().unwrap(), readers.rows_of_the_last_execution());
                assert_eq!((page["ScannedCount"].as_u64(), count > 90), (Some(count), true), "{read:?}");
                assert!(rows < 130, "{read:?} collected {rows} rows for {count}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

        #[test]
        fn pages_of_any_read_equal_those_of_dynoxide(
            rows in rows(), reads in reads(), sample in 1..6_usize
        ) {
            let (_folder, path, database) = table(&rows);
            let readers = Readers::with(&path, sample, 2);
            for read in &reads {
                // The next test compares the segments of a table.
                if read.segment.is_none() || read.index.is_some() {
                    compare(&database, read, &readers, read);
                }
            }
        }

        #[test]
        fn pages_of_a_segment_equal_those_of_a_table_with_only_its_rows(
            rows in rows(), reads in reads(), sample in 1..6_usize, total in 2..5_u32
        ) {
            let (_folder, path, _) = table(&rows);
            let readers = Readers::with(&path, sample, 2);
            for number in 0..total {
                let segment = Segment { number, total };
                let is_owned = |row: &&Row| segment.owns(format!("S:partition-{}", row.partition).as_bytes());
                let owned: Vec<Row> = rows.iter().filter(is_owned).cloned().collect();
                let (_folder, _, database) = table(&owned);
                for read in reads.iter().filter(|read| read.partition.is_none()) {
                    let whole = Read { index: None, segment: None, ..read.clone() };
                    let part = Read { segment: Some((number, total)), ..whole.clone() };
                    compare(&database, &whole, &readers, &part);
                }
            }
        }
    }
}
