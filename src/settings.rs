//! What the user wants: flags, environment, file and defaults, in this order, as one value that remembers its origins.

mod connection;
mod constraints;
mod distinct_names;
mod file;
mod function;
mod layers;
mod layouts;
mod log_group;
mod mapping;
mod origin;
#[cfg(test)]
mod reference;
mod role;
mod stage;
mod stream;
mod table;
mod tags;
#[cfg(test)]
mod tests;
mod trust;
mod variables;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::Global;
use crate::error::Error;
pub use crate::hint_flags::HintFlags;

use self::connection::Connection;
use self::file::File;
use self::layers::{Environment, Layers};
use self::stage::Stage;

pub use self::file::FILE_NAME;
pub use self::function::Function;
pub use self::layouts::OwnLayout;
pub use self::log_group::LogGroup;
pub use self::mapping::{Mapping, StartingPosition};
pub use self::origin::{Setting, SettingOrigin};
pub use self::role::{Permissions, Role};
pub use self::stream::{Capacity, Stream};
pub use self::table::{Billing, Rejects, Table, TableClass};

/// Everything that can be set, settled.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Appended to every resource name as `-NAME`.
    pub stage: Option<String>,
    /// AWS profile.
    pub profile: Option<String>,
    /// AWS region; the credential chain's own choice if none.
    pub region: Option<String>,
    /// Address that stands in for AWS.
    pub endpoint_url: Option<String>,
    /// Use the local cloud of this user.
    pub local: bool,
    /// Where the local cloud keeps its state.
    pub data_dir: PathBuf,
    /// The resources of the pipeline.
    pub pipeline: Pipeline,
    /// Layouts of the user's own.
    pub layouts: Vec<OwnLayout>,
    /// Every value with where it came from, in the order of the file.
    pub origins: Vec<Setting>,
    /// The flags that a command in a hint repeats.
    pub hints: HintFlags,
}

/// What a command needs of the settings.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// The settings file. What does without works beside a broken one.
    pub file: bool,
    /// It is about the local cloud whatever else is said.
    pub local: bool,
}

/// The resources of a pipeline, with the names of the walkthrough as defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// Table of readings.
    pub table: Table,
    /// Table of rejected readings.
    pub rejects: Rejects,
    /// Kinesis stream.
    pub stream: Stream,
    /// Role of the function.
    pub role: Role,
    /// Function.
    pub function: Function,
    /// The function's log.
    pub log_group: LogGroup,
    /// Event source mapping.
    pub mapping: Mapping,
    /// Tags of the user's own, on every resource.
    pub tags: BTreeMap<String, String>,
}

impl Pipeline {
    /// The defaults, with the names of the walkthrough.
    ///
    /// # Errors
    /// Never: the defaults are what the services take.
    pub fn by_default() -> Result<Self, Error> {
        Self::read(&mut Layers::new(BTreeMap::new(), &|_| None, None), &Stage::default())
    }

    fn read(layers: &mut Layers<'_>, stage: &Stage) -> Result<Self, Error> {
        let pipeline = Pipeline {
            stream: Stream::read(layers, stage)?,
            table: Table::read(layers, stage)?,
            rejects: Rejects::read(layers, stage)?,
            role: Role::read(layers, stage)?,
            function: Function::read(layers, stage)?,
            log_group: LogGroup::read(layers)?,
            mapping: Mapping::read(layers)?,
            tags: tags::read(layers)?,
        };
        pipeline.check_permissions()?;
        distinct_names::check_tables(&pipeline, layers)?;
        Ok(pipeline)
    }

    /// The managed policies allow neither to tell of failures nor to use a key of one's own.
    fn check_permissions(&self) -> Result<(), Error> {
        let role = &self.role;
        if role.existing || role.permissions == Permissions::Least {
            return Ok(());
        }
        let own_key = self.stream.key.as_ref().is_some_and(|key| key.starts_with("arn:"));
        let needs = [("mapping.on_failure", self.mapping.on_failure.is_some()), ("stream.encryption", own_key)];
        match needs.iter().find(|(_, is_set)| *is_set) {
            None => Ok(()),
            Some((key, _)) => Err(Error::usage(format!(
                "`{key}` takes permissions that `role.permissions = \"managed\"` does not give"
            ))
            .hint("`role.permissions = \"least\"` gives exactly what is needed")),
        }
    }

