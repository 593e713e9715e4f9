//! The plan of a simulation: which sensor measures what at which time. A pure function of seed, start and interval.

use std::collections::BTreeMap;

use sensor_model::{Decimal, Reading, Value};

use super::curve::{centidegrees, humidity};
use super::random::{Purpose, random};

/// Prefix of a simulated sensor's id.
pub(crate) const SENSOR_PREFIX: &str = "sim-";
/// The field of a simulated reading that holds the seed. It tells the rows of several simulations apart.
pub(crate) const SEED_FIELD: &str = "simulation";
/// Maximum sensors of a simulation.
pub(crate) const MAX_SENSORS: u64 = 1_000_000;

/// The year 2100: later times count as uncertain, so no reading has one.
pub(crate) const END_MS: i64 = 4_102_444_800_000;
/// Intervals of an outage. A sensor is out for a whole block of them.
const OUTAGE_INTERVALS: u64 = 20;
/// Maximum intervals by which a reading arrives late, or is sent a second time.
const MAX_DELAY: u64 = 8;

/// A probability, in units of 2⁻³², so that no float decides what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share(u64);

impl Share {
    /// Parses `0.01` or `1%`, from 0 to 0.9.
    ///
    /// # Errors
    /// If the text is neither.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = text.trim().strip_suffix('%').map_or((text.trim(), 1.0), |number| (number, 100.0));
        let share: Option<f64> = number.parse().ok().map(|number: f64| number / unit);
        let share = share.filter(|share| (0.0..=0.9).contains(share));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 2^32")]
        share
            .map(|share| Share((share * 4_294_967_296.0).round() as u64))
            .ok_or_else(|| "not a share; write 0.01 or 1%, at most 90%".to_owned())
    }

    /// Returns so many steps and those that this share of all of them adds.
    pub(crate) fn lengthened(self, steps: i64) -> i64 {
        let parts = i128::from(steps) << 32;
        i64::try_from(parts / ((1_i128 << 32) - i128::from(self.0))).unwrap_or(i64::MAX)
    }

    fn hits(self, random: u64) -> bool {
        random >> 32 < self.0
    }
}

/// The plan of a simulation. A *slot* is a sensor's turn to measure: slot 0 is the first sensor's first turn, slot 1 the
/// second sensor's.
#[derive(Clone, Debug)]
pub(crate) struct SimulationPlan {
    /// Number of sensors.
    pub sensors: u64,
    /// Decides all random values.
    pub seed: u64,
    /// Time of the first slots, in milliseconds since 1970.
    pub start_ms: i64,
    /// Time between two readings of a sensor, in milliseconds.
    pub interval_ms: i64,
    /// Share of readings with an implausible value.
    pub outliers: Share,
    /// Share of readings that are sent after later ones.
    pub late: Share,
    /// Share of readings that are sent twice.
    pub duplicates: Share,
    /// Share of the time for which a sensor sends nothing.
    pub outages: Share,
}

impl SimulationPlan {
    /// Returns the sensor of a slot, from 0, and the number of its interval.
    pub(super) fn place(&self, slot: u64) -> (u64, u64) {
        (slot % self.sensors, slot / self.sensors)
    }

    /// Returns the slot of a sensor's interval.
    pub(super) fn slot(&self, sensor: u64, step: u64) -> u64 {
        step * self.sensors + sensor
    }

    /// Returns a sensor's id: `sim-0001` is the first.
    pub(crate) fn sensor_id(sensor: u64) -> String {
        format!("{SENSOR_PREFIX}{:04}", sensor + 1)
    }

    /// Returns the number of a sensor of this plan, from 0, by its id.
    pub(super) fn sensor(&self, id: &str) -> Option<u64> {
        let number: u64 = id.strip_prefix(SENSOR_PREFIX)?.parse().ok()?;
        let sensor = number.checked_sub(1)?;
        (sensor < self.sensors && Self::sensor_id(sensor) == id).then_some(sensor)
    }

