//! Columns and paths that name the devices of a file: by their names, and by the values that were seen of them.

use std::collections::BTreeSet;

/// Things that measure, and words for the identifier of one that need no other; those that stand first are likelier.
const THINGS: [&str; 56] = [
    "sensor",
    "sensors",
    "sensorid",
    "sensore",
    "capteur",
    "device",
    "devices",
    "deviceid",
    "dev",
    "devid",
    "deveui",
    "thing",
    "things",
    "node",
    "nodes",
    "nodeid",
    "probe",
    "probes",
    "probeid",
    "station",
    "stations",
    "stationid",
    "logger",
    "loggers",
    "datalogger",
    "entity",
    "client",
    "clientid",
    "beacon",
    "tracker",
    "mote",
    "meter",
    "module",
    "thermometer",
    "transmitter",
    "ibutton",
    "asset",
    "dispositivo",
    "appareil",
    "serial",
    "serialnumber",
    "serialno",
    "sn",
    "mac",
    "imei",
    "eui",
    "rom",
    "topic",
    "endpoint",
    "messstelle",
    "gerät",
    "geraet",
    "messgerät",
    "fühler",
    "sonde",
    "seriennummer",
];
/// Places, and machines, of which one may have a sensor.
const PLACES: [&str; 19] = [
    "room",
    "location",
    "locations",
    "site",
    "place",
    "spot",
    "zone",
    "instance",
    "host",
    "hostname",
    "devicename",
    "raum",
    "standort",
    "zimmer",
    "ort",
    "lieu",
    "salle",
    "lugar",
    "ubicación",
];
/// Names that may be those of a device, and of much else.
const WEAK: [&str; 18] = [
    "name", "id", "channel", "chan", "ch", "label", "model", "source", "src", "uid", "uuid", "address", "addr",
    "gateway", "hub", "nom", "nombre", "nome",
];
/// Words that may stand beside such a name.
const FILLERS: [&str; 26] = [
    "number",
    "num",
    "no",
    "nr",
    "nummer",
    "identifier",
    "ids",
    "code",
    "abbr",
    "key",
    "ref",
    "connection",
    "friendly",
    "hardware",
    "hw",
    "end",
    "wireless",
    "remote",
    "ieee",
    "ble",
    "bt",
    "wire",
    "registration",
    "part",
    "index",
    "s",
];
/// Words of names that serial numbers have, and numbers of rows, too: `SN`, `Serial No`.
const NUMBERS: [&str; 9] = ["sn", "s", "n", "serial", "no", "nr", "number", "serialno", "serialnumber"];
/// Rows from which on such a name is that of their numbers where they count from 0 or 1.
const NUMBERED_ROWS: usize = 3;
/// Names of places and weak names stand behind all things.
const WEAK_RANK: usize = 2 * (THINGS.len() + PLACES.len());
/// Values of a column that are kept.
const MOST: usize = 1000;
/// Rows up to which a weak name counts where no value comes twice.
const FEW_ROWS: u64 = 3;

/// Returns the rank of a column name as a device's (lower is better), or `None` if it does not name devices.
fn rank(name: &str) -> Option<usize> {
    let words = words(name);
    let place = |list: &[&str], word: &String| list.iter().position(|known| known == word);
    let known = |word: &String| {
        place(&THINGS, word).is_some()
            || [PLACES.as_slice(), &WEAK, &FILLERS].iter().any(|list| place(list, word).is_some())
    };
    if words.is_empty() || !words.iter().all(known) {
        return None;
    }
    // Of two names of one thing, its identifier goes first.
    let is_name = usize::from(words.iter().any(|word| word == "name"));
    let joined = words.concat();
    let thing = words.iter().chain([&joined]).filter_map(|word| place(&THINGS, word)).min();
    let of_place = || words.iter().filter_map(|word| place(&PLACES, word)).min().map(|at| THINGS.len() + at);
    match thing.or_else(of_place) {
        Some(at) => Some(2 * at + is_name),
        None => words.iter().filter_map(|word| place(&WEAK, word)).min().map(|at| WEAK_RANK + at),
    }
}

