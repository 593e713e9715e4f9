//! Patterns of policies: `*` matches any characters, `?` one character, and `${key}` the value of a condition key.

/// The known condition keys of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Keys and their values.
    pub known: &'a [(&'a str, &'a str)],
    /// Keys that the request certainly does not have. Every other key may have any value, or no value.
    pub absent: &'a [&'a str],
}

/// The state of a condition key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    Known(&'a str),
    Absent,
    Unknown,
}

impl<'a> Context<'a> {
    /// Returns the state of a key. Key names are case-insensitive.
    pub(super) fn find(self, key: &str) -> Key<'a> {
        if let Some((_, value)) = self.known.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
            return Key::Known(value);
        }
        if self.absent.iter().any(|name| name.eq_ignore_ascii_case(key)) { Key::Absent } else { Key::Unknown }
    }
}

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
const ARN_PARTS: usize = 6;

/// A pattern with resolved variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Letter>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    Any,
    One,
    Exactly(char),
}

impl Pattern {
    /// Returns the pattern of a text without variables.
    pub(super) fn plain(text: &str) -> Self {
        Pattern(text.chars().map(Letter::of).collect())
    }

    /// Parses a text in which `${…}` stands for a key's value. Returns `None` if a key has no value here.
    pub(super) fn of(text: &str, context: Context<'_>, has_variables: bool) -> Option<Self> {
        if has_variables { Pattern::with_variables(text, context) } else { Some(Pattern::plain(text)) }
    }

    fn with_variables(text: &str, context: Context<'_>) -> Option<Self> {
        let mut letters = Vec::new();
        let mut rest = text;
        while let Some((before, variable)) = rest.split_once("${") {
            letters.extend(before.chars().map(Letter::of));
            let (variable, after) = variable.split_once('}')?;
            let value = match variable.trim() {
                // These stand for the characters themselves.
                "*" | "?" | "$" => variable.trim().to_owned(),
                variable => value_of(variable, context)?,
            };
            letters.extend(value.chars().map(Letter::Exactly));
            rest = after;
        }
        letters.extend(rest.chars().map(Letter::of));
        Some(Pattern(letters))
    }

    /// Returns whether a text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        matches(&self.0, text)
    }

    /// Returns whether an ARN matches, part by part, or `None` if this is not an ARN pattern.
    pub(super) fn matches_arn(&self, arn: &str) -> Option<bool> {
        let parts: Vec<&[Letter]> = self.0.splitn(ARN_PARTS, |letter| *letter == Letter::Exactly(':')).collect();
        let of_arn: Vec<&str> = arn.splitn(ARN_PARTS, ':').collect();
        if parts.len() < ARN_PARTS {
            return None;
        }
        Some(of_arn.len() == ARN_PARTS && parts.iter().zip(of_arn).all(|(part, text)| matches(part, text)))
    }

    /// Returns whether it matches everything.
    pub(super) fn is_everything(&self) -> bool {
        self.0 == [Letter::Any]
    }

    /// Returns the text, taken literally and not as a pattern.
    pub(super) fn text(&self) -> String {
        let letter = |letter: &Letter| match letter {
            Letter::Any => '*',
            Letter::One => '?',
            Letter::Exactly(letter) => *letter,
        };
        self.0.iter().map(letter).collect()
    }
}

/// Matches in linear space, and in time of at most one length times the other.
fn matches(pattern: &[Letter], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut seen) = (0, 0);
    // The last `*`, and the length of the text that it matches so far.
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(Letter::Any) => {
                star = Some((at, seen));
                at += 1;
            }
            Some(letter) if *letter == Letter::One || *letter == Letter::Exactly(text[seen]) => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((place, stood)) = star else { return false };
                star = Some((place, stood + 1));
                at = place + 1;
                seen = stood + 1;
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == Letter::Any)
}

impl Letter {
    fn of(letter: char) -> Self {
        match letter {
            '*' => Letter::Any,
            '?' => Letter::One,
            letter => Letter::Exactly(letter),
        }
    }
}

/// Returns the value of `key`, or of `key, 'default'`. Returns `None` for a key that may have any value.
fn value_of(variable: &str, context: Context<'_>) -> Option<String> {
    let (key, default) = match variable.split_once(',') {
        Some((key, default)) => {
            (key.trim(), default.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\'')))
        }
        None => (variable, None),
    };
    match context.find(key) {
        Key::Known(value) => Some(value.to_owned()),
        Key::Absent => default.map(str::to_owned),
        Key::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slow(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => slow(&pattern[1..], text) || (!text.is_empty() && slow(pattern, &text[1..])),
            (Some(wanted), Some(found)) => (*wanted == '?' || wanted == found) && slow(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn pattern_matches_as_defined(pattern in "[ab*?]{0,8}", text in "[ab*]{0,8}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(Pattern::plain(&pattern).matches(&text), slow(&letters(&pattern), &letters(&text)));
        }
    }

    #[test]
    fn pattern_variables_are_resolved_and_match_literally() {
        let known = [("aws:PrincipalAccount", "000000000000"), ("aws:Odd", "a*")];
        let context = Context { known: &known, absent: &["aws:PrincipalTag/team"] };
        let pattern = |text| Pattern::of(text, context, true);
        let matches = |text, found| pattern(text).unwrap().matches(found);
        assert!(matches("x-${aws:principalaccount}-*", "x-000000000000-y"));
        assert!(matches("${aws:Odd}", "a*") && !matches("${aws:Odd}", "ab"));
        assert!(matches("${*}${?}${$}", "*?$") && !matches("${*}", "x"));
        assert!(matches("${aws:PrincipalTag/team, 'none'}", "none"));
        for unknown in ["table/${aws:PrincipalTag/team}*", "${aws:PrincipalTag/unit, 'none'}", "${aws:x", "${}"] {
            assert_eq!(pattern(unknown), None, "{unknown}");
        }
        let old = Pattern::of("${aws:Odd}", context, false).unwrap();
        assert!(old.matches("${aws:Odd}") && !old.matches("a*"), "no variables before version 2012-10-17");
    }

    #[test]
    fn arn_pattern_matches_part_by_part() {
        let matches = |pattern: &str, arn: &str| Pattern::plain(pattern).matches_arn(arn);
        let role = "arn:aws:iam::000000000000:role/team/x";
        for (pattern, expected) in [
            ("arn:aws:iam::*:role/*", Some(true)),
            ("arn:aws:iam::000000000000:role/team/?", Some(true)),
            ("arn:*:iam:*:*:*", Some(true)),
            ("arn:aws:iam::0*:user/*", Some(false)),
            ("arn:*x", None),
            ("*", None),
        ] {
            assert_eq!(matches(pattern, role), expected, "{pattern}");
        }
        assert_eq!(matches("arn:aws:iam::*:*x", "arn:aws:x"), Some(false), "no ARN");
    }
}
