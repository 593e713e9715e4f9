//! Stand-in.
use serde::Serialize;
pub(crate) type Request = http::Request<bytes::Bytes>;
pub(crate) type Response = http::Response<bytes::Bytes>;
#[derive(Debug, Clone)]
pub(crate) struct ServiceError {
    pub status: u16,
    pub code: String,
    pub message: String,
}
impl ServiceError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        ServiceError { status, code: code.to_owned(), message: message.into() }
    }
}
pub(crate) fn json(status: u16, body: &impl Serialize) -> Response {
    let mut response = http::Response::new(bytes::Bytes::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}
