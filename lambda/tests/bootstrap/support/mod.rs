//! A Runtime API and two kinds of `DynamoDB` for one process of the function.

mod events;
mod function;
mod http;
mod scripted;
mod tables;
mod tls;

pub use self::events::{SHARD, event, last_of_window, plain, reading, record, sequence};
pub use self::function::{Answer, Function, PARTIAL, REJECTS};
pub use self::scripted::{Said, Scripted, failure, sent_items, sent_times, stored, throttled};
pub use self::tables::Tables;
pub use self::tls::TlsScripted;
