//! Appends JSON to a string, for texts of a fixed form.

/// Appends a JSON string with its quotes, escaped as `serde_json` does.
pub fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    loop {
        // Escaped characters are ASCII, so both ends of the slice are character boundaries.
        let (plain, from_escaped) = rest.split_at(plain_prefix(rest.as_bytes()));
        out.push_str(plain);
        let Some(byte) = from_escaped.bytes().next() else { break };
        rest = &from_escaped[1..];
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => push_control(out, byte),
        }
    }
    out.push('"');
}

/// Returns how many bytes at the beginning stand in a JSON string as they are: up to a quote, a backslash or a control
/// character.
#[inline]
#[must_use]
pub fn plain_prefix(text: &[u8]) -> usize {
    /// The same byte eight times.
    const fn eight(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    // The highest bit of each byte that is below `limit`; above the first such byte it may be wrong.
    let below = |word: u64, limit: u8| word.wrapping_sub(eight(limit)) & !word & eight(0x80);
    let (words, _) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let special = below(word, 0x20) | below(word ^ eight(b'"'), 1) | below(word ^ eight(b'\\'), 1);
        if special != 0 {
            return 8 * index + special.trailing_zeros() as usize / 8;
        }
    }
    let checked = 8 * words.len();
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    text[checked..].iter().position(is_special).map_or(text.len(), |at| checked + at)
}

fn push_control(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push_str("\\u00");
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use super::{plain_prefix, push_string};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn push_string_any_text_round_trips(text in any::<String>()) {
            let mut json = String::new();
            push_string(&mut json, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn plain_prefix_ends_before_the_first_byte_that_is_escaped(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let end = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            prop_assert_eq!(plain_prefix(&bytes), end.unwrap_or(bytes.len()));
        }
    }

    #[test]
    fn push_string_every_control_character_round_trips() {
        let text: String = (0_u8..0x80).map(char::from).collect();
        let mut json = String::new();
        push_string(&mut json, &text);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
