//! Rows that tests of several modules read.

/// Returns rows of two devices that measured at the same times, or one after the other, below a header with these names.
pub(super) fn two_devices([time, device]: [&str; 2], [one, other]: [&str; 2], lag: u64) -> String {
    let row = |time: u64, value: &str, device: &str| format!("{time},{value},{device}\n");
    let first = 1_700_000_000;
    let rows = [
        row(first, "21.5", one),
        row(first + lag, "11.5", other),
        row(first + 60, "21.6", one),
        row(first + 60 + lag, "11.6", other),
    ];
    format!("{time},temperature,{device}\n{}", rows.concat())
}