    /// The log group that Lambda writes the function's log to.
    #[must_use]
    pub fn log_group_name(&self) -> String {
        format!("/aws/lambda/{}", self.function.name)
    }
}

impl Settings {
    /// Settles all settings.
    ///
    /// # Errors
    /// When the file cannot be read, names a setting that there is not, or a value is out of its range.
    pub fn resolve(global: &Global, scope: Scope) -> Result<Self, Error> {
        let names =
            std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().filter(|_| !value.is_empty()));
        Self::resolve_among(global, scope, &|name| std::env::var(name).ok(), names.collect())
    }

    /// Settles all settings with the variables of a given environment.
    ///
    /// # Errors
    /// As [`Settings::resolve`].
    #[cfg(test)]
    pub fn resolve_in(global: &Global, scope: Scope, environment: Environment<'_>) -> Result<Self, Error> {
        Self::resolve_among(global, scope, environment, Vec::new())
    }

    fn resolve_among(
        global: &Global,
        scope: Scope,
        environment: Environment<'_>,
        variables: Vec<String>,
    ) -> Result<Self, Error> {
        let file = if scope.file { File::find(global.config.as_deref())? } else { None };
        let local = connection::is_local(global)? || scope.local;
        let settings = Self::settle(Layers::new(flags(global)?, environment, file).knowing(variables), local)?;
        Ok(Settings { hints: hint_flags(global), ..settings })
    }

    /// Where the value of a key came from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Option<&SettingOrigin> {
        self.origins.iter().find(|setting| setting.key == key).map(|setting| &setting.origin)
    }

    fn settle(mut layers: Layers<'_>, local: bool) -> Result<Self, Error> {
        let stage = Stage(layers.section("").optional("stage", Stage::check)?);
        let Connection { profile, region, endpoint_url } = Connection::read(&mut layers, local)?;
        let pipeline = Pipeline::read(&mut layers, &stage)?;
        let data_dir = data_dir(layers.variable("SENSORCTL_DATA_DIR"))?;
        let layouts = layouts::read(&mut layers)?;
        let origins = layers.finish()?;
        let hints = HintFlags::default();
        Ok(Settings {
            stage: stage.0,
            profile,
            region,
            endpoint_url,
            local,
            data_dir,
            pipeline,
            layouts,
            origins,
            hints,
        })
    }
}

/// The flags that a command in a hint repeats.
#[must_use]
pub fn hint_flags(global: &Global) -> HintFlags {
    HintFlags::of(global, connection::is_local(global).unwrap_or(global.local))
}

/// What the command line says, by dotted name.
fn flags(global: &Global) -> Result<BTreeMap<String, (String, SettingOrigin)>, Error> {
    let mut flags = BTreeMap::new();
    for assignment in &global.set {
        let (key, value) = assignment.split_once('=').ok_or_else(|| {
            Error::usage(format!("--set {assignment}: must be KEY=VALUE, as in --set stream.shards=2"))
        })?;
        flags.insert(key.trim().to_owned(), (value.trim().to_owned(), SettingOrigin::Flag("--set")));
    }
    let named = [
        ("stage", "--stage", "SENSORCTL_STAGE", &global.stage),
        ("profile", "--profile", "SENSORCTL_PROFILE", &global.profile),
        ("region", "--region", "SENSORCTL_REGION", &global.region),
        ("endpoint_url", "--endpoint-url", "SENSORCTL_ENDPOINT_URL", &global.endpoint_url),
    ];
    for (key, flag, variable, value) in named {
        if let Some(value) = value {
            let from_environment = global.from_environment.contains(key);
            let origin = if from_environment {
                SettingOrigin::Environment(variable.to_owned())
            } else {
                SettingOrigin::Flag(flag)
            };
            flags.insert(key.to_owned(), (toml::Value::from(value.as_str()).to_string(), origin));
        }
    }
    Ok(flags)
}

/// `SENSORCTL_DATA_DIR`, else the platform's state directory.
fn data_dir(named: Option<String>) -> Result<PathBuf, Error> {
    if let Some(path) = named {
        return Ok(PathBuf::from(path));
    }
    dirs::state_dir().or_else(dirs::data_local_dir).map(|dir| dir.join("sensorctl")).ok_or_else(|| {
        Error::usage("no home directory to keep the local cloud's state in").hint("set SENSORCTL_DATA_DIR to a folder")
    })
}
