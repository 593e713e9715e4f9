//! Patterns of policies: `*` stands for any characters, `?` for one, `${key}` for what the request says of a key.

/// The keys of a request and their values.
pub(super) type Context<'a> = [(&'a str, &'a str)];

/// A pattern with its variables filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Letter>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    Any,
    One,
    Exactly(char),
}

impl Pattern {
    /// A pattern without variables.
    pub(super) fn plain(text: &str) -> Self {
        Pattern(text.chars().map(Letter::of).collect())
    }

    /// A pattern with variables; `None` when it has one that is not known.
    pub(super) fn with_variables(text: &str, context: &Context<'_>) -> Option<Self> {
        let mut letters = Vec::new();
        let mut rest = text;
        while let Some((before, variable)) = rest.split_once("${") {
            letters.extend(before.chars().map(Letter::of));
            let (variable, after) = variable.split_once('}')?;
            let value = match variable.trim() {
                // The characters themselves.
                "*" | "?" | "$" => variable.trim().to_owned(),
                variable => value_of(variable, context)?,
            };
            letters.extend(value.chars().map(Letter::Exactly));
            rest = after;
        }
        letters.extend(rest.chars().map(Letter::of));
        Some(Pattern(letters))
    }

    /// Whether a text is what it stands for. In linear space, and in time of one length times the other at most.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (pattern, text): (&[Letter], Vec<char>) = (&self.0, text.chars().collect());
        let (mut at, mut seen) = (0, 0);
        // The last `*`, and how much of the text it stands for so far.
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

    /// Whether it stands for everything.
    pub(super) fn is_everything(&self) -> bool {
        self.0 == [Letter::Any]
    }

    /// The text, if it is taken as one and not as a pattern.
    pub(super) fn text(&self) -> String {
        let letter = |letter: &Letter| match letter {
            Letter::Any => '*',
            Letter::One => '?',
            Letter::Exactly(letter) => *letter,
        };
        self.0.iter().map(letter).collect()
    }
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

/// The value of `key`, or of `key, 'default'`.
fn value_of(variable: &str, context: &Context<'_>) -> Option<String> {
    let (key, default) = match variable.split_once(',') {
        Some((key, default)) => {
            (key.trim(), default.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\'')))
        }
        None => (variable, None),
    };
    found(key, context).or(default).map(str::to_owned)
}

/// What a request says of a key; names of keys have no letter case.
pub(super) fn found<'a>(key: &str, context: &Context<'a>) -> Option<&'a str> {
    context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| *value)
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
        fn it_is_what_the_definition_says(pattern in "[ab*?]{0,8}", text in "[ab*]{0,8}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(Pattern::plain(&pattern).matches(&text), slow(&letters(&pattern), &letters(&text)));
        }
    }

    #[test]
    fn variables_are_filled_in_and_are_no_patterns_themselves() {
        let context = [("aws:PrincipalAccount", "000000000000"), ("aws:Odd", "a*")];
        let pattern = |text| Pattern::with_variables(text, &context);
        let matches = |text, found| pattern(text).unwrap().matches(found);
        assert!(matches("x-${aws:principalaccount}-*", "x-000000000000-y"));
        assert!(matches("${aws:Odd}", "a*") && !matches("${aws:Odd}", "ab"));
        assert!(matches("${*}${?}${$}", "*?$") && !matches("${*}", "x"));
        assert!(matches("${aws:PrincipalTag/team, 'none'}", "none"));
        for unknown in ["table/${aws:PrincipalTag/team}*", "${aws:x", "${}"] {
            assert_eq!(pattern(unknown), None, "{unknown}");
        }
    }
}
