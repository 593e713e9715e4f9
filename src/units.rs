//! Bytes, rates and durations for people.

use std::time::Duration;

/// `40 ms`, `1.4 s`, `12 s`, `3 min 5 s`.
#[must_use]
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 0.9995 {
        format!("{:.0} ms", seconds * 1000.0)
    } else if seconds < 9.95 {
        format!("{seconds:.1} s")
    } else if seconds < 119.5 {
        format!("{seconds:.0} s")
    } else {
        let whole = duration.as_secs();
        format!("{} min {} s", whole / 60, whole % 60)
    }
}

/// `512 B`, `1.5 KiB`, `3.2 MiB`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    // 1024.0 of a unit is shown as 1.0 of the next.
    while value >= 1023.95 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `8,759`.
#[must_use]
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `8,759 rows`.
#[must_use]
pub(crate) fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", count(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_the_digits_that_matter() {
        let shown: Vec<_> =
            [0.0404, 0.9999, 1.44, 9.96, 119.6, 185.0].map(|s| duration(Duration::from_secs_f64(s))).into();
        assert_eq!(shown, ["40 ms", "1.0 s", "1.4 s", "10 s", "1 min 59 s", "3 min 5 s"]);
    }

    #[test]
    fn counts_and_bytes_are_grouped() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        assert_eq!([0, 1, 1000].map(|number| counted(number, "row")), ["0 rows", "1 row", "1,000 rows"]);
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!([(1 << 20) - 1, (1 << 20) - 100].map(bytes), ["1.0 MiB", "1023.9 KiB"]);
    }
}
