//! The health of the local cloud itself: its data directory, its disk, its process, its version, its port.

use std::path::PathBuf;

use super::finding::{CheckFinding, Verdict, timed};
use crate::error::Error;
use crate::units;

/// Free bytes of the disk below which a write may soon fail.
const LITTLE_SPACE: u64 = 1 << 30;
/// Free bytes of the disk below which the next file may not fit.
const NO_SPACE: u64 = 64 << 20;
/// The remedy for a local cloud that does not run.
const START: &str = "`sensorctl local start` starts it";

/// The observed state of a local cloud.
#[derive(Debug)]
pub(crate) struct LocalCloudFacts {
    pub data_dir: PathBuf,
    /// True if the directory exists.
    pub exists: bool,
    /// Why the local cloud does not use the directory.
    pub problem: Option<Error>,
    /// Permission bits of the directory.
    pub mode: Option<u32>,
    /// The system's error for a write into it.
    pub write_error: Option<String>,
    /// Free bytes of its disk.
    pub free_bytes: Result<u64, String>,
    /// The process that holds its lock.
    pub owner: Option<String>,
    /// The local cloud that answers.
    pub running: Result<Option<RunningLocalCloud>, Error>,
    /// The port of `local start`, and the error of a server that wants it; only if none runs.
    pub usual_port: Option<(u16, Option<String>)>,
}

/// A local cloud that answers.
#[derive(Debug, Default)]
pub(crate) struct RunningLocalCloud {
    pub endpoint: String,
    pub version: String,
    pub notices: Vec<String>,
    /// The injected faults; empty without.
    pub faults: String,
}

/// Judges the observed state of a local cloud.
#[must_use]
pub(crate) fn examine_local_cloud(seen: &LocalCloudFacts) -> Vec<CheckFinding> {
    vec![
        timed("local-data-dir", || data_dir(seen)),
        timed("local-disk", || disk(seen)),
        timed("local-process", || process(seen)),
        timed("local-port", || port(seen)),
        timed("local-version", || version(seen, env!("CARGO_PKG_VERSION"))),
        timed("local-notices", || notices(seen)),
        timed("local-faults", || faults(seen)),
    ]
}

fn data_dir(seen: &LocalCloudFacts) -> Verdict {
    let path = seen.data_dir.display();
    if let Some(problem) = &seen.problem {
        return Verdict::failed_with(problem);
    }
    if let Some(error) = &seen.write_error {
        let evidence = format!("{path} cannot be written: {error}");
        return Verdict::failed(evidence, "make it writable, or name another one with SENSORCTL_DATA_DIR");
    }
    if !seen.exists {
        return Verdict::ok(format!("{path} does not exist yet and can be created"));
    }
    let mode = seen.mode.unwrap_or_default();
    let close = format!("chmod 700 {path}");
    match mode {
        mode if mode & 0o022 != 0 => Verdict::failed(
            format!("{path} has mode {mode:04o}: other users can write to it, so it is not believed"),
            close,
        ),
        mode if mode & 0o077 != 0 => {
            Verdict::warning(format!("{path} has mode {mode:04o}: other users can look into it"), close)
        }
        mode => Verdict::ok(format!("{path} has mode {mode:04o} and can be written")),
    }
}

fn disk(seen: &LocalCloudFacts) -> Verdict {
    let path = seen.data_dir.display();
    let free = match &seen.free_bytes {
        Ok(free) => *free,
        Err(error) => return Verdict::unknown(format!("the disk of {path}: {error}")),
    };
    let evidence = format!("{} free for {path}", units::bytes(free));
    let remedy = "make room, or name a directory on another disk with SENSORCTL_DATA_DIR";
    let verdict = match free {
        free if free < NO_SPACE => Verdict::failed(evidence, remedy),
        free if free < LITTLE_SPACE => Verdict::warning(evidence, remedy),
        _ => Verdict::ok(evidence),
    };
    verdict.with_figure("free_bytes", free)
}

fn process(seen: &LocalCloudFacts) -> Verdict {
    match (&seen.running, &seen.owner) {
        (Err(error), _) => Verdict::failed_with(error),
        (Ok(Some(_)), owner) => {
            let owner = owner.as_deref().unwrap_or("a process");
            Verdict::ok(format!("{owner} holds the lock of the data directory and answers"))
        }
        (Ok(None), Some(owner)) => Verdict::failed(
            format!("{owner} holds the lock of the data directory and does not answer"),
            "it may be starting or ending: try again; else end that process, then `sensorctl local start`",
        ),
        (Ok(None), None) => Verdict::failed("the local cloud is not running", START),
    }
}

fn port(seen: &LocalCloudFacts) -> Verdict {
    match (running(seen), &seen.usual_port) {
        (Some(running), _) => Verdict::ok(format!("{} answers", running.endpoint)),
        (None, Some((port, None))) => Verdict::ok(format!("port {port} is free")),
        (None, Some((port, Some(error)))) => {
            let evidence = format!("port {port} cannot be used: {error}");
            Verdict::warning(evidence, "`sensorctl local start --port 0` takes any free port")
        }
        (None, None) => not_running(),
    }
}

