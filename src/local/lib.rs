//! The local cloud: the services of the pipeline on one loopback port.

mod auth;
mod changed_names;
mod cloudwatch;
mod connection_info;
mod connections;
pub mod daemon;
mod data_dir;
mod decode_error;
mod diagnostics;
mod durability;
mod dynamodb;
mod error;
mod faults;
mod gateway;
mod hardening;
mod iam;
mod identity;
mod kinesis;
mod lambda;
pub(crate) mod latency_profile;
mod logs;
mod members;
mod metrics;
mod operation;
mod protocol;
mod router;
mod server;
mod services;
mod sts;
mod tagging;
mod throttle_metrics;

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::cloudwatch::CloudWatch;
pub use self::connections::Limits;
pub use self::daemon::running_connection;
use self::data_dir::{DataDir, EndpointFile};
use self::diagnostics::Diagnostics;
pub use self::diagnostics::to_the_second;
pub use self::durability::Durability;
use self::dynamodb::DynamoDb;
use self::faults::Faults;
pub use self::faults::{FaultPlan, SpecError};
use self::iam::Iam;
use self::identity::Identity;
use self::kinesis::Kinesis;
use self::lambda::{Lambda, LambdaServices};
pub use self::latency_profile::LatencyProfile;
use self::logs::Logs;
use self::services::Services;
use self::sts::Sts;
use self::tagging::Tagging;
pub use crate::connection_info::{AccessKey, ConnectionInfo};
pub use crate::error::Error;
use auth::credentials::CredentialStore;

/// Default region.
pub const DEFAULT_REGION: &str = "us-east-1";

/// File in the data directory with the authorization header of the control endpoint.
///
/// It has the form that `curl -H @FILE` accepts.
pub const CONTROL_HEADER: &str = "control.header";

/// Stack size of each thread that handles requests, in bytes; only the used part takes memory.
///
/// A stack overflow ends the whole process, and a request decides how deep a parser recurses: 4 KB of `(` take 20 MiB
/// in a dev build.
pub const THREAD_STACK: usize = 32 << 20;

/// Interval between deletions of expired data.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_mins(1);

/// Interval of checks that the data directory is still there.
const DATA_DIR_CHECK: Duration = Duration::from_secs(1);

/// Delay between a change of the tables and the checkpoint of their write-ahead log.
const WRITE_BACK: Duration = Duration::from_millis(250);

/// Grace period for active requests at shutdown.
const GRACE_PERIOD: Duration = Duration::from_secs(2);

/// The start options of a local cloud.
#[derive(Clone, Debug, Default)]
pub struct LocalOptions {
    /// Directory of its state; created if needed, owned by one process at a time.
    pub data_dir: PathBuf,
    /// Port on 127.0.0.1; 0 for any free port.
    pub port: u16,
    /// Region of its services; `us-east-1` if `None`.
    pub region: Option<String>,
    /// Faults to inject.
    pub faults: FaultPlan,
    /// Latency profile.
    pub timing: LatencyProfile,
    /// Durability of acknowledged writes.
    pub durability: Durability,
    /// Connection limits of its port.
    pub limits: Limits,
}

/// A local cloud that runs in this process until it is shut down.
pub struct LocalCloud {
    data_dir: DataDir,
    endpoint: String,
    identity: Identity,
    timing: LatencyProfile,
    keys: CredentialStore,
    lambda: Lambda,
    logs: Logs,
    notices: Diagnostics,
    stop: CancellationToken,
    server: JoinHandle<()>,
    /// Tasks started by requests.
    work: TaskTracker,
    tidying: JoinHandle<()>,
}

