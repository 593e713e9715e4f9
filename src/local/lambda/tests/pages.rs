//! Tests that a web page can neither take a function's events nor answer them.

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::lambda::runtime::runtime_api::{RuntimeApi, RuntimeRequest, Task};

/// Returns the response to a request with these headers.
async fn send(api: &RuntimeApi, line: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    let length = body.len();
    let request =
        format!("{line} HTTP/1.1\r\n{headers}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

mod slow {
    use super::*;

    #[tokio::test]
    async fn runtime_api_rejects_web_pages() {
        let (api, mut calls) = RuntimeApi::start().await.unwrap();
        let own = format!("host: {}", api.address);
        let next = "GET /2018-06-01/runtime/invocation/next";
        for headers in [
            "host: evil.example".to_owned(),
            format!("host: localhost:{}", api.address.port()),
            format!("{own}\r\norigin: http://evil.example"),
            format!("{own}\r\nsec-fetch-site: cross-site"),
            format!("{own}\r\nsec-fetch-site: same-site"),
            format!("{own}\r\norigin: null"),
        ] {
            for (line, body) in [
                (next, ""),
                ("POST /2018-06-01/runtime/invocation/id/response", "{}"),
                ("POST /2018-06-01/runtime/invocation/id/error", "{}"),
                ("POST /2018-06-01/runtime/init/error", "{}"),
            ] {
                let answer = send(&api, line, &headers, body).await;
                assert!(answer.starts_with("HTTP/1.1 403 "), "{line} {headers}: {answer}");
            }
        }
        assert!(calls.try_recv().is_err(), "the function seems to have said something");
        // The function itself is served as before.
        let serve = async {
            let Some(RuntimeRequest::Next(sender)) = calls.recv().await else { panic!("no event was asked for") };
            let task = Task {
                request_id: "id".to_owned(),
                payload: Bytes::from_static(b"{\"event\":1}"),
                deadline_ms: 0,
                function_arn: String::new(),
                trace_id: String::new(),
                client_context: None,
            };
            sender.send(task).unwrap();
        };
        let (answer, ()) = tokio::join!(send(&api, next, &own, ""), serve);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("{\"event\":1}"), "{answer}");
    }
}
