//! The change that was asked for last, so that it is asked for once: the service counts some of them by the day, and may
//! show the old state for a moment after it took one.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::aws::{AwsFailure, CallContext, FailureCause};
use crate::stack::Session;

/// How many of the longest pauses between looks a change may take to be seen: a minute on AWS.
const MAX_POLLS: u32 = 30;

/// Remembers the last change.
#[derive(Debug)]
pub struct ChangeTracker<C>(Mutex<Option<(C, Instant)>>);

/// What to do about a change that is still to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextAction {
    /// Ask for it.
    Request,
    /// It was asked for: look again.
    Wait,
    /// It was asked for, and is not seen.
    TimedOut,
}

impl<C> Default for ChangeTracker<C> {
    fn default() -> Self {
        ChangeTracker(Mutex::new(None))
    }
}

impl<C: Clone + PartialEq + Display> ChangeTracker<C> {
    /// Asks for a change, once. `lacks` looks for what is lacking: where the answer to a first try was lost, the service
    /// refuses the second one because there is nothing left to change.
    pub async fn request(
        &self,
        session: &Session,
        call: CallContext<'_>,
        change: &C,
        ask: impl Future<Output = Result<(), AwsFailure>>,
        lacks: impl Future<Output = Result<Option<C>, AwsFailure>>,
    ) -> Result<(), AwsFailure> {
        match self.next(session, change) {
            NextAction::Wait => return Ok(()),
            NextAction::TimedOut => {
                let why = format!("the service accepted the change ({change}), but does not show it");
                return Err(AwsFailure { cause: FailureCause::RolledBack, ..call.build_failure(why) });
            }
            NextAction::Request => {}
        }
        let Err(failure) = ask.await else { return Ok(()) };
        self.forget();
        if !failure.is_transient() && lacks.await?.as_ref() != Some(change) {
            return Ok(());
        }
        Err(failure)
    }

    fn next(&self, session: &Session, change: &C) -> NextAction {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((asked, _)) if asked != change => {}
            Some((_, since)) if since.elapsed() > session.schedule.longest * MAX_POLLS => return NextAction::TimedOut,
            Some(_) => return NextAction::Wait,
            None => {}
        }
        *last = Some((change.clone(), Instant::now()));
        NextAction::Request
    }

    /// The resource is busy with it: the time to see it begins when that is over.
    pub fn note_in_progress(&self) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, since)) = &mut *last {
            *since = Instant::now();
        }
    }

    /// The service did not take it.
    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
