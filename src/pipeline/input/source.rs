//! Readings out of files and standard input, in bounded memory.

use std::fs::File;
use std::io::{self, Read};

use super::facts::SharedFacts;
use super::input_origin::InputOrigin;
use super::item_position::ItemPosition;
use super::parsed_chunk::ParsedChunk;
use super::parsed_line::ParsedLine;
use super::parser::{ChunkEnd, Input, unreadable};
use super::replaced::ReplacedCounter;
use super::settled_part::SettledPart;
use super::spare_texts::SpareTexts;
use super::unread::Positions;
use crate::error::Error;
use crate::pipeline::InputOptions;

/// Inputs whose beginnings have been looked at.
pub(crate) struct Inputs {
    opened: Vec<Input>,
    positions: Positions,
    facts: SharedFacts,
    spare_texts: SpareTexts,
    /// How far each was settled by an earlier run.
    settled: Vec<ItemPosition>,
}

/// The fate of a chunk that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadProgress {
    /// It is taken, and more is wanted.
    Wanted,
    /// It is kept, and no more is wanted.
    LastKept,
    /// The receiver is gone.
    Refused,
}

impl Inputs {
    /// Opens all inputs and reads their first lines, so that what cannot work fails before anything is sent.
    ///
    /// # Errors
    /// When one cannot be read, or has no columns of a reading.
    pub(crate) fn open(origins: &[InputOrigin], reader: &InputOptions) -> Result<Self, Error> {
        let spare_texts = SpareTexts::default();
        let open = |(number, origin): (u32, &InputOrigin)| {
            let (name, source): (String, Box<dyn Read + Send>) = match origin {
                InputOrigin::Stdin => ("-".to_owned(), Box::new(io::stdin())),
                InputOrigin::File(path) => {
                    let name = path.display().to_string();
                    let file = File::open(path).map_err(|error| unreadable(&name, error))?;
                    (name, Box::new(file))
                }
            };
            let mut input = Input::open_numbered(number, name.into(), source, reader)?;
            input.use_spares(&spare_texts);
            Ok(input)
        };
        let inputs = (0..).zip(origins).map(open).collect::<Result<Vec<_>, Error>>()?;
        // Headers that name several units fail before anything is sent.
        let mut unit = None;
        for input in &inputs {
            unit.map_or(Ok(()), |unit| input.go_on_from(unit))?;
            unit = unit.or(input.unit());
        }
        let positions = Positions::at_beginning(origins.iter().cloned());
        Ok(Inputs { opened: inputs, positions, facts: SharedFacts::default(), spare_texts, settled: Vec::new() })
    }

    /// Begins each input behind the items that an earlier run settled.
    #[must_use]
    pub(crate) fn after(self, settled: Vec<ItemPosition>) -> Self {
        Inputs { settled, ..self }
    }

    /// Returns how far they are read, to be asked while they are.
    pub(crate) fn positions(&self) -> Positions {
        self.positions.clone()
    }

    /// Returns what is counted while they are read.
    pub(crate) fn facts(&self) -> SharedFacts {
        self.facts.clone()
    }

    /// Returns the texts of readings that are done with.
    pub(crate) fn spare_texts(&self) -> SpareTexts {
        self.spare_texts.clone()
    }

    /// One input.
    #[cfg(test)]
    pub(crate) fn of(name: &str, source: Box<dyn Read + Send>, reader: &InputOptions) -> Result<Self, Error> {
        let spare_texts = SpareTexts::default();
        let mut inputs = vec![Input::open(name.into(), source, reader)?];
        inputs[0].use_spares(&spare_texts);
        let positions = Positions::at_beginning([InputOrigin::Stdin]);
        Ok(Inputs { opened: inputs, positions, facts: SharedFacts::default(), spare_texts, settled: Vec::new() })
    }

