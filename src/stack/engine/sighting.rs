//! Reads a resource and its tags. These are two calls: another run may create or delete the resource in between.

use super::observed::Tags;
use super::resource::Attempt;
use crate::aws::{AwsFailure, FailureCause};

/// Maximum reads of a resource that changes between its calls.
const LOOKS: usize = 3;

/// Returns a resource and its tags, as they were at one moment, or `None` if it does not exist.
///
/// The tags are read after the resource. Some services return no tags for a deleted resource, and some deny them, so a
/// resource that is being deleted would count as unmanaged. Missing and denied tags therefore count only if the same
/// resource still exists afterwards. Its identity (`id`) distinguishes it from another one of the same name.
///
/// # Errors
/// The first call that fails, unless the resource is gone.
pub(crate) async fn with_tags<'a, T, I: PartialEq>(
    describe: impl Fn() -> Attempt<'a, Option<T>>,
    tags_of: impl Fn(&T) -> Attempt<'a, Tags>,
    id: impl Fn(&T) -> I,
) -> Result<Option<(T, Tags)>, AwsFailure> {
    let Some(mut before) = describe().await? else { return Ok(None) };
    for _ in 0..LOOKS {
        let tags = match tags_of(&before).await {
            Ok(tags) if !tags.is_empty() => return Ok(Some((before, tags))),
            Err(failure) if failure.cause != FailureCause::Denied => return Err(failure),
            tags => tags,
        };
        let Some(after) = describe().await? else { return Ok(None) };
        if id(&before) == id(&after) {
            return tags.map(|tags| Some((after, tags)));
        }
        before = after;
    }
    let tags = tags_of(&before).await?;
    Ok(Some((before, tags)))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::ready;

    use futures::FutureExt;

    use super::*;

    fn tags() -> Tags {
        [("sensorctl:stage".to_owned(), "default".to_owned())].into()
    }

    fn denied() -> AwsFailure {
        AwsFailure {
            service: "DynamoDB",
            operation: "ListTagsOfResource",
            resource: "t".into(),
            location: "here".into(),
            code: None,
            message: String::new(),
            cause: FailureCause::Denied,
        }
    }

    /// Runs the function with calls that return these results in turn: the resource by its id, or its tags.
    async fn look(
        described: &[Option<u32>],
        tagged: Vec<Result<Tags, AwsFailure>>,
    ) -> Result<Option<(u32, Tags)>, AwsFailure> {
        let described = RefCell::new(described.iter().copied());
        let tagged = RefCell::new(tagged.into_iter());
        with_tags(
            || ready(Ok(described.borrow_mut().next().unwrap())).boxed(),
            |_| ready(tagged.borrow_mut().next().unwrap()).boxed(),
            |id| *id,
        )
        .await
    }

    #[tokio::test]
    async fn resource_deleted_between_two_calls_is_missing_and_not_unmanaged() {
        assert_eq!(look(&[None], vec![]).await.unwrap(), None);
        assert_eq!(look(&[Some(1)], vec![Ok(tags())]).await.unwrap(), Some((1, tags())));
        assert_eq!(look(&[Some(1), None], vec![Ok(Tags::new())]).await.unwrap(), None);
        assert_eq!(look(&[Some(1), None], vec![Err(denied())]).await.unwrap(), None);
    }

    #[tokio::test]
    async fn resource_created_between_two_calls_has_its_own_tags() {
        let seen = look(&[Some(1), Some(2)], vec![Ok(Tags::new()), Ok(tags())]).await.unwrap();
        assert_eq!(seen, Some((2, tags())));
    }

    #[tokio::test]
    async fn resource_that_stays_without_tags_is_unmanaged_and_denied_tags_are_a_failure() {
        assert_eq!(look(&[Some(1), Some(1)], vec![Ok(Tags::new())]).await.unwrap(), Some((1, Tags::new())));
        assert_eq!(look(&[Some(1), Some(1)], vec![Err(denied())]).await.unwrap_err().cause, FailureCause::Denied);
    }
}
