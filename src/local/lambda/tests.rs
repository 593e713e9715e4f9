//! Tests of functions as processes, the REST API, and event source mappings, with the real services around them.

mod authorized;
mod control;
mod counters;
mod delivery;
mod fan_out;
mod faults;
mod in_flight;
mod invoking;
mod pages;
#[cfg(target_os = "linux")]
mod processes;
mod queued;
mod resharding;
mod results;
mod retries;
mod sdk;
pub(crate) mod support;
mod timing;

/// Returns the sequence numbers of put records.
fn numbers(put: &[(String, String)]) -> Vec<String> {
    put.iter().map(|(_, number)| number.clone()).collect()
}

/// Asserts that the handled records are the put ones, each once, and in order for each key.
fn assert_in_order(handled: &[String], put: &[(String, String)]) {
    let key_of: std::collections::HashMap<&String, &String> = put.iter().map(|(key, number)| (number, key)).collect();
    assert_eq!(handled.len(), put.len(), "each once");
    let keys: std::collections::BTreeSet<&String> = put.iter().map(|(key, _)| key).collect();
    for key in keys {
        let wanted: Vec<&String> = put.iter().filter(|(of, _)| of == key).map(|(_, number)| number).collect();
        let got: Vec<&String> = handled.iter().filter(|number| key_of[number] == key).collect();
        assert_eq!(got, wanted, "{key}");
    }
}
