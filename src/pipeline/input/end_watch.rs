//! Notes when the end of an input is read: what comes out of it from then on may change when the input grows.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A reader that counts how often its end was read.
pub(super) struct EndWatch {
    inner: Box<dyn Read + Send>,
    ends: EndCount,
}

/// How often the end was read.
#[derive(Clone, Debug, Default)]
pub(super) struct EndCount(Arc<AtomicU64>);

impl EndCount {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl EndWatch {
    /// Watches a reader.
    pub(super) fn around(inner: Box<dyn Read + Send>) -> (Box<dyn Read + Send>, EndCount) {
        let ends = EndCount::default();
        (Box::new(EndWatch { inner, ends: ends.clone() }), ends)
    }
}

impl Read for EndWatch {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        if read == 0 {
            self.ends.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(read)
    }
}
