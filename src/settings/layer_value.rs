//! A value of one layer of the settings.

use std::collections::BTreeMap;

use super::SettingOrigin;

/// A value of one layer.
#[derive(Clone, Debug)]
pub(super) struct LayerValue {
    /// The value.
    pub value: toml::Value,
    /// Its origin.
    pub origin: SettingOrigin,
    /// The original text of a flag or a variable.
    pub typed: Option<String>,
    /// The original texts of members of a table that have their own flags.
    pub typed_members: BTreeMap<String, String>,
}

pub(crate) fn typed(text: &str, origin: SettingOrigin) -> LayerValue {
    LayerValue { value: from_text(text), origin, typed: Some(text.to_owned()), typed_members: BTreeMap::new() }
}

impl LayerValue {
    /// Returns the value as text. Outside of the file, text needs no quotes.
    #[must_use]
    pub(super) fn text(&self) -> Option<&str> {
        self.value.as_str().or(self.typed.as_deref())
    }

    /// Returns a member of a table as text.
    #[must_use]
    pub(super) fn member_text(&self, name: &str) -> Option<&str> {
        let member = self.value.as_table()?.get(name)?;
        member.as_str().or_else(|| self.typed_members.get(name).map(String::as_str))
    }
}

/// Parses `2`, `true` and `"text"` as in the file. Anything else is text.
pub(crate) fn from_text(text: &str) -> toml::Value {
    text.parse().unwrap_or_else(|_| toml::Value::String(text.to_owned()))
}
