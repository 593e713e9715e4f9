//! The context of a command: settings, output, the interrupt signal, and clients that are built on first use.

use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::aws::{self, Access, Clients, Target};
use crate::error::{Error, ErrorKind};
use crate::global_flags::GlobalFlags;
use crate::output::Output;
use crate::settings::{Scope, SettingOrigin, Settings};

/// Everything a command needs besides its own arguments.
#[derive(Debug)]
pub(crate) struct Context {
    /// The settings from file, environment and flags.
    pub settings: Settings,
    /// The door to the terminal.
    pub output: Output,
    /// Canceled at the first Ctrl-C; the second ends the process.
    pub interrupt: CancellationToken,
    clients: OnceCell<Arc<Clients>>,
}

impl Context {
    /// Settles settings and output; makes no call.
    ///
    /// # Errors
    /// When the settings cannot be read or make no sense.
    pub(crate) fn new(
        global: &GlobalFlags,
        scope: Scope,
        output: Output,
        interrupt: CancellationToken,
    ) -> Result<Self, Error> {
        Ok(Self::with_settings(Settings::resolve(global, scope)?, output, interrupt))
    }

    /// Creates a context with settled settings.
    #[must_use]
    pub(crate) fn with_settings(settings: Settings, output: Output, interrupt: CancellationToken) -> Self {
        output.hint_flags().set_aws_cli(settings.aws_cli());
        Context { settings, output, interrupt, clients: OnceCell::new() }
    }

    /// A context of its own for a cloud that this process runs itself.
    #[must_use]
    pub(crate) fn with_clients(
        settings: Settings,
        output: Output,
        interrupt: CancellationToken,
        clients: Clients,
    ) -> Self {
        Context { settings, output, interrupt, clients: OnceCell::new_with(Some(Arc::new(clients))) }
    }

    /// The clients, for AWS or, under `--local`, for this user's running local cloud.
    ///
    /// # Errors
    /// When there is no region, or `--local` was given and no local cloud runs.
    pub(crate) async fn clients(&self) -> Result<&Arc<Clients>, Error> {
        let connect = || async {
            self.tell_where_calls_go();
            aws::connect(&self.target().await?).await.map(Arc::new)
        };
        self.clients.get_or_try_init(connect).await
    }

    /// Says which settings of a file send calls elsewhere, or choose whose credentials they carry.
    fn tell_where_calls_go(&self) {
        let Settings { endpoint_url, profile, .. } = &self.settings;
        let of_file = |key| self.settings.origin(key).filter(|origin| matches!(origin, SettingOrigin::File { .. }));
        if let (Some(url), Some(origin)) = (endpoint_url, of_file("endpoint_url")) {
            self.output.note(format!("calls go to {url} ({origin})"));
        }
        if let (Some(profile), Some(origin)) = (profile, of_file("profile").filter(|origin| origin.is_found_file())) {
            self.output.note(format!("calls carry the credentials of profile `{profile}` ({origin})"));
        }
    }

    /// Says which settings of a file that nobody named decide what code runs with which role.
    pub(crate) fn tell_whose_code_runs(&self) {
        let pipeline = &self.settings.pipeline;
        let of_found = |key| self.settings.origin(key).filter(|origin| origin.is_found_file());
        if let (Some(zip), Some(origin)) = (&pipeline.function.zip, of_found("function.zip")) {
            self.output.note(format!("the function's code is {} ({origin})", zip.display()));
        }
        if let (true, Some(origin)) = (pipeline.role.existing, of_found("role.existing")) {
            let role = &pipeline.role.name;
            self.output.note(format!("the function has the permissions of the existing role `{role}` ({origin})"));
        }
    }

    async fn target(&self) -> Result<Target, Error> {
        let settings = &self.settings;
        if !settings.local {
            return Ok(Target {
                profile: settings.profile.clone(),
                profile_wins: matches!(
                    settings.origin("profile"),
                    Some(SettingOrigin::Flag(_) | SettingOrigin::Environment(_))
                ),
                region: settings.region.clone(),
                endpoint_url: settings.endpoint_url.clone(),
                access: None,
                mapping_in_force: None,
            });
        }
        let region = settings.region.as_deref().zip(settings.origin("region"));
        Ok(sensorctl_local::running_connection(&settings.data_dir, region).await?.into())
    }

    /// Runs work that a Ctrl-C may end; `left` says what is there when it does.
    ///
    /// # Errors
    /// The work's own, or that it was interrupted.
    pub(crate) async fn or_interrupt<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
        left: impl FnOnce() -> Error,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.interrupt.cancelled() => Err(left()),
            result = work => result,
        }
    }
}
impl From<sensorctl_local::ConnectionInfo> for Target {
    fn from(info: sensorctl_local::ConnectionInfo) -> Self {
        let sensorctl_local::AccessKey { key_id, secret } = info.access_key;
        Target {
            profile: None,
            profile_wins: false,
            region: Some(info.region),
            endpoint_url: Some(info.endpoint_url),
            access: Some(Access { key_id, secret, token: None }),
            mapping_in_force: Some(info.mapping_in_force),
        }
    }
}

impl From<sensorctl_local::Error> for Error {
    fn from(error: sensorctl_local::Error) -> Self {
        let kind = if error.is_usage() { ErrorKind::Usage } else { ErrorKind::Failed };
        let outer = Error::new(kind, error.to_string());
        let (source, hints) = error.into_parts();
        let outer = match source {
            Some(source) => outer.with_source(source),
            None => outer,
        };
        hints.into_iter().fold(outer, Error::hint)
    }
}
