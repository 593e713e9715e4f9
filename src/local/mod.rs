//! The local cloud: the services of the pipeline on one loopback port. (Stand-in.)
pub(crate) mod daemon;
#[allow(dead_code)]
pub(crate) mod iam;
#[allow(dead_code)]
pub(crate) mod identity;
#[allow(dead_code)]
pub(crate) mod keys;
#[allow(dead_code)]
pub(crate) mod kinesis;
#[allow(dead_code)]
pub(crate) mod lambda;
#[allow(dead_code)]
pub(crate) mod logs;
#[allow(dead_code)]
pub(crate) mod wire;

use std::path::PathBuf;

use crate::aws::Target;
use crate::error::Error;
pub(crate) use daemon::running_target;

/// Stand-in.
pub(crate) struct LocalOptions {
    pub data_dir: PathBuf,
    pub port: u16,
    pub region: Option<String>,
}
/// Stand-in: holds the lock and answers health, nothing else.
pub(crate) struct LocalCloud {
    endpoint: String,
    lock: std::fs::File,
    options: LocalOptions,
}
impl LocalCloud {
    #[allow(clippy::unused_async)]
    pub(crate) async fn start(options: LocalOptions) -> Result<LocalCloud, Error> {
        let wrong = |error: std::io::Error| Error::failed("could not start").caused_by(error);
        std::fs::create_dir_all(&options.data_dir).map_err(wrong)?;
        let lock = std::fs::File::create(options.data_dir.join("lock")).map_err(wrong)?;
        lock.try_lock().map_err(|_| Error::failed("the data directory is in use"))?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", options.port)).await.map_err(|error| {
            Error::failed(format!("port {} is in use", options.port))
                .caused_by(error)
                .hint("use another with `--port N`, or any free one with `--port 0`")
        })?;
        let endpoint = format!("http://{}", listener.local_addr().map_err(wrong)?);
        let region = options.region.clone().unwrap_or_else(|| "us-east-1".into());
        let pid = std::process::id();
        let about = serde_json::json!({"endpoint": endpoint, "region": region, "pid": pid,
            "access_key_id": "AKIAX", "secret_access_key": "it's secret"});
        std::fs::write(options.data_dir.join("endpoint.json"), about.to_string()).map_err(wrong)?;
        let health = serde_json::json!({"pid": pid, "version": env!("CARGO_PKG_VERSION"), "region": region});
        let app = axum::Router::new()
            .fallback(move || async move { ([("content-type", "application/json")], health.to_string()) });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(LocalCloud { endpoint, lock, options })
    }
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
    pub(crate) fn target(&self) -> Target {
        Target::default()
    }
    #[allow(clippy::unused_async)]
    pub(crate) async fn shutdown(self) -> Result<(), Error> {
        std::fs::remove_file(self.options.data_dir.join("endpoint.json")).unwrap_or_default();
        self.lock.unlock().unwrap_or_default();
        Ok(())
    }
}
