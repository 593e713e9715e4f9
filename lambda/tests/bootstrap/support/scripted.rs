//! A `DynamoDB` that answers as a test tells it, for the faults that a whole one does not give.

use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::Value;

use super::http::serve;

/// A running one.
pub struct Scripted {
    /// `127.0.0.1:port`
    pub address: String,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Scripted {
    /// Answers each request with the status and body that `script` gives for its body.
    pub async fn start(script: impl FnMut(&Value) -> (u16, Value) + Send + 'static) -> Self {
        let script = Arc::new(Mutex::new(script));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let address = serve(move |_, _, body: Bytes| {
            let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
            async move {
                let request: Value = serde_json::from_slice(&body).unwrap();
                let (status, answer) = script.lock().unwrap()(&request);
                seen.lock().unwrap().push(request);
                Response::builder().status(status).body(Full::from(answer.to_string())).unwrap()
            }
        })
        .await;
        Scripted { address, requests }
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }
}

/// The `CurrentTime` of each reading that a request puts.
pub fn sent_times(request: &Value) -> Vec<u32> {
    let Some(puts) = request["RequestItems"]["SensorData"].as_array() else { return Vec::new() };
    puts.iter().map(|put| put["PutRequest"]["Item"]["CurrentTime"]["N"].as_str().unwrap().parse().unwrap()).collect()
}
