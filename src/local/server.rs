//! The HTTP server of the one port. It can do what a network can: end a connection instead of answering.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::gateway::{self, Services};

/// Out of file descriptors, most likely: it passes.
const PAUSE: Duration = Duration::from_millis(50);

/// How HTTP/2 begins where both sides know that they speak it. No method of HTTP/1 does.
const HTTP2: &[u8] = b"PRI";

/// Between two looks at a connection that has begun with fewer bytes than that.
const LOOK: Duration = Duration::from_millis(1);

/// How often; who has not gone on by then never will.
const LOOKS: usize = 1000;

/// Answers until told to stop; then connections end after the request under way.
pub(super) async fn serve(listener: TcpListener, services: Arc<Services>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&services), stop.clone()));
                }
                Err(error) => {
                    services.notices.tell(format!("could not take a connection: {error}"));
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, services: Arc<Services>, stop: CancellationToken) {
    // Small answers go out at once. Without the option they only go out later.
    stream.set_nodelay(true).unwrap_or_default();
    let service = service_fn(|request: http::Request<Incoming>| {
        let services = Arc::clone(&services);
        async move {
            match gateway::serve(&services, request).await {
                Some(response) => Ok(response),
                // hyper ends the connection, or the stream of HTTP/2, at an error, without a word.
                None => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
            }
        }
    });
    // The Kinesis clients of Java and JavaScript speak HTTP/2, all others HTTP/1.
    let Some(is_http2) = stop.run_until_cancelled(begins_with_http2(&stream)).await else { return };
    let stream = TokioIo::new(stream);
    if is_http2 {
        let server = http2::Builder::new(TokioExecutor::new());
        let connection = server.serve_connection(stream, service);
        run(connection, &stop, http2::Connection::graceful_shutdown).await;
    } else {
        let mut server = http1::Builder::new();
        // A client that has said all it has to say still gets its answer; and work that was begun is finished even when
        // its client has gone, as in the service.
        server.half_close(true);
        let connection = server.serve_connection(stream, service);
        run(connection, &stop, http1::Connection::graceful_shutdown).await;
    }
}

/// Whatever ends a connection, its client sees it; nobody else needs to know.
async fn run<C>(connection: C, stop: &CancellationToken, end: impl FnOnce(Pin<&mut C>))
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended.unwrap_or_default(),
        () = stop.cancelled() => end(connection.as_mut()),
    }
    connection.await.unwrap_or_default();
}

/// Looks at the first bytes that a client sends, and leaves them where they are.
async fn begins_with_http2(stream: &TcpStream) -> bool {
    let mut first = [0; HTTP2.len()];
    for _ in 0..LOOKS {
        match stream.peek(&mut first).await {
            Ok(seen) if (1..first.len()).contains(&seen) && HTTP2.starts_with(&first[..seen]) => {
                tokio::time::sleep(LOOK).await;
            }
            Ok(_) => return first == HTTP2,
            // The server says so again.
            Err(_) => return false,
        }
    }
    false
}
