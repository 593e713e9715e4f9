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
        let inputs = (0..).zip(origins).map(open).collect::<Result<_, Error>>()?;
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
        for (index, mut input) in opened.into_iter().enumerate() {
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
        }
    }
}
