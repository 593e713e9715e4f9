//! Sending readings to the stream: batches, workers, retries and the counts that the report gives.

pub(crate) mod batch;
pub(crate) mod bulk_put;
pub(crate) mod dispatcher;
pub(crate) mod event;
pub(crate) mod put_options;
pub(crate) mod put_worker;
pub(crate) mod record;
pub(crate) mod retry;
pub(crate) mod sender;
