//! The HTTP server of the one port. It can do what a network can: end a connection instead of answering.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::http;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::gateway::{self, Services};

/// Out of file descriptors, most likely: it passes.
const PAUSE: Duration = Duration::from_millis(50);

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
                Err(_) => tokio::time::sleep(PAUSE).await,
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
                // hyper ends the connection at an error, without a word.
                None => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
            }
        }
    });
    let mut server = http1::Builder::new();
    // A client that has said all it has to say still gets its answer; and work that was begun is finished even when
    // its client has gone, as in the service.
    server.half_close(true);
    let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
    // Whatever ends a connection, its client sees it; nobody else needs to know.
    tokio::select! {
        ended = connection.as_mut() => return ended.unwrap_or_default(),
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await.unwrap_or_default();
}
