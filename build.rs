//! Records what only a build script knows: the compiler, the target and the optimization level. `build_info` returns them, so
//! that a measurement can be traced to a build.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    emit("RUSTC", &rustc_version(&variable("RUSTC")).unwrap_or_else(|| "unknown".to_owned()));
    emit("TARGET", &variable("TARGET"));
    emit("PROFILE", &format!("{}, opt-level {}", variable("PROFILE"), variable("OPT_LEVEL")));
    emit("TARGET_FEATURES", &variable("CARGO_CFG_TARGET_FEATURE"));
}

fn emit(name: &str, value: &str) {
    println!("cargo::rustc-env=EIGHTBIT_BUILD_{name}={value}");
}

fn rustc_version(rustc: &str) -> Option<String> {
    let output = Command::new(rustc).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
