//! Temporary files that are removed however the process ends.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file that [`remove_all`] removes until this is dropped.
#[derive(Debug)]
pub(crate) struct RemovedAtExit(PathBuf);

impl RemovedAtExit {
    /// Names a file whose owner removes it only at its own end.
    pub(crate) fn new(path: &Path) -> Self {
        FILES.lock().push(path.to_owned());
        RemovedAtExit(path.to_owned())
    }
}

impl Drop for RemovedAtExit {
    fn drop(&mut self) {
        FILES.lock().retain(|path| *path != self.0);
    }
}

/// Removes the files before a signal ends the process, which runs no destructors.
pub(crate) fn remove_all() {
    for path in FILES.lock().drain(..) {
        // Nothing more can be done.
        let _ = std::fs::remove_file(path);
    }
}
