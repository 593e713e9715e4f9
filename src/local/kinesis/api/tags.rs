//! Tags of streams and consumers, through the stream's own operations and the generic ones for any resource.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::target::Target;
use crate::kinesis::Kinesis;
use crate::kinesis::stream::StreamState;
use crate::kinesis::validation::{Checks, invalid};
use crate::protocol::aws_json::{Response, ServiceError, now_ms};
use crate::protocol::wire_format::WireFormat;
use crate::tagging::Tagged;

/// Limit of tags on one resource.
pub(super) const MAX_TAGS: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AddTags {
    #[serde(flatten)]
    target: Target,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RemoveTags {
    #[serde(flatten)]
    target: Target,
    tag_keys: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTags {
    #[serde(flatten)]
    target: Target,
    exclusive_start_tag_key: Option<String>,
    limit: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfResource {
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    tag_keys: Option<Vec<String>>,
}

impl Kinesis {
    /// Returns the tags of all streams by their ARNs.
    pub(crate) fn tagged(&self) -> Tagged {
        let streams = self.0.store.all().into_iter().filter_map(|stream| {
            let live = stream.read();
            let state = &live.state;
            (!state.is_gone(now_ms())).then(|| (self.0.identity.stream_arn(&state.name), state.tags.clone()))
        });
        streams.collect()
    }

    pub(super) fn add_tags_to_stream(&self, form: WireFormat, input: AddTags) -> Result<Response, ServiceError> {
        let name = self.target(&input.target)?;
        let mut checks = Checks::default();
        checks.present("tags", input.tags.as_ref());
        checks.size("tags", input.tags.as_ref().map(BTreeMap::len), 1, MAX_TAGS).done()?;
        let added = input.tags.unwrap_or_default();
        check_tags(&added)?;
        self.retag(&name, |state| add(&mut state.tags, added))?;
        Ok(form.empty())
    }

    pub(super) fn remove_tags_from_stream(
        &self,
        form: WireFormat,
        input: &RemoveTags,
    ) -> Result<Response, ServiceError> {
        let name = self.target(&input.target)?;
        let mut checks = Checks::default();
        checks.present("tagKeys", input.tag_keys.as_ref());
        checks.size("tagKeys", input.tag_keys.as_ref().map(Vec::len), 1, MAX_TAGS).done()?;
        let keys = input.tag_keys.as_deref().unwrap_or_default();
        check_keys(keys)?;
        self.retag(&name, |state| {
            state.tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })?;
        Ok(form.empty())
    }

    pub(super) fn list_tags_for_stream(&self, form: WireFormat, input: &ListTags) -> Result<Response, ServiceError> {
        Checks::default().range("limit", input.limit, 1, 50).done()?;
        let stream = self.stream(&self.target(&input.target)?)?;
        let state = &stream.read().state;
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MAX_TAGS);
        let mut rest = state
            .tags
            .iter()
            .filter(|(key, _)| input.exclusive_start_tag_key.as_ref().is_none_or(|after| *key > after));
        let page: Vec<_> = rest.by_ref().take(limit).map(pair).collect();
        Ok(form.members(&json!({ "Tags": page, "HasMoreTags": rest.next().is_some() })))
    }

    pub(super) fn tag_resource(&self, form: WireFormat, input: OfResource) -> Result<Response, ServiceError> {
        let mut checks = Checks::default();
        checks.present("resourceARN", input.resource_arn.as_ref()).present("tags", input.tags.as_ref());
        checks.size("tags", input.tags.as_ref().map(BTreeMap::len), 1, MAX_TAGS).done()?;
        let added = input.tags.unwrap_or_default();
        check_tags(&added)?;
        let arn = input.resource_arn.unwrap_or_default();
        self.retag(&self.name_of(&arn)?, |state| add(self.tags_at(state, &arn)?, added))?;
        Ok(form.empty())
    }

    pub(super) fn untag_resource(&self, form: WireFormat, input: &OfResource) -> Result<Response, ServiceError> {
        let mut checks = Checks::default();
        checks.present("resourceARN", input.resource_arn.as_ref()).present("tagKeys", input.tag_keys.as_ref());
        checks.size("tagKeys", input.tag_keys.as_ref().map(Vec::len), 1, MAX_TAGS).done()?;
        let arn = input.resource_arn.as_deref().unwrap_or_default();
        let keys = input.tag_keys.as_deref().unwrap_or_default();
        check_keys(keys)?;
        self.retag(&self.name_of(arn)?, |state| {
            self.tags_at(state, arn)?.retain(|key, _| !keys.contains(key));
            Ok(())
        })?;
        Ok(form.empty())
    }

    pub(super) fn list_tags_for_resource(
        &self,
        form: WireFormat,
        input: &OfResource,
    ) -> Result<Response, ServiceError> {
        Checks::default().present("resourceARN", input.resource_arn.as_ref()).done()?;
        let arn = input.resource_arn.as_deref().unwrap_or_default();
        let stream = self.stream(&self.name_of(arn)?)?;
        let mut state = stream.read().state.clone();
        let tags: Vec<_> = self.tags_at(&mut state, arn)?.iter().map(pair).collect();
        Ok(form.members(&json!({ "Tags": tags })))
    }

    /// Changes the tags of an active stream, which stays active.
    fn retag(
        &self,
        name: &str,
        edit: impl FnOnce(&mut StreamState) -> Result<(), ServiceError>,
    ) -> Result<(), ServiceError> {
        let now = now_ms();
        self.stream(name)?.change(|state| {
            self.must_be_active(state, now)?;
            edit(state)
        })
    }

    /// Returns the tags of the stream or consumer that an ARN names.
    fn tags_at<'a>(
        &self,
        state: &'a mut StreamState,
        arn: &str,
    ) -> Result<&'a mut BTreeMap<String, String>, ServiceError> {
        let stream_arn = self.0.identity.stream_arn(&state.name);
        if arn == stream_arn {
            return Ok(&mut state.tags);
        }
        let found = state.consumers.iter_mut().find(|(name, consumer)| consumer.arn(&stream_arn, name) == arn);
        found
            .map(|(_, consumer)| &mut consumer.tags)
            .ok_or_else(|| ServiceError::bad_request("ResourceNotFoundException", format!("Resource {arn} not found.")))
    }
}