/// Keys that say the type of the value below them, in JSON of `MongoDB` and of `DynamoDB`.
const TYPES: [&str; 7] = ["$numberDouble", "$numberInt", "$numberLong", "$numberDecimal", "$date", "N", "S"];

/// Returns a path without the keys at its end that say the type of its value.
pub(super) fn named_part(path: &str) -> &str {
    match path.rsplit_once('.') {
        Some((rest, last)) if TYPES.contains(&last) => named_part(rest),
        _ => path,
    }
}

/// Returns the words of a name such as `clientId`, `dev_eui` or `Serial Number`, in small letters.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_small = false;
    for sign in name.trim_start_matches('\u{feff}').chars() {
        let begins = !sign.is_alphanumeric() || is_small && sign.is_uppercase();
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| sign.is_alphanumeric()) {
            word.extend(sign.to_lowercase());
        }
        is_small = sign.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    if let [one, other] = words.as_slice()
        && one == "s"
        && other == "n"
    {
        return vec!["sn".to_owned()];
    }
    words
}

/// Follows a column whose values may count: each the whole number behind the one before.
#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    first: Option<u64>,
    last: Option<u64>,
    is_broken: bool,
}

impl Counter {
    fn see(&mut self, value: &str) {
        let number: Option<u64> = value.parse().ok();
        let follows = |last: u64| number == last.checked_add(1);
        self.is_broken |= number.is_none() || !self.last.is_none_or(follows);
        self.first = self.first.or(number);
        self.last = number;
    }

    /// Returns whether the first value is 0 or 1.
    fn begins_low(self) -> bool {
        self.first.is_some_and(|first| first <= 1)
    }
}

/// A column or path that may name devices, and what was seen of its values.
#[derive(Clone, Debug)]
pub(super) struct DeviceColumn {
    rank: usize,
    values: BTreeSet<String>,
    rows: u64,
    empty: u64,
    /// True if a value came a second time.
    has_repeat: bool,
    counter: Counter,
    /// True if the name may be that of the rows' numbers.
    may_be_row_number: bool,
    /// True if a value is a number with a fraction: something that was measured.
    is_measured: bool,
}

impl DeviceColumn {
    /// Returns an empty one where a column's name is that of devices.
    pub(super) fn named(name: &str) -> Option<Self> {
        let words = words(name);
        let may_be_row_number = words.iter().all(|word| NUMBERS.contains(&word.as_str()));
        rank(name).map(|rank| DeviceColumn { may_be_row_number, ..Self::of_rank(rank) })
    }

    /// Returns an empty one where the last key of a path, or that with the one before it, is a name of devices.
    pub(super) fn at_path(path: &str) -> Option<Self> {
        let plain = named_part(path).replace("[]", "");
        let mut keys = plain.rsplit('.').map(|key| key.trim_matches('"'));
        let last = keys.next()?;
        let own = rank(last)?;
        if own < WEAK_RANK {
            return Self::named(last);
        }
        // `sensors[].name` is the name of a sensor.
        let of_parent = keys.next().and_then(|parent| rank(&format!("{parent} {last}")));
        Some(Self::of_rank(of_parent.unwrap_or(own)))
    }

    /// Returns an empty one for the first word of line protocol, which is looked at behind all tags.
    pub(super) fn of_measurement() -> Self {
        Self::of_rank(WEAK_RANK - 1)
    }

    fn of_rank(rank: usize) -> Self {
        DeviceColumn {
            rank,
            values: BTreeSet::new(),
            rows: 0,
            empty: 0,
            has_repeat: false,
            counter: Counter::default(),
            may_be_row_number: false,
            is_measured: false,
        }
    }

