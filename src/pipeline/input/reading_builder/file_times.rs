//! Facts of a file about all its times: their zone, their form, and days in place of seconds.

use super::super::keys::TIME;
use super::super::row_error::{RowError, row_error};
use super::super::time_format;
use std::cmp::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use super::ReadingBuilder;

const DAY: u64 = 24 * 3600;

impl ReadingBuilder {
    /// Takes what the file says of its times' offset from UTC.
    pub(in super::super) fn take_offset(&mut self, text: &str) -> Result<(), RowError> {
        self.times.take_offset(text).map_err(|reason| row_error("time-zone", format!("`{TIME}`: {reason}")))
    }

    /// Takes the zone that the file names above its rows.
    pub(in super::super) fn take_zone_above(&mut self, text: &str) {
        self.times.take_zone_above(text);
    }

    /// Takes the zone that a row names for its time.
    pub(in super::super) fn take_zone(&mut self, text: &str) {
        self.times.take_zone(text);
    }

    /// Takes the form of times that the file shows.
    pub(in super::super) fn set_time_format(&mut self, format: &str) {
        self.times.set_format(format);
        self.times_are_auto = false;
    }

    /// Looks at a time, which may say what others of the input are.
    pub(in super::super) fn see_time(&mut self, text: &str) {
        self.has_days |= self.times_are_auto && time_format::spreadsheet_day(text) == Some(true);
    }

    /// Looks at a time, which may show that those of the input have the day before the month. Returns whether it does.
    pub(in super::super) fn see_day_second(&mut self, text: &str) -> bool {
        let is_shown = self.times.see_day_second(text);
        if is_shown {
            self.facts.times.swapped += std::mem::take(&mut self.swappable);
        }
        is_shown
    }

    /// Counts a time that is later than a day from now.
    #[inline]
    pub(super) fn count_future(&mut self, seconds: &str) {
        let whole = seconds.find('.').map_or(seconds, |end| &seconds[..end]);
        let is_later = match whole.len().cmp(&self.latest.len()) {
            Ordering::Less => false,
            Ordering::Equal => whole > self.latest.as_str(),
            Ordering::Greater => !whole.starts_with('-'),
        };
        self.facts.times.future += u64::from(is_later);
    }
}

/// Returns the second from which on a time is in the future: a day from now, as clocks and time zones differ.
pub(super) fn latest_second() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now.as_secs() + DAY).to_string()
}
