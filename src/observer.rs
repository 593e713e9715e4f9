//! The observer of work: engine code reports events to it and never prints.

/// Receives the events of one kind of work, from several tasks at once.
pub(crate) trait Observer<E>: Send + Sync {
    /// Handles one event.
    fn on(&self, event: &E);
}
