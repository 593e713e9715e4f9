//! Tracks the last requested change, so that it is requested once: the service limits some changes per day, and may
//! show the old state for a moment after it accepted one.

use std::fmt::Display;
use std::time::Instant;

use parking_lot::Mutex;

use crate::aws::{AwsFailure, CallContext, FailureCause};
use crate::stack::Session;

/// Number of the longest poll pauses for which a change may be invisible: a minute on AWS.
const MAX_POLLS: u32 = 30;

/// The last requested change.
#[derive(Debug)]
pub(crate) struct ChangeTracker<C>(Mutex<Option<(C, Instant)>>);

/// The next action for a pending change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextAction {
    /// Request it.
    Request,
    /// It was requested: poll again.
    Wait,
    /// It was requested, and did not become visible.
    TimedOut,
}

impl<C> Default for ChangeTracker<C> {
    fn default() -> Self {
        ChangeTracker(Mutex::new(None))
    }
}

impl<C: Clone + PartialEq + Display> ChangeTracker<C> {
    /// Requests a change, once. `lacks` checks whether the change is still missing: if the response to a first attempt
    /// was lost, the service refuses the second one because there is nothing left to change.
    pub(crate) async fn request(
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
        let mut last = self.0.lock();
        match &*last {
            Some((asked, _)) if asked != change => {}
            Some((_, since)) if since.elapsed() > session.schedule.longest * MAX_POLLS => return NextAction::TimedOut,
            Some(_) => return NextAction::Wait,
            None => {}
        }
        *last = Some((change.clone(), Instant::now()));
        NextAction::Request
    }

    /// Notes that the resource is busy with the change. The time to see the change begins when it is not busy any more.
    pub(crate) fn note_in_progress(&self) {
        let mut last = self.0.lock();
        if let Some((_, since)) = &mut *last {
            *since = Instant::now();
        }
    }

    /// Forgets a change that the service refused.
    fn forget(&self) {
        *self.0.lock() = None;
    }
}
