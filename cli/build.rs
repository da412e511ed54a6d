//! Records the commit that the program is built from: `eightbit cpu` shows it beside the library's build information.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(commit) = commit() {
        println!("cargo::rustc-env=EIGHTBIT_BUILD_COMMIT={commit}");
    }
}

/// The commit that is checked out; `None` in a package or a copy inside another repository.
fn commit() -> Option<String> {
    if !Path::new("../.git").exists() {
        return None;
    }
    // The log of HEAD grows with every commit and checkout; without one, changes cannot be tracked.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if !Path::new(&log).exists() {
        return None;
    }
    println!("cargo::rerun-if-changed={log}");
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
