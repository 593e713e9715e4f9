//! `[layout.NAME]`: layouts of the user's own, as they stand in the file. The pipeline judges what is in them.

use super::layers::Layers;
use super::origin::SettingOrigin;
use crate::error::Error;

/// The section that holds them.
pub(super) const SECTION: &str = "layout";

/// A layout of the settings file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OwnLayout {
    /// The name for `--layout`.
    pub name: String,
    /// Its options.
    pub options: toml::Table,
    /// Where it stands.
    pub origin: SettingOrigin,
}

/// Reads the layouts of the file, which is the only place for them.
///
/// # Errors
/// When one has a name that could not be typed, or is not a section.
pub(super) fn read(layers: &mut Layers<'_>) -> Result<Vec<OwnLayout>, Error> {
    let Some(file) = layers.file_section(SECTION) else { return Ok(Vec::new()) };
    let Some(value) = file.value(SECTION) else { return Ok(Vec::new()) };
    let section = |key: &str| Error::usage(format!("{}: `{key}` must be a section, [layout.NAME]", file.origin(key)));
    let layouts = value.as_table().ok_or_else(|| section(SECTION))?;
    let layout = |(name, options): (&String, &toml::Value)| {
        let key = format!("{SECTION}.{name}");
        let origin = file.origin(&key);
        let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(Error::usage(format!("{origin}: a layout's name has letters, digits, `-` and `_` only")));
        }
        let options = options.as_table().ok_or_else(|| section(&key))?.clone();
        Ok(OwnLayout { name: name.clone(), options, origin })
    };
    layouts.iter().map(layout).collect()
}
