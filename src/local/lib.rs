//! The local cloud: the services of the pipeline on one loopback port.

mod auth;
mod changed_names;
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
mod operation;
mod protocol;
mod router;
mod server;
mod services;
mod sts;
mod tagging;

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

/// The region where none is asked for.
pub const DEFAULT_REGION: &str = "us-east-1";

/// The file in the data directory that holds the header of the control paths, in the form that `curl -H @FILE` takes.
pub const CONTROL_HEADER: &str = "control.header";

/// Stack of each thread that answers requests, in bytes; only what is used of it takes memory. A thread that runs out of
/// stack ends the whole process, and what the local cloud is sent decides how deep a parser goes: 4 KB of `(` take 20 MiB
/// in a dev build.
pub const THREAD_STACK: usize = 32 << 20;

/// How often what is past its time is deleted.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_mins(1);

/// How long after a change the tables are written back.
const WRITE_BACK: Duration = Duration::from_millis(250);

/// How long requests under way may take to end at shutdown.
const GRACE_PERIOD: Duration = Duration::from_secs(2);

/// What a local cloud starts with.
#[derive(Clone, Debug, Default)]
pub struct LocalOptions {
    /// Where its state lives; made if needed, owned by one process at a time.
    pub data_dir: PathBuf,
    /// Port on 127.0.0.1; 0: any free one.
    pub port: u16,
    /// The region that it reports; `us-east-1` if none.
    pub region: Option<String>,
    /// What shall go wrong.
    pub faults: FaultPlan,
    /// How long things take.
    pub timing: LatencyProfile,
    /// What is acknowledged survives this.
    pub durability: Durability,
    /// What the one port allows.
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
    /// What requests have begun.
    work: TaskTracker,
    tidying: JoinHandle<()>,
}

impl LocalCloud {
    /// Takes the data directory, opens the services and answers from then on.
    ///
    /// # Errors
    /// When the data directory is in use or damaged, or the port is taken.
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
        let iam = Iam::open(&data_dir.path("iam.json"), identity.clone(), &timing, durability)?;
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
        let services = Services {
            keys: keys.clone(),
            kinesis,
            dynamodb,
            iam,
            sts,
            logs: logs.clone(),
            lambda: lambda.clone(),
            tagging,
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

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What it has to tell its owner, from now on and before.
    pub fn notices(&self) -> UnboundedReceiver<String> {
        self.notices.listen()
    }

    /// What clients need to reach it as its owner.
    #[must_use]
    pub fn connection_info(&self) -> ConnectionInfo {
        ConnectionInfo {
            endpoint_url: self.endpoint.clone(),
            region: self.identity.region.clone(),
            access_key: self.keys.owner(),
            mapping_in_force: self.timing.mapping_in_force(),
        }
    }

    /// Stops the functions and the server, and gives the data directory back.
    ///
    /// # Errors
    /// When the announcement cannot be taken back or the server failed.
    pub async fn shutdown(self) -> Result<(), Error> {
        self.data_dir.remove_endpoint_file()?;
        self.lambda.shutdown().await;
        self.stop.cancel();
        // It has the tables open, which are closed by whoever has them last. A panic in it has been told.
        self.tidying.await.unwrap_or_default();
        let abort = self.server.abort_handle();
        let served = if let Ok(done) = tokio::time::timeout(GRACE_PERIOD, self.server).await {
            done.map_err(|error| Error::failed("the local cloud's server failed").with_source(error))
        } else {
            // A client holds its request open; it loses its connection.
            abort.abort();
            Ok(())
        };
        // Whoever owns the data directory next must not find its files being written.
        self.work.close();
        self.work.wait().await;
        let logs = self.logs;
        tokio::task::spawn_blocking(move || logs.close()).await.unwrap_or_default();
        drop(self.data_dir);
        served
    }
}

/// Writes tables back beside the requests; deletes, now and then, what is past its time. What was damaged while nobody
/// looked is found so as well.
async fn tidy(kinesis: Kinesis, dynamodb: DynamoDb, logs: Logs, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        let (kinesis, logs, tables) = (kinesis.clone(), logs.clone(), dynamodb.clone());
        let work = tokio::select! {
            () = stop.cancelled() => return,
            () = dynamodb.changed() => {
                // What changes next goes with it.
                stop.run_until_cancelled(tokio::time::sleep(WRITE_BACK)).await;
                tokio::task::spawn_blocking(move || tables.write_back())
            }
            _ = ticks.tick() => tokio::task::spawn_blocking(move || {
                kinesis.tidy();
                tables.expire();
                logs.expire();
            }),
        };
        // A panic has been told on stderr; the next round comes all the same.
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
