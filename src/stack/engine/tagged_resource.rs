//! A resource that may carry the tags of a stage.

/// A thing that may be left over.
#[derive(Clone, Debug)]
pub(crate) struct TaggedResource {
    /// Its name.
    pub name: String,
    /// What its tags are asked for by: an ARN, or the name again.
    pub key: String,
}
