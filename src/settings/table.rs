//! `[table]` and `[rejects]`: the two DynamoDB tables.

use sensor_model::limits::TABLE_ATTRIBUTES;

use super::constraints;
use super::layers::{Layers, Section};
use super::stage::Stage;
use crate::error::Error;

/// Settings of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its name.
    pub name: String,
    /// Its billing mode.
    pub billing: Billing,
    /// True if it can be restored to any second of the last 35 days.
    pub point_in_time_recovery: bool,
    /// True if the service refuses to delete it.
    pub deletion_protection: bool,
    /// Its table class.
    pub class: TableClass,
    /// The TTL attribute: the time when a row expires, in epoch seconds.
    pub ttl_attribute: Option<String>,
    /// True if it already exists: it is used, but never created, changed or deleted.
    pub existing: bool,
}

/// The billing mode of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Billing {
    /// Pay per request.
    OnDemand,
    /// Pay for provisioned capacity units.
    Provisioned {
        /// Reads of 4 KB per second.
        read_units: i32,
        /// Writes of 1 KB per second.
        write_units: i32,
    },
}

/// The table class, which decides the prices of storage and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableClass {
    /// The default class.
    Standard,
    /// Cheaper storage, more expensive requests.
    InfrequentAccess,
}

impl TableClass {
    const ALL: [TableClass; 2] = [TableClass::Standard, TableClass::InfrequentAccess];

    /// Returns the name in the settings.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            TableClass::Standard => "standard",
            TableClass::InfrequentAccess => "infrequent-access",
        }
    }
}

/// Settings of the dead-letter table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejects {
    /// The table.
    pub table: Table,
    /// Days until a reject expires.
    pub retention_days: i32,
}

/// The TTL attribute of rejects. The function writes it.
const EXPIRES: &str = "ExpiresAt";

const BILLING: &str = "\"on-demand\" or { read_units = N, write_units = N } of 1 to 40000 each";

impl Table {
    pub(super) fn read(layers: &mut Layers<'_>, stage: &Stage) -> Result<Self, Error> {
        let mut section = layers.section("table");
        let mut table = Self::read_shared(&mut section, stage, "SensorData")?;
        table.ttl_attribute = section.optional("ttl_attribute", check_expiry)?;
        Ok(table)
    }

    fn read_shared(section: &mut Section<'_, '_>, stage: &Stage, default_name: &str) -> Result<Self, Error> {
        let existing = section.boolean("existing", false)?;
        let name = stage.name(section, default_name, constraints::TABLE_NAME, existing)?;
        let given = section.take("billing");
        let billing = match &given {
            None => Billing::OnDemand,
            Some(given) => Billing::from(&given.value).ok_or_else(|| section.refuse("billing", given, BILLING))?,
        };
        section.settle("billing", &billing.shown(), given.as_ref());
        Ok(Table {
            name,
            billing,
            point_in_time_recovery: section.boolean("point_in_time_recovery", false)?,
            deletion_protection: section.boolean("deletion_protection", false)?,
            class: section.choice("class", &TableClass::ALL.map(|class| (class.as_str(), class)))?,
            ttl_attribute: None,
            existing,
        })
    }
}

/// Checks the TTL attribute. `CurrentTime` would expire each reading as it is stored.
fn check_expiry(name: &str) -> Result<(), String> {
    if TABLE_ATTRIBUTES.contains(&name) {
        return Err(format!("an attribute other than the table's own: {}", TABLE_ATTRIBUTES.join(", ")));
    }
    constraints::ATTRIBUTE_NAME.check(name)
}

impl Rejects {
    pub(super) fn read(layers: &mut Layers<'_>, stage: &Stage) -> Result<Self, Error> {
        let mut section = layers.section("rejects");
        let table = Table::read_shared(&mut section, stage, "SensorDataRejects")?;
        let retention_days = section.integer("retention_days", 30, &constraints::REJECTS_RETENTION)?;
        Ok(Rejects { table: Table { ttl_attribute: Some(EXPIRES.to_owned()), ..table }, retention_days })
    }
}

impl Billing {
    fn from(value: &toml::Value) -> Option<Self> {
        if value.as_str() == Some("on-demand") {
            return Some(Billing::OnDemand);
        }
        let table = value.as_table().filter(|table| table.len() == 2)?;
        let units = |name| table.get(name)?.as_integer().and_then(|units| constraints::CAPACITY.accept(units));
        Some(Billing::Provisioned { read_units: units("read_units")?, write_units: units("write_units")? })
    }

    fn shown(self) -> String {
        match self {
            Billing::OnDemand => "\"on-demand\"".to_owned(),
            Billing::Provisioned { read_units, write_units } => {
                format!("{{ read_units = {read_units}, write_units = {write_units} }}")
            }
        }
    }
}
