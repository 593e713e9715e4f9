//! Values that resources take from each other, published as soon as the service returns them: ARNs, and whether the
//! function may send partial batch responses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use crate::stack::Kind;

/// The state of an ARN.
#[derive(Clone, Debug)]
enum KnownArn {
    NotYet,
    Arn(String),
    /// The step that publishes it failed.
    Never,
}

/// The ARN of each resource, to read now or to wait for.
#[derive(Clone, Debug)]
pub(crate) struct ArnRegistry {
    arns: Arc<BTreeMap<Kind, watch::Sender<KnownArn>>>,
    /// True if the mapping may not support partial batch responses yet.
    holds_back_partial_batch: Arc<AtomicBool>,
}

impl Default for ArnRegistry {
    fn default() -> Self {
        let arns = Kind::ALL.map(|kind| (kind, watch::channel(KnownArn::NotYet).0)).into();
        ArnRegistry { arns: Arc::new(arns), holds_back_partial_batch: Arc::default() }
    }
}

impl ArnRegistry {
    /// Publishes the ARN of a resource to all waiting steps.
    pub(crate) fn publish(&self, kind: Kind, arn: &str) {
        if let Some(sender) = self.arns.get(&kind) {
            sender.send_replace(KnownArn::Arn(arn.to_owned()));
        }
    }

    /// Sets whether the function must not send partial batch responses, because its mapping may take one for success.
    pub(crate) fn hold_back_partial_batch(&self, holds_back: bool) {
        self.holds_back_partial_batch.store(holds_back, Ordering::Relaxed);
    }

    /// Returns whether the function must not send partial batch responses.
    #[must_use]
    pub(crate) fn holds_back_partial_batch(&self) -> bool {
        self.holds_back_partial_batch.load(Ordering::Relaxed)
    }

    /// Withdraws an ARN: its resource is going to be replaced, and may get another one.
    pub(crate) fn forget(&self, kind: Kind) {
        if let Some(sender) = self.arns.get(&kind) {
            sender.send_replace(KnownArn::NotYet);
        }
    }

    /// Fails all waits for ARNs that are not known yet.
    pub(crate) fn fail_pending(&self) {
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

    /// Returns the ARN if it is known by now.
    #[must_use]
    pub(crate) fn known(&self, kind: Kind) -> Option<String> {
        self.arns.get(&kind).and_then(|sender| match &*sender.borrow() {
            KnownArn::Arn(arn) => Some(arn.clone()),
            KnownArn::NotYet | KnownArn::Never => None,
        })
    }

    /// Returns the ARN, or a placeholder of the form `${stream}` to show in a plan.
    #[must_use]
    pub(crate) fn arn_or_placeholder(&self, kind: Kind) -> String {
        self.known(kind).unwrap_or_else(|| format!("${{{kind}}}"))
    }

    /// Waits for the ARN. Returns `None` if the step that publishes it failed.
    pub(crate) async fn arn(&self, kind: Kind) -> Option<String> {
        let mut receiver = self.arns.get(&kind)?.subscribe();
        match &*receiver.wait_for(|known| !matches!(known, KnownArn::NotYet)).await.ok()? {
            KnownArn::Arn(arn) => Some(arn.clone()),
            KnownArn::NotYet | KnownArn::Never => None,
        }
    }
}
