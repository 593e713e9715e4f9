//! Tests of logs across reopening, truncation, damage, segment rolling and retention.

use std::fs;

use proptest::prelude::*;

use super::segments::found_in;
use super::*;

/// Returns the log of a directory and its diagnostics.
fn open(directory: &Path) -> (ShardLog, Diagnostics) {
    let notices = Diagnostics::default();
    let options = LogOptions { segment_bytes: 2000, durability: Durability::Full, notices: notices.clone() };
    (ShardLog::new(directory, options), notices)
}

fn append(log: &ShardLog, data: &[&str], now: u64) -> Appended {
    let records: Vec<_> = data.iter().map(|data| NewRecord { partition_key: "key", data: data.as_bytes() }).collect();
    log.append(&records, false, now).unwrap()
}

fn all(log: &ShardLog) -> Vec<String> {
    let chunk = log.read(FIRST_INDEX, usize::MAX, usize::MAX).unwrap();
    assert!(chunk.is_last);
    chunk.entries.into_iter().map(|entry| String::from_utf8(entry.data).unwrap()).collect()
}

/// Returns the active segment's file.
fn active(directory: &Path) -> PathBuf {
    found_in(directory).unwrap().last().unwrap().path().to_owned()
}

#[test]
fn log_truncated_at_any_byte_keeps_whole_entries_and_accepts_appends() {
    let full = tempfile::tempdir().unwrap();
    let (log, _) = open(full.path());
    for data in ["one", "", "three", "a longer fourth entry"] {
        append(&log, &[data], 1);
    }
    let bytes = fs::read(active(full.path())).unwrap();
    // 12 bytes of header, 19 of fixed body and 3 of key.
    let ends: Vec<usize> = [3, 0, 5, 21]
        .iter()
        .scan(0, |at, length| {
            *at += 34 + length;
            Some(*at)
        })
        .collect();
    assert_eq!(*ends.last().unwrap(), bytes.len());
    for cut in 0..=bytes.len() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(active(full.path()).file_name().unwrap());
        fs::write(&path, &bytes[..cut]).unwrap();
        let (log, notices) = open(directory.path());
        let whole = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(all(&log).len(), whole, "cut at {cut}");
        let is_clean = cut == 0 || ends.contains(&cut);
        assert_eq!(notices.all().is_empty(), is_clean, "cut at {cut}: {:?}", notices.all());
        assert_eq!(append(&log, &["new"], 2).first, FIRST_INDEX + whole as u64);
        drop(log);
        let (log, notices) = open(directory.path());
        assert_eq!((all(&log).len(), notices.all().len()), (whole + 1, 0));
    }
}

