//! The rows of one sensor that can still be joined: those within the span of the row that came last.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sensor_model::{Decimal, Value};

use super::{JoinCounts, JoinedReading, JoinedRow, QuantityRow, TEMPERATURE};

/// Temperatures of one sensor within the span, at most; bounds the memory.
const MAX_PENDING: usize = 16_384;
/// Values that are joined to those temperatures, at most, each with some 150 bytes; bounds the memory.
const MAX_JOINED: usize = 131_072;
/// Quantities of one sensor, at most; bounds the memory.
const MAX_KEYS: usize = 1000;

#[derive(Debug)]
pub(super) struct Window {
    within: i128,
    sensor_id: String,
    pending: VecDeque<Pending>,
    /// Values that are joined to the pending temperatures.
    joined: usize,
    /// The last row of each other quantity.
    last: BTreeMap<String, Arc<OtherRow>>,
    /// The first quantity of each key, as a hash, where it was not known when the rows were read.
    names: BTreeMap<String, FirstName>,
    ready: VecDeque<JoinedRow>,
}

#[derive(Debug)]
struct FirstName {
    hash: u64,
    is_ambiguous: bool,
}

/// A temperature whose span is not yet over.
#[derive(Debug)]
struct Pending {
    time: Moment,
    temperature: Value,
    line: u64,
    nearest: BTreeMap<String, Nearest>,
}

#[derive(Debug)]
struct Nearest {
    row: Arc<OtherRow>,
    distance: i128,
    /// True once a row at or after the temperature was seen: no later row is nearer.
    is_final: bool,
}

#[derive(Debug)]
struct OtherRow {
    time: Moment,
    value: Value,
    is_joined: AtomicBool,
}

/// A time, exact, and in nanoseconds for distances where those can count it.
#[derive(Clone, Debug)]
struct Moment {
    exact: Decimal,
    nanoseconds: Option<i128>,
}

impl Moment {
    fn new(exact: Decimal) -> Self {
        let nanoseconds = nanoseconds(&exact);
        Moment { exact, nanoseconds }
    }

    /// How far apart two times are, in nanoseconds; nothing where that is more than `within`.
    fn distance(&self, other: &Moment, within: i128) -> Option<i128> {
        if self.exact == other.exact {
            return Some(0);
        }
        // Times that differ by less than a nanosecond are not the same.
        let distance = self.nanoseconds?.checked_sub(other.nanoseconds?)?.checked_abs()?.max(1);
        Some(distance).filter(|distance| *distance <= within)
    }
}

impl Window {
    pub(super) fn new(within: &Decimal) -> Self {
        Window {
            within: nanoseconds(within).unwrap_or(i128::MAX),
            sensor_id: String::new(),
            pending: VecDeque::new(),
            joined: 0,
            last: BTreeMap::new(),
            names: BTreeMap::new(),
            ready: VecDeque::new(),
        }
    }

    fn go_to(&mut self, sensor_id: String, counts: &mut JoinCounts) {
        if sensor_id != self.sensor_id {
            self.close(counts);
            self.sensor_id = sensor_id;
        }
    }

    /// Takes a name that rows of the sensor have for the quantity of a key, before all of its rows. The first one counts.
    pub(super) fn push_name(
        &mut self,
        sensor_id: String,
        key: String,
        hash: u64,
        counts: &mut JoinCounts,
    ) -> io::Result<()> {
        self.go_to(sensor_id, counts);
        let first = self.names.entry(key).or_insert(FirstName { hash, is_ambiguous: false });
        first.is_ambiguous |= first.hash != hash;
        check_count(self.names.len())
    }

    /// Takes the next row by sensor and time.
    pub(super) fn push(&mut self, row: QuantityRow, counts: &mut JoinCounts) -> io::Result<()> {
        self.go_to(row.sensor_id, counts);
        if let (Some(name), Some(first)) = (row.name, self.names.get(&row.key))
            && name.hash != first.hash
        {
            self.ready.push_back(JoinedRow::SecondQuantity { key: row.key, line: row.line });
            return Ok(());
        }
        let time = Moment::new(row.time);
        while self.pending.front().is_some_and(|pending| pending.time.distance(&time, self.within).is_none()) {
            self.settle_first(counts);
        }
        if row.key == TEMPERATURE {
            self.push_temperature(time, row.value, row.line, counts)
        } else {
            self.push_other(time, row.key, row.value, counts)
        }
    }