fn pair((key, value): (&String, &String)) -> serde_json::Value {
    json!({ "Key": key, "Value": value })
}

fn add(tags: &mut BTreeMap<String, String>, added: BTreeMap<String, String>) -> Result<(), ServiceError> {
    tags.extend(added);
    if tags.len() > MAX_TAGS {
        return Err(invalid("A resource cannot have more than 50 tags."));
    }
    Ok(())
}

/// Rejects tags that the service does not accept.
pub(super) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ServiceError> {
    let mut checks = Checks::default();
    for (key, value) in tags {
        checks.length("tags.key", Some(key), 1, 128).length("tags.value", Some(value), 0, 256).done()?;
        if key.starts_with("aws:") {
            return Err(invalid(format!("The tag {key} is not valid: the prefix aws: is reserved.")));
        }
        if !is_plain(key) || !is_plain(value) {
            return Err(invalid(ILLEGAL));
        }
    }
    Ok(())
}

/// The service's message for an invalid character in a tag.
const ILLEGAL: &str = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, \
                       _ . / = + - % @.";

/// Returns whether a tag key or value has only characters that the service accepts (no tab or line break).
fn is_plain(text: &str) -> bool {
    let is_space = |c: char| c.is_whitespace() && !c.is_control();
    text.chars().all(|c| c.is_alphanumeric() || is_space(c) || "_.:/=+-@%".contains(c))
}

/// Rejects keys that no tag can have.
fn check_keys(keys: &[String]) -> Result<(), ServiceError> {
    if keys.iter().all(|key| is_plain(key)) { Ok(()) } else { Err(invalid(ILLEGAL)) }
}
