//! Rows on their way out: at once, or sorted once the last one is there.

use super::args::ScanArgs;
use crate::error::Error;
use crate::output::{Row, Rows};
use crate::pipeline::{ReadQuery, RowField, RowOrder, RowSorter, SortableRow};

/// Takes rows and shows as many as were asked for.
pub(super) struct RowSink {
    rows: Rows,
    sorter: Option<RowSorter>,
    left: u64,
    shown: u64,
    /// Requested fields that no row had so far.
    unseen_fields: Vec<RowField>,
}

/// The result of showing rows.
pub(super) struct Shown {
    pub rows: u64,
    /// Requested fields that no row had.
    pub unseen_fields: Vec<RowField>,
}

impl RowSink {
    pub(super) fn new(rows: Rows, args: &ScanArgs, query: &ReadQuery, fields: &[RowField]) -> Self {
        let order = match (args.latest, args.sort) {
            (None, None) => None,
            (None, Some(_)) if args.is_query_order(query.sensors.len()) => None,
            (_, sort) => Some(sort.map_or(RowOrder::Sensor, RowOrder::from)),
        };
        let rows = if fields.is_empty() { rows } else { rows.selecting(fields.to_vec()) };
        RowSink {
            rows,
            sorter: order.map(|order| RowSorter::new(order, args.reverse, args.limit.unwrap_or(u64::MAX))),
            left: args.limit.unwrap_or(u64::MAX),
            shown: 0,
            unseen_fields: fields.to_vec(),
        }
    }

    /// Returns whether no further row would be shown.
    pub(super) fn is_full(&self) -> bool {
        self.left == 0
    }

    pub(super) fn push<R: SortableRow + Row>(&mut self, row: &R) -> Result<(), Error> {
        match &mut self.sorter {
            Some(sorter) => sorter.push(row).map_err(|error| Error::failed("could not sort").with_source(error)),
            None => self.show(row),
        }
    }

    fn show<R: Row>(&mut self, row: &R) -> Result<(), Error> {
        if self.left > 0 {
            self.left -= 1;
            self.shown += 1;
            self.unseen_fields.retain(|field| row.cell(field).is_none());
            self.rows.push(row)?;
        }
        Ok(())
    }

    /// Shows the rest. After a failure JSON stays open, so that nobody takes a part for all rows.
    pub(super) fn finish<R: SortableRow + Row>(mut self, is_complete: bool) -> Result<Shown, Error> {
        let failed = |error| Error::failed("could not sort").with_source(error);
        if let Some(sorter) = self.sorter.take().filter(|_| is_complete) {
            for row in sorter.finish::<R>().map_err(failed)? {
                if self.left == 0 {
                    break;
                }
                self.show(&row.map_err(failed)?)?;
            }
        }
        let shown = Shown { rows: self.shown, unseen_fields: self.unseen_fields };
        if is_complete {
            self.rows.finish::<R>()?;
        } else if shown.rows > 0 {
            self.rows.break_off::<R>()?;
        }
        let unseen_fields = if is_complete && shown.rows > 0 { shown.unseen_fields } else { Vec::new() };
        Ok(Shown { rows: shown.rows, unseen_fields })
    }
}
