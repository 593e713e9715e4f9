//! A count on the command line.

use std::num::IntErrorKind;

/// Parses a whole number above zero.
///
/// # Errors
/// If the text is not such a number.
pub(super) fn parse_positive_count(text: &str) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(count) if count > 0 => Ok(count),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err("too large".to_owned()),
        _ => Err("write a whole number above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_is_a_whole_number_above_zero() {
        assert_eq!(parse_positive_count("17"), Ok(17));
        for (text, said) in [("0", "above 0"), ("-1", "above 0"), ("1.5", "above 0"), ("", "above 0")] {
            assert!(parse_positive_count(text).unwrap_err().contains(said), "{text}");
        }
        assert_eq!(parse_positive_count("18446744073709551616"), Err("too large".to_owned()));
    }
}
