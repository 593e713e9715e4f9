//! `[role]`: the IAM role of the function.

use super::constraints;
use super::layers::Layers;
use super::stage::Stage;
use crate::error::Error;

/// Settings of the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    /// Its name.
    pub name: String,
    /// Its path, `/` or `/…/`.
    pub path: String,
    /// ARN of its permissions boundary.
    pub permissions_boundary: Option<String>,
    /// Its permissions.
    pub permissions: Permissions,
    /// True if it already exists: it is used, but never created, changed or deleted.
    pub existing: bool,
}

/// The permissions of the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permissions {
    /// Exactly the permissions that the pipeline needs, in an inline policy.
    Least,
    /// The two managed policies of the walkthrough, which permit far more than needed.
    Managed,
}

impl Role {
    pub(super) fn read(layers: &mut Layers<'_>, stage: &Stage) -> Result<Self, Error> {
        let mut section = layers.section("role");
        let existing = section.boolean("existing", false)?;
        let name = stage.name(&mut section, "kinesis-lambda-dynamodb", constraints::ROLE_NAME, existing)?;
        Ok(Role {
            name,
            path: section.text("path", "/", check_path)?,
            permissions_boundary: section.optional("permissions_boundary", check_policy_arn)?,
            permissions: section
                .choice("permissions", &[("least", Permissions::Least), ("managed", Permissions::Managed)])?,
            existing,
        })
    }
}

/// Checks a path: `/`, or up to 512 printable characters between slashes (IAM API reference).
fn check_path(path: &str) -> Result<(), String> {
    let fits = path.len() <= 512
        && path.starts_with('/')
        && path.ends_with('/')
        && path.chars().all(|character| character.is_ascii_graphic());
    fits.then_some(()).ok_or_else(|| "\"/\", or up to 512 characters that begin and end with /".to_owned())
}

fn check_policy_arn(arn: &str) -> Result<(), String> {
    let parts: Vec<_> = arn.split(':').collect();
    let fits = matches!(parts.as_slice(), ["arn", _, "iam", "", account, resource]
        if (*account == "aws" || constraints::is_account(account)) && resource.starts_with("policy/"));
    fits.then_some(()).ok_or_else(|| "the ARN of a policy: arn:aws:iam::ACCOUNT:policy/NAME".to_owned())
}
