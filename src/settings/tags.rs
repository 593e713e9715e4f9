//! `[tags]`: the user's own tags, on every resource.

use std::collections::BTreeMap;

use super::layers::Layers;
use crate::error::Error;

/// All services of the pipeline allow 50 tags; sensorctl sets three.
const MOST: usize = 47;

/// Reads the tags: keys of 1 to 128 and values of up to 256 characters that every service of the pipeline allows (IAM's
/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]*` is the narrowest, docs/facts/iam.md, Roles).
pub(super) fn read(layers: &mut Layers<'_>) -> Result<BTreeMap<String, String>, Error> {
    let mut section = layers.section("");
    let Some(given) = section.take("tags") else { return Ok(BTreeMap::new()) };
    let table =
        given.value.as_table().ok_or_else(|| section.refuse("tags", &given, "a section of name = \"value\""))?;
    let origins: BTreeMap<&String, _> =
        table.keys().map(|name| (name, section.layers().member_origin("tags", name, &given.origin))).collect();
    let wrong = |name: &String, why: &str| Error::usage(format!("{}: the tag `{name}` {why}", origins[name]));
    let fits = |text: &str| {
        text.chars().all(|character| character.is_alphanumeric() || character == ' ' || "_.:/=+-@".contains(character))
    };
    let mut tags = BTreeMap::new();
    let mut seen: BTreeMap<String, &String> = BTreeMap::new();
    for name in table.keys() {
        let lower = name.to_lowercase();
        if lower.starts_with("aws:") || lower.starts_with("sensorctl:") {
            return Err(wrong(name, "begins with a prefix that is reserved for AWS or sensorctl"));
        }
        let value = given.member_text(name).ok_or_else(|| wrong(name, "must be text in quotes"))?;
        if !(1..=128).contains(&name.chars().count()) || value.chars().count() > 256 {
            return Err(wrong(name, "must have 1 to 128 characters, and its value at most 256"));
        }
        if !fits(name) || !fits(value) {
            return Err(wrong(name, "may hold letters, digits, spaces and _ . : / = + - @, and so may its value"));
        }
        // IAM refuses such a pair only after the other resources are created (IAM user guide, "Rules for tagging").
        if let Some(other) = seen.insert(lower, name) {
            let [first, second] = [&origins[other], &origins[name]];
            return Err(Error::usage(format!(
                "`tags.{other}` ({first}) and `tags.{name}` ({second}) are one tag to IAM, which ignores case; they must \
                 differ in more than case"
            )));
        }
        tags.insert(name.clone(), value.to_owned());
    }
    if tags.len() > MOST {
        return Err(Error::usage(format!("{}: there are {} tags; at most {MOST} fit", given.origin, tags.len())));
    }
    for (name, value) in &tags {
        section.settle(&format!("tags.{name}"), &toml::Value::from(value.as_str()), Some(&given));
    }
    Ok(tags)
}
