//! `[stream]`: the Kinesis stream.

use super::constraints;
use super::layers::Layers;
use super::stage::Stage;
use crate::error::Error;

/// Settings of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    /// Its name.
    pub name: String,
    /// Its capacity mode.
    pub capacity: Capacity,
    /// Hours until a record expires, 24 to 8760.
    pub retention_hours: i32,
    /// KMS key that encrypts it: a key ARN, or `alias/aws/kinesis`.
    pub key: Option<String>,
    /// True if it already exists: it is used, but never created, changed or deleted.
    pub existing: bool,
}

/// The capacity of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capacity {
    /// A fixed number of open shards: 1 MB/s and 1,000 records/s each.
    Shards(i32),
    /// On-demand capacity, within the service's limits.
    OnDemand,
}

/// The alias of the AWS managed key of Kinesis, as the API expects it.
const OWN_KEY: &str = "alias/aws/kinesis";

impl Stream {
    pub(super) fn read(layers: &mut Layers<'_>, stage: &Stage) -> Result<Self, Error> {
        let mut section = layers.section("stream");
        let existing = section.boolean("existing", false)?;
        let name = stage.name(&mut section, "temperature-sensor-data", constraints::STREAM_NAME, existing)?;
        let on_demand = section.choice("mode", &[("provisioned", false), ("on-demand", true)])?;
        let given = section.take("shards");
        let shards = section.integer("shards", 1, &constraints::SHARDS)?;
        if let Some(given) = given
            && on_demand
        {
            return Err(section.refuse(
                "shards",
                &given,
                "left out with mode = \"on-demand\": Kinesis sets them itself",
            ));
        }
        let retention_hours = section.integer("retention_hours", 24, &constraints::STREAM_RETENTION)?;
        let encryption = section.text("encryption", "none", |text| {
            let known = matches!(text, "none" | "aws/kinesis" | OWN_KEY) || is_key(text);
            if known { Ok(()) } else { Err("\"none\", \"aws/kinesis\" or the ARN of a KMS key".to_owned()) }
        })?;
        let key = match encryption.as_str() {
            "none" => None,
            "aws/kinesis" | OWN_KEY => Some(OWN_KEY.to_owned()),
            arn => Some(arn.to_owned()),
        };
        let capacity = if on_demand { Capacity::OnDemand } else { Capacity::Shards(shards) };
        Ok(Stream { name, capacity, retention_hours, key, existing })
    }
}

/// Returns whether the text is `arn:aws:kms:REGION:ACCOUNT:key/ID`. A user's alias is not allowed: policies need the
/// key's ARN.
fn is_key(text: &str) -> bool {
    let parts: Vec<_> = text.split(':').collect();
    matches!(parts.as_slice(), ["arn", _, "kms", _, account, resource]
        if constraints::is_account(account) && resource.starts_with("key/"))
}
