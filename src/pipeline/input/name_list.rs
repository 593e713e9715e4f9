//! Lists of names on the command line: `a,b`, with quotes around a name that holds a comma.

/// A name of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedName {
    /// Without its quotes.
    pub name: String,
    /// True if it stood in double quotes.
    pub is_quoted: bool,
}

/// Puts the names together that were split at a comma within double quotes: `"Temp, °C",humidity`. A quote within such a
/// name is written twice; one that is never closed is a part of its name.
pub(crate) fn listed_names(parts: &[String]) -> Vec<ListedName> {
    let mut names = Vec::new();
    let mut at = 0;
    while at < parts.len() {
        let quoted = (at..parts.len()).find_map(|end| Some((closed(&parts[at..=end].join(","))?, end)));
        let (name, end) = match quoted {
            Some((name, end)) => (ListedName { name, is_quoted: true }, end),
            None => (ListedName { name: parts[at].clone(), is_quoted: false }, at),
        };
        names.push(name);
        at = end + 1;
    }
    names
}

/// Returns the names of [`listed_names`].
pub(super) fn unquoted_names(parts: &[String]) -> Vec<String> {
    listed_names(parts).into_iter().map(|listed| listed.name).collect()
}

/// Returns the name in a text that begins and ends with a double quote.
fn closed(text: &str) -> Option<String> {
    let inner = text.trim().strip_prefix('"')?.strip_suffix('"')?;
    let plain = inner.replace("\"\"", "");
    (!plain.contains('"')).then(|| inner.replace("\"\"", "\""))
}

/// Writes a list of names as it is typed; nothing where it is empty.
pub(super) fn typed_names(names: &[String]) -> Option<String> {
    let typed = |name: &String| {
        let is_plain = !name.contains(',') && !name.trim_start().starts_with('"');
        if is_plain { name.clone() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
    };
    (!names.is_empty()).then(|| names.iter().map(typed).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        unquoted_names(&text.split(',').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn name_with_a_comma_stands_in_quotes() {
        assert_eq!(split("a,b"), ["a", "b"]);
        assert_eq!(split("\"Temp, °C\",RH,\"a,b,c\""), ["Temp, °C", "RH", "a,b,c"]);
        assert_eq!(split("\"a\",,"), ["a", "", ""]);
        assert_eq!(split("\"5\"\" probe, °C\",\"\"\"x\"\"\""), ["5\" probe, °C", "\"x\""]);
        assert_eq!(split("5\",\"a,b"), ["5\"", "\"a", "b"], "a quote that is never closed");
        assert_eq!(split("\"a\"b\",c"), ["\"a\"b\"", "c"]);
    }

    #[test]
    fn typed_list_gives_the_same_names() {
        let names = ["Temp, °C", "RH", "\"x\"", "5\"", "", " \"y"].map(str::to_owned);
        assert_eq!(split(&typed_names(&names).unwrap()), names);
        assert_eq!(typed_names(&[]), None);
    }
}
