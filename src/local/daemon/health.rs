//! Whether a local cloud answers, and what it says of itself.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::auth::credentials::control_token;
use crate::data_dir::EndpointFile;

/// How long a health answer may take: the process may be busy, the machine asleep a moment ago.
const HEALTH_LIMIT: Duration = Duration::from_secs(3);

/// What a local cloud says of itself.
#[derive(Deserialize)]
pub(super) struct Health {
    pub pid: u32,
    pub version: String,
    pub region: String,
    /// What it has to tell its owner.
    #[serde(default)]
    pub notices: Vec<String>,
    /// How long things take there; an older version does not say.
    #[serde(default)]
    pub timing: String,
    /// What an acknowledged write survives.
    #[serde(default)]
    pub durable: String,
    /// What goes wrong by request.
    #[serde(default)]
    pub faults: String,
}

/// Asks a local cloud how it is; nothing when it does not answer, or not as one of ours.
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
        // Whatever has the port may never stop talking.
        stream.take(64 << 10).read_to_end(&mut answer).await.ok()?;
        Some(answer)
    };
    let answer = timeout(HEALTH_LIMIT, asked).await.ok()??;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let is_ok = head.split_ascii_whitespace().nth(1) == Some("200");
    if is_ok { serde_json::from_str(body).ok() } else { None }
}
