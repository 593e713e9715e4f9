//! Builds the function in a cargo of its own, zips it reproducibly, and hands the zip to `include_bytes!`.
//!
//! The nested build has its own target directory, so it never waits for the outer one's lock, and it takes part in the
//! outer one's job limit. `SENSORCTL_LAMBDA_BOOTSTRAP=FILE` takes a ready `bootstrap` instead.

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

/// A ready `bootstrap` to embed.
const READY_BOOTSTRAP: &str = "SENSORCTL_LAMBDA_BOOTSTRAP";
/// What cargo tells its children and a cargo of our own needs, too.
const KEPT_CARGO_VARIABLES: [&str; 3] = ["CARGO_HOME", "CARGO_MAKEFLAGS", "CARGO_TERM_COLOR"];
const KEPT_CARGO_PREFIXES: [&str; 3] = ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_"];
/// What the outer build tells this script and would change the nested one.
const REMOVED_VARIABLES: [&str; 8] =
    ["DEBUG", "HOST", "LLVM_PROFILE_FILE", "NUM_JOBS", "OPT_LEVEL", "OUT_DIR", "PROFILE", "TARGET"];

fn main() -> Result<()> {
    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={READY_BOOTSTRAP}");
    let (bootstrap, target) = if let Some(ready) = env::var_os(READY_BOOTSTRAP).filter(|path| !path.is_empty()) {
        println!("cargo:rerun-if-changed={}", Path::new(&ready).display());
        (PathBuf::from(ready), "ready".to_owned())
    } else {
        let nested = NestedBuild::new(&out_dir)?;
        (nested.run()?, nested.target)
    };
    let zip = out_dir.join("function.zip");
    let content = fs::read(&bootstrap).map_err(|error| format!("{}: {error}", bootstrap.display()))?;
    write_if_changed(&zip, &zipped(&content)?)?;
    println!("cargo:rustc-env=SENSORCTL_FUNCTION_ZIP={}", zip.display());
    println!("cargo:rustc-env=SENSORCTL_FUNCTION_TARGET={target}");
    Ok(())
}

fn variable(name: &str) -> Result<String> {
    env::var(name).map_err(|error| format!("{name}: {error}").into())
}

/// A build of the package in `lambda/`.
struct NestedBuild {
    workspace: PathBuf,
    target_dir: PathBuf,
    sysroot: PathBuf,
    target: String,
    profile: &'static str,
}

impl NestedBuild {
    fn new(out_dir: &Path) -> Result<Self> {
        let sysroot = sysroot()?;
        let target = target(&sysroot)?;
        Ok(NestedBuild {
            workspace: PathBuf::from(variable("CARGO_MANIFEST_DIR")?),
            target_dir: target_dir(out_dir),
            sysroot,
            target,
            profile: if variable("PROFILE")? == "release" { "function" } else { "function-dev" },
        })
    }

    /// Builds, tells cargo what it depends on, and gives the path of the binary.
    fn run(&self) -> Result<PathBuf> {
        let mut command = Command::new(variable("CARGO")?);
        clean_environment(&mut command);
        command
            .current_dir(&self.workspace)
            .args(["build", "--locked", "--package", "sensorctl-lambda", "--bin", "bootstrap"])
            .args(["--profile", self.profile, "--target", &self.target])
            .arg("--target-dir")
            .arg(&self.target_dir)
            .env("CARGO_ENCODED_RUSTFLAGS", self.rustc_flags()?);
        let offline = env::var("CARGO_NET_OFFLINE").is_ok_and(|value| value == "true" || value == "1");
        if offline {
            command.arg("--offline");
        }
        self.choose_c_compiler(&mut command);
        println!("cargo:rerun-if-env-changed=CARGO_NET_OFFLINE");
        let output = command.output().map_err(|error| format!("cargo for the function: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the function in lambda/ did not build:\n{said}").into());
        }
        let directory = self.target_dir.join(&self.target).join(self.profile);
        Self::depend_on(&directory.join("bootstrap.d"))?;
        Ok(directory.join("bootstrap"))
    }

    /// No path of this machine goes into the binary: the same source in another folder gives the same bytes.
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

    /// ring compiles some C. It needs no C library, so the host's compiler serves where there is none for musl.
    fn choose_c_compiler(&self, command: &mut Command) {
        let Some(architecture) = self.target.strip_suffix("-unknown-linux-musl") else { return };
        let variable = format!("CC_{}", self.target.replace('-', "_"));
        let told = env::var_os(&variable).is_some() || env::var_os("TARGET_CC").is_some();
        let of_its_own = [format!("{architecture}-linux-musl-gcc"), "musl-gcc".to_owned()];
        if !told && !of_its_own.iter().any(|program| is_in_path(program)) {
            command.env(variable, "gcc");
        }
    }

    fn depend_on(dependencies: &Path) -> Result<()> {
        for name in ["Cargo.toml", "Cargo.lock", "lambda/Cargo.toml", "lambda/src"] {
            println!("cargo:rerun-if-changed={name}");
        }
        let text = fs::read_to_string(dependencies).map_err(|error| format!("{}: {error}", dependencies.display()))?;
        // `target: path path …`, blanks inside a path escaped by a backslash.
        let paths = text.split_once(": ").map_or("", |(_, paths)| paths.trim_end()).replace("\\ ", "\u{0}");
        for path in paths.split(' ').filter(|path| !path.is_empty()) {
            println!("cargo:rerun-if-changed={}", path.replace('\u{0}', " "));
        }
        Ok(())
    }
}

/// Static musl of the host's architecture where it is installed: runs on any Linux, so also on Lambda's. Else the host's
/// own target, which is good for the local cloud.
fn target(sysroot: &Path) -> Result<String> {
    let host = variable("HOST")?;
    let architecture = host.split('-').next().unwrap_or_default();
    let musl = format!("{architecture}-unknown-linux-musl");
    let installed = sysroot.join("lib").join("rustlib").join(&musl).join("lib").is_dir();
    // Looked at again when the target is added.
    println!("cargo:rerun-if-changed={}", sysroot.join("lib").join("rustlib").display());
    if installed {
        return Ok(musl);
    }
    println!(
        "cargo:warning=the function is built for {host} and may not run on AWS; for a static one: rustup target add {musl}"
    );
    Ok(host)
}

fn sysroot() -> Result<PathBuf> {
    let output = Command::new(variable("RUSTC")?).args(["--print", "sysroot"]).output()?;
    let path = String::from_utf8(output.stdout)?;
    if output.status.success() { Ok(PathBuf::from(path.trim())) } else { Err("rustc did not tell its sysroot".into()) }
}

/// Beside the outer build's own folders, and not in `OUT_DIR`, which differs between check, clippy and release.
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

/// One entry with fixed time and mode: the same bootstrap always gives the same zip.
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

/// The crate is compiled again when the file is newer, so an unchanged one stays as it is.
fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()).into())
}