    /// Returns the time of a slot in milliseconds since 1970. A sensor measures at its own moment of the interval.
    pub(super) fn time_ms(&self, sensor: u64, step: u64) -> i64 {
        let phase = random(self.seed, Purpose::Phase, sensor, 0) % self.interval_ms.unsigned_abs().max(1);
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        self.start_ms.saturating_add(step.saturating_mul(self.interval_ms)).saturating_add_unsigned(phase)
    }

    /// Returns the interval of a stored time, if the plan has it.
    pub(super) fn step_at(&self, sensor: u64, time: &Decimal) -> Option<u64> {
        let since = milliseconds(time.as_str())?.checked_sub(self.time_ms(sensor, 0))?;
        (since >= 0 && since % self.interval_ms == 0).then(|| since.unsigned_abs() / self.interval_ms.unsigned_abs())
    }

    /// Returns whether a slot has no reading because the sensor is out.
    pub(super) fn is_outage(&self, slot: u64) -> bool {
        let (sensor, step) = self.place(slot);
        self.outages.hits(random(self.seed, Purpose::Outage, sensor, step / OUTAGE_INTERVALS))
    }

    /// Returns by how many slots a reading is sent late, if it is.
    pub(super) fn delay(&self, slot: u64) -> Option<u64> {
        self.later(self.late, Purpose::Late, slot)
    }

    /// Returns after how many slots a reading is sent again, if it is.
    pub(super) fn repetition(&self, slot: u64) -> Option<u64> {
        self.later(self.duplicates, Purpose::Duplicate, slot)
    }

    fn later(&self, share: Share, purpose: Purpose, slot: u64) -> Option<u64> {
        let (sensor, step) = self.place(slot);
        let random = random(self.seed, purpose, sensor, step);
        share.hits(random).then(|| (1 + random % MAX_DELAY) * self.sensors)
    }

    /// Returns the temperature of a slot in hundredths of a degree, and the relative humidity in percent.
    pub(super) fn values(&self, sensor: u64, step: u64) -> (i64, i64) {
        let time_ms = self.time_ms(sensor, step);
        let true_value = centidegrees(self.seed, sensor, step, time_ms, self.start_ms);
        let humidity = humidity(self.seed, sensor, step, true_value);
        let random = random(self.seed, Purpose::Outlier, sensor, step);
        let value = if self.outliers.hits(random) { outlier(true_value, random) } else { true_value };
        (value, humidity)
    }

    /// Returns the reading of a slot.
    pub(crate) fn reading(&self, slot: u64) -> Option<Reading> {
        let (sensor, step) = self.place(slot);
        let (temperature, humidity) = self.values(sensor, step);
        let mut text = String::new();
        let mut number = |value: i64, places: u32| {
            text.clear();
            push_scaled(&mut text, value, places);
            Decimal::parse(&text).ok()
        };
        let fields = [
            ("humidity".to_owned(), Value::Number(number(humidity, 0)?)),
            (SEED_FIELD.to_owned(), Value::Number(Decimal::from(self.seed))),
        ];
        Some(Reading {
            sensor_id: Self::sensor_id(sensor),
            temperature: number(temperature, 2)?,
            current_time: number(self.time_ms(sensor, step), 3)?,
            fields: BTreeMap::from(fields),
        })
    }

    /// Returns the time of a slot as a reading has it.
    pub(super) fn time(&self, sensor: u64, step: u64) -> Option<Decimal> {
        let mut text = String::new();
        push_scaled(&mut text, self.time_ms(sensor, step), 3);
        Decimal::parse(&text).ok()
    }
}

/// Returns what a broken sensor says: the values of a DS18B20 that is disconnected or was just powered on, or a spike.
fn outlier(true_value: i64, random: u64) -> i64 {
    let size = 1500 + i64::try_from(random % 2500).unwrap_or_default();
    match random >> 12 & 3 {
        0 => -12_700,
        1 => 8_500,
        2 => true_value + size,
        _ => true_value - size,
    }
}

