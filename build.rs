//! What only a build script knows: which compiler built the crate, for what, from which commit. `eightbit cpu` shows it,
//! so that a measurement can be traced to a build.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let rustc = output(&variable("RUSTC"), &["--version"]).unwrap_or_else(|| "unknown".to_owned());
    emit("RUSTC", &rustc);
    emit("TARGET", &variable("TARGET"));
    emit("PROFILE", &format!("{}, opt-level {}", variable("PROFILE"), variable("OPT_LEVEL")));
    emit("TARGET_FEATURES", &variable("CARGO_CFG_TARGET_FEATURE"));
    emit("COMMIT", &commit().unwrap_or_default());
}

fn emit(name: &str, value: &str) {
    println!("cargo::rustc-env=EIGHTBIT_BUILD_{name}={value}");
}

/// The commit that is checked out, if this is a checkout of the repository and not a copy inside another one.
fn commit() -> Option<String> {
    let git = Path::new(".git");
    if !git.exists() {
        return None;
    }
    // The log of HEAD grows with every commit and checkout; without one there is no telling when to look again.
    let log = output("git", &["rev-parse", "--git-path", "logs/HEAD"])?;
    if !Path::new(&log).exists() {
        return None;
    }
    println!("cargo::rerun-if-changed={log}");
    output("git", &["rev-parse", "--short=12", "HEAD"])
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
