//! Replays against a model of the pipeline that kills them anywhere: after any number of replays, nothing is lost and
//! nothing is doubled.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use sensor_model::{Decimal, Reading};

use super::super::edit::ReplayEdit;
use super::super::item::{FoundRejection, ReplayItem};
use super::*;
use crate::operate::DeadLetter;
use crate::operate::dead_letters::dead_letter::DeadLetterPart;
use crate::operate::dead_letters::joiner::single_part;

const SHARD: &str = "shardId-000000000000";
/// Temperatures from here on are rejected by the function.
const HOT: u8 = 3;

/// A pipeline in memory. The function runs each time that somebody looks at the table.
struct Model {
    rows: RefCell<BTreeMap<(String, String), StoredReading>>,
    letters: RefCell<BTreeMap<DeadLetterId, DeadLetter>>,
    waiting: RefCell<Vec<(u64, ReplayItem)>>,
    next: Cell<u64>,
    /// Calls until it is killed.
    fuel: Cell<u32>,
    /// True if the call that kills it has its effect all the same.
    takes_effect: bool,
    puts: Cell<usize>,
    /// True if the function does not run.
    is_stopped: bool,
    /// The changes to each dead letter.
    edit: ReplayEdit,
    /// Readings that a replay remembers.
    bound: usize,
    /// True if replays put and delete nothing.
    is_dry: bool,
}

impl Model {
    fn new(takes_effect: bool) -> Self {
        Model {
            rows: RefCell::default(),
            letters: RefCell::default(),
            waiting: RefCell::default(),
            next: Cell::new(1000),
            fuel: Cell::new(u32::MAX),
            takes_effect,
            puts: Cell::new(0),
            is_stopped: false,
            edit: ReplayEdit::default(),
            bound: KEPT_READINGS,
            is_dry: false,
        }
    }

    fn with_letters(self, letters: impl IntoIterator<Item = Vec<u8>>) -> Self {
        for (number, data) in (10..).zip(letters) {
            self.store_letter(number, data);
        }
        self
    }

    fn with_rows(self, rows: &[(u8, u8)]) -> Self {
        for (time, temperature) in rows {
            let reading = Reading::from_json(&json(*time, *temperature)).unwrap();
            let receipt = PutReceipt { shard_id: SHARD.into(), sequence_number: "1".into() };
            self.rows.borrow_mut().insert(key(&reading), StoredReading::new(reading, receipt));
        }
        self
    }

    /// Uses up a call. Returns whether it has an effect, and whether it has an answer.
    fn call(&self) -> (bool, Result<(), Error>) {
        match self.fuel.get() {
            0 => (false, Err(Error::failed("killed"))),
            1 => {
                self.fuel.set(0);
                (self.takes_effect, Err(Error::failed("killed")))
            }
            fuel => {
                self.fuel.set(fuel - 1);
                (true, Ok(()))
            }
        }
    }

    fn store_letter(&self, number: u64, data: Vec<u8>) {
        let id = DeadLetterId { shard_id: SHARD.into(), sequence_number: number.to_string(), index: 0 };
        let part = DeadLetterPart { reject_id: String::new(), bytes: data.len(), expires_at: None };
        self.letters.borrow_mut().insert(id.clone(), single_part(id, part, data));
    }

    /// Runs the function on what waits in the stream.
    fn run_function(&self) {
        if self.is_stopped {
            return;
        }
        for (number, item) in self.waiting.take() {
            if item.reading.temperature >= Decimal::from(u64::from(HOT)) {
                self.store_letter(number, item.data);
                continue;
            }
            let receipt = PutReceipt { shard_id: SHARD.into(), sequence_number: number.to_string() };
            let key = key(&item.reading);
            self.rows.borrow_mut().insert(key, StoredReading::new(item.reading, receipt));
        }
    }

    /// Reads all dead letters in the order of their keys, as a window of `size` each, and replays them.
    async fn replay(&self, size: usize, overwrite: bool) -> (Vec<ReplayFate>, bool) {
        let options = ReplayOptions {
            overwrite,
            dry_run: self.is_dry,
            timeout: Duration::from_secs(5),
            pauses: (Duration::from_millis(1), Duration::from_millis(1)),
        };
        let interrupt = CancellationToken::new();
        let mut replayer = Replayer::new(self, options, &interrupt);
        replayer.put = PutReadings::new(self.bound);
        let (mut fates, mut deferred, mut last) = (Vec::new(), Vec::new(), None);
        loop {
            let mut window: Vec<ReplayItem> = std::mem::take(&mut deferred);
            while window.len() < size {
                let letters = self.letters.borrow();
                let next = letters.values().find(|letter| last.as_ref().is_none_or(|last| letter.id > *last));
                let Some(letter) = next.cloned() else { break };
                last = Some(letter.id.clone());
                if !replayer.is_new(&letter.id) {
                    window.push(self.edit.clone().prepare(letter, None).unwrap());
                }
            }
            if window.is_empty() {
                return (fates, true);
            }
            let count = window.len();
            let result = replayer.replay(window).await;
            assert_eq!(result.fates.len() + result.deferred.len(), count, "each has a fate");
            fates.extend(result.fates.into_iter().map(|(_, fate)| fate));
            if result.stopped.is_some() {
                return (fates, false);
            }
            deferred = result.deferred;
        }
    }
}

