//! Builds the function with a nested cargo, zips it reproducibly, and passes the zips to `include_bytes!`.
//!
//! The nested build has its own target directory, so it never waits for the outer build's lock. It shares the outer
//! build's job limit. A build with the profile `dist` embeds the function for both architectures of Lambda. Any other
//! profile embeds only the one for this machine. `SENSORCTL_FUNCTION_ARCHITECTURES=x86_64,arm64` overrides that.
//! `SENSORCTL_LAMBDA_BOOTSTRAP=FILE` embeds an existing `bootstrap` instead.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// An existing `bootstrap` to embed.
const READY_BOOTSTRAP: &str = "SENSORCTL_LAMBDA_BOOTSTRAP";
/// The architectures to build for, by Lambda's names: `x86_64`, `arm64`, or both with a comma.
const ARCHITECTURES: &str = "SENSORCTL_FUNCTION_ARCHITECTURES";
/// Variables that cargo sets for its children and that the nested cargo needs, too.
const KEPT_CARGO_VARIABLES: [&str; 3] = ["CARGO_HOME", "CARGO_MAKEFLAGS", "CARGO_TERM_COLOR"];
const KEPT_CARGO_PREFIXES: [&str; 3] = ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_"];
/// Variables that the outer build sets for this script and that would change the nested build.
const REMOVED_VARIABLES: [&str; 8] =
    ["DEBUG", "HOST", "LLVM_PROFILE_FILE", "NUM_JOBS", "OPT_LEVEL", "OUT_DIR", "PROFILE", "TARGET"];

fn main() -> Result<()> {
    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={READY_BOOTSTRAP}");
    println!("cargo:rerun-if-env-changed={ARCHITECTURES}");
    let bootstraps = if let Some(ready) = env::var_os(READY_BOOTSTRAP).filter(|path| !path.is_empty()) {
        println!("cargo:rerun-if-changed={}", Path::new(&ready).display());
        vec![("ready".to_owned(), PathBuf::from(ready))]
    } else {
        NestedBuild::new(&out_dir)?.run()?
    };
    let mut zips = String::from("&[");
    for (target, bootstrap) in bootstraps {
        let zip = out_dir.join(format!("{target}.zip"));
        let content = fs::read(&bootstrap).map_err(|error| format!("{}: {error}", bootstrap.display()))?;
        write_if_changed(&zip, &zipped(&content)?)?;
        zips.push_str(&format!("({target:?}, include_bytes!({:?})), ", zip.display().to_string()));
    }
    zips.push(']');
    write_if_changed(&out_dir.join("function_zips.rs"), zips.as_bytes())?;
    embed_layouts(&out_dir)
}

/// Lists the layouts of input files, so that a new one needs no code.
fn embed_layouts(out_dir: &Path) -> Result<()> {
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("templates/layouts");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut layouts = BTreeMap::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            layouts.insert(name, path.display().to_string());
        }
    }
    let mut list = String::from("&[\n");
    for (name, path) in layouts {
        list.push_str(&format!("({name:?}, include_str!({path:?})),\n"));
    }
    list.push(']');
    write_if_changed(&out_dir.join("layouts.rs"), list.as_bytes())
}

fn variable(name: &str) -> Result<String> {
    env::var(name).map_err(|error| format!("{name}: {error}").into())
}

/// A build of the package in `lambda/`.
struct NestedBuild {
    workspace: PathBuf,
    target_dir: PathBuf,
    sysroot: PathBuf,
    host: String,
    targets: Vec<String>,
    profile: &'static str,
}

impl NestedBuild {
    fn new(out_dir: &Path) -> Result<Self> {
        let sysroot = sysroot()?;
        let host = variable("HOST")?;
        Ok(NestedBuild {
            workspace: PathBuf::from(variable("CARGO_MANIFEST_DIR")?),
            target_dir: target_dir(out_dir),
            targets: targets(&sysroot, &host, is_dist(out_dir))?,
            sysroot,
            host,
            // `dist` inherits `release`, and cargo reports the name of the base profile.
            profile: if variable("PROFILE")? == "release" { "function" } else { "function-dev" },
        })
    }

    /// Builds each target. Returns the targets with the paths of their binaries.
    fn run(&self) -> Result<Vec<(String, PathBuf)>> {
        // One after the other: in one build they would share features, and so need each other's C compiler.
        self.targets.iter().map(|target| Ok((target.clone(), self.build(target)?))).collect()
    }

