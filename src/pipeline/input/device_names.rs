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
const FILLERS: [&str; 25] = [
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
    "s",
];
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

/// A column or path that may name devices, and what was seen of its values.
#[derive(Clone, Debug)]
pub(super) struct DeviceColumn {
    rank: usize,
    values: BTreeSet<String>,
    rows: u64,
    empty: u64,
    /// The whole number before, while each is the one behind it.
    counter: Option<u64>,
    is_counter: bool,
    /// True if a value is a number with a fraction: something that was measured.
    is_measured: bool,
}

impl DeviceColumn {
    /// Returns an empty one where a column's name is that of devices.
    pub(super) fn named(name: &str) -> Option<Self> {
        rank(name).map(Self::of_rank)
    }

    /// Returns an empty one where the last key of a path, or that with the one before it, is a name of devices.
    pub(super) fn at_path(path: &str) -> Option<Self> {
        let plain = path.replace("[]", "");
        let mut keys = plain.rsplit('.').map(|key| key.trim_matches('"'));
        let last = keys.next()?;
        let own = rank(last)?;
        if own < WEAK_RANK {
            return Some(Self::of_rank(own));
        }
        // `sensors[].name` is the name of a sensor.
        let of_parent = keys.next().and_then(|parent| rank(&format!("{parent} {last}")));
        Some(Self::of_rank(of_parent.unwrap_or(own)))
    }

    fn of_rank(rank: usize) -> Self {
        DeviceColumn {
            rank,
            values: BTreeSet::new(),
            rows: 0,
            empty: 0,
            counter: None,
            is_counter: true,
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
        let number: Option<u64> = value.parse().ok();
        let follows = |last: u64| number == last.checked_add(1);
        self.is_counter &= number.is_some() && self.counter.is_none_or(follows);
        self.counter = number;
        self.is_measured |= value.contains(['.', ',']) && value.replacen(',', ".", 1).parse::<f64>().is_ok();
        if self.values.len() < MOST && !self.values.contains(value) {
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

    /// Returns the only value that was seen.
    pub(super) fn only_value(&self) -> Option<&str> {
        let mut values = self.values.iter();
        values.next().filter(|_| values.next().is_none()).map(String::as_str)
    }

    /// Returns whether each value is the number behind the one before.
    pub(super) fn counts(&self) -> bool {
        self.is_counter
    }

    /// Returns whether it tells rows apart, and not devices: a number that each row has anew counts them, and a text that
    /// none has again describes one.
    fn is_of_rows(&self) -> bool {
        let is_new = self.values.len() as u64 == self.rows - self.empty;
        is_new && (self.is_counter || self.rows > FEW_ROWS)
    }

    /// Returns whether it names several devices.
    pub(super) fn names_several(&self) -> bool {
        self.values.len() > 1 && !self.is_measured && !(self.is_weak() && self.is_of_rows())
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
mod tests {
    use super::*;

    fn column(name: &str, values: &[&str]) -> DeviceColumn {
        DeviceColumn::named(name).unwrap().with(values.iter().copied())
    }

    #[test]
    fn names_of_devices_are_known_by_their_words() {
        for name in [
            "serial",
            "node_id",
            "dev",
            "probe",
            "thing",
            "clientId",
            "hostname",
            "Logger SN",
            "S/N",
            "Serial Number",
            "Device Name",
            "devEUI",
            "connectionDeviceId",
            "stations_id",
            "entity_id",
            "mac",
            "room",
            "Sensor #",
            "Gerät",
            "Seriennummer",
        ] {
            assert!(DeviceColumn::named(name).is_some_and(|column| !column.is_weak()), "{name}");
        }
        for name in ["name", "id", "channel", "channel_id", "model"] {
            assert!(DeviceColumn::named(name).is_some_and(|column| column.is_weak()), "{name}");
        }
        for name in [
            "entry_id",
            "message_id",
            "user_id",
            "sensor_type",
            "sensor1",
            "device_time",
            "probe temp",
            "number",
            "status",
            "field1",
            "",
            "applicationId",
        ] {
            assert!(DeviceColumn::named(name).is_none(), "{name}");
        }
        assert!(DeviceColumn::at_path("sensors[].name").is_some_and(|column| !column.is_weak()));
        assert!(DeviceColumn::at_path("weather[].name").is_some_and(|column| column.is_weak()));
        assert!(rank("sensor_id") < rank("device") && rank("device_id") < rank("device_name"));
        assert!(rank("mac") < rank("room") && rank("room") < rank("host") && rank("host") < rank("name"));
    }

    #[test]
    fn values_tell_devices_from_numbers_of_rows_and_measured_ones() {
        assert!(column("dev", &["a1f3", "4711", "a1f3"]).names_several());
        assert!(column("id", &["12", "7", "12"]).names_several());
        assert!(!column("id", &["1", "2", "3"]).names_several(), "it counts the rows");
        assert!(!column("id", &["8f", "c1", "09", "7e"]).names_several(), "it is another in each row");
        assert!(!column("sensor", &["21.5", "21.6"]).names_several(), "it is measured");
        assert!(!column("serial", &["100", "", ""]).may_be_sensor(), "it stands in one row only");
        assert!(column("serial", &["100", "100"]).may_be_sensor() && !column("name", &["x", "x"]).may_be_sensor());
    }

    #[test]
    fn column_of_several_devices_goes_before_one_with_a_better_name() {
        let sources = |columns: &[(&str, &[&str])]| {
            sensor_sources(columns.iter().map(|(name, values)| ((*name).to_owned(), column(name, values))))
        };
        assert_eq!(sources(&[("station", &["a", "a"]), ("probe", &["1", "2"])]), ["probe"]);
        assert_eq!(sources(&[("probe", &["1", "2", "1"]), ("site", &["a", "b", "a"])]), ["probe", "probe+site"]);
        assert_eq!(sources(&[("model", &["x", "y", "y"]), ("id", &["7", "7", "7"])])[0], "model+id");
        assert!(sources(&[("name", &["a", "a"])]).is_empty());
    }
}
