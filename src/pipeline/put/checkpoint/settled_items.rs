//! Tracks up to which item each input is settled, while items are settled in any order.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::pipeline::input::item_position::ItemPosition;
use crate::pipeline::input::parsed_line::ParsedLine;

/// The settled part of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettledInput {
    /// All items up to here are settled.
    pub settled: ItemPosition,
    /// The part of these items that stays the same when the input grows.
    pub stable: ItemPosition,
}

/// The settled parts of all inputs.
#[derive(Debug, Default)]
pub(crate) struct SettledItems {
    inputs: Vec<SettledInput>,
    /// The position behind the item that was taken last, of each input.
    taken: Vec<ItemPosition>,
    /// The items that were taken and are not settled, in order.
    open: VecDeque<OpenItem>,
    /// The number of items that were settled since the beginning.
    count: u64,
}

#[derive(Clone, Copy, Debug)]
struct OpenItem {
    input: usize,
    /// The position behind it.
    position: ItemPosition,
    is_stable: bool,
}

impl SettledItems {
    /// Begins where earlier runs ended.
    pub(crate) fn after(inputs: Vec<SettledInput>) -> Self {
        let taken = inputs.iter().map(|input| input.settled).collect();
        SettledItems { inputs, taken, ..SettledItems::default() }
    }

    /// Notes that an item was taken from an input. The items of all inputs are numbered from 0 in the order of the calls.
    pub(crate) fn take(&mut self, item: &ParsedLine, input: usize, is_stable: bool) {
        if self.taken.len() <= input {
            self.taken.resize_with(input + 1, ItemPosition::default);
        }
        self.taken[input].add(item);
        self.open.push_back(OpenItem { input, position: self.taken[input], is_stable });
    }

    /// Notes that all items with a number below `first_open` are settled. Returns whether that is news.
    pub(crate) fn settle_before(&mut self, first_open: u64) -> bool {
        let before = self.count;
        while self.count < first_open
            && let Some(OpenItem { input, position, is_stable }) = self.open.pop_front()
        {
            if self.inputs.len() <= input {
                self.inputs.resize_with(input + 1, SettledInput::default);
            }
            let of_input = &mut self.inputs[input];
            of_input.settled = position;
            if is_stable {
                of_input.stable = position;
            }
            self.count += 1;
        }
        self.count > before
    }

    /// Returns the settled part of each input.
    pub(crate) fn inputs(&self) -> &[SettledInput] {
        &self.inputs
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::{Record, RejectedLine};

    fn item(number: usize, is_rejected: bool) -> ParsedLine {
        let line = number as u64 + 1;
        if is_rejected {
            let (reason, raw) = ("no".to_owned(), number.to_string().into_bytes());
            return ParsedLine::Rejected(RejectedLine {
                file: "f".into(),
                line,
                code: "c",
                reason,
                raw,
                truncated: false,
            });
        }
        let data = number.to_string();
        ParsedLine::Ready(Record { data, partition_key: "k".into(), row: 0, input: 0, line })
    }

    /// Returns the position behind these items.
    fn behind(items: &[ParsedLine]) -> ItemPosition {
        let mut position = ItemPosition::default();
        for item in items {
            position.add(item);
        }
        position
    }

    proptest! {
        #[test]
        fn settled_items_out_of_order_end_at_first_open_item_of_each_input(
            lines in prop::collection::vec(any::<bool>(), 0..60),
            // The inputs begin with these items.
            mut cuts in prop::collection::vec(0_usize..60, 2),
            order in prop::collection::vec(any::<prop::sample::Index>(), 60),
            unstable in 0_usize..5,
        ) {
            cuts.retain(|cut| *cut < lines.len());
            cuts.sort_unstable();
            let bounds: Vec<_> = [0].into_iter().chain(cuts).chain([lines.len()]).collect();
            let items: Vec<_> = lines.iter().enumerate().map(|(at, is_rejected)| item(at, *is_rejected)).collect();
            let mut tracked = SettledItems::default();
            for (input, range) in bounds.windows(2).enumerate() {
                for (at, item) in items.iter().enumerate().take(range[1]).skip(range[0]) {
                    tracked.take(item, input, at + unstable < range[1]);
                }
            }
            let mut open: Vec<_> = (0..items.len()).collect();
            for index in order {
                let first = open.iter().min().copied().unwrap_or(items.len());
                tracked.settle_before(first as u64);
                for (input, range) in bounds.windows(2).enumerate() {
                    let end = first.clamp(range[0], range[1]);
                    let stable = end.min(range[1].saturating_sub(unstable).max(range[0]));
                    let expected =
                        SettledInput { settled: behind(&items[range[0]..end]), stable: behind(&items[range[0]..stable]) };
                    let found = tracked.inputs().get(input).copied().unwrap_or_default();
                    prop_assert_eq!(found, expected, "input {} before item {}", input, first);
                }
                if !open.is_empty() {
                    open.swap_remove(index.index(open.len()));
                }
            }
        }
    }

    #[test]
    fn settled_items_after_an_earlier_run_count_on() {
        let items: Vec<_> = (0..4).map(|at| item(at, at == 1)).collect();
        let settled = behind(&items[..2]);
        let mut tracked = SettledItems::after(vec![SettledInput { settled, stable: settled }]);
        items[2..].iter().for_each(|item| tracked.take(item, 0, true));
        assert!(!tracked.settle_before(0) && tracked.settle_before(1) && !tracked.settle_before(1));
        assert_eq!(tracked.inputs()[0].settled, behind(&items[..3]));
        assert!(tracked.settle_before(100), "numbers above those of all items settle all of them");
        assert_eq!(tracked.inputs()[0].settled, behind(&items));
        assert_eq!((tracked.inputs()[0].settled.items, tracked.inputs()[0].settled.rejected), (4, 1));
    }

    #[test]
    fn item_position_depends_on_every_item_and_its_line() {
        let positions =
            [vec![item(0, false)], vec![item(1, false)], vec![item(0, true)], vec![item(0, false), item(1, false)]];
        let checksums: Vec<_> = positions.iter().map(|items| behind(items)).collect();
        for (at, one) in checksums.iter().enumerate() {
            assert!(checksums[at + 1..].iter().all(|other| other != one));
        }
        let moved = |line| {
            let ParsedLine::Ready(record) = item(0, false) else { unreachable!() };
            behind(&[ParsedLine::Ready(Record { line, ..record })]).checksum
        };
        assert_ne!(moved(1), moved(2));
    }
}
