//! A Runtime API and two kinds of `DynamoDB` for one process of the function.

mod events;
mod function;
mod http;
mod scripted;
mod tables;

pub use self::events::{SHARD, event, plain, reading, record, sequence};
pub use self::function::{Answer, Function};
pub use self::scripted::{Scripted, sent_times};
pub use self::tables::Tables;
