//! The pending changes of a table, one at a time, because the service accepts no two at once.

use std::fmt;

use aws_sdk_dynamodb::types::{
    self, BillingMode, PointInTimeRecoverySpecification, ProvisionedThroughput, TableDescription,
    TimeToLiveSpecification,
};
use aws_smithy_types::error::operation::BuildError;

use super::SERVICE;
use crate::aws::{AwsFailure, Clients};
use crate::settings::{Billing, Table, TableClass};

/// The observed state of an existing table.
#[derive(Clone, Debug)]
pub(crate) struct ObservedTable {
    /// Its description.
    pub table: TableDescription,
    /// Its TTL attribute.
    pub ttl_attribute: Option<String>,
    /// True if point-in-time recovery is enabled.
    pub point_in_time_recovery: bool,
}

impl ObservedTable {
    /// Returns its billing mode.
    #[must_use]
    pub(crate) fn billing(&self) -> Billing {
        let mode = self.table.billing_mode_summary.as_ref().and_then(|summary| summary.billing_mode.as_ref());
        if mode == Some(&BillingMode::PayPerRequest) {
            return Billing::OnDemand;
        }
        let throughput = self.table.provisioned_throughput.as_ref();
        let units = |units: Option<i64>| units.and_then(|units| i32::try_from(units).ok()).unwrap_or_default();
        Billing::Provisioned {
            read_units: units(throughput.and_then(|throughput| throughput.read_capacity_units)),
            write_units: units(throughput.and_then(|throughput| throughput.write_capacity_units)),
        }
    }

    /// Returns its class. Responses omit the standard class.
    #[must_use]
    pub(crate) fn class(&self) -> TableClass {
        let class = self.table.table_class_summary.as_ref().and_then(|summary| summary.table_class.as_ref());
        match class {
            Some(types::TableClass::StandardInfrequentAccess) => TableClass::InfrequentAccess,
            _ => TableClass::Standard,
        }
    }

    /// Returns whether deletion protection is enabled.
    #[must_use]
    pub(crate) fn deletion_protection(&self) -> bool {
        self.table.deletion_protection_enabled.unwrap_or(false)
    }
}

/// A change of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TableChange {
    /// Change the billing mode.
    Billing(Billing),
    /// Change the class.
    Class(TableClass),
    /// Enable or disable deletion protection.
    Protection(bool),
    /// Enable or disable point-in-time recovery.
    Recovery(bool),
    /// Enable TTL with this attribute.
    Expire(String),
    /// Disable TTL. Contains the current attribute.
    Keep(String),
}

impl TableChange {
    /// Returns the next change towards the desired state.
    #[must_use]
    pub(super) fn next(wanted: &Table, seen: &ObservedTable) -> Option<Self> {
        // Protection first: the following changes may take long.
        if wanted.deletion_protection != seen.deletion_protection() {
            return Some(TableChange::Protection(wanted.deletion_protection));
        }
        if wanted.billing != seen.billing() {
            return Some(TableChange::Billing(wanted.billing));
        }
        if wanted.class != seen.class() {
            return Some(TableChange::Class(wanted.class));
        }
        if wanted.point_in_time_recovery != seen.point_in_time_recovery {
            return Some(TableChange::Recovery(wanted.point_in_time_recovery));
        }
        match (&wanted.ttl_attribute, &seen.ttl_attribute) {
            (wanted, found) if wanted == found => None,
            // A change of the attribute first disables TTL. The service then requires an hour in between.
            (_, Some(found)) => Some(TableChange::Keep(found.clone())),
            (Some(wanted), None) => Some(TableChange::Expire(wanted.clone())),
            (None, None) => None,
        }
    }

