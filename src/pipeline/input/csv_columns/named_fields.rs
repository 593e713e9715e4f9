//! Refuses names of `--only` and `--drop` that no further field of the header has: fields would be left out, or kept,
//! without a word.

use sensor_model::truncate_for_log;

use super::super::keys::{ORIGIN, SENSOR, TEMPERATURE, TIME};
use super::super::mapping::unquoted;
use super::super::options::InputOptions;
use super::CellSource;

const OWN_KEYS: [&str; 3] = [SENSOR, TEMPERATURE, TIME];

/// Checks the names against the further fields, and the columns of the header.
///
/// # Errors
/// When one is unknown, or the name of a column that gives another key; the text says what to write.
pub(super) fn check(
    options: &InputOptions,
    header: &[&str],
    fields: &[(String, CellSource)],
    used: &[usize],
) -> Result<(), String> {
    let only = options.only.iter().filter(|_| !options.is_only_of_layout).map(|name| ("--only", name));
    let drop = options.drop.iter().filter(|_| !options.is_drop_of_layout).map(|name| ("--drop", name));
    for (flag, name) in only.chain(drop) {
        let is_field = fields.iter().any(|(field, _)| field == name);
        let is_mapped = options.map.iter().any(|mapping| mapping.key == *name);
        let is_kept_anyway = OWN_KEYS.contains(&name.as_str()) || ORIGIN.contains(&name.as_str());
        if is_kept_anyway && flag == "--drop" {
            return Err(format!("`--drop`: every reading has `{name}`"));
        }
        if is_field || is_mapped || is_kept_anyway {
            continue;
        }
        let Some(at) = header.iter().position(|column| column == name) else {
            return Err(format!("`{flag}`: {}", no_column(name, header)));
        };
        if used.contains(&at) {
            let mapping = options.map.iter().find(|mapping| unquoted(mapping.source.trim()) == name);
            let key = mapping.map_or("another key", |mapping| mapping.key.as_str());
            let is_own = OWN_KEYS.contains(&key);
            // `--only` keeps what every reading has under whatever name it is listed.
            if !(is_own && flag == "--only") {
                return Err(format!("`{flag}`: column `{}` is read as `{key}`", truncate_for_log(name)));
            }
        }
    }
    Ok(())
}

/// Describes a missing column and lists the existing ones, shortened to a readable length.
pub(super) fn no_column(wanted: &str, names: &[&str]) -> String {
    const MOST: usize = 12;
    let with_name: Vec<_> = names.iter().filter(|name| !name.is_empty()).collect();
    let mut listed = with_name.iter().take(MOST).map(|name| truncate_for_log(name)).collect::<Vec<_>>().join(", ");
    if with_name.len() > MOST {
        listed.push_str(&format!(" and {} more", with_name.len() - MOST));
    }
    format!("there is no column `{}`; there are: {listed}", truncate_for_log(wanted))
}
