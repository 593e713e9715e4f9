//! Follows a log: each line once, also those that arrive late.
//!
//! `FilterLogEvents` has no filter by arrival, and a line arrives seconds after its time (docs/facts/diagnosis.md, Logs).
//! Each poll therefore reads the last minute again and skips the events that were shown.

use std::collections::HashMap;

use super::line::{LogLine, LogQuery, read_events};
use crate::aws::{AwsFailure, Clients};

/// How late a line may arrive.
const OVERLAP_MS: i64 = 60_000;

/// The lines that were shown, and where to read on.
#[derive(Debug)]
pub(crate) struct LogFollower {
    query: LogQuery,
    /// Time of the latest line.
    latest: i64,
    /// Ids of the shown events within the overlap, with their times.
    shown: HashMap<String, i64>,
}

impl LogFollower {
    /// Follows a log from the beginning of the query.
    #[must_use]
    pub(crate) fn new(query: LogQuery) -> Self {
        LogFollower { latest: query.since_ms.unwrap_or_default(), query, shown: HashMap::new() }
    }

    /// Calls `on_line` for each new line, until it returns false. Returns the number of new lines, or `None` if the log
    /// group does not exist.
    ///
    /// # Errors
    /// If a call fails, or `on_line` does. The lines that were passed do not come again.
    pub(crate) async fn poll<E: From<AwsFailure>>(
        &mut self,
        clients: &Clients,
        mut on_line: impl FnMut(LogLine) -> Result<bool, E>,
    ) -> Result<Option<u64>, E> {
        let earliest = self.query.since_ms.unwrap_or_default();
        let since = (self.latest - OVERLAP_MS).max(earliest);
        let query = LogQuery { since_ms: Some(since), ..self.query.clone() };
        let mut count = 0;
        let (shown, latest) = (&mut self.shown, &mut self.latest);
        let found = read_events(clients, &query, |event| {
            if shown.contains_key(&event.id) {
                return Ok(true);
            }
            let time = event.line.time;
            shown.insert(event.id, time);
            *latest = (*latest).max(time);
            count += 1;
            on_line(event.line)
        });
        let found = found.await?;
        let kept_since = self.latest - OVERLAP_MS;
        self.shown.retain(|_, time| *time >= kept_since);
        Ok(found.map(|()| count))
    }
}