#[test]
fn log_trailing_zeros_after_power_cut_are_truncated() {
    let directory = tempfile::tempdir().unwrap();
    append(&open(directory.path()).0, &["one"], 1);
    let path = active(directory.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([0; 100]);
    fs::write(&path, bytes).unwrap();
    let (log, notices) = open(directory.path());
    assert_eq!(all(&log), ["one"]);
    assert!(notices.all()[0].contains("cut off 100 bytes"), "{:?}", notices.all());
}

#[test]
fn log_damage_is_an_error_there_and_nothing_is_deleted_or_appended() {
    let directory = tempfile::tempdir().unwrap();
    append(&open(directory.path()).0, &["one", "two", "three"], 1);
    let path = active(directory.path());
    let good = fs::read(&path).unwrap();
    for at in 37..74 {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        let (log, notices) = open(directory.path());
        assert_eq!(log.read(FIRST_INDEX, 10, 1000).unwrap().entries.len(), 1, "what is good is handed out");
        assert!(notices.all()[0].contains(&path.display().to_string()), "{:?}", notices.all());
        let error = log.read(FIRST_INDEX + 1, 10, 1000).unwrap_err().to_string();
        assert!(error.contains("is damaged at byte 37"), "{error}");
        assert!(log.append(&[NewRecord { partition_key: "k", data: b"" }], false, 1).is_err());
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn log_damage_in_closed_segment_fails_reads_there_and_puts_continue() {
    let directory = tempfile::tempdir().unwrap();
    let (log, _) = open(directory.path());
    for _ in 0..4 {
        append(&log, &[&"x".repeat(900)], 1);
    }
    drop(log);
    let first = found_in(directory.path()).unwrap().remove(0).path().to_owned();
    let good = fs::read(&first).unwrap();
    let second_entry = good.len() / 2;
    let mut damaged = good.clone();
    damaged[second_entry + 500] ^= 1;
    // A flipped bit; a cut within an entry; a cut between two entries: each loses the second record.
    for bytes in [&damaged[..], &good[..second_entry + 500], &good[..second_entry]] {
        fs::write(&first, bytes).unwrap();
        let (log, _) = open(directory.path());
        let before = log.read(FIRST_INDEX, 10, 10_000).unwrap();
        assert_eq!((before.entries.len(), before.is_last), (1, false), "what is good is handed out");
        let error = log.read(before.next, 10, 10_000).unwrap_err().to_string();
        assert!(error.contains(&format!("{} is damaged at byte {second_entry}", first.display())), "{error}");
        assert_eq!(log.read(FIRST_INDEX + 2, 1, 10_000).unwrap().entries.len(), 1);
        assert!(append(&log, &["new"], 2).first >= FIRST_INDEX + 4);
        assert_eq!(fs::read(&first).unwrap(), bytes, "nothing is repaired by deletion");
    }
}

#[test]
fn log_missing_segment_is_reported_and_not_skipped() {
    let directory = tempfile::tempdir().unwrap();
    let (log, _) = open(directory.path());
    for _ in 0..6 {
        append(&log, &[&"x".repeat(900)], 1);
    }
    drop(log);
    fs::remove_file(found_in(directory.path()).unwrap()[1].path()).unwrap();
    let (log, _) = open(directory.path());
    let before = log.read(FIRST_INDEX, 10, 10_000).unwrap();
    assert_eq!((before.entries.len(), before.is_last), (2, false));
    let error = log.read(before.next, 10, 10_000).unwrap_err().to_string();
    assert!(error.contains("the 2 records before those of the next file are missing"), "{error}");
}

#[test]
fn log_next_segment_existing_file_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let (log, _) = open(directory.path());
    append(&log, &["one"], 1);
    let next = directory.path().join(format!("{:020}.log", FIRST_INDEX + 1));
    fs::write(&next, "of another program").unwrap();
    let large = "x".repeat(2000);
    let refused = log.append(&[NewRecord { partition_key: "k", data: large.as_bytes() }], false, 1);
    assert!(refused.unwrap_err().to_string().contains("was not there when the log was opened"));
    assert_eq!(fs::read(&next).unwrap(), b"of another program");
}

#[test]
fn log_open_reads_no_segment_before_first_use() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("shard")).unwrap();
    fs::write(directory.path().join("shard").join(format!("{FIRST_INDEX:020}.log")), "no entry").unwrap();
    let (log, notices) = open(&directory.path().join("shard"));
    assert_eq!(notices.all().len(), 0);
    assert!(log.next_index().is_ok());
    assert_eq!(notices.all().len(), 1);
}

#[test]
fn log_trim_deletes_expired_segments_and_indexes_continue() {
    let directory = tempfile::tempdir().unwrap();
    let (log, _) = open(directory.path());
    for now in 1..=10 {
        append(&log, &[&"x".repeat(900)], now * 100);
    }
    assert_eq!(found_in(directory.path()).unwrap().len(), 5);
    assert_eq!(log.horizon(550).unwrap(), FIRST_INDEX + 5);
    log.trim(550).unwrap();
    assert_eq!(found_in(directory.path()).unwrap().len(), 3);
    assert_eq!(log.horizon(0).unwrap(), FIRST_INDEX + 4);
    assert_eq!(log.read(FIRST_INDEX + 4, 100, usize::MAX).unwrap().entries.len(), 6);
    log.trim(u64::MAX).unwrap();
    drop(log);
    let (log, _) = open(directory.path());
    assert_eq!(append(&log, &["new"], 0), Appended { first: FIRST_INDEX + 10, arrival: 1000 }, "time never falls");
}