    /// Takes the value of the next row.
    pub(super) fn see(&mut self, value: &str) {
        let value = value.trim();
        self.rows += 1;
        if value.is_empty() {
            self.empty += 1;
            return;
        }
        self.counter.see(value);
        self.is_measured |= value.contains(['.', ',']) && value.replacen(',', ".", 1).parse::<f64>().is_ok();
        if self.values.contains(value) {
            self.has_repeat = true;
        } else if self.values.len() < MOST {
            self.values.insert(value.to_owned());
        }
    }

    /// Returns it with the values of some rows.
    pub(super) fn with<'v>(mut self, values: impl Iterator<Item = &'v str>) -> Self {
        for value in values {
            self.see(value);
        }
        self
    }

    /// Returns how early it is looked at.
    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    /// Returns whether its name may be that of much else.
    pub(super) fn is_weak(&self) -> bool {
        self.rank >= WEAK_RANK
    }

    /// Returns the only value that was seen, where it is certain that it names a device: a weak name needs it twice, as a
    /// value of a single row may describe that row.
    pub(super) fn certain_device(&self) -> Option<&str> {
        let mut values = self.values.iter();
        let only = values.next().filter(|_| values.next().is_none())?;
        let is_certain = !self.is_measured && (self.has_repeat || !self.is_weak() && !self.may_number_rows());
        is_certain.then_some(only.as_str())
    }

    /// Returns whether rows behind these may name a device that none of these does.
    pub(super) fn may_name_device_later(&self) -> bool {
        self.values.is_empty() && !self.is_weak()
    }

    /// Returns whether each value is the number behind the one before.
    pub(super) fn counts(&self) -> bool {
        !self.counter.is_broken
    }

    /// Returns whether it tells rows apart, and not devices: a number that each row has anew counts them, and a text that
    /// none has again describes one.
    fn is_of_rows(&self) -> bool {
        !self.has_repeat && (self.counts() || self.rows > FEW_ROWS)
    }

    /// Returns whether its values so far may be the numbers of the rows.
    fn may_number_rows(&self) -> bool {
        self.may_be_row_number && self.counts() && self.counter.begins_low()
    }

    /// Returns whether it names several devices.
    pub(super) fn names_several(&self) -> bool {
        let numbers_rows = self.may_number_rows() && self.values.len() >= NUMBERED_ROWS;
        let is_of_rows = numbers_rows || self.is_weak() && self.is_of_rows();
        self.values.len() > 1 && !self.is_measured && !is_of_rows
    }

    /// Returns whether the sensor may be read of it: it names several devices, or one in every row.
    pub(super) fn may_be_sensor(&self) -> bool {
        self.names_several() || !self.is_weak() && self.empty == 0 && self.values.len() == 1 && !self.is_measured
    }
}

/// Returns the sources of the sensor's id that files with these columns may have, the likeliest first: one column, or two
/// where the first alone may not tell all devices apart.
pub(super) fn sensor_sources(columns: impl IntoIterator<Item = (String, DeviceColumn)>) -> Vec<String> {
    let all: Vec<_> = columns.into_iter().collect();
    let last = |source: &String| words(source.rsplit('.').next().unwrap_or(source)).concat();
    let named = |name: &str| all.iter().find(|(source, column)| last(source) == name && !column.is_of_rows());
    // rtl_433 counts the devices of each model.
    let model = named("model").zip(named("id")).map(|((model, _), (id, _))| format!("{model}+{id}"));
    let mut found: Vec<_> = all.iter().filter(|(_, column)| column.may_be_sensor()).collect();
    found.sort_by_key(|(_, column)| (!column.names_several(), column.rank));
    let pairs = found.iter().skip(1).filter(|(_, column)| column.names_several());
    let first = found.first().map(|(first, _)| first);
    let pairs = pairs.filter_map(|(second, _)| Some(format!("{}+{second}", first?)));
    model.into_iter().chain(first.cloned()).chain(pairs).take(4).collect()
}

#[cfg(test)]
mod tests;
