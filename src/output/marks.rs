//! The marks that begin the lines of a list, and their colors. A word beside the mark says the same.

/// The mark of a line of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Created, or to be created.
    Create,
    /// Changed in place, or to be; something that differs.
    Update,
    /// Replaced, or to be.
    Replace,
    /// Deleted, or to be.
    Delete,
    /// Left as it is.
    Keep,
    /// Done, or well.
    Done,
    /// Failed, or missing.
    Failed,
    /// Not begun.
    Pending,
    /// Works, and will not under some circumstances.
    Warning,
    /// Not known.
    Unknown,
}

impl Mark {
    const ALL: [Mark; 10] = [
        Mark::Create,
        Mark::Update,
        Mark::Replace,
        Mark::Delete,
        Mark::Keep,
        Mark::Done,
        Mark::Failed,
        Mark::Pending,
        Mark::Warning,
        Mark::Unknown,
    ];

    /// Returns the mark itself.
    #[must_use]
    pub(crate) fn sign(self) -> char {
        match self {
            Mark::Create => '+',
            Mark::Update => '~',
            Mark::Replace => '±',
            Mark::Delete => '-',
            Mark::Keep => '=',
            Mark::Done => '✓',
            Mark::Failed => '✗',
            Mark::Pending => '·',
            Mark::Warning => '!',
            Mark::Unknown => '?',
        }
    }

    /// Returns the parameters of its ANSI style.
    fn style(self) -> &'static str {
        match self {
            Mark::Create | Mark::Done => "32",
            Mark::Update | Mark::Warning => "33",
            Mark::Replace | Mark::Delete | Mark::Failed => "31",
            Mark::Keep | Mark::Pending | Mark::Unknown => "2",
        }
    }
}

/// Returns the text with the mark and the word of each line of a list in color.
#[must_use]
pub(super) fn colored(text: &str) -> String {
    text.split('\n').map(colored_line).collect::<Vec<_>>().join("\n")
}

/// Returns whether a line is one of a list.
#[must_use]
pub(super) fn is_marked(line: &str) -> bool {
    parts(line).is_some()
}

/// Returns the mark of a line of a list, its word and the rest.
fn parts(line: &str) -> Option<(Mark, &str, &str)> {
    let rest = line.strip_prefix("  ")?;
    let mark = Mark::ALL.into_iter().find(|mark| rest.starts_with(mark.sign()))?;
    let word = rest[mark.sign().len_utf8()..].strip_prefix(' ')?;
    let end = word.find(' ').unwrap_or(word.len());
    Some((mark, &word[..end], &word[end..]))
}

fn colored_line(line: &str) -> String {
    match parts(line) {
        Some((mark, word, rest)) => format!("  \u{1b}[{}m{} {word}\u{1b}[0m{rest}", mark.style(), mark.sign()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_and_word_of_a_list_are_colored_and_nothing_else() {
        let text = "Plan:\n  + create   table  T\n             shards: 1 → 2\n  ✗ failed   role";
        let shown = "Plan:\n  \u{1b}[32m+ create\u{1b}[0m   table  T\n             shards: 1 → 2\n  \u{1b}[31m✗ failed\u{1b}[0m   role";
        assert_eq!(colored(text), shown);
        assert_eq!(colored("  -x\n- a\n   + b"), "  -x\n- a\n   + b");
    }
}