    fn push_temperature(&mut self, time: Moment, value: Value, line: u64, counts: &mut JoinCounts) -> io::Result<()> {
        if let Some(same) = self.pending.back_mut().filter(|pending| pending.time.exact == time.exact) {
            counts.replaced += 1;
            (same.temperature, same.line) = (value, line);
            return Ok(());
        }
        if self.pending.len() == MAX_PENDING {
            return Err(too_long_span(format_args!("{MAX_PENDING} temperatures")));
        }
        let nearest = self.last.iter().filter_map(|(key, row)| {
            let distance = row.time.distance(&time, self.within)?;
            Some((key.clone(), Nearest { row: Arc::clone(row), distance, is_final: false }))
        });
        let nearest: BTreeMap<_, _> = nearest.collect();
        self.joined += nearest.len();
        if self.joined > MAX_JOINED {
            return Err(too_long_span(format_args!("{MAX_JOINED} values to be joined")));
        }
        self.pending.push_back(Pending { time, temperature: value, line, nearest });
        Ok(())
    }

    fn push_other(&mut self, time: Moment, key: String, value: Value, counts: &mut JoinCounts) -> io::Result<()> {
        let row = Arc::new(OtherRow { time, value, is_joined: AtomicBool::new(false) });
        if let Some(same) = self.last.get_mut(&key).filter(|last| last.time.exact == row.time.exact) {
            counts.replaced += 1;
            let nearest = self.pending.iter_mut().filter_map(|pending| pending.nearest.get_mut(&key));
            nearest
                .filter(|nearest| Arc::ptr_eq(&nearest.row, same))
                .for_each(|nearest| nearest.row = Arc::clone(&row));
            *same = row;
            return Ok(());
        }
        counts.unjoined += 1;
        for pending in self.pending.iter_mut().rev() {
            // Those before it have it as well.
            if pending.nearest.get(&key).is_some_and(|nearest| nearest.is_final) {
                break;
            }
            let Some(distance) = pending.time.distance(&row.time, self.within) else { continue };
            let candidate = || Nearest { row: Arc::clone(&row), distance, is_final: true };
            let nearest = pending.nearest.entry(key.clone()).or_insert_with(|| {
                self.joined += 1;
                candidate()
            });
            if distance < nearest.distance {
                *nearest = candidate();
            }
            nearest.is_final = true;
        }
        self.last.insert(key, row);
        if self.joined > MAX_JOINED {
            return Err(too_long_span(format_args!("{MAX_JOINED} values to be joined")));
        }
        check_count(self.last.len())
    }

    /// Ends the sensor.
    pub(super) fn close(&mut self, counts: &mut JoinCounts) {
        while !self.pending.is_empty() {
            self.settle_first(counts);
        }
        self.last.clear();
        self.names.clear();
    }

    pub(super) fn take_ready(&mut self) -> Option<JoinedRow> {
        self.ready.pop_front()
    }

    fn settle_first(&mut self, counts: &mut JoinCounts) {
        let Some(Pending { time, temperature, line, nearest }) = self.pending.pop_front() else { return };
        self.joined -= nearest.len();
        let fields = nearest.into_iter().map(|(key, nearest)| {
            if !nearest.row.is_joined.swap(true, Ordering::Relaxed) {
                counts.unjoined -= 1;
            }
            (key, nearest.row.value.clone())
        });
        let fields = fields.collect();
        self.ready.push_back(JoinedRow::Reading(JoinedReading {
            sensor_id: self.sensor_id.clone(),
            time: time.exact,
            temperature,
            fields,
            line,
            is_ambiguous: self.names.get(TEMPERATURE).is_some_and(|first| first.is_ambiguous),
        }));
    }
}

fn too_long_span(what: fmt::Arguments<'_>) -> io::Error {
    io::Error::other(format!("--join-within spans more than {what} of one sensor; name a shorter span"))
}

fn check_count(quantities: usize) -> io::Result<()> {
    if quantities > MAX_KEYS {
        return Err(io::Error::other(format!("more than {MAX_KEYS} quantities of one sensor")));
    }
    Ok(())
}

/// Seconds in nanoseconds, cut behind them; nothing where there are too many.
pub(super) fn nanoseconds(seconds: &Decimal) -> Option<i128> {
    let text = seconds.as_str();
    if let Some((_, exponent)) = text.split_once('E') {
        // At least forty digits: nothing, or far more than can be counted.
        return exponent.starts_with('-').then_some(0);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    format!("{whole}{digits}").parse().ok()
}