    /// Builds a target, declares its dependencies to cargo, and returns the path of the binary.
    fn build(&self, target: &str) -> Result<PathBuf> {
        let mut command = Command::new(variable("CARGO")?);
        clean_environment(&mut command);
        command
            .current_dir(&self.workspace)
            .args(["build", "--locked", "--package", "sensorctl-lambda", "--bin", "bootstrap"])
            .args(["--profile", self.profile, "--target", target])
            .arg("--target-dir")
            .arg(&self.target_dir)
            .env("CARGO_ENCODED_RUSTFLAGS", self.rustc_flags()?);
        let offline = env::var("CARGO_NET_OFFLINE").is_ok_and(|value| value == "true" || value == "1");
        if offline {
            command.arg("--offline");
        }
        self.choose_tools(target, &mut command);
        println!("cargo:rerun-if-env-changed=CARGO_NET_OFFLINE");
        let output = command.output().map_err(|error| format!("cargo for the function: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the function in lambda/ did not build for {target}:\n{said}").into());
        }
        let directory = self.target_dir.join(target).join(self.profile);
        Self::depend_on(&directory.join("bootstrap.d"))?;
        Ok(directory.join("bootstrap"))
    }

    /// Returns the flags that keep paths of this machine out of the binary, so that the same source in another folder
    /// gives the same bytes.
    fn rustc_flags(&self) -> Result<OsString> {
        let cargo_home =
            env::var_os("CARGO_HOME").map_or_else(|| home().map(|home| home.join(".cargo")), |path| Ok(path.into()))?;
        let places = [
            (self.target_dir.clone(), "/function"),
            (self.workspace.clone(), "/sensorctl"),
            (cargo_home.join("registry").join("src"), "/registry"),
            (self.sysroot.join("lib").join("rustlib").join("src").join("rust"), "/rust"),
        ];
        let mut flags = OsString::new();
        for (place, name) in places {
            if !flags.is_empty() {
                flags.push("\u{1f}");
            }
            flags.push("--remap-path-prefix=");
            flags.push(place);
            flags.push("=");
            flags.push(name);
        }
        Ok(flags)
    }

    /// Selects the linker that comes with rustc, for another architecture.
    fn choose_tools(&self, target: &str, command: &mut Command) {
        let Some(architecture) = target.strip_suffix("-unknown-linux-musl") else { return };
        let underscored = target.replace('-', "_");
        if !self.host.starts_with(architecture) {
            command.env(format!("CARGO_TARGET_{}_LINKER", underscored.to_uppercase()), "rust-lld");
        }
        if let Some(CCompiler::Named(program)) = CCompiler::of(architecture, &self.host) {
            command.env(format!("CC_{underscored}"), program);
        }
    }

    fn depend_on(dependencies: &Path) -> Result<()> {
        for name in ["Cargo.toml", "Cargo.lock", "lambda/Cargo.toml", "lambda/src"] {
            println!("cargo:rerun-if-changed={name}");
        }
        let text = fs::read_to_string(dependencies).map_err(|error| format!("{}: {error}", dependencies.display()))?;
        // `target: path path …`, with blanks inside a path escaped by a backslash.
        let paths = text.split_once(": ").map_or("", |(_, paths)| paths.trim_end()).replace("\\ ", "\u{0}");
        for path in paths.split(' ').filter(|path| !path.is_empty()) {
            println!("cargo:rerun-if-changed={}", path.replace('\u{0}', " "));
        }
        Ok(())
    }
}

/// The C compiler for ring, which only the function for `x86_64` contains.
enum CCompiler {
    /// The compiler that the crate `cc` finds by itself, or that its variables name.
    Default,
    /// This compiler. The code needs no C library, so a compiler that does not target musl works as well.
    Named(String),
}

impl CCompiler {
    /// Returns `None` if there is no compiler for the architecture.
    fn of(architecture: &str, host: &str) -> Option<Self> {
        let variable = format!("CC_{architecture}_unknown_linux_musl");
        let told = env::var_os(variable).is_some() || env::var_os("TARGET_CC").is_some();
        let is_host = host.starts_with(architecture);
        let musl = format!("{architecture}-linux-musl-gcc");
        let gnu = format!("{architecture}-linux-gnu-gcc");
        if architecture == "aarch64" || told || is_in_path(&musl) || (is_host && is_in_path("musl-gcc")) {
            Some(CCompiler::Default)
        } else if is_host {
            Some(CCompiler::Named("gcc".to_owned()))
        } else {
            is_in_path(&gnu).then_some(CCompiler::Named(gnu))
        }
    }
}