impl ReplayTarget for Model {
    async fn rows(&self, readings: &[&Reading]) -> Result<Vec<RowState>, Error> {
        self.run_function();
        self.call().1?;
        let rows = self.rows.borrow();
        let state = |reading: &&Reading| match rows.get(&key(reading)) {
            Some(row) => RowState::Stored(Box::new(row.clone())),
            None => RowState::Absent,
        };
        Ok(readings.iter().map(state).collect())
    }

    async fn put(&self, items: &[&ReplayItem]) -> Result<Vec<Result<PutReceipt, ReplayReason>>, Error> {
        let (has_effect, answer) = self.call();
        let mut receipts = Vec::new();
        for item in items.iter().filter(|_| has_effect) {
            let number = self.next.replace(self.next.get() + 1);
            self.puts.set(self.puts.get() + 1);
            self.waiting.borrow_mut().push((number, (*item).clone()));
            receipts.push(Ok(PutReceipt { shard_id: SHARD.into(), sequence_number: number.to_string() }));
        }
        answer.map(|()| receipts)
    }

    async fn rejections(&self, receipts: &[&PutReceipt]) -> Result<Vec<Option<FoundRejection>>, Error> {
        self.call().1?;
        let letters = self.letters.borrow();
        let found = |receipt: &&PutReceipt| {
            let id: DeadLetterId = format!("{SHARD}/{}/0", receipt.sequence_number).parse().unwrap();
            let letter: Option<&DeadLetter> = letters.get(&id);
            let reason = ReplayReason::new("hot", "too hot");
            letter.map(|letter| FoundRejection { reason, data: letter.data.clone() })
        };
        Ok(receipts.iter().map(found).collect())
    }

    async fn delete(&self, letters: &[&DeadLetter]) -> Vec<Result<Deletion, Error>> {
        let delete = |letter: &&DeadLetter| {
            let (has_effect, answer) = self.call();
            if has_effect {
                self.letters.borrow_mut().remove(&letter.id);
            }
            answer.map(|()| Deletion::Deleted)
        };
        letters.iter().map(delete).collect()
    }
}

fn key(reading: &Reading) -> (String, String) {
    (reading.sensor_id.clone(), reading.current_time.to_string())
}

