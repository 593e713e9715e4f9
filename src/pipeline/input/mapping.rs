//! Where the keys of a reading come from: columns of CSV, paths of JSON.

use std::str::FromStr;

/// `KEY=COLUMN`: a key of the reading and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnMapping {
    /// Key of the reading.
    pub key: String,
    /// Column or path; `a+b` joins two, `a//b` takes the first that has a value.
    pub source: String,
}

impl ColumnMapping {
    /// Returns the alternatives of its source, each of parts that are joined: the keys that lead to a value in JSON. `None`
    /// if the path leads into a list or a text.
    pub(crate) fn key_paths(&self) -> Vec<Vec<Option<Vec<String>>>> {
        let keys = |path: &str| {
            let steps = parse_path(path).unwrap_or_default();
            let key = |step: Step| if let Step::Key(key) = step { Some(key) } else { None };
            steps.into_iter().map(key).collect::<Option<Vec<_>>>().filter(|keys| !keys.is_empty())
        };
        let all = parts(&self.source);
        all.into_iter().map(|parts| parts.into_iter().map(keys).collect()).collect()
    }
}

impl FromStr for ColumnMapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, source)) if !key.is_empty() && !source.trim().is_empty() => {
                Ok(ColumnMapping { key: key.to_owned(), source: source.to_owned() })
            }
            _ => Err("write KEY=COLUMN, for example current_time=date; in JSON COLUMN is a path such as payload.temp"
                .to_owned()),
        }
    }
}

/// A source in its parts: alternatives, each of parts that are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source<T>(pub Vec<Vec<T>>);

/// Splits `a+b//c` outside of double quotes; the quotes stay.
fn parts(text: &str) -> Vec<Vec<&str>> {
    let bytes = text.as_bytes();
    let mut all = vec![Vec::new()];
    let (mut begin, mut at, mut is_quoted) = (0, 0, false);
    let close = |all: &mut Vec<Vec<_>>, begin: usize, end: usize| {
        if let Some(last) = all.last_mut() {
            last.push(text[begin..end].trim());
        }
    };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if is_quoted => at += 1,
            b'"' => is_quoted = !is_quoted,
            b'+' if !is_quoted => {
                close(&mut all, begin, at);
                begin = at + 1;
            }
            b'/' if !is_quoted && bytes.get(at + 1) == Some(&b'/') => {
                close(&mut all, begin, at);
                all.push(Vec::new());
                at += 1;
                begin = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    close(&mut all, begin, text.len());
    all
}

impl<T> Source<T> {
    /// Reads every part.
    ///
    /// # Errors
    /// The first part that `read` refuses.
    pub(super) fn parse<E>(text: &str, mut read: impl FnMut(&str) -> Result<T, E>) -> Result<Self, E> {
        let read_all = |parts: Vec<&str>| parts.into_iter().map(&mut read).collect::<Result<_, _>>();
        Ok(Source(parts(text).into_iter().map(read_all).collect::<Result<_, _>>()?))
    }
}

/// Returns a column's name as a source has it: in double quotes where a sign in it would join or part sources.
pub(super) fn as_source(name: &str) -> String {
    if name.contains(['+', '"']) || name.contains("//") { format!("\"{name}\"") } else { name.to_owned() }
}

/// Returns a name without the double quotes around it.
pub(super) fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

/// One step of a path into JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A member of an object.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
    /// Each element of an array, `[]`.
    Each,
    /// Each member of an object, `*`.
    Members,
    /// The name of the member that `*` stands for, `@key`.
    Name,
    /// The content of a text, `@json`, `@base64` or `@eui64`.
    Decoded(Decoding),
}

/// How a text holds a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Decoding {
    /// As JSON.
    Json,
    /// As JSON in base64.
    Base64,
    /// As the identifier of a device (EUI-64), in hexadecimal digits or base64.
    Eui64,
}

impl Decoding {
    /// Returns the step that stands for it in a path.
    pub(super) fn step(self) -> &'static str {
        match self {
            Decoding::Json => "@json",
            Decoding::Base64 => "@base64",
            Decoding::Eui64 => "@eui64",
        }
    }
}

/// Reads a path such as `params."temperature:0".tC`, `values[0]`, `data.result[].values[][1]` or `*.Temperature`.
///
/// # Errors
/// Fails if it is not a path; the text says why.
pub(super) fn parse_path(text: &str) -> Result<Vec<Step>, String> {
    let wrong = |what: &str| Err(format!("`{text}` is not a path: {what}"));
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let Some((index, after)) = inner.split_once(']') else { return wrong("`[` is not closed") };
            steps.push(match index {
                "" => Step::Each,
                index => match index.parse() {
                    Ok(index) => Step::Index(index),
                    Err(_) => return wrong("write [] for each element, or the number of one from 0, such as [0]"),
                },
            });
            rest = after;
        } else {
            if !steps.is_empty() {
                let Some(after) = rest.strip_prefix('.') else { return wrong("write `.` between two keys") };
                rest = after;
            }
            let Some((step, after)) = key(rest) else {
                return wrong("a key is empty, or its quote is not closed");
            };
            steps.push(step);
            rest = after;
        }
    }
    match steps.iter().position(|step| *step == Step::Name) {
        Some(at) if at + 1 != steps.len() || at == 0 || steps[at - 1] != Step::Members => {
            wrong("`@key` stands at the end, behind `*`")
        }
        _ if matches!(steps.first(), Some(Step::Decoded(_))) => {
            wrong("`@json`, `@base64` and `@eui64` stand behind a key")
        }
        _ if steps.is_empty() => wrong("it is empty"),
        _ => Ok(steps),
    }
}

