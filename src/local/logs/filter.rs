//! Filter patterns of plain terms.
//!
//! All words and quoted phrases must occur in the message, at least one `?` term, and no `-` term.

/// A parsed filter pattern.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl Pattern {
    /// Parses a pattern; rejects JSON and column patterns with a message.
    pub(super) fn parse(text: &str) -> Result<Pattern, String> {
        let mut pattern = Pattern::default();
        let mut rest = text.trim();
        if rest.starts_with(['{', '[', '%']) {
            return Err("the local cloud knows filter patterns of terms only: word \"a phrase\" ?either -not".into());
        }
        while !rest.is_empty() {
            let (list, after) = match rest.as_bytes()[0] {
                b'?' => (&mut pattern.any, &rest[1..]),
                b'-' => (&mut pattern.none, &rest[1..]),
                _ => (&mut pattern.all, rest),
            };
            let (term, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or("Invalid filter pattern: a quote is not closed")?,
                None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
            };
            if term.is_empty() {
                return Err("Invalid filter pattern: an empty term".into());
            }
            list.push(term.to_owned());
            rest = after.trim_start();
        }
        Ok(pattern)
    }

    /// Returns whether a message matches; matching is case-sensitive.
    pub(super) fn matches(&self, message: &str) -> bool {
        self.all.iter().all(|term| message.contains(term))
            && (self.any.is_empty() || self.any.iter().any(|term| message.contains(term)))
            && !self.none.iter().any(|term| message.contains(term))
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn filter_pattern_terms_phrases_alternatives_and_exclusions_match() {
        let matches = |pattern: &str, message: &str| Pattern::parse(pattern).unwrap().matches(message);
        assert!(matches("", "anything"));
        assert!(matches("ERROR \"not found\"", "ERROR: table not found"));
        assert!(!matches("ERROR \"not found\"", "ERROR: not a table found"));
        assert!(matches("?WARN ?ERROR", "ERROR x") && !matches("?WARN ?ERROR", "INFO x"));
        assert!(!matches("ERROR -retry", "ERROR retry"));
        assert!(!matches("error", "ERROR"));
    }

    #[test]
    fn filter_pattern_unsupported_syntax_is_rejected() {
        for pattern in ["{ $.a = 1 }", "[a, b]", "\"open", "?"] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
