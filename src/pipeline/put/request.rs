//! The parcels of one `PutRecords` request, and its limits.

use sensor_model::aggregation::write_digests;

use super::parcel::{Parcel, PutEntry};
use super::retry::{AcceptedEntries, EntryResult};

/// Maximum records in a request (docs/facts/kinesis.md, Write limits: 1 to 500).
pub(crate) const MAX_RECORDS: usize = 500;
/// Maximum bytes of data and partition keys in a request (docs/facts/kinesis.md, Write limits: 10 MiB is newer and not
/// available everywhere).
pub(crate) const MAX_BYTES: usize = 5 * 1024 * 1024;

/// The parcels of one request, each with its group.
#[derive(Debug, Default)]
pub(crate) struct PutRequest {
    parcels: Vec<(usize, Parcel)>,
    records: usize,
    bytes: usize,
}

impl PutRequest {
    /// Returns whether a parcel fits.
    pub(crate) fn fits(&self, parcel: &Parcel) -> bool {
        self.records + parcel.len() <= MAX_RECORDS && self.bytes + parcel.bytes() <= MAX_BYTES
    }

    /// Adds the parcel of a group.
    pub(crate) fn push(&mut self, group: usize, parcel: Parcel) {
        self.records += parcel.len();
        self.bytes += parcel.bytes();
        self.parcels.push((group, parcel));
    }

    /// Returns whether it has no parcels.
    pub(crate) fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }

    /// Returns the records that were sent before.
    pub(crate) fn resent(&self) -> u64 {
        let resent = self.parcels.iter().filter(|(_, parcel)| parcel.is_resent());
        resent.map(|(_, parcel)| parcel.len() as u64).sum()
    }

    /// Writes the digests of its aggregates, which have to be there before it is sent.
    pub(crate) fn write_digests(&mut self) {
        write_digests(
            &mut self.parcels.iter_mut().filter_map(|(_, parcel)| parcel.without_digest()).collect::<Vec<_>>(),
        );
    }

    /// Returns its records, in order.
    pub(crate) fn entries(&self) -> Vec<PutEntry<'_>> {
        let mut entries = Vec::with_capacity(self.records);
        self.parcels.iter().for_each(|(_, parcel)| entries.extend(parcel.entries()));
        entries
    }

    /// Returns its parcels with their groups.
    pub(crate) fn into_parcels(self) -> Vec<(usize, Parcel)> {
        self.parcels
    }

    /// Applies one answer for each record to the parcels. `each` gets the group, its answers, what they mean, and the
    /// parcel.
    pub(crate) fn settle(
        self,
        answers: &[EntryResult],
        mut each: impl FnMut(usize, &[EntryResult], AcceptedEntries, Parcel),
    ) {
        let mut rest = answers;
        for (group, mut parcel) in self.parcels {
            let (own, others) = rest.split_at(parcel.len().min(rest.len()));
            rest = others;
            let accepted = parcel.settle(own);
            each(group, own, accepted, parcel);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::MAX_RECORD_BYTES;
    use super::*;
    use crate::pipeline::Record;

    fn parcel(line: u64, records: usize, bytes: usize) -> Parcel {
        let record = |_| Record { data: "x".repeat(bytes), partition_key: "k".into(), row: 0, input: 0, line };
        Parcel::of_records((0..records).map(record).collect(), line)
    }

    fn requests(sizes: &[(usize, usize)]) -> Vec<PutRequest> {
        let mut requests = vec![PutRequest::default()];
        for (line, (records, bytes)) in sizes.iter().enumerate() {
            let parcel = parcel(line as u64, *records, *bytes);
            if !requests.last().unwrap().fits(&parcel) {
                requests.push(PutRequest::default());
            }
            requests.last_mut().unwrap().push(line, parcel);
        }
        requests
    }

    #[test]
    fn request_is_limited_to_500_records_or_5_mib() {
        let sizes = |requests: Vec<PutRequest>| requests.iter().map(|it| it.entries().len()).collect::<Vec<_>>();
        assert_eq!(sizes(requests(&[(1, 1); 1001])), [500, 500, 1]);
        assert_eq!(sizes(requests(&[(1, MAX_RECORD_BYTES - 1); 6])), [5, 1]);
        assert_eq!(sizes(requests(&[(400, 1), (100, 1), (1, 1)])), [500, 1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
        #[test]
        fn request_keeps_every_record_in_order_and_within_limits(
            sizes in prop::collection::vec(
                (1_usize..40, prop_oneof![20 => 1_usize..200, 1 => 1_usize..(MAX_RECORD_BYTES / 40)]), 1..150)
        ) {
            let requests = requests(&sizes);
            for request in &requests {
                let entries = request.entries();
                prop_assert!(!entries.is_empty() && entries.len() <= MAX_RECORDS);
                let bytes = entries.iter().map(|entry| entry.data.len() + entry.partition_key.len()).sum::<usize>();
                prop_assert!(bytes <= MAX_BYTES);
            }
            let parcels = requests.into_iter().flat_map(PutRequest::into_parcels);
            let lines: Vec<_> = parcels.flat_map(|(_, parcel)| parcel.into_unsent()).map(|record| record.line).collect();
            let wanted = sizes.iter().enumerate().flat_map(|(line, (records, _))| vec![line as u64; *records]);
            prop_assert_eq!(lines, wanted.collect::<Vec<_>>());
        }
    }
}
