//! The change that was asked for last, so that it is asked for once: the service counts some of them by the day, and may
//! show the old state for a moment after it took one.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::Cloud;
use crate::aws::{Call, Cause, Failure};

/// How many of the longest pauses between looks a change may take to be seen: a minute on AWS.
const LOOKS: u32 = 30;

/// Remembers the last change.
#[derive(Debug)]
pub struct Asked<C>(Mutex<Option<(C, Instant)>>);

/// What to do about a change that is still to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Ask for it.
    Ask,
    /// It was asked for: look again.
    Wait,
    /// It was asked for, and is not seen.
    GiveUp,
}

impl<C> Default for Asked<C> {
    fn default() -> Self {
        Asked(Mutex::new(None))
    }
}

impl<C: Clone + PartialEq + Display> Asked<C> {
    /// Asks for a change, once. `lacks` looks for what is lacking: where the answer to a first try was lost, the service
    /// refuses the second one because there is nothing left to change.
    pub async fn ask(
        &self,
        cloud: &Cloud,
        call: Call<'_>,
        change: &C,
        ask: impl Future<Output = Result<(), Failure>>,
        lacks: impl Future<Output = Result<Option<C>, Failure>>,
    ) -> Result<(), Failure> {
        match self.next(cloud, change) {
            Next::Wait => return Ok(()),
            Next::GiveUp => {
                let why = format!("the service took it ({change}), but does not show it");
                return Err(Failure { cause: Cause::Undone, ..call.not_made(why) });
            }
            Next::Ask => {}
        }
        let Err(failure) = ask.await else { return Ok(()) };
        self.forget();
        if !failure.is_passing() && lacks.await?.as_ref() != Some(change) {
            return Ok(());
        }
        Err(failure)
    }

    fn next(&self, cloud: &Cloud, change: &C) -> Next {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((asked, _)) if asked != change => {}
            Some((_, since)) if since.elapsed() > cloud.schedule.longest * LOOKS => return Next::GiveUp,
            Some(_) => return Next::Wait,
            None => {}
        }
        *last = Some((change.clone(), Instant::now()));
        Next::Ask
    }

    /// The resource is busy with it: the time to see it begins when that is over.
    pub fn busy(&self) {
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
