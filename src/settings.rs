//! The user's settings: flags, environment, file and defaults, in this order, merged into one value that keeps its
//! origins.

mod connection;
mod constraints;
mod distinct_names;
mod file;
mod function;
mod layer_value;
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
mod tail;
#[cfg(test)]
mod tests;
mod trust;
mod variables;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::Error;
use crate::global_flags::GlobalFlags;
pub(crate) use crate::hint_flags::HintFlags;
use crate::hint_flags::{AwsCli, flag_words};

use self::connection::Connection;
use self::file::File;
use self::layers::{Environment, Layers};
use self::stage::Stage;

pub(crate) use self::constraints::{MAX_SHARDS, MAX_TABLE_UNITS};
pub(crate) use self::file::FILE_NAME;
pub(crate) use self::function::Function;
pub(crate) use self::layouts::OwnLayout;
pub(crate) use self::log_group::LogGroup;
pub(crate) use self::mapping::{Mapping, StartingPosition};
pub(crate) use self::origin::{Setting, SettingOrigin};
pub(crate) use self::role::{Permissions, Role};
pub(crate) use self::stream::{Capacity, Stream};
pub(crate) use self::table::{Billing, Rejects, Table, TableClass};
pub(crate) use self::tail::TailSettings;

/// All settings, resolved.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Suffix of every resource name, appended as `-NAME`.
    pub stage: Option<String>,
    /// AWS profile.
    pub profile: Option<String>,
    /// AWS region. If unset, the credential chain chooses.
    pub region: Option<String>,
    /// Endpoint that replaces AWS.
    pub endpoint_url: Option<String>,
    /// True to use the local cloud of this user.
    pub local: bool,
    /// Data directory of the local cloud.
    pub data_dir: PathBuf,
    /// The resources of the pipeline.
    pub pipeline: Pipeline,
    /// How `tail` reads the stream.
    pub tail: TailSettings,
    /// Layouts of the user's own.
    pub layouts: Vec<OwnLayout>,
    /// Every value with its origin, in the order of the file.
    pub origins: Vec<Setting>,
    /// The flags that a command in a hint repeats.
    pub hints: HintFlags,
}

/// The settings that a command needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    /// The settings file. A command that does not need it works with a broken one.
    pub file: bool,
    /// The local cloud, in any case.
    pub local: bool,
}

/// The resources of a pipeline. The walkthrough's names are the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pipeline {
    /// Table of readings.
    pub table: Table,
    /// Dead-letter table.
    pub rejects: Rejects,
    /// Kinesis stream.
    pub stream: Stream,
    /// Role of the function.
    pub role: Role,
    /// Function.
    pub function: Function,
    /// The function's log group.
    pub log_group: LogGroup,
    /// Event source mapping.
    pub mapping: Mapping,
    /// The user's own tags, on every resource.
    pub tags: BTreeMap<String, String>,
}

impl Pipeline {
    /// Returns the defaults, with the walkthrough's names.
    ///
    /// # Errors
    /// Never: the services accept the defaults.
    pub(crate) fn by_default() -> Result<Self, Error> {
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

    /// Refuses settings that the managed policies do not permit: a failure destination, and the user's own KMS key.
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

    /// Returns the log group to which Lambda writes the function's log.
    #[must_use]
    pub(crate) fn log_group_name(&self) -> String {
        format!("/aws/lambda/{}", self.function.name)
    }
}

impl Settings {
    /// Resolves all settings.
    ///
    /// # Errors
    /// If the file cannot be read or names an unknown setting, or if a value is out of its range.
    pub(crate) fn resolve(global: &GlobalFlags, scope: Scope) -> Result<Self, Error> {
        let names =
            std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().filter(|_| !value.is_empty()));
        Self::resolve_among(global, scope, &|name| std::env::var(name).ok(), names.collect())
    }

    /// Resolves all settings with the variables of a given environment.
    ///
    /// # Errors
    /// As [`Settings::resolve`].
    #[cfg(test)]
    pub(crate) fn resolve_in(global: &GlobalFlags, scope: Scope, environment: Environment<'_>) -> Result<Self, Error> {
        Self::resolve_among(global, scope, environment, Vec::new())
    }

    fn resolve_among(
        global: &GlobalFlags,
        scope: Scope,
        environment: Environment<'_>,
        variables: Vec<String>,
    ) -> Result<Self, Error> {
        let file = if scope.file { File::find(global.config.as_deref())? } else { None };
        let local = connection::is_local(global)? || scope.local;
        let settings = Self::settle(Layers::new(flags(global)?, environment, file).knowing(variables), local)?;
        Ok(Settings { hints: hint_flags(global), ..settings })
    }

    /// Returns the origin of a key's value.
    #[must_use]
    pub(crate) fn origin(&self, key: &str) -> Option<&SettingOrigin> {
        self.origins.iter().find(|setting| setting.key == key).map(|setting| &setting.origin)
    }

    /// Returns the way in which the AWS CLI reaches the cloud of these settings. It reads its own variables by itself.
    pub(crate) fn aws_cli(&self) -> AwsCli {
        if self.local {
            return AwsCli::LocalEnv;
        }
        let values = [
            ("--profile", "profile", &self.profile),
            ("--region", "region", &self.region),
            ("--endpoint-url", "endpoint_url", &self.endpoint_url),
        ];
        let flags = values.into_iter().filter_map(|(flag, key, value)| {
            let is_its_own =
                matches!(self.origin(key), Some(SettingOrigin::Environment(name)) if name.starts_with("AWS_"));
            value.as_deref().filter(|_| !is_its_own).map(|value| flag_words(flag, value))
        });
        let flags: Vec<_> = flags.flatten().collect();
        if flags.is_empty() { AwsCli::Default } else { AwsCli::Flags(flags) }
    }

    fn settle(mut layers: Layers<'_>, local: bool) -> Result<Self, Error> {
        let stage = Stage(layers.section("").optional("stage", Stage::check)?);
        let Connection { profile, region, endpoint_url } = Connection::read(&mut layers, local)?;
        let pipeline = Pipeline::read(&mut layers, &stage)?;
        let tail = TailSettings::read(&mut layers)?;
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
            tail,
            layouts,
            origins,
            hints,
        })
    }
}

/// Returns the flags that a command in a hint repeats.
#[must_use]
pub(crate) fn hint_flags(global: &GlobalFlags) -> HintFlags {
    HintFlags::of(global, connection::is_local(global).unwrap_or(global.local))
}

/// Returns the settings of the command line, by dotted name.
fn flags(global: &GlobalFlags) -> Result<BTreeMap<String, (String, SettingOrigin)>, Error> {
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

/// Returns `SENSORCTL_DATA_DIR`, else the platform's state directory.
fn data_dir(named: Option<String>) -> Result<PathBuf, Error> {
    if let Some(path) = named {
        return Ok(PathBuf::from(path));
    }
    dirs::state_dir().or_else(dirs::data_local_dir).map(|dir| dir.join("sensorctl")).ok_or_else(|| {
        Error::usage("no home directory to keep the local cloud's state in").hint("set SENSORCTL_DATA_DIR to a folder")
    })
}
