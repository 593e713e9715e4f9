//! Tests of connections that send nothing, or incomplete requests.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::auth::credentials::control_token;
use crate::tests::clients::connect;
use crate::{Limits, LocalCloud, LocalOptions};

/// Longer than any step takes on a busy machine.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_time_out_and_do_not_block_the_owner() {
    let dir = tempfile::tempdir().unwrap();
    let short = Duration::from_millis(300);
    let limits = Limits { connections: 3, first_request: short, idle: Some(short), ..Limits::default() };
    let options = LocalOptions { data_dir: dir.path().to_owned(), limits, ..LocalOptions::default() };
    let cloud = LocalCloud::start(options).await.unwrap();
    let address = cloud.endpoint().strip_prefix("http://").unwrap().to_owned();
    let mut idle = Vec::new();
    // Silence, half a request, half a preface of HTTP/2, a whole one and nothing after it: three times the limit.
    for beginning in ["", "POST / HTTP/1.1\r\nhost: localhost\r\nx-", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        for _ in 0..2 {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.write_all(beginning.as_bytes()).await.unwrap();
            idle.push(stream);
        }
    }
    // A connection that has had a response counts too.
    let mut served = TcpStream::connect(&address).await.unwrap();
    served.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    idle.push(served);
    let clients = connect(&cloud.connection_info()).await;
    timeout(WAIT_TIMEOUT, clients.kinesis.list_streams().send()).await.unwrap().unwrap();
    for mut stream in idle {
        // Its end, with or without a last response.
        let end = timeout(WAIT_TIMEOUT, stream.read_to_end(&mut Vec::new())).await;
        assert!(end.is_ok(), "still open");
    }
    cloud.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn half_closed_client_still_gets_its_response() {
    let dir = tempfile::tempdir().unwrap();
    let options = LocalOptions { data_dir: dir.path().to_owned(), ..LocalOptions::default() };
    let cloud = LocalCloud::start(options).await.unwrap();
    let token = control_token(&cloud.connection_info().access_key.secret);
    let mut stream = TcpStream::connect(cloud.endpoint().strip_prefix("http://").unwrap()).await.unwrap();
    let request = format!("GET /_sensorctl/health HTTP/1.1\r\nhost: localhost\r\nx-sensorctl-key: {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(WAIT_TIMEOUT, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    cloud.shutdown().await.unwrap();
}