fn json(time: u8, temperature: u8) -> Vec<u8> {
    format!(r#"{{"sensor_id":"a","temperature":{temperature},"current_time":{time}}}"#).into_bytes()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(work)
}

proptest! {
    #[test]
    fn replay_killed_anywhere_loses_and_doubles_nothing(
        letters in prop::collection::vec((0_u8..6, 0_u8..5), 1..20),
        stored in prop::collection::vec((0_u8..6, 0_u8..HOT), 0..4),
        kills in prop::collection::vec(1_u32..40, 0..5),
        size in 1_usize..8, overwrite: bool, takes_effect: bool,
    ) {
        let data = letters.iter().map(|(time, temperature)| json(*time, *temperature));
        let model = Model::new(takes_effect).with_letters(data).with_rows(&stored);
        let before = model.rows.borrow().clone();
        for kill in &kills {
            model.fuel.set(*kill);
            run(model.replay(size, overwrite));
        }
        // The readings of the killed replays are stored later.
        model.fuel.set(u32::MAX);
        model.run_function();
        let found = model.letters.borrow().len();
        let (fates, is_whole) = run(model.replay(size, overwrite));
        prop_assert!(is_whole);
        prop_assert_eq!(fates.len(), found, "found = replayed + refused + rejected again + failed");
        prop_assert!(!fates.iter().any(|fate| matches!(fate, ReplayFate::Failed(_) | ReplayFate::Ready)), "{fates:?}");
        let rows = model.rows.borrow();
        let kept: Vec<Vec<u8>> = model.letters.borrow().values().map(|letter| letter.data.clone()).collect();
        for (time, temperature) in &letters {
            let data = json(*time, *temperature);
            let reading = Reading::from_json(&data).unwrap();
            let is_stored = rows.get(&key(&reading)).is_some_and(|row| row.reading == reading);
            let is_kept = kept.contains(&data);
            // With `--overwrite`, another dead letter of the same key may have come later.
            let is_replaced = overwrite && rows.contains_key(&key(&reading)) && *temperature < HOT;
            prop_assert!(is_stored != is_kept || (is_replaced && !is_kept), "{time} {temperature}: {is_stored} {is_kept}");
            let copies = kept.iter().filter(|other| **other == data).count();
            let asked = letters.iter().filter(|other| **other == (*time, *temperature)).count();
            // A letter that the function rejected again stays once. A refused one keeps its letters, also those that
            // were new when a replay was killed before it deleted the old ones.
            let is_refused = rows.contains_key(&key(&reading));
            let at_most = match (*temperature >= HOT, is_refused) {
                (true, false) => 1,
                (true, true) => asked + kills.len(),
                (false, _) => asked,
            };
            prop_assert!(copies <= at_most, "{copies} copies of {asked}");
        }
        if !overwrite {
            for (key, row) in &before {
                prop_assert_eq!(rows.get(key), Some(row), "a stored row was replaced");
            }
        }
        // Again: nothing is put but what the function rejects, and with `--overwrite` what was refused (`same-key`).
        drop(rows);
        model.puts.set(0);
        let (fates, _) = run(model.replay(size, overwrite));
        let rejected = fates.iter().filter(|fate| matches!(fate, ReplayFate::RejectedAgain(_))).count();
        prop_assert!(overwrite || model.puts.get() <= rejected, "{fates:?}");
        let is_replayed = |fate: &ReplayFate| matches!(fate, ReplayFate::Replayed { .. });
        prop_assert!(overwrite || !fates.iter().any(is_replayed), "{fates:?}");
    }
}

proptest! {
    #[test]
    fn dry_run_counts_what_a_replay_does(
        letters in prop::collection::vec((0_u8..4, 0_u8..HOT), 1..12),
        stored in prop::collection::vec((0_u8..4, 0_u8..HOT), 0..4),
        sizes in (1_usize..5, 1_usize..5), overwrite: bool, is_edited: bool,
    ) {
        // The edit takes the time away from each, and gives all the same one.
        let fields: &[&str] = if is_edited { &["current_time=1"] } else { &[] };
        let new = || {
            let data = letters.iter().map(|(time, temperature)| json(*time, *temperature));
            Model { edit: edit(fields), ..Model::new(true) }.with_letters(data).with_rows(&stored)
        };
        let counts = |fates: Vec<ReplayFate>| {
            let mut counts = BTreeMap::new();
            for fate in fates {
                let code = match fate {
                    ReplayFate::Ready | ReplayFate::Replayed { .. } => "replayed".to_owned(),
                    // By which of two rules an edit is refused depends on the windows.
                    ReplayFate::Refused(_) if is_edited => "refused".to_owned(),
                    ReplayFate::Refused(reason) => reason.code,
                    other => format!("{other:?}"),
                };
                *counts.entry(code).or_insert(0) += 1;
            }
            counts
        };
        let dry = Model { is_dry: true, ..new() };
        let promised = counts(run(dry.replay(sizes.0, overwrite)).0);
        prop_assert_eq!((dry.puts.get(), dry.letters.borrow().len()), (0, letters.len()));
        prop_assert_eq!(promised, counts(run(new().replay(sizes.1, overwrite)).0));
    }
}

#[test]
fn replay_joins_equal_readings_and_refuses_other_values_of_a_key() {
    let model = Model::new(true);
    for (number, temperature) in [(10, 1), (11, 1), (12, 2)] {
        model.store_letter(number, json(5, temperature));
    }
    let (fates, _) = run(model.replay(10, false));
    let [ReplayFate::Replayed { was_stored: false }, ReplayFate::Replayed { .. }, ReplayFate::Refused(reason)] =
        &fates[..]
    else {
        panic!("{fates:?}")
    };
    assert_eq!((reason.code.as_str(), model.puts.get(), model.letters.borrow().len()), ("other-values", 1, 1));
    let (fates, _) = run(model.replay(10, true));
    assert_eq!(fates, [ReplayFate::Replayed { was_stored: false }]);
    assert_eq!((model.puts.get(), model.letters.borrow().len()), (2, 0));
}

fn edit(fields: &[&str]) -> ReplayEdit {
    let fields: Vec<_> = fields.iter().map(|field| field.parse().unwrap()).collect();
    ReplayEdit::new(&fields, None, Vec::new()).unwrap()
}

#[test]
fn replay_refuses_all_but_one_dead_letter_that_the_edit_gives_the_same_time() {
    let same = [r#"{"sensor_id":"a","temperature":1}"#; 5];
    let others = [1, 2, 1, 2, 2].map(|temperature| format!(r#"{{"sensor_id":"a","temperature":{temperature}}}"#));
    let sites =
        [1, 2, 3, 4, 5].map(|site| format!(r#"{{"sensor_id":"a","temperature":1,"current_time":5,"site":{site}}}"#));
    let cases: [(&[&str], Vec<String>); 3] = [
        (&["current_time=5"], same.map(str::to_owned).into()),
        (&["current_time=5"], others.into()),
        (&["site=lab"], sites.into()),
    ];
    for (fields, letters) in cases {
        let ways = [(false, 9), (true, 9), (false, 0), (true, 0)];
        for (size, (overwrite, bound)) in (1..7).flat_map(|size| ways.map(|way| (size, way))) {
            let new = || {
                let model = Model { edit: edit(fields), bound, ..Model::new(true) };
                model.with_letters(letters.iter().map(|data| data.clone().into_bytes()))
            };
            let (fates, _) = run(Model { is_dry: true, ..new() }.replay(size, overwrite));
            let ready = fates.iter().filter(|fate| **fate == ReplayFate::Ready).count();
            assert!(ready == 1 || bound == 0, "dry: {size} {overwrite}: {fates:?}");
            let model = new();
            // Again, too: the row tells no dead letter from another. `--overwrite` replaces it then, as it says.
            for replayed in if overwrite { &[1][..] } else { &[1, 0] } {
                let (fates, _) = run(model.replay(size, overwrite));
                let is_replayed = |fate: &&ReplayFate| matches!(fate, ReplayFate::Replayed { was_stored: false });
                let count = fates.iter().filter(is_replayed).count();
                assert_eq!(count, *replayed, "{size} {overwrite} {bound}: {fates:?}");
                let is_refused = |fate: &&ReplayFate| matches!(fate, ReplayFate::Refused(_));
                assert_eq!(fates.iter().filter(is_refused).count(), 4, "{size} {overwrite} {bound}: {fates:?}");
                assert_eq!((model.letters.borrow().len(), model.puts.get()), (4, 1), "{size} {overwrite} {bound}");
            }
        }
    }
}

#[test]
fn replay_refuses_a_dead_letter_whose_reading_was_rejected_as_that_of_another_one() {
    let model = Model { edit: edit(&["site=lab"]), ..Model::new(true) };
    for site in [10, 11] {
        let data = format!(r#"{{"sensor_id":"a","temperature":{HOT},"current_time":5,"site":{site}}}"#);
        model.store_letter(site, data.into_bytes());
    }
    let (fates, _) = run(model.replay(1, false));
    let [ReplayFate::RejectedAgain(_), ReplayFate::Refused(reason)] = &fates[..] else { panic!("{fates:?}") };
    assert_eq!(reason.code, "same-key-after-edit");
    assert_eq!(model.letters.borrow().len(), 2, "the second one, and that of the new record");
}

#[test]
fn replay_joins_equal_dead_letters_that_the_edit_only_adds_to() {
    let model = Model { edit: edit(&["site=lab"]), bound: 0, ..Model::new(true) };
    let model = model.with_letters([json(5, 1), json(5, 1), json(5, 1), json(5, 1), json(5, 1)]);
    let (fates, _) = run(model.replay(2, false));
    assert!(fates.len() == 5 && fates.iter().all(|fate| matches!(fate, ReplayFate::Replayed { .. })), "{fates:?}");
    assert_eq!((model.puts.get(), model.letters.borrow().len()), (1, 0));
}

#[test]
fn old_dead_letter_with_the_sequence_number_of_a_new_record_is_not_taken_for_its_rejection() {
    // As after a stream was deleted and created again in an emulator that counts from the same number.
    for first in [10, 11] {
        let model = Model { is_stopped: true, next: Cell::new(first), ..Model::new(true) };
        model.store_letter(10, json(1, 1));
        model.store_letter(11, json(2, 1));
        let (fates, _) = run(model.replay(10, false));
        assert!(fates.iter().all(|fate| matches!(fate, ReplayFate::Failed(_))), "{first}: {fates:?}");
        assert_eq!(model.letters.borrow().len(), 2, "{first}: both are kept");
    }
}
