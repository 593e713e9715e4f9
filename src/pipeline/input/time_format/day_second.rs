//! Dates that begin with their year and have the day before the month: `2023-14-11`.

/// Returns the separator of a date that begins with its year, its two numbers, and what stands behind it.
fn year_first(text: &str) -> Option<(char, u8, u8, &str)> {
    let separator = text.as_bytes().get(4).copied().map(char::from).filter(|sign| matches!(sign, '-' | '/' | '.'))?;
    let is_year = text.as_bytes()[..4].iter().all(u8::is_ascii_digit);
    let (second, rest) = text.get(5..)?.split_once(separator)?;
    let end = rest.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(rest.len());
    let number = |digits: &str| digits.parse().ok().filter(|_| (1..=2).contains(&digits.len()));
    Some((separator, number(second)?, number(&rest[..end])?, &rest[end..])).filter(|_| is_year)
}

/// Returns whether a time shows that the day stands before the month.
pub(in super::super) fn shows_day_second(text: &str) -> bool {
    year_first(text.trim())
        .is_some_and(|(_, second, third, _)| (13..=31).contains(&second) && (1..=12).contains(&third))
}

/// Returns whether a time begins with its year and numbers.
pub(super) fn may_be_swapped(text: &str) -> bool {
    year_first(text).is_some()
}

/// Returns whether a time that begins with its year is another one with the day before the month.
pub(super) fn reads_both_ways(text: &str) -> bool {
    year_first(text).is_some_and(|(_, second, third, _)| second != third && third <= 12)
}

/// Returns the form of the date of a time that shows the day before the month, and what stands behind it.
pub(super) fn date_form(text: &str) -> Option<(String, &str)> {
    let (separator, _, _, rest) = year_first(text).filter(|_| shows_day_second(text))?;
    Some((format!("%Y{separator}%d{separator}%m"), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn month_above_twelve_shows_the_day_before_it() {
        for text in ["2023-13-02 00:00:00", "2023/31/12", "2023.14.11T22:13", " 2023-14-1 "] {
            assert!(shows_day_second(text), "{text}");
        }
        for text in ["2023-02-13", "2023-13-13", "2023-00-02", "2023-32-01", "20231302", "13-02-2023", "1700-1", ""] {
            assert!(!shows_day_second(text), "{text}");
        }
    }
}
