//! The decimal signs that the columns of the first rows show.

use super::super::measured::without_unit;
use super::super::number::{DecimalSign, has_quality};
use super::row_shape::{Evidence, decimal_evidence, decimals};

/// The signs that the cells of one column showed.
#[derive(Debug, Default)]
pub(super) struct ColumnSigns {
    pub at: usize,
    pub is_temperature: bool,
    /// The first row that shows a sign, and which.
    first: Option<(usize, DecimalSign)>,
    points: u64,
    first_comma: Option<String>,
    /// True if numbers with a comma differ, as those that were measured do.
    varies: bool,
    has_other: bool,
}

impl ColumnSigns {
    pub(super) fn new(at: usize, is_temperature: bool) -> Self {
        ColumnSigns { at, is_temperature, ..ColumnSigns::default() }
    }

    /// Takes the cell of a row.
    pub(super) fn see(&mut self, row: usize, cell: &str) {
        let cell = without_unit(cell);
        let sign = match decimal_evidence(cell) {
            _ if has_quality(cell) => {
                self.has_other = true;
                return;
            }
            Some(Evidence::Point) => DecimalSign::Point,
            Some(Evidence::Comma) => DecimalSign::Comma,
            Some(Evidence::Either) => return,
            None => {
                self.has_other |= !cell.is_empty() && decimals(cell).is_none() && !is_unit_or_name(cell);
                return;
            }
        };
        self.first.get_or_insert((row, sign));
        if sign == DecimalSign::Point {
            self.points += 1;
        } else {
            self.varies |= self.first_comma.get_or_insert_with(|| cell.to_owned()) != cell;
        }
    }

    pub(super) fn has_point(&self) -> bool {
        self.points > 0
    }

    /// Returns whether all of its numbers with a fraction have a comma, and all its cells are numbers.
    pub(super) fn has_commas_only(&self) -> bool {
        self.first_comma.is_some() && self.points == 0 && !self.has_other
    }

    fn has_points_only(&self) -> bool {
        self.points > 0 && self.first_comma.is_none() && !self.has_other
    }
}

/// Returns the sign of the numbers: that of the temperatures, where they show it, and else the first that is there.
///
/// # Errors
/// When another column would be text by it, as its numbers have the other sign; the columns with a comma and with a point.
pub(super) fn sign_of(columns: &[ColumnSigns]) -> Result<Option<DecimalSign>, (usize, usize)> {
    let (temperatures, fields): (Vec<_>, Vec<_>) = columns.iter().partition(|column| column.is_temperature);
    let first = |columns: &[&ColumnSigns]| columns.iter().filter_map(|column| column.first).min_by_key(|(row, _)| *row);
    let commas = fields.iter().find(|column| column.has_commas_only());
    match first(&temperatures) {
        Some((_, DecimalSign::Point)) => match commas.filter(|column| column.varies) {
            Some(column) => Err((column.at, temperatures[0].at)),
            None => Ok(Some(DecimalSign::Point)),
        },
        Some((_, sign)) => Ok(Some(sign)),
        None => match commas.zip(fields.iter().find(|column| column.has_points_only())) {
            Some((comma, point)) => Err((comma.at, point.at)),
            None => Ok(first(&fields).map(|(_, sign)| sign)),
        },
    }
}

/// Returns whether a cell has no digits, as in a row of units or a repeated header, or where nothing was measured.
fn is_unit_or_name(cell: &str) -> bool {
    !cell.bytes().any(|byte| byte.is_ascii_digit())
}
