use serde_json::json;

use super::*;

const NOW: u64 = 10_000 * MINUTE;

fn query(id: &str, stat: &str, period: u64) -> Value {
    json!({
        "Id": id,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda",
                "MetricName": "Duration",
                "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
            },
            "Period": period,
            "Stat": stat,
        },
    })
}

fn request(queries: &[Value], start: u64) -> Value {
    json!({"MetricDataQueries": queries, "StartTime": (NOW - start * MINUTE) / 1000, "EndTime": NOW / 1000})
}

fn refused(input: Value) -> String {
    let error = GetMetricData::parse(input).map(drop).unwrap_err();
    format!("{}: {}", error.code, error.message)
}

#[test]
fn get_metric_data_statistics_and_periods_newest_first() {
    let store = MetricStore::default();
    for (minutes_ago, value) in [(12, 100.0), (7, 1.0), (7, 2.0), (6, 9.0), (1, 5.0)] {
        store.add_at(Metric::Duration, "f", value, NOW - minutes_ago * MINUTE);
    }
    let ask = |input: Value| -> Vec<(Vec<u64>, Vec<f64>)> {
        let results = GetMetricData::parse(input).unwrap().results(|_| &store);
        let ago = |times: &[u64]| times.iter().map(|at| NOW / MINUTE - at / 60).collect();
        results.iter().map(|result| (ago(&result.timestamps), result.values.clone())).collect()
    };
    let all = ["Sum", "Average", "Minimum", "Maximum", "SampleCount"];
    let queries: Vec<Value> =
        all.iter().zip("abcde".chars()).map(|(stat, id)| query(&id.to_string(), stat, 60)).collect();
    let values: Vec<Vec<f64>> = ask(request(&queries, 10)).into_iter().map(|(_, values)| values).collect();
    assert_eq!(values, [[5.0, 9.0, 3.0], [5.0, 9.0, 1.5], [5.0, 9.0, 1.0], [5.0, 9.0, 2.0], [1.0, 1.0, 2.0]]);
    assert_eq!(ask(request(&[query("a", "Sum", 300)], 10)), [(vec![5, 10], vec![5.0, 12.0])]);
    assert_eq!(
        ask(request(&[query("a", "Sum", 300)], 11)),
        [(vec![5, 10, 15], vec![5.0, 12.0, 100.0])],
        "the first period is a whole one"
    );
    let mut ascending = request(&[query("a", "Maximum", 60)], 20);
    ascending["ScanBy"] = "TimestampAscending".into();
    assert_eq!(ask(ascending), [(vec![12, 7, 6, 1], vec![100.0, 2.0, 9.0, 5.0])]);
    let mut other_unit = query("a", "Sum", 60);
    other_unit["MetricStat"]["Unit"] = "Count".into();
    assert_eq!(ask(request(&[other_unit], 20)), [(vec![], vec![])]);
    let mut hidden = query("b", "Sum", 60);
    hidden["ReturnData"] = false.into();
    assert_eq!(ask(request(&[query("a", "Sum", 6000), hidden], 20)).len(), 1);
}

#[test]
fn get_metric_data_what_is_not_implemented_is_refused_by_name() {
    let with = |path: &str, value: Value| {
        let mut query = query("a", "Sum", 60);
        *query.pointer_mut(path).unwrap() = value;
        refused(request(&[query], 5))
    };
    for (path, value, said) in [
        ("/MetricStat/Stat", json!("p99"), "ValidationError: The local cloud has no statistic p99 (in a)"),
        ("/MetricStat/Period", json!(10), "The Period of a must be a multiple of 60"),
        (
            "/MetricStat/Metric/MetricName",
            json!("OffsetLag"),
            "does not count the metric AWS/Lambda OffsetLag by [FunctionName]",
        ),
        ("/MetricStat/Metric/Dimensions/0/Name", json!("Resource"), "AWS/Lambda Duration by [Resource]"),
        ("/MetricStat/Metric/Dimensions", json!([]), "AWS/Lambda Duration by []"),
        ("/Id", json!("A"), "The value of an Id"),
        ("/MetricStat", json!(null), "must have a MetricStat"),
        ("/MetricStat/Metric", json!(5), "SerializationException"),
    ] {
        let error = with(path, value);
        assert!(error.contains(said), "{path}: {error}");
    }
    assert!(refused(request(&[], 5)).contains("1 to 500 queries"));
    assert!(refused(request(&vec![query("a", "Sum", 60); 501], 5)).contains("1 to 500 queries"));
    assert!(refused(request(&[query("a", "Sum", 60), query("a", "Maximum", 60)], 5)).contains("must be unique"));
    assert!(refused(request(&[query("a", "Sum", 60)], 0)).contains("StartTime must be less"));
    let mut unknown_order = request(&[query("a", "Sum", 60)], 5);
    unknown_order["ScanBy"] = "x".into();
    assert!(refused(unknown_order).contains("ScanBy"));
}

#[test]
fn get_metric_data_reads_numbers_and_times_of_the_query_protocol() {
    let mut query = query("a", "Sum", 60);
    query["MetricStat"]["Period"] = "60".into();
    query["ReturnData"] = "true".into();
    let input = json!({
        "MetricDataQueries": [query], "StartTime": "2026-11-29T10:00:00Z", "EndTime": "2026-11-29T10:30:00Z",
    });
    let read = GetMetricData::parse(input).unwrap();
    assert_eq!((read.end - read.start, read.queries[0].period), (30 * MINUTE, MINUTE));
}
