//! The health check of a local cloud.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::auth::credentials::control_token;
use crate::data_dir::EndpointFile;

/// Timeout of a health check: the process may be busy, or the machine may just have woken from sleep.
const HEALTH_LIMIT: Duration = Duration::from_secs(3);

/// The health response of a local cloud.
#[derive(Deserialize)]
pub(super) struct Health {
    pub pid: u32,
    pub version: String,
    pub region: String,
    /// Its diagnostics.
    #[serde(default)]
    pub notices: Vec<String>,
    /// Its latency profile; absent in an older version.
    #[serde(default)]
    pub timing: String,
    /// Durability of an acknowledged write.
    #[serde(default)]
    pub durable: String,
    /// Its injected faults.
    #[serde(default)]
    pub faults: String,
}

/// Requests the health of a local cloud; returns `None` if it does not answer like a local cloud.
pub(super) async fn health(announced: &EndpointFile) -> Option<Health> {
    let address: SocketAddr = announced.endpoint.strip_prefix("http://")?.parse().ok()?;
    if !address.ip().is_loopback() {
        return None;
    }
    let asked = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!(
            "GET /_sensorctl/health HTTP/1.0\r\nhost: {address}\r\nx-sensorctl-key: {}\r\n\r\n",
            control_token(&announced.secret_access_key)
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        // Limit the read: another program on the port might never stop sending.
        stream.take(64 << 10).read_to_end(&mut answer).await.ok()?;
        Some(answer)
    };
    let answer = timeout(HEALTH_LIMIT, asked).await.ok()??;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let is_ok = head.split_ascii_whitespace().nth(1) == Some("200");
    if is_ok { serde_json::from_str(body).ok() } else { None }
}