/// Appends a number of `places` decimals that is given as a whole number, without zeros at its end.
pub(super) fn push_scaled(out: &mut String, value: i64, places: u32) {
    let unit = 10_u64.pow(places);
    if value < 0 {
        out.push('-');
    }
    let size = value.unsigned_abs();
    push_digits(out, size / unit, 1);
    let mut fraction = size % unit;
    let mut width = places as usize;
    if fraction > 0 {
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            width -= 1;
        }
        out.push('.');
        push_digits(out, fraction, width);
    }
}

/// Appends a whole number, with zeros before it up to the width.
pub(super) fn push_digits(out: &mut String, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while value > 0 {
        at -= 1;
        digits[at] = b'0' + u8::try_from(value % 10).unwrap_or_default();
        value /= 10;
    }
    let at = at.min(digits.len() - width.min(digits.len()));
    out.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

/// Returns a time as whole milliseconds, or `None` if it has a finer fraction or an exponent.
fn milliseconds(seconds: &str) -> Option<i64> {
    let (negative, digits) = seconds.strip_prefix('-').map_or((false, seconds), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() > 3 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<3}").parse().ok()?;
    let size = whole.checked_mul(1000)?.checked_add(fraction)?;
    Some(if negative { -size } else { size })
}

/// Returns a time as whole milliseconds since 1970. A finer fraction is cut.
pub(crate) fn whole_milliseconds(time: &Decimal) -> Option<i64> {
    let text = time.as_str();
    let end = text.find('.').map_or(text.len(), |point| text.len().min(point + 4));
    milliseconds(&text[..end])
}

/// Returns a plan with a share of everything.
#[cfg(test)]
pub(crate) fn plan_of(seed: u64, sensors: u64) -> SimulationPlan {
    let share = |text| Share::parse(text).unwrap();
    SimulationPlan {
        sensors,
        seed,
        start_ms: 1_767_225_600_000,
        interval_ms: 60_000,
        outliers: share("2%"),
        late: share("5%"),
        duplicates: share("5%"),
        outages: share("5%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(value: i64, places: u32) -> String {
        let mut text = String::new();
        push_scaled(&mut text, value, places);
        text
    }

    #[test]
    fn scaled_number_is_exact_and_without_trailing_zeros() {
        let cases = [(2137, 2), (2130, 2), (2100, 2), (5, 2), (-5, 2), (-12_700, 2), (0, 2), (1_767_225_600_070, 3)];
        let texts = ["21.37", "21.3", "21", "0.05", "-0.05", "-127", "0", "1767225600.07"];
        for ((value, places), text) in cases.into_iter().zip(texts) {
            assert_eq!(scaled(value, places), text);
            assert_eq!(Decimal::parse(text).unwrap().as_str(), text, "canonical");
        }
    }

    #[test]
    fn share_parses_fractions_and_percent_and_refuses_the_rest() {
        assert_eq!(Share::parse("0.5"), Share::parse("50%"));
        assert_eq!(Share::parse("0"), Ok(Share(0)));
        for text in ["1", "-0.1", "91%", "often", "", "NaN"] {
            assert!(Share::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn stored_time_leads_back_to_its_slot() {
        let plan = plan_of(7, 3);
        for slot in [0, 1, 2, 3, 500, 12_345] {
            let (sensor, step) = plan.place(slot);
            let reading = plan.reading(slot).unwrap();
            assert_eq!(plan.step_at(sensor, &reading.current_time), Some(step));
            let other = Decimal::parse(&format!("{}1", reading.current_time)).unwrap();
            assert_eq!(plan.step_at(sensor, &other), None);
        }
        let before = Decimal::parse("1").unwrap();
        assert_eq!(plan.step_at(0, &before), None);
        assert_eq!(whole_milliseconds(&Decimal::parse("1.23456").unwrap()), Some(1234));
    }
}
