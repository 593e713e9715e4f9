//! The properties by which an input is read.

use super::decompression::Compression;
use super::options::InputFormat;

/// The recognized properties of an input.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecognizedInput {
    /// How it is compressed.
    pub compression: Option<Compression>,
    /// Its encoding; nothing for UTF-8.
    pub encoding: Option<&'static str>,
    /// True if it begins with a byte order mark.
    pub has_mark: bool,
    /// Nothing where it is empty.
    pub format: Option<InputFormat>,
}