#[test]
fn log_failed_append_leaves_no_partial_entry() {
    let directory = tempfile::tempdir().unwrap();
    let (log, _) = open(directory.path());
    append(&log, &["one"], 1);
    // The next file cannot be created: a directory has its name.
    fs::create_dir(directory.path().join(format!("{:020}.log", FIRST_INDEX + 1))).unwrap();
    let large = "x".repeat(2000);
    assert!(log.append(&[NewRecord { partition_key: "k", data: large.as_bytes() }], false, 1).is_err());
    assert_eq!(log.next_index().unwrap(), FIRST_INDEX + 1);
    fs::remove_dir(directory.path().join(format!("{:020}.log", FIRST_INDEX + 1))).unwrap();
    assert_eq!(append(&log, &[&large], 2).first, FIRST_INDEX + 1);
    assert_eq!(all(&log), ["one", &large]);
}

/// One operation on a log.
#[derive(Clone, Debug)]
enum Step {
    Append(Vec<usize>),
    Read { from: prop::sample::Index, records: usize, bytes: usize },
    Find(u64),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(0..700_usize, 1..6).prop_map(Step::Append),
        3 => (any::<prop::sample::Index>(), 1..20_usize, 1..5000_usize)
            .prop_map(|(from, records, bytes)| Step::Read { from, records, bytes }),
        2 => (0..400_u64).prop_map(Step::Find),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn log_model_behaves_like_a_list(steps in steps()) {
        let directory = tempfile::tempdir().unwrap();
        let mut log = open(directory.path()).0;
        let mut model: Vec<Entry> = Vec::new();
        for (now, step) in (0..).zip(steps).map(|(at, step)| (at * 10, step)) {
            match step {
                Step::Append(sizes) => {
                    let data: Vec<Vec<u8>> = sizes.iter().map(|size| vec![b'd'; *size]).collect();
                    let records: Vec<_> = data.iter().map(|data| NewRecord { partition_key: "k", data }).collect();
                    let appended = log.append(&records, now % 20 == 0, now).unwrap();
                    prop_assert_eq!(appended, Appended { first: model.len() as u64 + FIRST_INDEX, arrival: now });
                    model.extend((appended.first..).zip(&data).map(|(index, data)| Entry {
                        index,
                        arrival: now,
                        encrypted: now % 20 == 0,
                        partition_key: "k".to_owned(),
                        data: data.clone(),
                    }));
                }
                Step::Read { from, records, bytes } => {
                    let from = from.index(model.len() + 1);
                    let chunk = log.read(from as u64 + FIRST_INDEX, records, bytes).unwrap();
                    let mut sum = 0;
                    let wanted = model[from..].iter().take(records).enumerate().take_while(|(at, entry)| {
                        sum += entry.data.len() + 1;
                        *at == 0 || sum <= bytes
                    });
                    let wanted: Vec<Entry> = wanted.map(|(_, entry)| entry.clone()).collect();
                    prop_assert_eq!(chunk.next, (from + wanted.len()) as u64 + FIRST_INDEX);
                    prop_assert_eq!(chunk.is_last, from + wanted.len() == model.len());
                    prop_assert_eq!(chunk.entries, wanted);
                }
                Step::Find(time) => {
                    let wanted = model.iter().take_while(|entry| entry.arrival < time).count() as u64;
                    prop_assert_eq!(log.index_at(time).unwrap(), wanted + FIRST_INDEX);
                    prop_assert_eq!(log.horizon(time).unwrap(), wanted + FIRST_INDEX);
                }
                Step::Reopen => {
                    drop(log);
                    log = open(directory.path()).0;
                }
            }
        }
    }
}
