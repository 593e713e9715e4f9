//! The zone of times without one, as the file names it above its rows or within them.

use jiff::tz::TimeZone;

use super::{TimeParser, time_zone};

/// The time zone that a file states apart from its times.
#[derive(Clone, Debug, Default)]
pub(super) struct ZoneOfFile {
    /// The zone as a row named it last.
    text: String,
    /// True if the zone that was named last has no certain meaning.
    pub is_unknown: bool,
    /// The zone of rows that name none, as it was before the first row that names one, and whether it has no certain meaning.
    above: (Option<TimeZone>, bool),
}

impl TimeParser {
    /// Takes the offset from UTC that a file names for its times without a zone.
    ///
    /// # Errors
    /// Fails if it is not an offset, or contradicts the zone of the options; the text names the flag.
    pub(in super::super) fn take_offset(&mut self, text: &str) -> Result<(), String> {
        let named = self.zone.as_ref().filter(|_| self.zone_is_named);
        if let Some(zone) = time_zone::of_file(text, named)? {
            self.zone = Some(zone);
        }
        Ok(())
    }

    /// Takes the zone that a file names above its rows. One that is not known refuses times that need it.
    pub(in super::super) fn take_zone_above(&mut self, text: &str) {
        if !self.zone_is_named {
            self.set_zone(text);
        }
    }

    /// Takes the zone that a row names for its time; one that names none has that of the file.
    pub(in super::super) fn take_zone(&mut self, text: &str) {
        if self.zone_is_named || self.named_by_file.text == text {
            return;
        }
        if self.named_by_file.text.is_empty() {
            self.named_by_file.above = (self.zone.clone(), self.named_by_file.is_unknown);
        }
        if text.is_empty() {
            (self.zone, self.named_by_file.is_unknown) = self.named_by_file.above.clone();
        } else {
            self.set_zone(text);
        }
        text.clone_into(&mut self.named_by_file.text);
    }

    fn set_zone(&mut self, text: &str) {
        let found = time_zone::of_file(text, None);
        self.named_by_file.is_unknown = found.is_err();
        self.zone = found.unwrap_or_default();
    }
}
