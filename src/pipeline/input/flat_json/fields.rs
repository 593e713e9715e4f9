//! The further fields of a flat object.

use super::{FlatField, FlatReading};

impl FlatReading<'_> {
    /// Returns name and value of the further fields that are texts.
    pub(in super::super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.fields[..self.count].iter();
        let fields = fields.map(move |field| (part(self.line, field.name), part(self.line, field.value)));
        fields.filter_map(|(name, value)| Some((name, value.strip_prefix('"')?.strip_suffix('"')?)))
    }

    /// Sorts the fields by name; `None` where a name occurs twice.
    pub(super) fn sort_fields(&mut self) -> Option<()> {
        let name = |field: &FlatField| part(self.line, field.name);
        let fields = &mut self.fields[..self.count];
        if !fields.is_sorted_by(|one, other| name(one) < name(other)) {
            self.is_canonical = false;
            fields.sort_unstable_by(|one, other| name(one).cmp(name(other)));
            if fields.windows(2).any(|pair| name(&pair[0]) == name(&pair[1])) {
                return None;
            }
        }
        Some(())
    }
}

/// Returns the text between two places of a line.
pub(super) fn part(line: &str, [begin, end]: [u16; 2]) -> &str {
    &line[usize::from(begin)..usize::from(end)]
}
