//! `[function]`: the Lambda function.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sensor_model::limits::RESERVED_VARIABLES;

use super::layers::{Layers, Section};
use super::origin::SettingOrigin;
use super::stage::Stage;
use super::{constraints, trust};
use crate::error::Error;

/// Settings of the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name.
    pub name: String,
    /// Memory in MB. CPU is proportional to it; 1769 MB are one vCPU.
    pub memory_mb: i32,
    /// Time limit of an invocation in seconds.
    pub timeout_seconds: i32,
    /// `x86_64` or `arm64`. If unset, that of its program.
    pub architecture: Option<&'static str>,
    /// Environment variables besides those that sensorctl sets. They may be secret and are never shown.
    pub environment: BTreeMap<String, String>,
    /// Reserved concurrent invocations, which are also the maximum.
    pub reserved_concurrency: Option<i32>,
    /// True if its log lines are JSON documents.
    pub json_log: bool,
    /// A zip that replaces the bundled function.
    pub zip: Option<PathBuf>,
}

/// Maximum bytes of the user's variables. Lambda allows 4 KB of environment in all (Lambda quotas); sensorctl's own
/// variables take a part of it.
const LARGEST_ENVIRONMENT: usize = 4096 - 512;

impl Function {
    pub(super) fn read(layers: &mut Layers<'_>, stage: &Stage) -> Result<Self, Error> {
        let mut section = layers.section("function");
        let name = stage.name(&mut section, "ProcessKinesisRecords", constraints::FUNCTION_NAME, false)?;
        let memory_mb = section.integer("memory_mb", 256, &constraints::MEMORY)?;
        let timeout_seconds = section.integer("timeout_seconds", 60, &constraints::TIMEOUT)?;
        let architecture =
            section.choice("architecture", &[("auto", None), ("x86_64", Some("x86_64")), ("arm64", Some("arm64"))])?;
        let reserved_concurrency = section.integer_or(
            "reserved_concurrency",
            "none",
            None,
            |number| constraints::CONCURRENCY.accept(number),
            &constraints::CONCURRENCY.in_words(),
        )?;
        let json_log = section.choice("log_format", &[("text", false), ("json", true)])?;
        let origin = section.take("zip").map(|given| given.origin);
        let zip = section.optional("zip", |_| Ok(()))?;
        let zip = zip.map(|path| match (&origin, section.layers().file()) {
            (Some(SettingOrigin::File { .. }), Some(file)) => file.beside(&path),
            _ => PathBuf::from(path),
        });
        if let (Some(zip), Some(origin)) = (&zip, &origin) {
            trust::check_code(origin, zip)?;
        }
        let environment = environment(&mut section)?;
        Ok(Function {
            name,
            memory_mb,
            timeout_seconds,
            architecture,
            environment,
            reserved_concurrency,
            json_log,
            zip,
        })
    }
}

/// Returns whether a variable redirects the function's calls, with the credentials of its role, or decides which code
/// runs in it.
fn redirects(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    name.starts_with("AWS_ENDPOINT_URL")
        || matches!(name, "AWS_CA_BUNDLE" | "AWS_LAMBDA_EXEC_WRAPPER" | "LD_PRELOAD" | "LD_LIBRARY_PATH")
        || matches!(upper.as_str(), "HTTP_PROXY" | "HTTPS_PROXY" | "ALL_PROXY")
}

/// Reads the user's variables. Their values may be secret, so no message shows one.
fn environment(section: &mut Section<'_, '_>) -> Result<BTreeMap<String, String>, Error> {
    let Some(given) = section.take("environment") else {
        section.settle("environment", &"{}", None);
        return Ok(BTreeMap::new());
    };
    let wrong = |name: &str, why: &str| {
        Error::usage(format!("{}: the function's environment variable `{name}` {why}", given.origin))
    };
    let table = given.value.as_table().ok_or_else(|| {
        Error::usage(format!("{}: `function.environment` must be a section of NAME = \"value\"", given.origin))
    })?;
    let mut variables = BTreeMap::new();
    for name in table.keys() {
        // Lambda developer guide: starts with a letter, at least two characters, letters, digits, underscores.
        let named = name.len() >= 2
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
        if RESERVED_VARIABLES.contains(&name.as_str()) {
            return Err(wrong(name, "is reserved by Lambda"));
        }
        if name.starts_with("SENSORCTL_") {
            return Err(wrong(name, "is reserved by sensorctl"));
        }
        if !named {
            return Err(wrong(name, "must begin with a letter and have two or more letters, digits and underscores"));
        }
        let origin = section.layers().member_origin("function.environment", name, &given.origin);
        if origin.is_found_file() && redirects(name) {
            return Err(trust::refuse(&origin, &format!("sets `{name}`, which sends the function's calls elsewhere")));
        }
        let value = given.member_text(name).ok_or_else(|| wrong(name, "must be text in quotes"))?;
        variables.insert(name.clone(), value.to_owned());
    }
    let size: usize = variables.iter().map(|(name, value)| name.len() + value.len() + 6).sum();
    if size > LARGEST_ENVIRONMENT {
        return Err(Error::usage(format!(
            "{}: the function's environment takes {size} bytes; Lambda leaves room for {LARGEST_ENVIRONMENT}",
            given.origin
        )));
    }
    let names = variables.keys().map(|name| format!("{name} = …")).collect::<Vec<_>>().join(", ");
    section.settle("environment", &format!("{{ {names} }}"), Some(&given));
    Ok(variables)
}
