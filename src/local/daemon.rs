//! The local cloud as a background process: starts it, finds it, stops it.

mod health;
mod inspection;
mod process_lock;
mod role_tags;

use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::time::{Instant, sleep};

use self::health::health;
pub use self::inspection::{DataDirState, inspect};
use self::process_lock::is_owned;
pub use self::process_lock::{is_local_cloud, reset};
pub use self::role_tags::role_tags;
use crate::connection_info::{AccessKey, ConnectionInfo};
use crate::data_dir::{EndpointFile, LOG, create_private_dir, owner};
use crate::error::Error;
use crate::{Durability, LatencyProfile, LocalOptions};

/// Timeout of a start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Timeout of a stop before the process is killed, and again after the kill.
const STOP_LIMIT: Duration = Duration::from_secs(10);
const KILL_LIMIT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Size limit of the process's log file, in bytes; a larger file is truncated at the next start.
const LOG_LIMIT: u64 = 1 << 20;
/// Log lines shown if the process does not start.
const LOG_LINES: usize = 12;
/// Environment variables passed on to the process: its file locations, and its format of dates and panics.
const PASSED_ON: [&str; 11] = [
    "HOME",
    "LANG",
    "PATH",
    "RUST_BACKTRACE",
    "TMPDIR",
    "TZ",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
];

/// A running local cloud that answers.
#[derive(Clone, Debug)]
pub struct Running {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// Region of the local cloud.
    pub region: String,
    /// Process ID.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Its diagnostics, such as damage that it found.
    pub notices: Vec<String>,
    /// Its latency profile.
    pub timing: LatencyProfile,
    /// Durability of an acknowledged write.
    pub durable: String,
    /// Its injected faults, in the form of `--faults`; empty without faults.
    pub faults: String,
    /// Its owner's credentials.
    pub access_key: AccessKey,
}

impl Running {
    /// Returns the connection settings for its clients.
    #[must_use]
    pub fn connection_info(&self) -> ConnectionInfo {
        ConnectionInfo {
            endpoint_url: self.endpoint.clone(),
            region: self.region.clone(),
            access_key: self.access_key.clone(),
            mapping_in_force: self.timing.mapping_in_force(),
        }
    }
}

/// The result of a start.
#[derive(Debug)]
pub enum Started {
    /// It was started now.
    New(Running),
    /// It was already running.
    Already(Running),
}

/// Returns the connection settings of the local cloud that runs on this data directory.
///
/// `region` is the wanted region and its origin.
///
/// # Errors
/// No local cloud runs there, or it has another region.
pub async fn running_connection(
    data_dir: &Path,
    region: Option<(&str, impl Display)>,
) -> Result<ConnectionInfo, Error> {
    let running = find(data_dir).await?.ok_or_else(|| not_running(data_dir))?;
    match region {
        Some((region, origin)) if region != running.region => Err(Error::usage(format!(
            "the local cloud at {} is in the region {}, not {region} as {origin} says",
            running.endpoint, running.region
        ))
        .hint(format!("`--region {}` uses it as it is", running.region))
        .hint(format!("`sensorctl local stop`, then `sensorctl local start --region {region}` moves it"))),
        _ => Ok(running.connection_info()),
    }
}

/// Returns the error for a command that needs a running local cloud.
pub fn not_running(data_dir: &Path) -> Error {
    if is_owned(data_dir).unwrap_or(false) {
        return does_not_answer(data_dir);
    }
    Error::failed(format!("the local cloud is not running (data directory {})", data_dir.display()))
        .hint("start it with `sensorctl local start`")
}

fn does_not_answer(data_dir: &Path) -> Error {
    Error::failed(format!("a process owns the data directory {} but does not answer", data_dir.display()))
        .hint("it may be starting or ending: try again in a moment")
        .hint("one that an older sensorctl started is stopped by that version's `sensorctl local stop`")
        .hint(format!("its process id is in {}", data_dir.join("lock").display()))
}

/// Returns the local cloud that runs on this data directory, if one does and answers.
///
/// # Errors
/// The endpoint file cannot be read, or may have been written by another user.
pub async fn find(data_dir: &Path) -> Result<Option<Running>, Error> {
    owner::check_owner(data_dir)?;
    // After a crash another program may have the port and must not get the key: do not connect without an owner.
    if !is_owned(data_dir)? {
        return Ok(None);
    }
    owner::check_closed(data_dir)?;
    let Some(announced) = EndpointFile::read(data_dir)? else { return Ok(None) };
    // Trust the answer only with the right key and process ID.
    let Some(health) = health(&announced).await.filter(|health| health.pid == announced.pid) else { return Ok(None) };
    Ok(Some(Running {
        endpoint: announced.endpoint,
        region: health.region,
        pid: health.pid,
        version: health.version,
        notices: health.notices,
        timing: health.timing.parse().unwrap_or_default(),
        durable: health.durable,
        faults: health.faults,
        access_key: AccessKey { key_id: announced.access_key_id, secret: announced.secret_access_key },
    }))
}

