//! Reads the body of a request, up to a limit.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// How much of a body beyond its limit is drained, and for how long, so that the client reads the error: a connection
/// that ends with unread data loses its last response.
const MAX_DRAIN_BYTES: usize = 64 << 20;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// An error of reading a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is larger than allowed.
    TooLarge,
    /// The client has disconnected, or does not speak HTTP.
    Broken,
}

/// Reads a body of at most `limit` bytes, and buffers no more than that. Each chunk is passed to `show` as it arrives.
pub(crate) async fn read(mut body: Incoming, limit: usize, mut show: impl FnMut(&[u8])) -> Result<Bytes, BodyError> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut content = Vec::with_capacity(if expected > limit { 0 } else { expected });
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        if content.len() + data.len() > limit {
            drop(content);
            // The response is the same whether or not the rest arrives.
            tokio::time::timeout(DRAIN_TIMEOUT, drain(body)).await.unwrap_or_default();
            return Err(BodyError::TooLarge);
        }
        show(data);
        content.extend_from_slice(data);
    }
    Ok(content.into())
}

async fn drain(mut body: Incoming) {
    let mut thrown = 0;
    while let Some(Ok(frame)) = body.frame().await {
        thrown += frame.data_ref().map_or(0, Bytes::len);
        if thrown > MAX_DRAIN_BYTES {
            return;
        }
    }
}
