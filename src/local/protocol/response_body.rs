//! Bodies of responses: complete, or the messages of an event stream as they come.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::protocol::aws_json::Response;

/// The body of a response.
#[derive(Debug)]
pub(crate) enum ResponseBody {
    /// A complete body.
    Whole(Bytes),
    /// The messages of an event stream; it ends when the sender is dropped.
    Events(mpsc::Receiver<Bytes>),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            ResponseBody::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            ResponseBody::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            ResponseBody::Events(messages) => messages.poll_recv(context).map(|next| Some(Ok(Frame::data(next?)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, ResponseBody::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            ResponseBody::Events(_) => SizeHint::default(),
        }
    }
}

/// Changes a response that is complete; an event stream stays as it is.
pub(crate) fn change_whole(
    response: http::Response<ResponseBody>,
    change: impl FnOnce(Response) -> Response,
) -> http::Response<ResponseBody> {
    let (parts, body) = response.into_parts();
    match body {
        ResponseBody::Whole(bytes) => change(Response::from_parts(parts, bytes)).map(ResponseBody::Whole),
        events @ ResponseBody::Events(_) => http::Response::from_parts(parts, events),
    }
}
