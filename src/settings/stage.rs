//! The stage, and the resource names with its suffix.

use super::constraints::{NameRule, STAGE_NAME};
use super::layers::Section;
use crate::error::Error;

/// The value of the stage tag without a stage (`DEFAULT_STAGE` of the stack). A stage must not have this name.
const RESERVED: &str = "default";

/// The stage: one of several copies of the pipeline.
#[derive(Clone, Debug, Default)]
pub(super) struct Stage(pub Option<String>);

impl Stage {
    /// Checks a stage, which goes into names of every service.
    ///
    /// # Errors
    /// The rule in words.
    pub(super) fn check(stage: &str) -> Result<(), String> {
        if stage == RESERVED {
            return Err(format!("another name: in tags, `{RESERVED}` means that there is no stage"));
        }
        STAGE_NAME.check(stage)
    }

    /// Returns the name of a resource: the configured or the default name, with the stage as suffix.
    ///
    /// # Errors
    /// If the result is not a valid name for such a resource.
    pub(super) fn name(
        &self,
        section: &mut Section<'_, '_>,
        default: &str,
        rule: NameRule,
        existing: bool,
    ) -> Result<String, Error> {
        let given = section.take("name");
        // An existing resource keeps its name.
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
    fn stage_must_not_have_the_name_of_the_default_stage() {
        assert_eq!(RESERVED, crate::stack::DEFAULT_STAGE);
        assert!(Stage::check(RESERVED).is_err() && Stage::check("blue-2").is_ok() && Stage::check("a b").is_err());
    }
}
