//! The HTTP server of the one port. It can do what a network can: end a connection instead of answering.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::connections::{Gate, Limits, Taken};
use super::gateway;
use super::services::Services;

/// Out of file descriptors, most likely: it passes.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers until told to stop; then connections end after the request under way.
pub(super) async fn serve(listener: TcpListener, limits: Limits, services: Arc<Services>, stop: CancellationToken) {
    let gate = Gate::new(listener, limits);
    let mut connections = JoinSet::new();
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            taken = gate.next() => match taken {
                Ok(taken) => {
                    connections.spawn(connection(taken, Arc::clone(&services), stop.clone()));
                }
                Err(error) => {
                    services.notices.tell(format!("could not take a connection: {error}"));
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(gate);
    while connections.join_next().await.is_some() {}
}

async fn connection(taken: Taken, services: Arc<Services>, stop: CancellationToken) {
    let Taken { stream, activity, place: _place } = taken;
    let in_use = activity.clone();
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (services, under_way) = (Arc::clone(&services), in_use.begin());
        async move {
            let _under_way = under_way;
            match gateway::serve(&services, request).await {
                Some(response) => Ok(response),
                // hyper ends the connection, or the stream of HTTP/2, at an error, without a word.
                None => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
            }
        }
    });
    // The Kinesis clients of Java and JavaScript speak HTTP/2, all others HTTP/1.
    let mut server = auto::Builder::new(TokioExecutor::new());
    // A client that has said all it has to say still gets its answer; and work that was begun is finished even when its
    // client has gone, as in the service.
    server.http1().half_close(true);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    // Whatever ends a connection, its client sees it; nobody else needs to know.
    tokio::select! {
        ended = connection.as_mut() => return ended.unwrap_or_default(),
        () = activity.ceases() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await.unwrap_or_default();
}