impl LocalCloud {
    /// Opens the data directory and the services, and begins to serve requests.
    ///
    /// # Errors
    /// The data directory is in use or damaged, or the port is taken.
    pub async fn start(options: LocalOptions) -> Result<LocalCloud, Error> {
        let data_dir = DataDir::open(&options.data_dir)?;
        let identity = Identity::new(options.region.as_deref().unwrap_or(DEFAULT_REGION));
        let listener = listen(options.port).await?;
        let port = listener.local_addr().map_err(|error| cannot_listen(options.port, error))?.port();
        let endpoint = format!("http://127.0.0.1:{port}");

        let LocalOptions { timing, durability, limits, .. } = options;
        let notices = Diagnostics::default();
        hardening::harden(&notices);
        let keys = CredentialStore::open(&data_dir.path("keys.json"), durability)?;
        let tables = data_dir.path("dynamodb.sqlite");
        let dynamodb = DynamoDb::open(&tables, identity.clone(), &timing, durability, notices.clone())?;
        let streams = kinesis::StreamOptions { durability, ..timing.of_streams() };
        let kinesis = Kinesis::open(&data_dir.path("kinesis"), identity.clone(), streams, notices.clone())?;
        let iam = Iam::open(&data_dir.path(iam::FILE), identity.clone(), &timing, durability)?;
        let logs = Logs::open(&data_dir.subdirectory("logs")?, identity.clone(), durability, notices.clone())?;
        let sts = Sts::new(identity.clone(), keys.clone(), iam.clone());
        let faults = Faults::new(options.faults);
        let lambda = Lambda::start(LambdaServices {
            identity: identity.clone(),
            keys: keys.clone(),
            kinesis: kinesis.clone(),
            iam: iam.clone(),
            logs: logs.clone(),
            faults: faults.clone(),
            notices: notices.clone(),
            dir: data_dir.subdirectory("lambda")?,
            durability,
            endpoint: endpoint.clone(),
            timing,
        })
        .await?;
        let stop = CancellationToken::new();
        let tidying = tokio::spawn(tidy(kinesis.clone(), dynamodb.clone(), logs.clone(), stop.clone()));
        let tagging = Tagging {
            kinesis: kinesis.clone(),
            dynamodb: dynamodb.clone(),
            lambda: lambda.clone(),
            logs: logs.clone(),
        };
        let cloudwatch = CloudWatch {
            kinesis: kinesis.metrics().clone(),
            lambda: lambda.metrics().clone(),
            dynamodb: dynamodb.metrics().clone(),
        };
        let services = Services {
            keys: keys.clone(),
            kinesis,
            dynamodb,
            iam,
            sts,
            logs: logs.clone(),
            lambda: lambda.clone(),
            tagging,
            cloudwatch,
            faults,
            identity: identity.clone(),
            notices: notices.clone(),
            timing,
            durability,
            work: TaskTracker::new(),
        };
        let work = services.work.clone();
        let server = tokio::spawn(server::serve(listener, limits, Arc::new(services), stop.clone()));
        data_dir.complete(durability)?;

        let owner = keys.owner();
        let header = format!("X-Sensorctl-Key: {}\n", auth::credentials::control_token(&owner.secret));
        durability.write_text(&data_dir.path(CONTROL_HEADER), &header)?;
        data_dir.write_endpoint_file(&EndpointFile {
            endpoint: endpoint.clone(),
            region: identity.region.clone(),
            pid: std::process::id(),
            access_key_id: owner.key_id,
            secret_access_key: owner.secret,
        })?;
        Ok(LocalCloud {
            data_dir,
            endpoint,
            identity,
            timing,
            keys,
            lambda,
            logs,
            notices,
            stop,
            server,
            work,
            tidying,
        })
    }

    /// Returns its endpoint URL, `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns a stream of its past and future diagnostics.
    pub fn notices(&self) -> UnboundedReceiver<String> {
        self.notices.listen()
    }

    /// Returns once its data directory has been deleted. A local cloud that went on would delete the code of another one
    /// that was started at the same path.
    pub async fn data_dir_deleted(&self) {
        while self.data_dir.is_current() {
            tokio::time::sleep(DATA_DIR_CHECK).await;
        }
    }

    /// Returns the connection settings for clients of its owner.
    #[must_use]
    pub fn connection_info(&self) -> ConnectionInfo {
        ConnectionInfo {
            endpoint_url: self.endpoint.clone(),
            region: self.identity.region.clone(),
            access_key: self.keys.owner(),
            mapping_in_force: self.timing.mapping_in_force(),
        }
    }

    /// Stops the functions and the server, and releases the data directory.
    ///
    /// # Errors
    /// The endpoint file cannot be removed, or the server failed.
    pub async fn shutdown(self) -> Result<(), Error> {
        self.data_dir.remove_endpoint_file()?;
        self.lambda.shutdown().await;
        self.stop.cancel();
        // The task has the tables open; its last owner closes them. The panic hook has reported a panic in it.
        self.tidying.await.unwrap_or_default();
        let abort = self.server.abort_handle();
        let served = if let Ok(done) = tokio::time::timeout(GRACE_PERIOD, self.server).await {
            done.map_err(|error| Error::failed("the local cloud's server failed").with_source(error))
        } else {
            // A client keeps its request open; it loses its connection.
            abort.abort();
            Ok(())
        };
        // The next owner of the data directory must not find its files being written.
        self.work.close();
        self.work.wait().await;
        let logs = self.logs;
        tokio::task::spawn_blocking(move || logs.close()).await.unwrap_or_default();
        drop(self.data_dir);
        served
    }
}

/// Checkpoints the tables, and periodically deletes expired data. This also finds damage that no request meets.
async fn tidy(kinesis: Kinesis, dynamodb: DynamoDb, logs: Logs, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        let (kinesis, logs, tables) = (kinesis.clone(), logs.clone(), dynamodb.clone());
        let work = tokio::select! {
            () = stop.cancelled() => return,
            () = dynamodb.changed() => {
                // Include the changes that follow soon.
                stop.run_until_cancelled(tokio::time::sleep(WRITE_BACK)).await;
                tokio::task::spawn_blocking(move || tables.write_back())
            }
            _ = ticks.tick() => tokio::task::spawn_blocking(move || {
                kinesis.tidy();
                tables.expire();
                logs.expire();
            }),
        };
        // The panic hook has reported a panic; the next round runs anyway.
        work.await.unwrap_or_default();
    }
}

async fn listen(port: u16) -> Result<TcpListener, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| cannot_listen(port, error))
}

fn cannot_listen(port: u16, error: io::Error) -> Error {
    let taken = error.kind() == io::ErrorKind::AddrInUse;
    let error = Error::failed(format!("could not listen on 127.0.0.1:{port}")).with_source(error);
    if taken {
        error.hint("another program uses that port; choose another with `--port N`, or `--port 0` for any free one")
    } else {
        error
    }
}

#[cfg(test)]
mod tests;
