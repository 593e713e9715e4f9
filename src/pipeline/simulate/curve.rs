//! The temperature curve of a simulated sensor, in whole numbers: floating-point sines differ between machines.

use super::random::{Purpose, random};

const DAY_MS: i64 = 86_400_000;
/// Time between two knots of the weather, which all sensors of a site share.
const WEATHER_MS: i64 = 6 * 3_600_000;
/// Number of sites. The sensors of a site have the same weather.
const SITES: u64 = 16;

/// Returns the temperature in hundredths of a degree: a daily cycle, the weather, the sensor's drift, and noise.
pub(super) fn centidegrees(seed: u64, sensor: u64, step: u64, time_ms: i64, start_ms: i64) -> i64 {
    let own = random(seed, Purpose::Site, sensor, 0);
    let mean = 400 + below(own, 2000);
    let amplitude = 150 + below(own >> 16, 550);
    // The warmest time is about 15:00 UTC, an hour earlier or later by sensor.
    let shift = 9 * 3_600_000 + below(own >> 32, 7_200_000) - 3_600_000;
    let daily = amplitude * sine((time_ms - shift).rem_euclid(DAY_MS)) / 10_000;
    // Up to 0.04 degrees a day, at most 5.
    let drift = ((time_ms - start_ms) / (DAY_MS / 24) * (below(own >> 48, 9) - 4) / 24).clamp(-500, 500);
    mean + daily + drift + weather(seed, sensor % SITES, time_ms) + noise(seed, sensor, step)
}

/// Returns the relative humidity in percent: lower when it is warm.
pub(super) fn humidity(seed: u64, sensor: u64, step: u64, centidegrees: i64) -> i64 {
    let noise = below(random(seed, Purpose::Humidity, sensor, step), 5) - 2;
    (65 - (centidegrees - 1500) / 50 + noise).clamp(5, 99)
}

/// Returns the sine of a time of the day, times 10,000 (Bhaskara's formula: at most 0.2 % wrong).
fn sine(of_day_ms: i64) -> i64 {
    // Hundredths of a degree of the circle.
    let angle = of_day_ms * 36_000 / DAY_MS;
    let half = angle % 18_000;
    let product = half * (18_000 - half);
    let value = 40_000 * product / (405_000_000 - product);
    if angle < 18_000 { value } else { -value }
}

/// Returns the deviation of a site's weather, between random knots.
fn weather(seed: u64, site: u64, time_ms: i64) -> i64 {
    let (index, within) = (time_ms.div_euclid(WEATHER_MS), time_ms.rem_euclid(WEATHER_MS));
    let knot = |index: i64| below(random(seed, Purpose::Weather, site, index.cast_unsigned()), 700) - 350;
    let (before, after) = (knot(index), knot(index + 1));
    before + (after - before) * (within / 1000) / (WEATHER_MS / 1000)
}

/// Returns noise of up to 0.24 degrees, mostly small.
fn noise(seed: u64, sensor: u64, step: u64) -> i64 {
    let random = random(seed, Purpose::Noise, sensor, step);
    [0, 16, 32].map(|part| below(random >> part, 17) - 8).iter().sum()
}

/// Returns a whole number below the limit, from the lower 16 bits or more.
fn below(random: u64, limit: u64) -> i64 {
    let bits = if limit > 0xffff { random & 0xffff_ffff } else { random & 0xffff };
    i64::try_from(bits % limit).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_has_its_zeros_and_extremes_where_they_belong() {
        assert_eq!([0, DAY_MS / 4, DAY_MS / 2, DAY_MS * 3 / 4].map(sine), [0, 10_000, 0, -10_000]);
        assert!((sine(DAY_MS / 12) - 5000).abs() < 20, "sin 30° is a half");
    }

    #[test]
    fn temperature_is_warmer_in_the_afternoon_and_changes_little_from_minute_to_minute() {
        let start = 1_767_225_600_000;
        for sensor in 0..50 {
            let at = |minute: i64| centidegrees(7, sensor, minute.unsigned_abs(), start + minute * 60_000, start);
            let mean = |from: i64| (from..from + 120).map(at).sum::<i64>() / 120;
            let days = |hour: i64| (0..20).map(|day| mean((day * 24 + hour) * 60)).sum::<i64>() / 20;
            assert!(days(14) > days(2) + 100, "sensor {sensor}: {} {}", days(14), days(2));
            for minute in 0..1440 {
                let (one, next) = (at(minute), at(minute + 1));
                assert!((one - next).abs() < 60, "sensor {sensor} minute {minute}: {one} {next}");
                assert!((-3000..5000).contains(&one), "{one}");
            }
        }
    }
}
