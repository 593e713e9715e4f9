//! Settings that must differ: with the same name, one resource would replace the other.

use super::Pipeline;
use super::layers::Layers;
use crate::error::Error;

/// Checks that the two tables have different names. DynamoDB names are case-sensitive.
///
/// # Errors
/// If both have the same name. The error names the origin of each.
pub(super) fn check_tables(pipeline: &Pipeline, layers: &Layers<'_>) -> Result<(), Error> {
    let name = &pipeline.table.name;
    if *name != pipeline.rejects.table.name {
        return Ok(());
    }
    let (table, rejects) = (layers.origin("table.name"), layers.origin("rejects.name"));
    Err(Error::usage(format!(
        "`table.name` ({table}) and `rejects.name` ({rejects}) both name the table `{name}`; they must differ"
    ))
    .hint("the two tables have different keys: to create one under this name would replace the other, with its rows"))
}
