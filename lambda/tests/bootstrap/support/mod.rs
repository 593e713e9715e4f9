//! A Runtime API and two kinds of `DynamoDB` for one process of the function.

// The tests of the handler in `src/tests` use the items that are unused here.
#[allow(dead_code)]
mod answer;
mod events;
mod function;
mod http;
#[allow(dead_code)]
mod scripted;
mod tables;
mod tls;

pub use self::answer::{Answer, PARTIAL, REJECTS};
pub use self::events::{SHARD, event, last_of_window, plain, reading, record, sequence, two_windows};
pub use self::function::Function;
pub use self::scripted::{GARBAGE, Said, Scripted, When, failure, sent_items, sent_times, stored, throttled};
pub use self::tables::Tables;
pub use self::tls::TlsScripted;
