//! What resources take from each other, known as soon as the service has told it: ARNs, and whether the function may
//! answer which records of a batch failed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use crate::stack::Kind;

/// What is known of an ARN.
#[derive(Clone, Debug)]
enum KnownArn {
    NotYet,
    Arn(String),
    /// The step that would have told it failed.
    Never,
}

/// The ARN of each resource, to be read now or waited for.
#[derive(Clone, Debug)]
pub struct ArnRegistry {
    arns: Arc<BTreeMap<Kind, watch::Sender<KnownArn>>>,
    /// Whether the mapping may not understand partial batch responses yet.
    holds_back_partial_batch: Arc<AtomicBool>,
}

impl Default for ArnRegistry {
    fn default() -> Self {
        let arns = Kind::ALL.map(|kind| (kind, watch::channel(KnownArn::NotYet).0)).into();
        ArnRegistry { arns: Arc::new(arns), holds_back_partial_batch: Arc::default() }
    }
}

impl ArnRegistry {
    /// Tells the ARN of a resource to all who wait for it.
    pub fn publish(&self, kind: Kind, arn: &str) {
        if let Some(sender) = self.arns.get(&kind) {
            sender.send_replace(KnownArn::Arn(arn.to_owned()));
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
            sender.send_replace(KnownArn::NotYet);
        }
    }

    /// Tells all who wait for ARNs not known yet that they will not come.
    pub fn fail_pending(&self) {
        for sender in self.arns.values() {
            sender.send_if_modified(|known| {
                let waiting = matches!(known, KnownArn::NotYet);
                if waiting {
                    *known = KnownArn::Never;
                }
                waiting
            });
        }
    }

    /// The ARN, if it is known by now.
    #[must_use]
    pub fn known(&self, kind: Kind) -> Option<String> {
        self.arns.get(&kind).and_then(|sender| match &*sender.borrow() {
            KnownArn::Arn(arn) => Some(arn.clone()),
            KnownArn::NotYet | KnownArn::Never => None,
        })
    }

    /// The ARN, or a stand-in of the form `${stream}` for showing a plan.
    #[must_use]
    pub fn arn_or_placeholder(&self, kind: Kind) -> String {
        self.known(kind).unwrap_or_else(|| format!("${{{kind}}}"))
    }

    /// Waits for the ARN; nothing when the step that would have told it failed.
    pub async fn arn(&self, kind: Kind) -> Option<String> {
        let mut receiver = self.arns.get(&kind)?.subscribe();
        match &*receiver.wait_for(|known| !matches!(known, KnownArn::NotYet)).await.ok()? {
            KnownArn::Arn(arn) => Some(arn.clone()),
            KnownArn::NotYet | KnownArn::Never => None,
        }
    }
}
