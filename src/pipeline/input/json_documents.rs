//! JSON values one after the other, whatever their size: large ones go through a temporary file where paths make many
//! readings of them.

use std::io;

use super::json_elements::{ElementStatus, JsonElements};
use super::json_lines;
use super::json_mapper::JsonMapper;
use super::large_value::{KeptBytes, LargeValue};
use super::output::{Output, RawLine};
use super::row_error::row_error;

/// Reads values.
pub(super) struct JsonDocuments {
    elements: JsonElements,
    element: Vec<u8>,
    large: Option<LargeValue>,
}

impl JsonDocuments {
    pub(super) fn new(elements: JsonElements) -> Self {
        JsonDocuments { elements, element: Vec::new(), large: None }
    }

    pub(super) fn may_block(&self) -> bool {
        self.large.is_none() && self.elements.may_block()
    }

    /// Returns lines and bytes that were read and put.
    pub(super) fn position(&self) -> (u64, u64) {
        self.large.as_ref().map_or_else(|| self.elements.position(), LargeValue::position)
    }

    /// Puts what the next value, or the next row of a large one, holds; false at the end.
    pub(super) fn advance(&mut self, mapper: Option<&JsonMapper>, output: &mut Output) -> io::Result<bool> {
        if let (Some(large), Some(mapper)) = (&mut self.large, mapper) {
            if !large.advance(mapper, output)? {
                self.large = None;
            }
            return Ok(true);
        }
        if let Some((number, bytes)) = self.elements.object_line()? {
            let raw = RawLine { number, bytes, is_truncated: false };
            let is_taken = json_lines::take_single(raw, mapper, output);
            self.elements.pass_object_line(is_taken);
            if is_taken {
                return Ok(true);
            }
        }
        self.element.clear();
        let position = self.elements.position();
        let mut kept = KeptBytes::new(mapper);
        let status = self.elements.append_or_keep(&mut self.element, |bytes| kept.keep(bytes))?;
        let raw = RawLine { number: self.elements.number(), bytes: &self.element, is_truncated: false };
        match status {
            ElementStatus::End => return Ok(false),
            ElementStatus::TooLong => self.large = kept.into_value(raw, position, output)?,
            ElementStatus::Cut => {
                output.reject(raw, row_error("cut-line", "the file ends in it: it was cut"));
            }
            ElementStatus::Element => json_lines::take(raw, mapper, output),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor, Read};

    use proptest::prelude::*;

    use super::super::flat_json::tests::any_line;
    use super::super::json_mapper::DefaultPaths;
    use super::super::json_zone::WatchedPaths;
    use super::super::options::{InputFormat, InputOptions};
    use super::super::parsed_line::ParsedLine;
    use super::super::reading_builder::ReadingBuilder;
    use super::super::time_format::TimeUnit;
    use super::*;

    /// Returns what is read, what is counted, and how far.
    fn read(
        text: &str,
        capacity: usize,
        mapper: Option<&JsonMapper>,
        change: fn(JsonElements) -> JsonElements,
    ) -> (Vec<ParsedLine>, String, (u64, u64)) {
        let bytes: Box<dyn Read + Send> = Box::new(Cursor::new(text.as_bytes().to_vec()));
        let elements = JsonElements::new(BufReader::with_capacity(capacity, bytes), 1, 0);
        let mut documents = JsonDocuments::new(change(elements));
        let builder = ReadingBuilder::new(&InputOptions::default(), TimeUnit::Auto).unwrap();
        let mut output = Output::new("file".into(), builder, None);
        while documents.advance(mapper, &mut output).unwrap() {}
        let facts = format!("{:?}", output.builder.facts);
        (std::iter::from_fn(|| output.take()).collect(), facts, documents.position())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
        #[test]
        fn object_on_one_line_is_read_as_any_value_is(
            lines in prop::collection::vec((any_line(), prop::sample::select(vec!["\n", "\n", ",\n", " ,\r\n", "", "\n\n", ", "])), 0..9),
            is_array in any::<bool>(), is_mapped in any::<bool>(), capacity in prop::sample::select(vec![64, 100, 4096]),
        ) {
            let text = lines.iter().map(|(line, end)| format!("{line}{end}")).collect::<Vec<_>>().concat();
            let text = if is_array { format!("[{text}]") } else { text };
            let map = vec!["sensor_id=z//sensor_id".parse().unwrap()];
            let options = InputOptions { map, ..InputOptions::default() };
            let mapper = JsonMapper::new(&options, DefaultPaths::of(InputFormat::Json), "file", &WatchedPaths::default()).unwrap();
            let mapper = Some(&mapper).filter(|_| is_mapped);
            let expected = read(&text, capacity, mapper, JsonElements::without_object_lines);
            prop_assert_eq!(read(&text, capacity, mapper, |elements| elements), expected);
        }
    }
}
