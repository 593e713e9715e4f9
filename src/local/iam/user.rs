//! The only user of the account: the owner of the local cloud.

use super::{Answer, Iam, missing, timestamp};
use crate::auth::credentials::Caller;
use crate::identity::Identity;
use crate::protocol::aws_query::{Parameters, Xml, invalid};

impl Iam {
    /// Handles `GetUser`, by name or for the caller.
    pub(super) fn get_user(&self, input: &Parameters, caller: Option<&Caller>) -> Answer {
        match (input.get("UserName"), caller) {
            (Some(Identity::OWNER), _) | (None, Some(Caller::Owner)) => {}
            (Some(name), _) => return Err(missing(format!("The user with name {name} cannot be found."))),
            (None, _) => return Err(invalid("Must specify userName when calling with non-User credentials")),
        }
        let mut xml = Xml::default();
        xml.node("User", |user| {
            user.leaf("Path", "/")
                .leaf("UserName", Identity::OWNER)
                .leaf("UserId", Identity::OWNER_ID)
                .leaf("Arn", self.0.identity.owner_arn())
                .leaf("CreateDate", timestamp(0.0));
        });
        Ok(Some(xml))
    }
}
