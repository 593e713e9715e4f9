//! Operations on log groups: create, describe, delete, retention and tags.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::store::Group;
use super::{Logs, invalid};
use crate::protocol::aws_json::ServiceError;
use crate::tagging::Tagged;

/// The valid retention periods, in days.
const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Limit of groups in one response.
const GROUPS_PER_PAGE: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateLogGroup {
    log_group_name: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    log_group_class: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogGroups {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OneGroup {
    log_group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutRetentionPolicy {
    log_group_name: String,
    retention_in_days: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagResource {
    resource_arn: String,
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UntagResource {
    resource_arn: String,
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OneResource {
    resource_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagLogGroup {
    log_group_name: String,
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UntagLogGroup {
    log_group_name: String,
    tags: Vec<String>,
}

impl Logs {
    /// Returns the tags of all groups by their ARNs.
    pub(crate) fn tagged(&self) -> Tagged {
        let store = self.store();
        store.groups().iter().map(|(name, group)| (self.0.identity.log_group_arn(name), group.tags.clone())).collect()
    }

    pub(super) fn create_log_group(&self, input: CreateLogGroup) -> Result<Value, ServiceError> {
        let name = self.group(Some(&input.log_group_name), None)?;
        check_tags(&input.tags)?;
        if let Some(class) = input.log_group_class.filter(|class| class != "STANDARD") {
            return Err(invalid(format!("The local cloud has no log groups of the class {class}.")));
        }
        self.store().create_group(name, input.tags)?;
        Ok(json!({}))
    }

    pub(super) fn describe_log_groups(&self, input: &DescribeLogGroups) -> Result<Value, ServiceError> {
        let limit = input.limit.unwrap_or(GROUPS_PER_PAGE);
        if !(1..=GROUPS_PER_PAGE).contains(&limit) {
            return Err(invalid("limit must be between 1 and 50"));
        }
        let prefix = input.log_group_name_prefix.as_deref().unwrap_or_default();
        let pattern = input.log_group_name_pattern.as_deref().unwrap_or_default();
        let after = input.next_token.as_deref().unwrap_or_default();
        let store = self.store();
        let mut rest = store
            .groups()
            .iter()
            .filter(|(name, _)| name.starts_with(prefix) && name.contains(pattern) && name.as_str() > after);
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let mut body = json!({
            "logGroups": page.iter().map(|(name, group)| self.described(name, group, store.stored_bytes(name))).collect::<Vec<_>>(),
        });
        if rest.next().is_some()
            && let Some((last, _)) = page.last()
        {
            body["nextToken"] = last.as_str().into();
        }
        Ok(body)
    }

    fn described(&self, name: &str, group: &Group, stored_bytes: u64) -> Value {
        let arn = self.0.identity.log_group_arn(name);
        let mut body = json!({
            "logGroupName": name,
            "creationTime": group.created,
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "logGroupArn": arn,
            "logGroupClass": "STANDARD",
            "storedBytes": stored_bytes,
        });
        if let Some(days) = group.retention_days {
            body["retentionInDays"] = days.into();
        }
        body
    }

    pub(super) fn delete_log_group(&self, input: &OneGroup) -> Result<Value, ServiceError> {
        self.store().delete_group(self.group(Some(&input.log_group_name), None)?)?;
        Ok(json!({}))
    }

    pub(super) fn put_retention_policy(&self, input: &PutRetentionPolicy) -> Result<Value, ServiceError> {
        let days = input.retention_in_days;
        if !RETENTION_DAYS.contains(&days) {
            return Err(invalid(format!(
                "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: \
                 Member must satisfy enum value set: {RETENTION_DAYS:?}"
            )));
        }
        let name = self.group(Some(&input.log_group_name), None)?;
        self.store().change_group(name, |group| group.retention_days = Some(days))?;
        Ok(json!({}))
    }

    pub(super) fn delete_retention_policy(&self, input: &OneGroup) -> Result<Value, ServiceError> {
        let name = self.group(Some(&input.log_group_name), None)?;
        self.store().change_group(name, |group| group.retention_days = None)?;
        Ok(json!({}))
    }

    pub(super) fn tag_resource(&self, input: TagResource) -> Result<Value, ServiceError> {
        self.add_tags(self.group_in_arn(&input.resource_arn)?, input.tags)
    }

    pub(super) fn untag_resource(&self, input: &UntagResource) -> Result<Value, ServiceError> {
        self.remove_tags(self.group_in_arn(&input.resource_arn)?, &input.tag_keys)
    }

    pub(super) fn list_tags_for_resource(&self, input: &OneResource) -> Result<Value, ServiceError> {
        let name = self.group_in_arn(&input.resource_arn)?;
        Ok(json!({ "tags": self.store().group(name)?.tags }))
    }

    pub(super) fn tag_log_group(&self, input: TagLogGroup) -> Result<Value, ServiceError> {
        self.add_tags(self.group(Some(&input.log_group_name), None)?, input.tags)
    }

    pub(super) fn untag_log_group(&self, input: &UntagLogGroup) -> Result<Value, ServiceError> {
        self.remove_tags(self.group(Some(&input.log_group_name), None)?, &input.tags)
    }

    pub(super) fn list_tags_log_group(&self, input: &OneGroup) -> Result<Value, ServiceError> {
        let name = self.group(Some(&input.log_group_name), None)?;
        Ok(json!({ "tags": self.store().group(name)?.tags }))
    }

    /// Returns the subscription filters of a group, which has none here: they cannot be created.
    pub(super) fn describe_subscription_filters(&self, input: &OneGroup) -> Result<Value, ServiceError> {
        self.store().group(self.group(Some(&input.log_group_name), None)?)?;
        Ok(json!({ "subscriptionFilters": [] }))
    }

    fn add_tags(&self, group: &str, tags: BTreeMap<String, String>) -> Result<Value, ServiceError> {
        let mut store = self.store();
        let mut all = store.group(group)?.tags.clone();
        all.extend(tags);
        check_tags(&all)?;
        store.change_group(group, |group| group.tags = all)?;
        Ok(json!({}))
    }

    fn remove_tags(&self, group: &str, keys: &[String]) -> Result<Value, ServiceError> {
        self.store().change_group(group, |group| group.tags.retain(|key, _| !keys.contains(key)))?;
        Ok(json!({}))
    }
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ServiceError> {
    if tags.len() > 50 {
        return Err(ServiceError::bad_request("TooManyTagsException", "A log group cannot have more than 50 tags."));
    }
    let fits = |key: &str, value: &str| {
        (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256 && !key.starts_with("aws:")
    };
    match tags.iter().find(|(key, value)| !fits(key, value)) {
        Some((key, _)) => Err(invalid(format!("The tag {key} is not valid."))),
        None => Ok(()),
    }
}