/// Returns the targets to build the function for: static musl, which runs on any Linux and so in Lambda. If musl is not
/// installed for this machine's architecture, returns the host's own target, which suffices for the local cloud.
fn targets(sysroot: &Path, host: &str, both_architectures: bool) -> Result<Vec<String>> {
    let libraries = sysroot.join("lib").join("rustlib");
    // Run again when a target is added.
    println!("cargo:rerun-if-changed={}", libraries.display());
    let of_host = host.split('-').next().unwrap_or_default();
    let asked = env::var(ARCHITECTURES).unwrap_or_default();
    let mut architectures = vec![of_host];
    for name in asked.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        architectures.push(match name {
            "x86_64" => "x86_64",
            "arm64" => "aarch64",
            _ => return Err(format!("{ARCHITECTURES}: `{name}` is neither `x86_64` nor `arm64`").into()),
        });
    }
    if both_architectures && asked.is_empty() {
        architectures.extend(["x86_64", "aarch64"]);
    }
    let mut targets = Vec::new();
    for architecture in architectures {
        let musl = format!("{architecture}-unknown-linux-musl");
        let target = if libraries.join(&musl).join("lib").is_dir() {
            if asked.is_empty() && CCompiler::of(architecture, host).is_none() {
                println!("cargo:warning=the function for {architecture} is left out: no C compiler for it");
                continue;
            }
            musl
        } else if architecture == of_host {
            println!(
                "cargo:warning=Rust's {musl} target is not installed, so the function was built for {host}. The local cloud \
                 works (`demo`, `--local`). On AWS, `up` refuses this function or Lambda may fail to start it. To fix \
                 that: rustup target add {musl}, then build again."
            );
            host.to_owned()
        } else if asked.is_empty() {
            println!("cargo:warning=the function for {architecture} is left out; to have it: rustup target add {musl}");
            continue;
        } else {
            return Err(format!("{ARCHITECTURES}: for {architecture}: rustup target add {musl}").into());
        };
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Ok(targets)
}

fn sysroot() -> Result<PathBuf> {
    let output = Command::new(variable("RUSTC")?).args(["--print", "sysroot"]).output()?;
    let path = String::from_utf8(output.stdout)?;
    if output.status.success() { Ok(PathBuf::from(path.trim())) } else { Err("rustc did not tell its sysroot".into()) }
}

/// Returns whether the profile is `dist`: `OUT_DIR` is `target/[TRIPLE/]PROFILE/build/PACKAGE/out`.
fn is_dist(out_dir: &Path) -> bool {
    out_dir.ancestors().nth(3).and_then(Path::file_name).is_some_and(|name| name == "dist")
}

/// Returns a directory beside the outer build's own. `OUT_DIR` does not work, because it differs between check, clippy
/// and release.
fn target_dir(out_dir: &Path) -> PathBuf {
    let outer = out_dir.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    outer.unwrap_or(out_dir).join("function")
}

fn clean_environment(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let of_cargo = text == "CARGO" || text.starts_with("CARGO_");
        let kept =
            KEPT_CARGO_VARIABLES.contains(&text) || KEPT_CARGO_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
        let of_rustc = text.starts_with("RUSTC") || text == "RUSTFLAGS" || text == "RUSTDOCFLAGS";
        let of_script = REMOVED_VARIABLES.contains(&text) || text.starts_with("DEP_");
        if (of_cargo && !kept) || of_rustc || of_script {
            command.env_remove(name);
        }
    }
}

fn is_in_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

fn home() -> Result<PathBuf> {
    env::home_dir().ok_or_else(|| "no home directory, and CARGO_HOME is not set".into())
}

/// Returns a zip of one entry with fixed time and mode: the same bootstrap always gives the same zip.
fn zipped(bootstrap: &[u8]) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    zip.write_all(bootstrap)?;
    Ok(zip.finish()?.into_inner())
}

/// Writes a file only if its content changes. Otherwise its new timestamp would recompile the crate.
fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()).into())
}
