//! The beginning of a JSON value that goes on behind it, as a whole value.

/// Returns the beginning of JSON up to the last element that is whole, with the brackets that are open there closed; nothing
/// where its first value ends within it, or has no elements.
pub(super) fn closed(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_start();
    // The array around all values is no value.
    let outermost = usize::from(text.first() == Some(&b'['));
    if !matches!(text.first(), Some(b'{' | b'[')) {
        return None;
    }
    let (mut open, mut is_in_string, mut is_escaped) = (Vec::new(), false, false);
    // The last bracket, what is open behind it, and whether a comma follows.
    let mut last: Option<(usize, usize, bool)> = None;
    let mut best: Option<(usize, Vec<u8>)> = None;
    for (at, byte) in text.iter().enumerate() {
        if is_in_string {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => is_in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => {
                is_in_string = true;
                last = None;
            }
            b'{' | b'[' => {
                if let Some((end, depth, true)) = last.take()
                    && depth == open.len()
                {
                    best = Some((end, open.clone()));
                }
                open.push(if *byte == b'{' { b'}' } else { b']' });
            }
            b'}' | b']' => {
                open.pop();
                if open.len() <= outermost {
                    return None;
                }
                last = Some((at + 1, open.len(), false));
            }
            b',' => last = last.map(|(end, depth, _)| (end, depth, true)),
            _ if byte.is_ascii_whitespace() => {}
            _ => last = None,
        }
    }
    let (end, open) = best?;
    Some(text[..end].iter().copied().chain(open.into_iter().rev()).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn first_value_is_closed_behind_its_last_whole_element() {
        let closed = |text: &str| super::closed(text.as_bytes()).map(|text| String::from_utf8(text).unwrap());
        let prometheus = r#"{"data":{"result":[{"metric":{"a":"]},["},"values":[[1,"2"],[3,"4"],[5,"#;
        let expected = r#"{"data":{"result":[{"metric":{"a":"]},["},"values":[[1,"2"],[3,"4"]]}]}}"#;
        assert_eq!(closed(prometheus).as_deref(), Some(expected));
        let history = r#" [[{"s":1,"a":{}}, {"s":2,"a":{}},{"s":3,"a":{"#;
        assert_eq!(closed(history).as_deref(), Some(r#"[[{"s":1,"a":{}}, {"s":2,"a":{}}]]"#));
        for text in ["", "a,b\n", r#"{"a":1}{"b":[{},{"#, r#"[{"a":1},{"b":[{},{"#, r#"{"time":[1,2,3,4"#] {
            assert_eq!(closed(text), None, "{text}");
        }
    }
}
