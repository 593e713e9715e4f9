//! A resource that may carry the tags of a stage.

/// A resource that may be an orphan.
#[derive(Clone, Debug)]
pub(crate) struct TaggedResource {
    /// Its name.
    pub name: String,
    /// The key to read its tags: an ARN, or the name again.
    pub key: String,
}
