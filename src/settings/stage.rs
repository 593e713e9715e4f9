//! The stage, and the names of resources that end in it.

use super::constraints::{NameRule, STAGE_NAME};
use super::layers::Section;
use crate::error::Error;

/// Stands in tags for "no stage" (`DEFAULT_STAGE` of the stack), so no stage may be called so.
const RESERVED: &str = "default";

/// The copy of the pipeline that is meant.
#[derive(Clone, Debug, Default)]
pub struct Stage(pub Option<String>);

impl Stage {
    /// Checks a stage: it goes into names of every service.
    ///
    /// # Errors
    /// What it must be.
    pub fn check(stage: &str) -> Result<(), String> {
        if stage == RESERVED {
            return Err(format!("another name: in tags, `{RESERVED}` means that there is no stage"));
        }
        STAGE_NAME.check(stage)
    }

    /// The name of a resource: what was given or the default, with the stage at its end.
    ///
    /// # Errors
    /// When the whole is no name for such a resource.
    pub(super) fn name(
        &self,
        section: &mut Section<'_, '_>,
        default: &str,
        rule: NameRule,
        existing: bool,
    ) -> Result<String, Error> {
        let given = section.take("name");
        // An existing thing is called what it is called.
        let ending = self.0.as_ref().filter(|_| !existing).map(|stage| format!("-{stage}")).unwrap_or_default();
        let base = section.text("name", default, |name| {
            let whole = format!("{name}{ending}");
            let with = if ending.is_empty() { String::new() } else { format!(", with the stage's `{ending}`") };
            rule.check(&whole).map_err(|must_be| format!("{must_be}{with}"))
        })?;
        if existing && given.is_none() {
            let key = section.full("name");
            return Err(Error::usage(format!("`{}` is set, but `{key}` does not say which", section.full("existing")))
                .hint(format!("set `{key}` to the name of the existing resource")));
        }
        Ok(format!("{base}{ending}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stage_is_called_as_none_is_in_tags() {
        assert_eq!(RESERVED, crate::stack::DEFAULT_STAGE);
        assert!(Stage::check(RESERVED).is_err() && Stage::check("blue-2").is_ok() && Stage::check("a b").is_err());
    }
}
