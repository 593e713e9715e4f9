//! The paths of the first JSON value of a text, which may end before the value does.

use std::collections::HashSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::json_paths::decode;
use super::super::mapping::{Decoding, Step, is_like};

/// Paths that are kept at most.
const MAX_PATHS: usize = 10_000;
/// Texts that are kept at most.
const MAX_TEXTS: usize = 1000;
/// Elements of an array that are looked at: of a table of values all are alike.
const MAX_ELEMENTS: usize = 100;

/// A step without the number of an element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    Key(String),
    Element,
    Decoded(Decoding),
}

/// The paths to everything that is not null.
#[derive(Debug, Default)]
pub(super) struct JsonShape {
    paths: HashSet<Vec<Part>>,
    texts: Vec<(Vec<Part>, String)>,
}

impl JsonShape {
    /// Reads as far as the text goes.
    pub(super) fn of(json: &str) -> Self {
        let mut shape = JsonShape::default();
        let mut at = Vec::new();
        // A text that ends early has the paths before its end.
        let _ = Seed { shape: &mut shape, at: &mut at }.deserialize(&mut serde_json::Deserializer::from_str(json));
        shape
    }

    /// Returns whether a path leads to a value, in this value or in an element of it if it is an array.
    pub(super) fn has(&self, path: &[Step]) -> bool {
        self.paths.iter().any(|parts| leads(path, parts))
    }

    /// Returns whether a path leads to a text that matches a pattern.
    pub(super) fn has_text(&self, path: &[Step], pattern: &str) -> bool {
        self.texts.iter().any(|(parts, text)| leads(path, parts) && is_like(pattern, text))
    }
}

fn leads(path: &[Step], parts: &[Part]) -> bool {
    let is_element = parts.first() == Some(&Part::Element) && !matches!(path[0], Step::Each | Step::Index(_));
    let parts = if is_element { &parts[1..] } else { parts };
    parts.len() == path.len()
        && parts.iter().zip(path).all(|(part, step)| match (part, step) {
            (Part::Key(key), Step::Key(wanted)) => key == wanted,
            (Part::Element, Step::Index(_) | Step::Each) | (Part::Key(_), Step::Members) => true,
            (Part::Decoded(one), Step::Decoded(other)) => one == other,
            _ => false,
        })
}

struct Seed<'a> {
    shape: &'a mut JsonShape,
    at: &'a mut Vec<Part>,
}

impl Seed<'_> {
    fn keep(&mut self) {
        if self.shape.paths.len() < MAX_PATHS {
            self.shape.paths.insert(self.at.clone());
        }
    }
}

impl Seed<'_> {
    /// Takes the paths of an object that a text holds.
    fn look_into(&mut self, text: &str) {
        let decoding = match text.trim_start() {
            json if json.starts_with('{') => Decoding::Json,
            // An object in base64.
            base64 if base64.starts_with("ey") => Decoding::Base64,
            _ => return,
        };
        let Ok(value) = decode(text, decoding) else { return };
        self.at.push(Part::Decoded(decoding));
        let seed = Seed { shape: &mut *self.shape, at: &mut *self.at };
        // It was checked.
        let _ = seed.deserialize(&mut serde_json::Deserializer::from_str(value.get()));
        self.at.pop();
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(mut self, _: bool) -> Result<(), E> {
        self.keep();
        Ok(())
    }

    fn visit_i64<E>(mut self, _: i64) -> Result<(), E> {
        self.keep();
        Ok(())
    }

    fn visit_u64<E>(mut self, _: u64) -> Result<(), E> {
        self.keep();
        Ok(())
    }

    fn visit_f64<E>(mut self, _: f64) -> Result<(), E> {
        self.keep();
        Ok(())
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.keep();
        if self.shape.texts.len() < MAX_TEXTS {
            self.shape.texts.push((self.at.clone(), text.to_owned()));
        }
        self.look_into(text);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Seed { shape, at } = self;
        Seed { shape, at }.keep();
        while let Some(key) = map.next_key::<String>()? {
            at.push(Part::Key(key));
            map.next_value_seed(Seed { shape, at })?;
            at.pop();
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Seed { shape, at } = self;
        Seed { shape, at }.keep();
        at.push(Part::Element);
        for _ in 0..MAX_ELEMENTS {
            if elements.next_element_seed(Seed { shape, at })?.is_none() {
                at.pop();
                return Ok(());
            }
        }
        at.pop();
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}
