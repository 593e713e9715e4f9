//! Reads and writes the part of protobuf's wire format that the aggregation format uses, without copying.

/// Wire type of a number.
const VARINT: u64 = 0;
/// Wire type of bytes with their length before them.
const LENGTH_DELIMITED: u64 = 2;

/// Appends a number in groups of seven bits, lowest first.
pub(super) fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Returns the bytes that [`push_varint`] would append.
pub(super) fn varint_bytes(number: u64) -> usize {
    let bits = 64 - (number | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Appends a field that is a number.
pub(super) fn push_number(out: &mut Vec<u8>, field: u64, number: u64) {
    push_varint(out, field << 3 | VARINT);
    push_varint(out, number);
}

/// Appends the head of a field with this many bytes. The bytes follow.
pub(super) fn push_bytes_head(out: &mut Vec<u8>, field: u64, bytes: usize) {
    push_varint(out, field << 3 | LENGTH_DELIMITED);
    push_varint(out, bytes as u64);
}

/// Returns the size of a field with this many bytes of content. Every field number here fits in one byte.
pub(super) fn bytes_field(content: usize) -> usize {
    1 + varint_bytes(content as u64) + content
}

/// Returns the size of a field that is a number.
pub(super) fn number_field(number: u64) -> usize {
    1 + varint_bytes(number)
}

/// The content of a field.
pub(super) enum Content<'a> {
    /// A number.
    Number(u64),
    /// Text, bytes or a message.
    Bytes(&'a [u8]),
    /// A type that this format does not use. It is skipped.
    Fixed,
}

/// An iterator over the fields of a message, in their order. Yields `None` for the first broken field and ends there.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for (index, &byte) in self.0.iter().enumerate().take(10) {
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << (7 * index);
            if shifted >> (7 * index) != bits {
                return None;
            }
            number |= shifted;
            if byte & 0x80 == 0 {
                self.0 = &self.0[index + 1..];
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, Content<'a>)> {
        let head = self.varint()?;
        let content = match head & 7 {
            VARINT => Content::Number(self.varint()?),
            1 => self.bytes(8).map(|_| Content::Fixed)?,
            LENGTH_DELIMITED => {
                let count = self.varint()?;
                Content::Bytes(self.bytes(count)?)
            }
            5 => self.bytes(4).map(|_| Content::Fixed)?,
            _ => return None,
        };
        Some((head >> 3, content))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Content<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}
