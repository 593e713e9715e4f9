//! Point-in-time recovery: the setting is stored and returned; restoring is not implemented.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dynoxide::DynoxideError;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::data_dir::read_json;
use crate::decode_error::DecodeError;
use crate::durability::Durability;
use crate::error::Error;
use crate::protocol::aws_json::{now_ms, seconds};

/// Default recovery period of AWS, in days.
const DAYS: u32 = 35;

/// The point-in-time recovery settings by table ID; clones share them.
#[derive(Clone)]
pub(super) struct PointInTimeRecovery {
    path: PathBuf,
    durability: Durability,
    wanted: Arc<Mutex<BTreeMap<String, Wanted>>>,
}

/// The setting of one table.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(from = "Kept")]
struct Wanted {
    days: u32,
    /// Time when it was enabled, in epoch milliseconds.
    since: u64,
}

/// An earlier version stored only the days.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Days(u32),
    Wanted { days: u32, since: u64 },
}

impl From<Kept> for Wanted {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Days(days) => Wanted { days, since: now_ms() },
            Kept::Wanted { days, since } => Wanted { days, since },
        }
    }
}

/// Distance of the latest restorable time from now (API reference, `PointInTimeRecoveryDescription`: "typically 5
/// minutes"), in milliseconds.
const LATEST: u64 = 300_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    point_in_time_recovery_specification: Specification,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Specification {
    point_in_time_recovery_enabled: bool,
    recovery_period_in_days: Option<u32>,
}

impl PointInTimeRecovery {
    /// Opens the settings file beside the database.
    pub(super) fn open(database: &Path, durability: Durability) -> Result<PointInTimeRecovery, Error> {
        let path = database.with_extension("backups.json");
        let wanted = read_json(&path)?.unwrap_or_default();
        Ok(PointInTimeRecovery { path, durability, wanted: Arc::new(Mutex::new(wanted)) })
    }

    /// Handles `DescribeContinuousBackups` for a table ID.
    pub(super) fn describe(&self, id: &str) -> Value {
        let wanted = self.wanted.lock().get(id).copied();
        let now = now_ms();
        let recovery = match wanted {
            None => json!({ "PointInTimeRecoveryStatus": "DISABLED" }),
            Some(Wanted { days, since }) => json!({
                "PointInTimeRecoveryStatus": "ENABLED",
                "RecoveryPeriodInDays": days,
                "EarliestRestorableDateTime": seconds(since.max(now.saturating_sub(u64::from(days) * 86_400_000))),
                "LatestRestorableDateTime": seconds(since.max(now.saturating_sub(LATEST))),
            }),
        };
        json!({ "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": recovery,
        }})
    }

    /// Handles `UpdateContinuousBackups` for a table ID.
    pub(super) fn update(&self, id: &str, text: &str) -> Result<Value, DynoxideError> {
        let invalid = |message: String| DynoxideError::ValidationException(message);
        let update: Update = serde_json::from_str(text).map_err(|error| invalid(DecodeError::of(&error).sentence()))?;
        let Specification { point_in_time_recovery_enabled: enabled, recovery_period_in_days } =
            update.point_in_time_recovery_specification;
        let wanted = recovery_period_in_days.unwrap_or(DAYS);
        if !(1..=DAYS).contains(&wanted) {
            return Err(invalid(format!("RecoveryPeriodInDays must be from 1 to {DAYS}")));
        }
        {
            let mut all = self.wanted.lock();
            let mut changed = all.clone();
            if enabled {
                let since = changed.get(id).map_or_else(now_ms, |wanted| wanted.since);
                changed.insert(id.to_owned(), Wanted { days: wanted, since });
            } else {
                changed.remove(id);
            }
            self.durability
                .write_json(&self.path, &changed)
                .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
            *all = changed;
        }
        Ok(self.describe(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_in_time_recovery_setting_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tables.sqlite");
        let on = r#"{"TableName":"t","PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":true}}"#;
        let status = |backups: &PointInTimeRecovery, id: &str| {
            let shown = backups.describe(id);
            shown["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"].clone()
        };
        let backups = PointInTimeRecovery::open(&path, Durability::Process).unwrap();
        assert_eq!(status(&backups, "a"), "DISABLED");
        backups.update("a", on).unwrap();
        let again = PointInTimeRecovery::open(&path, Durability::Process).unwrap();
        assert_eq!((status(&again, "a"), status(&again, "b")), (json!("ENABLED"), json!("DISABLED")));
        let times = again.describe("a");
        let time = |name: &str| {
            times["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"][name].as_f64().unwrap()
        };
        assert!(time("EarliestRestorableDateTime") > 1e9);
        assert!(time("LatestRestorableDateTime") >= time("EarliestRestorableDateTime"));
        again.update("a", &on.replace("true", "false")).unwrap();
        assert_eq!(status(&again, "a"), "DISABLED");
        let long = on.replace("true", "true,\"RecoveryPeriodInDays\":36");
        assert!(again.update("a", &long).is_err());
    }
}