/// Starts the local cloud in the background; returns when it answers.
///
/// # Errors
/// The process ends before it answers; the error includes its output.
pub async fn start(options: &LocalOptions) -> Result<Started, Error> {
    if let Some(running) = find(&options.data_dir).await? {
        return Ok(Started::Already(running));
    }
    let data_dir = std::path::absolute(&options.data_dir)
        .map_err(|error| Error::failed("could not tell where the data directory is").with_source(error))?;
    create_private_dir(&data_dir)?;
    let (log, log_start) = open_log(&data_dir).map_err(|error| {
        Error::failed(format!("could not write {}", data_dir.join(LOG).display())).with_source(error)
    })?;
    let mut child = spawn(options, &data_dir, log)
        .map_err(|error| Error::failed("could not start the local cloud").with_source(error))?;
    let deadline = Instant::now() + START_LIMIT;
    loop {
        if let Some(running) = find(&data_dir).await? {
            let already = running.pid != child.id();
            return Ok(if already { Started::Already(running) } else { Started::New(running) });
        }
        let ended = child.try_wait().map_err(|error| Error::failed("lost the local cloud").with_source(error))?;
        if ended.is_some() {
            // Another process, started at the same moment, may have been faster.
            return match find(&data_dir).await? {
                Some(running) => Ok(Started::Already(running)),
                None => Err(did_not_start(&data_dir, log_start)),
            };
        }
        if Instant::now() > deadline {
            // It is our child and has not become ready. It may have ended just now.
            child.kill().unwrap_or_default();
            return Err(Error::failed(format!("the local cloud did not answer within {START_LIMIT:?}"))
                .hint(format!("see {}", data_dir.join(LOG).display())));
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// Stops the local cloud of this data directory; returns false if none runs.
///
/// # Errors
/// The process that owns the directory does not answer, or does not end.
pub async fn stop(data_dir: &Path) -> Result<bool, Error> {
    owner::check_owner(data_dir)?;
    if !is_owned(data_dir)? {
        return Ok(false);
    }
    let Some(running) = find(data_dir).await? else {
        return Err(does_not_answer(data_dir));
    };
    let pid = i32::try_from(running.pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Error::failed(format!("{} is not a process ID", running.pid)))?;
    for (signal, limit) in [(Signal::TERM, STOP_LIMIT), (Signal::KILL, KILL_LIMIT)] {
        match rustix::process::kill_process(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => {
                return Err(Error::failed(format!("could not stop process {}", running.pid)).with_source(error));
            }
        }
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if !is_owned(data_dir)? {
                return Ok(true);
            }
            sleep(POLL_INTERVAL).await;
        }
    }
    Err(Error::failed(format!("process {} does not end", running.pid)))
}

fn open_log(data_dir: &Path) -> io::Result<(File, u64)> {
    let path = data_dir.join(LOG);
    let old = fs::metadata(&path).map_or(0, |metadata| metadata.len());
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    if old > LOG_LIMIT {
        log.set_len(0)?;
        return Ok((log, 0));
    }
    Ok((log, old))
}

fn spawn(options: &LocalOptions, data_dir: &Path, log: File) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["local", "run", "--data-dir"]).arg(data_dir).arg("--port").arg(options.port.to_string());
    if let Some(region) = &options.region {
        command.arg("--region").arg(region);
    }
    if !options.faults.is_empty() {
        command.arg("--faults").arg(options.faults.to_string());
    }
    if !options.timing.is_none() {
        command.arg("--timing").arg(options.timing.to_string());
    }
    if options.durability != Durability::default() {
        command.arg("--durable").arg(options.durability.to_string());
    }
    // Its arguments contain all that it needs. A function is a process of the same user, so settings and credentials of
    // this short-lived command must not stay readable in the environment for as long as the local cloud runs.
    command.env_clear();
    command.envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
        // Its working directory must not keep the user's directory from being unmounted.
        .current_dir(data_dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // A Ctrl-C at this terminal must not reach it.
        .process_group(0)
        .spawn()
}

/// Converts the process's log output to an error with its hints.
fn did_not_start(data_dir: &Path, log_start: u64) -> Error {
    let path = data_dir.join(LOG);
    let said = File::open(&path).and_then(|mut log| {
        log.seek(SeekFrom::Start(log_start))?;
        let mut text = String::new();
        log.read_to_string(&mut text)?;
        Ok(text)
    });
    let said = said.unwrap_or_default();
    let skipped = said.lines().count().saturating_sub(LOG_LINES);
    let (hints, lines): (Vec<&str>, Vec<&str>) =
        said.lines().skip(skipped).partition(|line| line.starts_with("hint: "));
    let lines: Vec<&str> = lines.iter().map(|line| line.strip_prefix("error: ").unwrap_or(line)).collect();
    let mut error = Error::failed(format!("the local cloud did not start: {}", lines.join("\n")));
    for hint in hints {
        error = error.hint(hint.trim_start_matches("hint: "));
    }
    error.hint(format!("its log is {}", path.display()))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::LocalCloud;

    fn options(data_dir: &Path) -> LocalOptions {
        LocalOptions { data_dir: data_dir.to_owned(), ..LocalOptions::default() }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn find_returns_running_local_cloud_and_not_a_stopped_one() {
        let dir = tempfile::tempdir().unwrap();
        assert!(find(dir.path()).await.unwrap().is_none());
        let cloud = LocalCloud::start(options(dir.path())).await.unwrap();
        let running = find(dir.path()).await.unwrap().unwrap();
        assert_eq!((running.endpoint.as_str(), running.pid), (cloud.endpoint(), std::process::id()));
        assert!(is_owned(dir.path()).unwrap());
        assert!(running_connection(dir.path(), Some(("us-east-1", "--region"))).await.is_ok());
        let error = running_connection(dir.path(), Some(("eu-central-1", "sensorctl.toml:3"))).await.unwrap_err();
        assert!(error.to_string().contains("us-east-1"), "{error}");
        assert!(reset(dir.path()).is_err(), "nothing is deleted under a running cloud");
        cloud.shutdown().await.unwrap();
        assert!(find(dir.path()).await.unwrap().is_none());
        let error = running_connection(dir.path(), None::<(&str, &str)>).await.unwrap_err();
        assert_eq!(error.hints(), ["start it with `sensorctl local start`"]);
        assert!(!stop(dir.path()).await.unwrap());
    }

    /// Creates a directory whose endpoint file names an address where another program listens.
    async fn haunted() -> (tempfile::TempDir, tokio::net::TcpListener) {
        let dir = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let announced = serde_json::json!({"endpoint": endpoint, "region": "r", "pid": 1,
            "access_key_id": "A", "secret_access_key": "S"});
        fs::write(dir.path().join("endpoint.json"), announced.to_string()).unwrap();
        (dir, listener)
    }

    #[tokio::test]
    async fn find_after_crash_sends_the_key_to_no_other_program() {
        let (dir, listener) = haunted().await;
        fs::write(dir.path().join("lock"), "1").unwrap();
        assert!(find(dir.path()).await.unwrap().is_none());
        // A connection to this host is in the queue at once, and accepting does not wait for more.
        let caller = listener.into_std().unwrap().accept().map_err(|error| error.kind());
        assert_eq!(caller.err(), Some(io::ErrorKind::WouldBlock));
    }

    #[tokio::test]
    async fn find_rejects_another_program_at_the_endpoint() {
        let (dir, listener) = haunted().await;
        let lock = File::create(dir.path().join("lock")).unwrap();
        lock.lock().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n{\"pid\":2,\"version\":\"1\",\"region\":\"r\"}").await.unwrap();
        });
        assert!(find(dir.path()).await.unwrap().is_none());
        let error = running_connection(dir.path(), None::<(&str, &str)>).await.unwrap_err();
        assert!(error.to_string().contains("does not answer"), "{error}");
    }

    #[tokio::test]
    async fn find_rejects_directory_writable_by_others() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, listener) = haunted().await;
        let lock = File::create(dir.path().join("lock")).unwrap();
        lock.lock().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        for error in [find(dir.path()).await.err(), stop(dir.path()).await.err()] {
            assert!(error.unwrap().to_string().contains("is not believed"));
        }
        let never_called = std::pin::pin!(listener.accept());
        assert!(futures::poll!(never_called).is_pending());
    }

    #[tokio::test]
    async fn reset_deletes_only_local_cloud_files() {
        let dir = tempfile::tempdir().unwrap();
        LocalCloud::start(options(dir.path())).await.unwrap().shutdown().await.unwrap();
        fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
        // A file that a kill may have left.
        fs::write(dir.path().join("iam.json.new"), "{").unwrap();
        assert_eq!(reset(dir.path()).unwrap(), ["thesis.txt"]);
    }

    #[test]
    fn start_failure_reports_the_process_output() {
        let dir = tempfile::tempdir().unwrap();
        let text = "of an earlier start\nerror: could not listen on 127.0.0.1:1\nhint: choose another\n";
        fs::write(dir.path().join(LOG), text).unwrap();
        let error = did_not_start(dir.path(), 20);
        assert_eq!(error.to_string(), "the local cloud did not start: could not listen on 127.0.0.1:1");
        assert_eq!(error.hints()[0], "choose another");
    }
}
