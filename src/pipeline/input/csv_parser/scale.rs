//! Columns whose values count parts of a degree.

use sensor_model::truncate_for_log;

use super::super::unit::{scale_options, scaled_unit};
use super::CsvParser;
use super::no_header::NotCsv;

impl CsvParser {
    /// Refuses a temperature whose column says that it counts parts of a degree, where no option says so.
    ///
    /// # Errors
    /// When the name says it; the hints name the options.
    pub(super) fn check_scale(&self) -> Result<(), NotCsv> {
        if self.options.has_unit_of_temperature() {
            return Ok(());
        }
        let names = self.columns.names();
        let scaled = self.columns.temperatures().find_map(|at| Some((&names[at], scaled_unit(&names[at])?)));
        let Some((name, unit)) = scaled else { return Ok(()) };
        let reason = format!("its column `{}` counts parts of a degree, by its name", truncate_for_log(name));
        Err(scale_options(&unit).into_iter().fold(NotCsv::of_csv(reason), NotCsv::hint))
    }
}