    /// Reads everything and hands it over in chunks, until the other side wants no more; it then still gets what is there
    /// without waiting, because no one else can read it again. Blocks.
    pub(crate) fn read(self, mut hand_over: impl FnMut(Result<ParsedChunk, Error>) -> ReadProgress) {
        let Inputs { opened, positions, facts, spare_texts: _, settled } = self;
        let mut state = ReadProgress::Wanted;
        let mut replaced = ReplacedCounter::new();
        let mut unit = None;
        for (index, mut input) in opened.into_iter().enumerate() {
            if let Err(error) = unit.map_or(Ok(()), |unit| input.go_on_from(unit)) {
                hand_over(Err(error));
                return;
            }
            let settled = SettledPart::new(settled.get(index).copied().unwrap_or_default());
            let passed = settled.pass_over(&mut input, &mut replaced, |position| {
                positions.advance(index, position);
                hand_over(Ok(ParsedChunk::of_input(index))) == ReadProgress::Wanted
            });
            match passed {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    hand_over(Err(error));
                    return;
                }
            }
            loop {
                // A live pipe is not made to wait for a full chunk.
                let (items, stable, end) = input.next_chunk();
                if !items.is_empty() {
                    replaced.add(items.iter().filter_map(|item| match item {
                        ParsedLine::Ready(record) => Some(record.row),
                        ParsedLine::Rejected(_) => None,
                    }));
                    state = hand_over(Ok(ParsedChunk { items, input: index, stable }));
                    if state == ReadProgress::Refused {
                        return;
                    }
                }
                match end {
                    Ok(ChunkEnd::End) => positions.end(index),
                    _ => positions.advance(index, input.position()),
                }
                facts.take(input.facts());
                facts.set_replaced(replaced.replaced());
                match end {
                    Ok(ChunkEnd::MayBlock) if state == ReadProgress::LastKept => return,
                    Ok(ChunkEnd::Full | ChunkEnd::MayBlock) => {}
                    Ok(ChunkEnd::End) => break,
                    Err(error) => {
                        hand_over(Err(input.unreadable(error)));
                        return;
                    }
                }
            }
            if state == ReadProgress::LastKept {
                return;
            }
            unit = input.unit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the readings and rejected lines of files that are put together, or the error.
    fn read(files: [&str; 2], flags: &InputOptions) -> Result<(usize, usize), Error> {
        let dir = tempfile::tempdir().unwrap();
        let origins = ["a.csv", "b.csv"].map(|name| dir.path().join(name));
        origins.iter().zip(files).for_each(|(path, text)| std::fs::write(path, text).unwrap());
        let (mut counts, mut failure) = ((0, 0), None);
        Inputs::open(&origins.map(InputOrigin::File), flags)?.read(|chunk| {
            match chunk {
                Ok(chunk) => chunk.items.iter().for_each(|item| match item {
                    ParsedLine::Ready(_) => counts.0 += 1,
                    ParsedLine::Rejected(line) => counts.1 += usize::from(line.code == "unit"),
                }),
                Err(error) => failure = Some(error),
            }
            ReadProgress::Wanted
        });
        failure.map_or(Ok(counts), Err)
    }

    #[test]
    fn files_of_several_units_are_refused_in_one_put() {
        let mapping = "temperature=Temperature_*".parse().unwrap();
        let options = InputOptions { map: vec![mapping], sensor: Some("one".to_owned()), ..InputOptions::default() };
        let celsius = "current_time,Temperature_Celsius\n1700000000,21.5\n";
        let fahrenheit = "current_time,Temperature_Fahrenheit\n1700000060,70.7\n";
        let error = read([celsius, fahrenheit], &options).unwrap_err();
        assert!(
            error.to_string().contains("b.csv: `temperature` is in F here, and in C in the files before"),
            "{error}"
        );
        assert!(error.hints().iter().any(|hint| hint.contains("`--unit temperature=F:C`")), "{:?}", error.hints());
        assert_eq!(read([celsius, celsius], &options).unwrap(), (2, 0));
    }

    #[test]
    fn unit_of_the_rows_of_a_file_is_that_of_the_next() {
        let file = |unit: &str| format!("sensor_id,temperature,current_time,unit\na,21.5,1700000000,{unit}\n");
        let options = InputOptions::default();
        assert_eq!(read([&file("C"), &file("F")], &options).unwrap(), (1, 1));
        assert_eq!(read([&file("C"), &file("°C")], &options).unwrap(), (2, 0));
        assert_eq!(read([&file("C"), "sensor_id,temperature,current_time\nb,1,2\n"], &options).unwrap(), (2, 0));
    }
}
