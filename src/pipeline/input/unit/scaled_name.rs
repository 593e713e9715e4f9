//! Names of columns that count parts of a degree: `Temp [1/10 °C]`, `temp_x10`, `Temp (m°C)`.

/// Parts that options can name.
const PARTS: [(i64, &str, [&str; 2]); 3] =
    [(1000, "1000", ["0.001", "0,001"]), (100, "100", ["0.01", "0,01"]), (10, "10", ["0.1", "0,1"])];
/// Words for parts of a degree.
const WORDS: [(&str, i64); 9] = [
    ("tenth", 10),
    ("decideg", 10),
    ("decicel", 10),
    ("hundredth", 100),
    ("centideg", 100),
    ("thousandth", 1000),
    ("millideg", 1000),
    ("millicel", 1000),
    ("millikel", 1000),
];
/// Units with a prefix, as they stand at the end of a name or in its brackets.
const UNITS: [(&str, i64); 10] = [
    ("m°c", 1000),
    ("mºc", 1000),
    ("m℃", 1000),
    ("mdegc", 1000),
    ("mdeg", 1000),
    ("mc", 1000),
    ("mk", 1000),
    ("c°c", 100),
    ("d°c", 10),
    ("ddegc", 10),
];

/// Returns the part of a degree that the values of a column count by its name, as options have it: `C/10`.
pub(crate) fn scaled_unit(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let compact: String = lower.chars().filter(|sign| !sign.is_whitespace()).collect();
    let parts = parts(&lower, &compact)?;
    let is_unit = |signs: [&str; 4], letter: &str| {
        let mut words = lower.split(|sign: char| !sign.is_alphanumeric());
        signs.iter().any(|sign| compact.contains(sign)) || words.any(|word| word == letter)
    };
    let unit = match () {
        () if is_unit(["°f", "℉", "degf", "fahrenheit"], "f") => "F",
        () if is_unit(["°k", "mk", "degk", "kelvin"], "k") => "K",
        () => "C",
    };
    Some(format!("{unit}/{parts}"))
}

/// Returns the hints with the options that say how the values of such a column are read.
pub(crate) fn scale_options(unit: &str) -> [String; 2] {
    let (degrees, parts) = unit.split_once('/').unwrap_or((unit, "1"));
    [
        format!("`--unit temperature={unit}:{degrees}` divides by {parts}"),
        format!("`--unit temperature={degrees}:{degrees}` takes the numbers as they are"),
    ]
}

fn parts(lower: &str, compact: &str) -> Option<i64> {
    let word = || WORDS.into_iter().find(|(word, _)| compact.contains(word)).map(|(_, parts)| parts);
    let bracketed = lower.trim().strip_suffix([')', ']']).and_then(|name| name.rsplit_once(['(', '[']));
    let last = bracketed.map(|(_, unit)| unit).or_else(|| {
        let word = lower.trim().rsplit(['_', ' ', ',']).next()?;
        // Two letters may be those of anything else.
        Some(word).filter(|word| word.chars().count() > 2)
    });
    let unit = || UNITS.into_iter().find(|(unit, _)| last.is_some_and(|last| last.trim() == *unit)).map(|it| it.1);
    let number = || PARTS.into_iter().find(|it| is_scaled(lower, compact, it)).map(|(parts, ..)| parts);
    word().or_else(unit).or_else(number)
}

fn is_scaled(lower: &str, compact: &str, (_, whole, fractions): &(i64, &str, [&str; 2])) -> bool {
    let is_end = |rest: &str| !rest.starts_with(|sign: char| sign.is_ascii_digit());
    let behind = |text: &str, before: &dyn Fn(&str) -> bool, after: &dyn Fn(&str) -> bool, number: &str| {
        let mut places = text.match_indices(number).map(|(at, _)| at);
        places.any(|at| before(&text[..at]) && is_end(&text[at + number.len()..]) && after(&text[at + number.len()..]))
    };
    let any = |_: &str| true;
    // `1/10 °C` and `°C/10`.
    let is_divided = |before: &str| {
        let Some(over) = before.strip_suffix('/') else { return false };
        let is_one = over.strip_suffix('1').is_some_and(|rest| !rest.ends_with(|sign: char| sign.is_ascii_digit()));
        is_one || over.ends_with(['c', 'f', 'k', '℃', '℉'])
    };
    // `C x10`: an `x` within a word is a letter of it.
    let is_times = |before: &str| {
        let before = before.trim_end();
        let is_sign = before.ends_with(['*', '×']);
        let is_letter = |rest: &str| !rest.ends_with(char::is_alphanumeric);
        is_sign || before.strip_suffix('x').is_some_and(is_letter)
    };
    let is_apart = |before: &str| !before.ends_with(|sign: char| sign.is_ascii_digit() || matches!(sign, '.' | ','));
    let is_of_degree =
        |rest: &str| ["°", "º", "℃", "℉", "deg", "c", "k", "f"].iter().any(|unit| rest.starts_with(unit));
    behind(compact, &is_divided, &any, whole)
        || behind(lower, &is_times, &any, whole)
        || fractions.iter().any(|fraction| {
            behind(compact, &is_apart, &is_of_degree, fraction) || behind(lower, &is_times, &any, fraction)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_tells_which_part_of_a_degree_its_values_count() {
        for (name, expected) in [
            ("Temp [1/10 °C]", "C/10"),
            ("Temp (C x10)", "C/10"),
            ("Temp (°C*10)", "C/10"),
            ("temp_x10", "C/10"),
            ("Temp (°C/100)", "C/100"),
            ("Temp (0.1 °C)", "C/10"),
            ("Temp [0,01°C]", "C/100"),
            ("Temp (x 0.1 F)", "F/10"),
            ("Temp (m°C)", "C/1000"),
            ("Temp (mC)", "C/1000"),
            ("temp_millidegrees", "C/1000"),
            ("Temperature, tenths of °F", "F/10"),
            ("Temp (mK)", "K/1000"),
        ] {
            assert_eq!(scaled_unit(name).as_deref(), Some(expected), "{name}");
        }
        for name in [
            "Temp (°C)",
            "temperature_10m",
            "temp max10",
            "TT_10",
            "Temp 10",
            "Temperature (decimal)",
            "Temp centigrade",
            "temp_mc",
            "PT100 (°C)",
            "PT1000_1",
            "Temp 11/10",
            "T 0.1m (°C)",
            "box10 temp",
        ] {
            assert_eq!(scaled_unit(name), None, "{name}");
        }
    }
}
