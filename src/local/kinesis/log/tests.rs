//! Logs across reopening, cutting, damage, rolling and retention.

use proptest::prelude::*;

use super::*;

const SMALL: LogOptions = LogOptions { segment_bytes: 2000, durable_full: false };

fn open(directory: &Path) -> (ShardLog, Option<String>) {
    ShardLog::open(directory, SMALL).unwrap()
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

/// The file that is written to.
fn active(directory: &Path) -> PathBuf {
    segments_in(directory).unwrap().last().unwrap().path().to_owned()
}

#[test]
fn a_log_cut_at_any_byte_keeps_the_whole_entries_before_and_goes_on() {
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
        let (log, notice) = open(directory.path());
        let whole = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(all(&log).len(), whole, "cut at {cut}");
        let is_clean = cut == 0 || ends.contains(&cut);
        assert_eq!(notice.is_none(), is_clean, "cut at {cut}: {notice:?}");
        assert_eq!(append(&log, &["new"], 2).first, FIRST_INDEX + whole as u64);
        drop(log);
        let (log, notice) = open(directory.path());
        assert_eq!((all(&log).len(), notice), (whole + 1, None));
    }
}

#[test]
fn zeros_that_a_power_cut_left_are_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    append(&open(directory.path()).0, &["one"], 1);
    let path = active(directory.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([0; 100]);
    fs::write(&path, bytes).unwrap();
    let (log, notice) = open(directory.path());
    assert!(notice.unwrap().contains("cut off 100 bytes"));
    assert_eq!(all(&log), ["one"]);
}

#[test]
fn damage_is_an_error_where_it_is_and_nothing_is_deleted_or_appended() {
    let directory = tempfile::tempdir().unwrap();
    append(&open(directory.path()).0, &["one", "two", "three"], 1);
    let path = active(directory.path());
    let good = fs::read(&path).unwrap();
    for at in 37..74 {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        let (log, notice) = open(directory.path());
        assert_eq!(notice, None);
        assert_eq!(log.read(FIRST_INDEX, 10, 1000).unwrap().entries.len(), 1, "what is good is handed out");
        let error = log.read(FIRST_INDEX + 1, 10, 1000).unwrap_err().to_string();
        assert!(error.contains("is damaged at byte 37"), "{error}");
        assert!(log.append(&[NewRecord { partition_key: "k", data: b"" }], false, 1).is_err());
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn damage_in_a_full_file_is_told_by_reads_there_and_puts_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let (log, _) = open(directory.path());
    for _ in 0..4 {
        append(&log, &[&"x".repeat(900)], 1);
    }
    drop(log);
    let first = segments_in(directory.path()).unwrap().remove(0).path().to_owned();
    let mut bytes = fs::read(&first).unwrap();
    bytes[500] ^= 1;
    fs::write(&first, bytes).unwrap();
    let (log, _) = open(directory.path());
    assert!(log.read(FIRST_INDEX, 10, 10_000).unwrap_err().to_string().contains("damaged at byte 0"));
    assert_eq!(log.read(FIRST_INDEX + 2, 10, 10_000).unwrap().entries.len(), 2);
    assert_eq!(append(&log, &["new"], 2).first, FIRST_INDEX + 4);
}

#[test]
fn files_wholly_past_their_retention_go_and_numbers_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let (log, _) = open(directory.path());
    for now in 1..=10 {
        append(&log, &[&"x".repeat(900)], now * 100);
    }
    assert_eq!(segments_in(directory.path()).unwrap().len(), 5);
    assert_eq!(log.horizon(550).unwrap(), FIRST_INDEX + 5);
    log.trim(550).unwrap();
    assert_eq!(segments_in(directory.path()).unwrap().len(), 3);
    assert_eq!(log.horizon(0).unwrap(), FIRST_INDEX + 4);
    assert_eq!(log.read(FIRST_INDEX + 4, 100, usize::MAX).unwrap().entries.len(), 6);
    log.trim(u64::MAX).unwrap();
    drop(log);
    let (log, _) = open(directory.path());
    assert_eq!(append(&log, &["new"], 0), Appended { first: FIRST_INDEX + 10, arrival: 1000 }, "time never falls");
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let (log, _) = open(directory.path());
    append(&log, &["one"], 1);
    // The next file cannot be made: something else has its name.
    fs::create_dir(directory.path().join(format!("{:020}.log", FIRST_INDEX + 1))).unwrap();
    let large = "x".repeat(2000);
    assert!(log.append(&[NewRecord { partition_key: "k", data: large.as_bytes() }], false, 1).is_err());
    assert_eq!(log.next_index(), FIRST_INDEX + 1);
    fs::remove_dir(directory.path().join(format!("{:020}.log", FIRST_INDEX + 1))).unwrap();
    assert_eq!(append(&log, &[&large], 2).first, FIRST_INDEX + 1);
    assert_eq!(all(&log), ["one", &large]);
}

/// One thing done to a log.
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
    fn a_log_is_a_list(steps in steps()) {
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
                    let (opened, notice) = open(directory.path());
                    prop_assert_eq!(notice, None);
                    log = opened;
                }
            }
        }
    }
}
