//! What resources take from each other, known as soon as the service has told it: ARNs, and whether the function may
//! answer which records of a batch failed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::Kind;

/// What is known of an ARN.
#[derive(Clone, Debug)]
enum Known {
    NotYet,
    Arn(String),
    /// The step that would have told it failed.
    Never,
}

/// The ARN of each resource, to be read now or waited for.
#[derive(Clone, Debug)]
pub struct References {
    arns: Arc<BTreeMap<Kind, watch::Sender<Known>>>,
    /// Whether the mapping may not understand partial batch responses yet.
    holds_back_partial_batch: Arc<AtomicBool>,
}

impl Default for References {
    fn default() -> Self {
        let arns = Kind::ALL.map(|kind| (kind, watch::channel(Known::NotYet).0)).into();
        References { arns: Arc::new(arns), holds_back_partial_batch: Arc::default() }
    }
}

impl References {
    /// Tells the ARN of a resource to all who wait for it.
    pub fn tell(&self, kind: Kind, arn: &str) {
        if let Some(sender) = self.arns.get(&kind) {
            sender.send_replace(Known::Arn(arn.to_owned()));
        }
    }

    /// Notes whether the function must answer for whole batches, because its mapping may take a partial batch response for
    /// success.
    pub fn hold_back_partial_batch(&self, holds_back: bool) {
        self.holds_back_partial_batch.store(holds_back, Ordering::Relaxed);
    }

    /// Whether the function must answer for whole batches.
    #[must_use]
    pub fn holds_back_partial_batch(&self) -> bool {
        self.holds_back_partial_batch.load(Ordering::Relaxed)
    }

    /// Takes back an ARN: its resource is going to be replaced, and may come back with another one.
    pub fn forget(&self, kind: Kind) {
        if let Some(sender) = self.arns.get(&kind) {
            sender.send_replace(Known::NotYet);
        }
    }

    /// Tells all who wait for ARNs not known yet that they will not come.
    pub fn give_up(&self) {
        for sender in self.arns.values() {
            sender.send_if_modified(|known| {
                let waiting = matches!(known, Known::NotYet);
                if waiting {
                    *known = Known::Never;
                }
                waiting
            });
        }
    }

    /// The ARN, if it is known by now.
    #[must_use]
    pub fn known(&self, kind: Kind) -> Option<String> {
        self.arns.get(&kind).and_then(|sender| match &*sender.borrow() {
            Known::Arn(arn) => Some(arn.clone()),
            Known::NotYet | Known::Never => None,
        })
    }

    /// The ARN, or a stand-in of the form `${stream}` for showing a plan.
    #[must_use]
    pub fn shown(&self, kind: Kind) -> String {
        self.known(kind).unwrap_or_else(|| format!("${{{kind}}}"))
    }

    /// Waits for the ARN; nothing when the step that would have told it failed.
    pub async fn arn(&self, kind: Kind) -> Option<String> {
        let mut receiver = self.arns.get(&kind)?.subscribe();
        match &*receiver.wait_for(|known| !matches!(known, Known::NotYet)).await.ok()? {
            Known::Arn(arn) => Some(arn.clone()),
            Known::NotYet | Known::Never => None,
        }
    }
}
