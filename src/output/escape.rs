//! Filters the characters of files, services and settings that a terminal must not get: those that move the cursor,
//! change its state or turn the order of the text around.

use std::borrow::Cow;

/// Returns whether a character acts on a terminal instead of being shown: control characters (C0, DEL, C1), and those
/// of the Unicode property `Bidi_Control`, which show a text in another order than it has.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns a text of several lines in which every character is shown.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, |character| character != '\n' && acts(character))
}

/// Returns a text of one line in which every character is shown: a line feed would begin a line that seems to be ours.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    replaced(text, acts)
}

fn replaced(text: &str, is_replaced: impl Fn(char) -> bool + Copy) -> Cow<'_, str> {
    if text.contains(is_replaced) { text.replace(is_replaced, "\u{fffd}").into() } else { text.into() }
}

/// Returns JSON that says the same in characters that are shown. JSON itself escapes C0 only.
pub(super) fn json(text: String) -> String {
    // Outside of strings JSON has no such character but white space.
    let is_escaped = |character: char| acts(character) && !character.is_ascii_whitespace();
    if !text.contains(is_escaped) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            shown.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ACTING: &str = "a\u{1b}[2J\u{7f}\u{85}\u{9b}31m\u{61c}\u{200e}\u{200f}\u{202e}\u{2066}\u{2069}\rz";

    #[test]
    fn characters_that_act_on_a_terminal_are_replaced() {
        assert!(ACTING.chars().filter(|character| acts(*character)).count() == 11, "each counts");
        for shown in [visible(ACTING), one_line(ACTING)] {
            assert!(!shown.contains(acts), "{shown:?}");
            assert!(shown.starts_with("a\u{fffd}[2J") && shown.ends_with('z'));
        }
        assert_eq!((&*visible("a\nb"), &*one_line("a\nb")), ("a\nb", "a\u{fffd}b"));
        let harmless = "Grad °C, 温度, שלום, 🌡\u{fe0f}";
        assert!(matches!(one_line(harmless), Cow::Borrowed(same) if same == harmless));
    }

    #[test]
    fn json_says_the_same_in_characters_that_are_shown() {
        let value = json!({ ACTING: [ACTING, "\\", "\\u"], "plain": "ä" });
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let shown = json(text);
            assert!(!shown.chars().any(|character| acts(character) && character != '\n'), "{shown:?}");
            assert!(shown.contains("\\u009b") && shown.contains("\\u202e") && shown.contains("\\u007f"), "{shown}");
            assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
        }
    }

    proptest! {
        #[test]
        fn any_text_keeps_its_meaning_in_json(text in ".*") {
            let shown = json(Value::from(text.clone()).to_string());
            prop_assert!(!shown.contains(acts));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
