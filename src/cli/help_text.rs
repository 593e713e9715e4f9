//! The texts below the options of a help, which stand in the source with line ends of their own.

use clap::Command;

/// Joins the lines of each paragraph, here and in all subcommands, so that they are wrapped once, at the width of the
/// terminal.
pub(crate) fn with_joined_paragraphs(mut command: Command) -> Command {
    if let Some(text) = command.get_after_help().map(ToString::to_string) {
        command = command.after_help(joined(&text));
    }
    let names: Vec<_> = command.get_subcommands().map(|subcommand| subcommand.get_name().to_owned()).collect();
    names.iter().fold(command, |command, name| command.mut_subcommand(name, with_joined_paragraphs))
}

/// Joins lines, but not those that are indented or begin a list.
fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut may_go_on = false;
    for line in text.lines() {
        let is_prose = !line.is_empty() && !line.starts_with(' ');
        if !joined.is_empty() {
            joined.push(if may_go_on && is_prose { ' ' } else { '\n' });
        }
        joined.push_str(line);
        may_go_on = is_prose && !line.ends_with(':');
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraph_is_one_line_and_examples_keep_theirs() {
        let text = "Examples:\n  one\n  two\n\nA sentence that\ngoes on.\nTo the end:\n  a list\n\nAnother\nparagraph.";
        let expected =
            "Examples:\n  one\n  two\n\nA sentence that goes on. To the end:\n  a list\n\nAnother paragraph.";
        assert_eq!(joined(text), expected);
    }

    #[test]
    fn help_of_subcommands_is_joined() {
        let command = Command::new("a").subcommand(Command::new("b").after_help("one\ntwo"));
        let command = with_joined_paragraphs(command);
        let text = command.find_subcommand("b").and_then(Command::get_after_help).map(ToString::to_string);
        assert_eq!(text.as_deref(), Some("one two"));
    }
}
