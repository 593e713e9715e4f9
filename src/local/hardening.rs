//! Process settings that a local cloud applies at its start.
//!
//! Functions run as the same user, so its memory and its environment, which may contain that user's credentials, are
//! closed to them as far as the system allows.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::diagnostics::Diagnostics;

/// Wanted limit of open files and connections, if the hard limit allows it: 512 connections, 64 functions with their
/// pipes and connections, and the files of streams and logs. macOS accepts no more than this for any process.
const OPEN_FILES: u64 = 10_240;

/// Applies all settings; a failure is only reported, since nothing depends on it.
pub(super) fn harden(notices: &Diagnostics) {
    notices.tell_failure(no_core_dump().map_err(|error| format!("could not switch core dumps off: {error}")));
    notices.tell_failure(hide().map_err(|error| format!("could not hide its memory from functions: {error}")));
    notices.tell_failure(open_files().map_err(|error| format!("could not raise the limit of open files: {error}")));
}

/// Disables core dumps: a crash would write readings and keys to a file. The processes of functions inherit it.
fn no_core_dump() -> io::Result<()> {
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
}

/// Closes `/proc/PID/environ`, `mem` and `fd` to other processes of the user, except root's.
#[cfg(target_os = "linux")]
fn hide() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Does nothing: macOS shows the environment of a process to its user, and has no switch for it.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
fn hide() -> io::Result<()> {
    Ok(())
}

/// Raises the soft limit of open files: its default is 1,024 (macOS: 256).
fn open_files() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harden_hides_the_process_and_raises_its_open_file_limit() {
        let notices = Diagnostics::default();
        harden(&notices);
        assert!(notices.all().is_empty(), "{:?}", notices.all());
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
        let files = getrlimit(Resource::Nofile);
        let possible = files.maximum.map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
        assert!(files.current.is_none_or(|current| current >= possible), "{files:?}");
        #[cfg(target_os = "linux")]
        {
            use rustix::process::{DumpableBehavior, dumpable_behavior};
            assert!(matches!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable));
        }
    }
}
