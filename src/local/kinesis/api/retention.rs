//! The retention period of records: `IncreaseStreamRetentionPeriod` and `DecreaseStreamRetentionPeriod`.

use serde::Deserialize;

use super::target::Target;
use crate::kinesis::Kinesis;
use crate::kinesis::validation::{Checks, invalid};
use crate::protocol::aws_json::{Response, ServiceError};
use crate::protocol::wire_format::WireFormat;

/// Maximum retention: a year, in hours.
const MOST: i64 = 8760;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Retention {
    #[serde(flatten)]
    target: Target,
    retention_period_hours: Option<i64>,
}

impl Kinesis {
    pub(super) fn increase_retention(&self, form: WireFormat, input: &Retention) -> Result<Response, ServiceError> {
        self.change_retention(form, input, |asked, now| if asked < now { Some("shorter") } else { None })
    }

    pub(super) fn decrease_retention(&self, form: WireFormat, input: &Retention) -> Result<Response, ServiceError> {
        self.change_retention(form, input, |asked, now| if asked > now { Some("longer") } else { None })
    }

    fn change_retention(
        &self,
        form: WireFormat,
        input: &Retention,
        wrong: impl FnOnce(u32, u32) -> Option<&'static str>,
    ) -> Result<Response, ServiceError> {
        let name = self.target(&input.target)?;
        Checks::default().present("retentionPeriodHours", input.retention_period_hours.as_ref()).done()?;
        let hours = input.retention_period_hours.unwrap_or_default();
        if hours < 24 {
            return Err(invalid(format!(
                "Minimum allowed retention period is 24 hours. Requested retention period ({hours} hours) is too short."
            )));
        }
        if hours > MOST {
            return Err(invalid(format!(
                "Maximum allowed retention period is {MOST} hours. Requested retention period ({hours} hours) is too \
                 long."
            )));
        }
        let hours = u32::try_from(hours).unwrap_or_default();
        self.update(&name, |state, _| {
            let existing = state.retention_hours;
            if let Some(word) = wrong(hours, existing) {
                return Err(invalid(format!(
                    "Requested retention period ({hours} hours) for stream {name} can not be {word} than existing \
                     retention period ({existing} hours)."
                )));
            }
            state.retention_hours = hours;
            Ok(())
        })?;
        self.stream(&name)?.trim()?;
        Ok(form.empty())
    }
}