fn version(seen: &LocalCloudFacts, own: &str) -> Verdict {
    match running(seen) {
        None => not_running(),
        Some(running) if running.version == own => Verdict::ok(format!("{own}, as this sensorctl")),
        Some(running) => Verdict::warning(
            format!("the local cloud has version {}, this sensorctl {own}", running.version),
            "`sensorctl local stop`, then `sensorctl local start`; its data stay",
        ),
    }
}

fn notices(seen: &LocalCloudFacts) -> Verdict {
    match running(seen) {
        None => not_running(),
        Some(running) if running.notices.is_empty() => Verdict::ok("it reports no damage"),
        Some(running) => Verdict::warning(
            running.notices.join("; "),
            "`sensorctl local reset` starts over with an empty local cloud, if the damage matters",
        ),
    }
}

fn faults(seen: &LocalCloudFacts) -> Verdict {
    match running(seen) {
        None => not_running(),
        Some(running) if running.faults.is_empty() => Verdict::ok("no faults are injected"),
        Some(running) => Verdict::warning(
            format!("faults are injected: {}", running.faults),
            "`sensorctl local stop`, then `sensorctl local start` without `--faults`",
        ),
    }
}

fn running(seen: &LocalCloudFacts) -> Option<&RunningLocalCloud> {
    seen.running.as_ref().ok()?.as_ref()
}

fn not_running() -> Verdict {
    Verdict::unknown("the local cloud is not running")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::doctor::CheckResult;

    fn healthy() -> LocalCloudFacts {
        LocalCloudFacts {
            data_dir: "/data".into(),
            exists: true,
            problem: None,
            mode: Some(0o700),
            write_error: None,
            free_bytes: Ok(LITTLE_SPACE),
            owner: Some("process 7".into()),
            running: Ok(Some(RunningLocalCloud { version: env!("CARGO_PKG_VERSION").into(), ..running_now() })),
            usual_port: None,
        }
    }

    fn running_now() -> RunningLocalCloud {
        RunningLocalCloud { endpoint: "http://127.0.0.1:1".into(), ..RunningLocalCloud::default() }
    }

    #[test]
    fn healthy_local_cloud_is_ok_in_all() {
        for finding in examine_local_cloud(&healthy()) {
            assert_eq!((finding.result, finding.remedy.as_ref()), (CheckResult::Ok, None), "{finding:?}");
        }
    }

    #[test]
    fn each_fact_of_a_sick_local_cloud_is_a_finding() {
        use CheckResult::{Failed, Unknown, Warning};
        let with = |change: &dyn Fn(&mut LocalCloudFacts)| {
            let mut seen = healthy();
            change(&mut seen);
            seen
        };
        let off = |seen: &mut LocalCloudFacts| (seen.running, seen.owner) = (Ok(None), None);
        for (seen, name, result, says) in [
            (with(&|seen| seen.mode = Some(0o755)), "local-data-dir", Warning, "mode 0755: other users can look"),
            (with(&|seen| seen.mode = Some(0o770)), "local-data-dir", Failed, "other users can write"),
            (with(&|seen| seen.write_error = Some("read-only".into())), "local-data-dir", Failed, "read-only"),
            (with(&|seen| seen.problem = Some(Error::failed("it holds x"))), "local-data-dir", Failed, "it holds x"),
            (with(&|seen| seen.free_bytes = Ok(LITTLE_SPACE - 1)), "local-disk", Warning, "1.0 GiB free"),
            (with(&|seen| seen.free_bytes = Ok(0)), "local-disk", Failed, "0 B free"),
            (with(&|seen| seen.free_bytes = Err("no such file".into())), "local-disk", Unknown, "no such file"),
            (with(&|seen| seen.running = Ok(None)), "local-process", Failed, "process 7 holds the lock"),
            (with(&off), "local-process", Failed, "is not running"),
            (with(&|seen| seen.running = Err(Error::failed("not believed"))), "local-process", Failed, "not believed"),
            (with(&off), "local-version", Unknown, "is not running"),
            (with(&off), "local-faults", Unknown, "is not running"),
            (with(&off), "local-port", Unknown, "is not running"),
        ] {
            let findings = examine_local_cloud(&seen);
            let finding = findings.iter().find(|finding| finding.name == name).unwrap();
            assert_eq!(finding.result, result, "{finding:?}");
            assert!(finding.evidence.contains(says), "{finding:?}");
            assert_eq!(
                finding.remedy.is_some(),
                result != Unknown && !says.contains("it holds") && says != "not believed"
            );
        }
    }

    #[test]
    fn taken_port_old_version_damage_and_faults_are_warnings() {
        let mut seen = healthy();
        seen.running = Ok(Some(RunningLocalCloud {
            version: "0.0.1".into(),
            notices: vec!["shard damaged".into()],
            faults: "kinesis:*=error".into(),
            ..running_now()
        }));
        let warned = |seen: &LocalCloudFacts| {
            let findings = examine_local_cloud(seen).into_iter();
            let warnings = findings.filter(|finding| finding.result == CheckResult::Warning);
            warnings.map(|finding| finding.name).collect::<Vec<_>>()
        };
        assert_eq!(warned(&seen), ["local-version", "local-notices", "local-faults"]);
        seen.running = Ok(None);
        seen.usual_port = Some((4588, Some("in use".into())));
        assert_eq!(warned(&seen), ["local-port"]);
        seen.usual_port = Some((4588, None));
        assert_eq!(warned(&seen), [""; 0]);
    }
}
