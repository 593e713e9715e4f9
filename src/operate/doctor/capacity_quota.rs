//! The limits of provisioned capacity units, and the settings against documented defaults that no call shows.

use super::calls::CapacityLimits;
use super::finding::Verdict;
use crate::operate::quotas::NEW_ACCOUNT_CONCURRENCY;
use crate::settings::{Billing, Pipeline};

/// Filters of a mapping by default (docs/facts/event-source-mapping.md, Parameters).
const FILTERS: usize = 5;
/// Memory in MB to which a new account may be limited. The sign of one is its concurrency.
const MEMORY_OF_NEW_ACCOUNT: i32 = 3008;

/// A table with provisioned capacity.
struct Provisioned<'a> {
    name: &'a str,
    read: i64,
    write: i64,
}

fn provisioned(settings: &Pipeline) -> Vec<Provisioned<'_>> {
    let tables = [&settings.table, &settings.rejects.table].into_iter().filter(|table| !table.existing);
    let tables = tables.filter_map(|table| match table.billing {
        Billing::OnDemand => None,
        Billing::Provisioned { read_units, write_units } => {
            Some(Provisioned { name: &table.name, read: read_units.into(), write: write_units.into() })
        }
    });
    tables.collect()
}

/// Returns whether the limits matter at all.
pub(super) fn needs_limits(settings: &Pipeline) -> bool {
    !provisioned(settings).is_empty()
}

/// Returns the verdict where the limits do not matter.
pub(super) fn on_demand() -> Verdict {
    Verdict::ok("the limits do not matter: no table of the settings has provisioned capacity")
}

/// Judges the limits against the settings. No call shows the units of all other tables of the account, so that only what
/// is above a limit is certain.
pub(super) fn judge(limits: CapacityLimits, settings: &Pipeline) -> Verdict {
    let CapacityLimits {
        table_read: Some(table_read),
        table_write: Some(table_write),
        account_read: Some(account_read),
        account_write: Some(account_write),
    } = limits
    else {
        return Verdict::unknown("DescribeLimits does not say what a table and the account may have");
    };
    let tables = provisioned(settings);
    let remedy = "fewer units in `table.billing` and `rejects.billing`, or request more in the Service Quotas console";
    let above = tables.iter().find(|table| table.read > table_read || table.write > table_write);
    if let Some(Provisioned { name, read, write }) = above {
        let evidence = format!(
            "table {name}: {read} read and {write} write units; a table may have {table_read} and {table_write}"
        );
        return Verdict::failed(evidence, remedy);
    }
    let [read, write] = tables.iter().fold([0, 0], |[read, write], table| [read + table.read, write + table.write]);
    let evidence =
        format!("{read} read and {write} write units; the account may have {account_read} and {account_write} in all");
    if read > account_read || write > account_write {
        return Verdict::failed(evidence, remedy);
    }
    Verdict::unknown(format!("{evidence}, of which other tables may use a part that is not known"))
}

/// Judges the settings against documented defaults. `concurrency` is the account's, if it is known. What every account
/// has is ok; what only most have is unknown.
pub(super) fn judge_assumed(settings: &Pipeline, concurrency: Option<i32>) -> Verdict {
    let filters = settings.mapping.filters.len();
    let memory = settings.function.memory_mb;
    if filters > FILTERS {
        return Verdict::warning(
            format!("{filters} `mapping.filters`; assumed limit {FILTERS}, the documented default"),
            "AWS support raises it to 10; or fewer filters",
        );
    }
    let is_new = concurrency.is_some_and(|limit| limit <= i32::from(NEW_ACCOUNT_CONCURRENCY));
    if memory > MEMORY_OF_NEW_ACCOUNT {
        if !is_new {
            return Verdict::unknown(format!(
                "`function.memory_mb` is {memory}; every account has {MEMORY_OF_NEW_ACCOUNT}, most have more, and no call \
                 shows it"
            ));
        }
        return Verdict::warning(
            format!(
                "`function.memory_mb` is {memory}; assumed limit {MEMORY_OF_NEW_ACCOUNT}, because the concurrency is a new \
                 account's"
            ),
            format!("set it to {MEMORY_OF_NEW_ACCOUNT} or less, or ask AWS support for more"),
        );
    }
    Verdict::ok(format!(
        "within what every account has: {filters} of {FILTERS} `mapping.filters`, {memory} of {MEMORY_OF_NEW_ACCOUNT} MB"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::doctor::CheckResult::{Failed, Ok, Unknown, Warning};

    fn settings(read_units: i32, write_units: i32) -> Pipeline {
        let mut settings = Pipeline::by_default().unwrap();
        settings.table.billing = Billing::Provisioned { read_units, write_units };
        settings
    }

    #[test]
    fn capacity_is_compared_with_the_limits_of_table_and_account() {
        let limits = CapacityLimits {
            table_read: Some(40),
            table_write: Some(30),
            account_read: Some(50),
            account_write: Some(50),
        };
        assert!(!needs_limits(&Pipeline::by_default().unwrap()) && needs_limits(&settings(1, 1)));
        let fits = judge(limits, &settings(40, 30));
        assert_eq!((fits.result, fits.evidence.contains("not known")), (Unknown, true), "other tables: {fits:?}");
        for incomplete in
            [CapacityLimits { table_write: None, ..limits }, CapacityLimits { account_read: None, ..limits }]
        {
            assert_eq!(judge(incomplete, &settings(1, 31)).result, Unknown);
        }
        assert_eq!(judge(limits, &settings(1, 31)).result, Failed);
        let mut both = settings(30, 30);
        both.rejects.table.billing = Billing::Provisioned { read_units: 1, write_units: 30 };
        let verdict = judge(limits, &both);
        assert_eq!((verdict.result, verdict.evidence.contains("31 read and 60 write")), (Failed, true), "{verdict:?}");
    }

    #[test]
    fn quotas_without_a_call_are_ok_only_within_what_every_account_has() {
        let mut many = Pipeline::by_default().unwrap();
        let verdict = judge_assumed(&many, None);
        assert_eq!((verdict.result, verdict.evidence.contains("of 3008 MB")), (Ok, true), "{verdict:?}");
        many.function.memory_mb = 4096;
        assert_eq!([judge_assumed(&many, None).result, judge_assumed(&many, Some(1000)).result], [Unknown; 2]);
        assert_eq!(judge_assumed(&many, Some(10)).result, Warning);
        many.mapping.filters = vec!["{}".to_owned(); 6];
        assert!(judge_assumed(&many, None).evidence.contains("assumed limit 5"));
    }
}
