//! The unit of the temperatures of several inputs, which are put together.

use super::Input;
use crate::error::Error;
use crate::pipeline::input::unit::Unit;

impl Input {
    /// Returns the unit of its temperatures, as far as it is known.
    pub(in super::super) fn unit(&self) -> Option<Unit> {
        self.output.builder.unit_watch.unit()
    }

    /// Takes the unit of the inputs before this one.
    ///
    /// # Errors
    /// When its header names another.
    pub(in super::super) fn go_on_from(&self, unit: Unit) -> Result<(), Error> {
        let wrong = |reason| {
            Error::usage(format!("{}: {reason}", self.name))
                .hint("`--unit temperature=F:C` converts the files of one unit, which are put by themselves")
        };
        self.output.builder.unit_watch.go_on_from(unit).map_err(wrong)
    }
}
