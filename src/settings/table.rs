//! `[table]` and `[rejects]`: the two DynamoDB tables.

use sensor_model::limits::TABLE_ATTRIBUTES;

use super::constraints;
use super::layers::{Layers, Section};
use super::stage::Stage;
use crate::error::Error;

/// What is wanted of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// How it is paid for.
    pub billing: Billing,
    /// Whether it can be restored to any second of the last 35 days.
    pub point_in_time_recovery: bool,
    /// Whether the service refuses to delete it.
    pub deletion_protection: bool,
    /// What its storage and its requests cost.
    pub class: TableClass,
    /// Attribute that holds when a row expires, in epoch seconds.
    pub ttl_attribute: Option<String>,
    /// It is there already: used, never made, changed or deleted.
    pub existing: bool,
}

/// How a table is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Billing {
    /// For each request.
    OnDemand,
    /// For capacity units held ready.
    Provisioned {
        /// Reads of 4 KB a second.
        read_units: i32,
        /// Writes of 1 KB a second.
        write_units: i32,
    },
}

/// What storage and requests of a table cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableClass {
    /// The usual.
    Standard,
    /// Cheaper storage, dearer requests.
    InfrequentAccess,
}

impl TableClass {
    const ALL: [TableClass; 2] = [TableClass::Standard, TableClass::InfrequentAccess];

    /// As in the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TableClass::Standard => "standard",
            TableClass::InfrequentAccess => "infrequent-access",
        }
    }
}

/// What is wanted of the table of rejected readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejects {
    /// The table.
    pub table: Table,
    /// Days until a rejected reading expires.
    pub retention_days: i32,
}

/// The attribute that holds when a rejected reading expires; the function writes it.
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

/// Checks the attribute that expires rows. `CurrentTime` would expire each reading as it is stored.
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