    /// Requests the change.
    pub(super) async fn send(&self, clients: &Clients, name: &str) -> Result<(), AwsFailure> {
        let call = |operation| clients.call(SERVICE, operation, name);
        let update = clients.dynamodb.update_table().table_name(name);
        let update = match self {
            TableChange::Billing(Billing::OnDemand) => update.billing_mode(BillingMode::PayPerRequest),
            TableChange::Billing(Billing::Provisioned { read_units, write_units }) => {
                let throughput = throughput(*read_units, *write_units);
                update
                    .billing_mode(BillingMode::Provisioned)
                    .provisioned_throughput(throughput.map_err(|error| call("UpdateTable").build_failure(error))?)
            }
            TableChange::Class(wanted) => update.table_class(class(*wanted)),
            TableChange::Protection(protect) => update.deletion_protection_enabled(*protect),
            TableChange::Recovery(enabled) => {
                let call = call("UpdateContinuousBackups");
                let specification =
                    PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(*enabled).build();
                let specification = specification.map_err(|error| call.build_failure(error))?;
                let request = clients.dynamodb.update_continuous_backups().table_name(name);
                return call.unit(request.point_in_time_recovery_specification(specification).send().await);
            }
            TableChange::Expire(attribute) | TableChange::Keep(attribute) => {
                let call = call("UpdateTimeToLive");
                let enabled = matches!(self, TableChange::Expire(_));
                let specification =
                    TimeToLiveSpecification::builder().enabled(enabled).attribute_name(attribute).build();
                let specification = specification.map_err(|error| call.build_failure(error))?;
                let request = clients.dynamodb.update_time_to_live().table_name(name);
                return call.unit(request.time_to_live_specification(specification).send().await);
            }
        };
        call("UpdateTable").unit(update.send().await)
    }
}

impl fmt::Display for TableChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            TableChange::Billing(_) => "changing its billing",
            TableChange::Class(_) => "changing its class",
            TableChange::Protection(_) => "changing its protection",
            TableChange::Recovery(_) => "changing its point-in-time recovery",
            TableChange::Expire(_) | TableChange::Keep(_) => "changing how rows expire",
        })
    }
}

/// Returns the capacity units as a parameter of a call.
pub(super) fn throughput(read_units: i32, write_units: i32) -> Result<ProvisionedThroughput, BuildError> {
    let (read, write) = (i64::from(read_units), i64::from(write_units));
    ProvisionedThroughput::builder().read_capacity_units(read).write_capacity_units(write).build()
}

/// Returns the class as a parameter of a call.
pub(super) fn class(class: TableClass) -> types::TableClass {
    match class {
        TableClass::Standard => types::TableClass::Standard,
        TableClass::InfrequentAccess => types::TableClass::StandardInfrequentAccess,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::{BillingModeSummary, ProvisionedThroughputDescription};

    use super::*;
    use crate::settings::Pipeline;

    fn seen() -> ObservedTable {
        let on_demand = BillingModeSummary::builder().billing_mode(BillingMode::PayPerRequest).build();
        ObservedTable {
            table: TableDescription::builder().billing_mode_summary(on_demand).build(),
            ttl_attribute: None,
            point_in_time_recovery: false,
        }
    }

    #[test]
    fn next_default_table_has_no_change() {
        let table = Pipeline::by_default().unwrap().table;
        assert_eq!(TableChange::next(&table, &seen()), None);
    }

    #[test]
    fn next_compares_every_setting() {
        let default = Pipeline::by_default().unwrap().table;
        let provisioned = Billing::Provisioned { read_units: 5, write_units: 6 };
        let wanted = [
            (Table { deletion_protection: true, ..default.clone() }, TableChange::Protection(true)),
            (Table { billing: provisioned, ..default.clone() }, TableChange::Billing(provisioned)),
            (
                Table { class: TableClass::InfrequentAccess, ..default.clone() },
                TableChange::Class(TableClass::InfrequentAccess),
            ),
            (Table { point_in_time_recovery: true, ..default.clone() }, TableChange::Recovery(true)),
            (Table { ttl_attribute: Some("until".into()), ..default.clone() }, TableChange::Expire("until".into())),
        ];
        for (wanted, change) in wanted {
            assert_eq!(TableChange::next(&wanted, &seen()), Some(change));
        }
    }

    #[test]
    fn billing_without_summary_is_provisioned() {
        let units = ProvisionedThroughputDescription::builder().read_capacity_units(5).write_capacity_units(6).build();
        let table = TableDescription::builder().provisioned_throughput(units).build();
        let seen = ObservedTable { table, ..seen() };
        assert_eq!(seen.billing(), Billing::Provisioned { read_units: 5, write_units: 6 });
    }

    #[test]
    fn next_other_ttl_attribute_disables_ttl_first() {
        let wanted = Table { ttl_attribute: Some("b".into()), ..Pipeline::by_default().unwrap().table };
        let seen = ObservedTable { ttl_attribute: Some("a".into()), ..seen() };
        assert_eq!(TableChange::next(&wanted, &seen), Some(TableChange::Keep("a".into())));
    }
}