/// Takes a key off the beginning of a path.
fn key(rest: &str) -> Option<(Step, &str)> {
    if let Some(quoted) = rest.strip_prefix('"') {
        let mut name = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => return Some((Step::Key(name), &quoted[at + 1..])),
                '\\' => name.push(characters.next()?.1),
                other => name.push(other),
            }
        }
        return None;
    }
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let step = match &rest[..end] {
        "" => return None,
        "*" => Step::Members,
        "@key" => Step::Name,
        "@json" => Step::Decoded(Decoding::Json),
        "@base64" => Step::Decoded(Decoding::Base64),
        "@eui64" => Step::Decoded(Decoding::Eui64),
        name => Step::Key(name.to_owned()),
    };
    Some((step, &rest[end..]))
}

/// Returns whether a text matches a pattern, in which `*` stands for any text.
pub(super) fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Returns what `*` stands for where a text matches a pattern; the whole text where it has none or several. Of several, the
/// one that is written `{*}` stands for the part, as short as it can be.
pub(super) fn captured<'a>(pattern: &str, text: &'a str) -> Option<&'a str> {
    if let Some((before, after)) = pattern.split_once("{*}") {
        let places = || text.char_indices().map(|(at, _)| at).chain([text.len()]);
        let start = places().find(|at| is_like(before, &text[..*at]))?;
        let end = places().find(|at| *at > start && is_like(after, &text[*at..]))?;
        return Some(text[start..end].trim());
    }
    match pattern.split_once('*') {
        None => (pattern == text).then_some(text),
        Some((_, after)) if after.contains('*') => is_like(pattern, text).then_some(text),
        Some((before, after)) => {
            let rest = text.strip_prefix(before)?.strip_suffix(after)?;
            (!rest.is_empty()).then_some(rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<Vec<String>> {
        Source::parse(text, |part| Ok::<_, ()>(part.to_owned())).unwrap().0
    }

    #[test]
    fn source_is_split_at_plus_and_double_slash_outside_quotes() {
        assert_eq!(split("date"), [["date"]]);
        assert_eq!(split("date + clock"), [["date", "clock"]]);
        assert_eq!(split("a.b//result.a.b"), [["a.b"], ["result.a.b"]]);
        assert_eq!(split(r#""a+b"+c"#), [[r#""a+b""#, "c"]]);
        assert_eq!(split("a/b"), [["a/b"]]);
        assert_eq!(unquoted(r#""a+b""#), "a+b");
    }

    #[test]
    fn mapping_needs_a_key_and_a_source() {
        let mapping: ColumnMapping = "current_time=Time-Data=(A2/86400)+25569".parse().unwrap();
        assert_eq!((mapping.key.as_str(), mapping.source.as_str()), ("current_time", "Time-Data=(A2/86400)+25569"));
        for text in ["", "a", "=b", "a=", "a= "] {
            assert!(text.parse::<ColumnMapping>().is_err(), "{text}");
        }
    }

    #[test]
    fn path_has_keys_indexes_and_iterations() {
        let key = |name: &str| Step::Key(name.to_owned());
        let path = |text: &str| parse_path(text).unwrap();
        assert_eq!(path("a.b"), [key("a"), key("b")]);
        assert_eq!(path("params.temperature:0.tC"), [key("params"), key("temperature:0"), key("tC")]);
        assert_eq!(path(r#"params."a.b\"c".x"#), [key("params"), key(r#"a.b"c"#), key("x")]);
        assert_eq!(path("data.result[].values[][1]")[2..], [Step::Each, key("values"), Step::Each, Step::Index(1)]);
        assert_eq!(path("[0].x"), [Step::Index(0), key("x")]);
        assert_eq!(path("*.@key"), [Step::Members, Step::Name]);
        assert_eq!(path("p.@json.t"), [key("p"), Step::Decoded(Decoding::Json), key("t")]);
        assert_eq!(path("[].@base64"), [Step::Each, Step::Decoded(Decoding::Base64)]);
        for text in ["", ".a", "a.", "a..b", "a[", "a[x]", "a[0]b", "\"a", "@key", "*.@key.x", "@json.a"] {
            assert!(parse_path(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pattern_gives_the_part_at_its_star() {
        assert_eq!(captured("tele/*/SENSOR", "tele/attic/SENSOR"), Some("attic"));
        assert_eq!(captured("tele/*/SENSOR", "tele/attic/STATE"), None);
        assert_eq!(captured("tele/*/SENSOR", "tele//SENSOR"), None);
        assert_eq!(captured("a*a", "a"), None);
        assert_eq!(captured("*", "x"), Some("x"));
        assert_eq!(captured("up", "up"), Some("up"));
        assert_eq!(captured("up", "join"), None);
        assert_eq!(captured("/*/temperature/*", "/cpu/0/temperature/2"), Some("/cpu/0/temperature/2"));
        assert_eq!(captured("/*/temperature/*", "/cpu/0/load/2"), None);
        assert_eq!(captured("a*b*a", "aba"), Some("aba"));
        assert_eq!(captured("a*b*a", "ab"), None);
        assert_eq!(captured("T*S/N: {*}, *)", "Temp, °C (S/N: 5, LBL: x)"), Some("5"));
        assert_eq!(captured("T*S/N: {*})", "Temp, °C (S/N: 5)"), Some("5"));
        assert_eq!(captured("T*S/N: {*})", "Temp, °C (S/N: 5"), None);
        assert_eq!(captured("{*} - T*", "Ch: 1 - Temp"), Some("Ch: 1"));
    }
}
