//! Running of futures that are ready at once.

use dynoxide::DynoxideError;
use futures::FutureExt;

/// The outcome of one of dynoxide's futures, none of which ever waits.
pub(crate) fn at_once<T>(future: impl Future<Output = Result<T, DynoxideError>>) -> Result<T, DynoxideError> {
    let waited = || Err(DynoxideError::InternalServerError("the database did not answer at once".to_owned()));
    future.now_or_never().unwrap_or_else(waited)
}
