//! The HTTP server of the one port. As a network can, it can end a connection instead of sending a response.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::connections::{Gate, Limits, Taken, UnderWay};
use super::gateway;
use super::services::Services;
use crate::protocol::response_body::ResponseBody;

/// Pause after a failed accept, usually for lack of file descriptors, which is transient.
const PAUSE: Duration = Duration::from_millis(50);

/// Limit of the headers of a request over HTTP/2, in bytes: twice what a signed request with a long session token has.
/// Over HTTP/1 it is the buffer's 400 KiB and 100 headers.
const MAX_HTTP2_HEADERS: u32 = 32 << 10;

/// Limit of concurrent requests on one connection over HTTP/2. Clients keep a subscription for each shard there.
const MAX_HTTP2_STREAMS: u32 = 1024;

/// Serves requests until it is stopped; then connections end after the active request.
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
    let (in_use, ends) = (activity.clone(), stop.clone());
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (services, under_way, ends) = (Arc::clone(&services), in_use.begin(), ends.clone());
        async move {
            match gateway::serve(&services, request).await {
                Some(response) => Ok(response.map(|body| ActiveBody::new(body, under_way, ends))),
                // After an error hyper ends the connection, or the stream of HTTP/2, without a response.
                None => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
            }
        }
    });
    // The Kinesis clients of Java and JavaScript speak HTTP/2, all others HTTP/1.
    let mut server = auto::Builder::new(TokioExecutor::new());
    // A client that has closed its sending half still gets its response; and a request that was begun is finished even
    // if its client has disconnected, as in the service.
    server.http1().half_close(true);
    server.http2().max_header_list_size(MAX_HTTP2_HEADERS).max_concurrent_streams(MAX_HTTP2_STREAMS);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    // An error that ends a connection is visible to its client; it need not be reported elsewhere.
    tokio::select! {
        ended = connection.as_mut() => return ended.unwrap_or_default(),
        () = activity.ceases() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await.unwrap_or_default();
}

/// The body of a response. While it is sent, its connection is not idle; an event stream ends with the server.
struct ActiveBody {
    body: ResponseBody,
    _under_way: UnderWay,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl ActiveBody {
    fn new(body: ResponseBody, under_way: UnderWay, stop: CancellationToken) -> Self {
        ActiveBody { body, _under_way: under_way, stop: Box::pin(stop.cancelled_owned()) }
    }
}

impl Body for ActiveBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let goes_on = matches!(self.body, ResponseBody::Events(_));
        if goes_on && self.stop.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
