//! The part of an input that an earlier run settled: it is read again, compared and passed over.

use super::item_position::ItemPosition;
use super::parsed_line::ParsedLine;
use super::parser::Input;
use super::replaced::ReplacedCounter;
use crate::error::Error;

/// Items after which the other side is asked whether it still wants the input.
const STEP: u64 = 4096;

/// The items up to a position.
pub(super) struct SettledPart {
    end: ItemPosition,
}

impl SettledPart {
    pub(super) fn new(end: ItemPosition) -> Self {
        SettledPart { end }
    }

    /// Passes over the items. They are not sent again, but a later reading may replace one of them. `is_wanted` gets the
    /// input's position now and then; returns false when it returned false. Blocks.
    ///
    /// # Errors
    /// When the input cannot be read, or its items are not those that were settled.
    pub(super) fn pass_over(
        &self,
        input: &mut Input,
        replaced: &mut ReplacedCounter,
        mut is_wanted: impl FnMut((u64, Option<u64>)) -> bool,
    ) -> Result<bool, Error> {
        let SettledPart { end } = self;
        if end.items == 0 {
            return Ok(true);
        }
        let mut passed = ItemPosition::default();
        while passed.items < end.items {
            let item = input.next().map_err(|error| input.unreadable(error))?;
            let Some(item) = item else { break };
            passed.add(&item);
            if let ParsedLine::Ready(record) = &item {
                replaced.remember(record.row);
            }
            if passed.items % STEP == 0 && !is_wanted(input.position()) {
                return Ok(false);
            }
        }
        if passed != *end {
            return Err(input.changed(end.line));
        }
        // The run that settled this part reported what it counted.
        std::mem::take(input.facts());
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
