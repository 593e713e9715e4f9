//! A scripted `DynamoDB` for faults that a complete one does not produce.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::DATE;
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::http::serve;

/// A scripted response.
pub struct Said {
    pub status: u16,
    pub body: Bytes,
    /// The service's time in the `date` header.
    pub date: Option<String>,
    pub when: When,
}

/// The time of the response.
#[derive(Clone, Copy)]
pub enum When {
    Now,
    /// After this number of requests has arrived.
    Requests(usize),
    /// After this time on the paused clock of this process.
    After(Duration),
    Never,
}

impl From<(u16, Value)> for Said {
    fn from((status, body): (u16, Value)) -> Self {
        Said::text(status, &body.to_string())
    }
}

impl Said {
    /// Returns a response with any text.
    pub fn text(status: u16, body: &str) -> Self {
        Said { status, body: Bytes::from(body.to_owned()), date: None, when: When::Now }
    }
}

/// Returns an error in the service's form.
pub fn failure(code: &str, message: &str) -> (u16, Value) {
    (400, json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message}))
}

/// Returns a throttling error.
pub fn throttled() -> (u16, Value) {
    failure("ProvisionedThroughputExceededException", "The level of configured provisioned throughput was exceeded")
}

/// Returns the response for a request that is stored whole.
pub fn stored() -> (u16, Value) {
    (200, json!({"UnprocessedItems": {}}))
}

/// Status and body of responses that do not come from the service.
pub const GARBAGE: [(u16, &str); 11] = [
    (200, "hunter2"),
    (200, "<html>hunter2</html>"),
    (200, r#"{"UnprocessedItems":"hunter2"}"#),
    (200, r#"{"UnprocessedItems":{"SensorData":[{"PutRequest":{"Item":{"hunter2":{"S":"hunter2"}}}}]}}"#),
    (200, ""),
    (200, "{}"),
    (200, r#"{"hunter2":{}}"#),
    (200, r#"{"UnprocessedItems":null}"#),
    (200, r#"[{"hunter2":[]}]"#),
    (200, "[{}]"),
    (500, "hunter2"),
];

/// A running scripted service.
pub struct Scripted {
    /// `127.0.0.1:port`
    pub address: String,
    requests: watch::Receiver<Vec<Value>>,
}

impl Scripted {
    /// Starts a service. `script` maps the body of each request to its response.
    pub async fn start<S: Into<Said>>(mut script: impl FnMut(&Value) -> S + Send + 'static) -> Self {
        Scripted::start_with_heads(move |_, body| script(body)).await
    }

    /// Starts a service. `script` maps each request and its body to its response.
    pub async fn start_with_heads<S, F>(mut script: F) -> Self
    where
        S: Into<Said>,
        F: FnMut(&Request<Bytes>, &Value) -> S + Send + 'static,
    {
        let script = Arc::new(Mutex::new(move |request: &Request<Bytes>, body: &Value| script(request, body).into()));
        let (seen, requests) = watch::channel(Vec::new());
        let address = serve(move |request: Request<Bytes>| {
            let (script, seen) = (Arc::clone(&script), seen.clone());
            async move {
                // A request that was canceled while it was sent does not count.
                let Ok(body) = serde_json::from_slice::<Value>(request.body()) else { return Response::default() };
                let said: Said = script.lock().unwrap()(&request, &body);
                seen.send_modify(|requests: &mut Vec<Value>| requests.push(body));
                match said.when {
                    When::Now => {}
                    When::Requests(count) => {
                        seen.subscribe().wait_for(|requests| requests.len() >= count).await.unwrap();
                    }
                    When::After(time) => tokio::time::advance(time).await,
                    When::Never => std::future::pending().await,
                }
                let mut response = Response::builder().status(said.status);
                if let Some(date) = said.date {
                    response = response.header(DATE, date);
                }
                response.body(Full::from(said.body)).unwrap()
            }
        })
        .await;
        Scripted { address, requests }
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Value> {
        self.requests.borrow().clone()
    }
}

/// Returns the items that a request puts into a table.
pub fn sent_items<'a>(request: &'a Value, table: &str) -> Vec<&'a Value> {
    let Some(puts) = request["RequestItems"][table].as_array() else { return Vec::new() };
    puts.iter().map(|put| &put["PutRequest"]["Item"]).collect()
}

/// Returns the `CurrentTime` of each reading that a request puts.
pub fn sent_times(request: &Value) -> Vec<u32> {
    sent_items(request, "SensorData")
        .iter()
        .map(|item| item["CurrentTime"]["N"].as_str().unwrap().parse().unwrap())
        .collect()
}
