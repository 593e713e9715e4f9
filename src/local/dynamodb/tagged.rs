//! Lists the tags of all tables.

use dynoxide::DynoxideError;
use dynoxide::actions::list_tables::ListTablesRequest;
use dynoxide::actions::list_tags_of_resource::ListTagsOfResourceRequest;

use super::{DynamoDb, THEIR_ARN};
use crate::protocol::aws_json::ServiceError;
use crate::tagging::Tagged;

impl DynamoDb {
    /// Returns the tags of all tables by their ARNs. Blocks.
    pub(crate) fn tagged(&self) -> Result<Tagged, ServiceError> {
        self.tags_of_tables().map_err(|error| ServiceError::internal(self.told(error).to_string()))
    }

    fn tags_of_tables(&self) -> Result<Tagged, DynoxideError> {
        let (mut all, mut request) = (Tagged::new(), ListTablesRequest::default());
        loop {
            let page = self.database.list_tables(request)?;
            for name in page.table_names {
                let arn = Some(format!("{THEIR_ARN}table/{name}"));
                match self.database.list_tags_of_resource(ListTagsOfResourceRequest { resource_arn: arn }) {
                    Ok(answer) => {
                        let tags = answer.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
                        all.insert(self.identity.table_arn(&name), tags);
                    }
                    // The table was deleted between the two reads.
                    Err(DynoxideError::AccessDeniedException(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            match page.last_evaluated_table_name {
                Some(last) => {
                    request = ListTablesRequest { exclusive_start_table_name: Some(last), ..Default::default() }
                }
                None => return Ok(all),
            }
        }
    }
}
