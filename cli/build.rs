//! From which commit the program is built: `eightbit cpu` shows it beside what the library knows of its own build.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(commit) = commit() {
        println!("cargo::rustc-env=EIGHTBIT_BUILD_COMMIT={commit}");
    }
}

/// The commit that is checked out, if this is a checkout of the repository and not a package or a copy inside another
/// repository.
fn commit() -> Option<String> {
    if !Path::new("../.git").exists() {
        return None;
    }
    // The log of HEAD grows with every commit and checkout; without one there is no telling when to look again.
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
