//! `eightbit cpu`: the features of this CPU, and how this build uses them.

use std::io::Write;

use eightbit::{Backend, BackendError, Registered};
use serde_json::json;

use crate::args::CpuArgs;
use crate::error::CliError;
use crate::report::{self, BOLD, DIM, GOOD};

/// The environment variable that overrides the choice.
const VARIABLE: &str = "EIGHTBIT_BACKEND";

/// The commit that was checked out when the program was built; `None` outside a checkout of the repository. It
/// ignores uncommitted changes.
const COMMIT: Option<&str> = option_env!("EIGHTBIT_BUILD_COMMIT");

pub(crate) fn run(args: &CpuArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let found = features();
    let chosen = Backend::best();
    if args.json {
        json(out, &found, chosen.as_ref())?;
    } else {
        text(out, &found, chosen.as_ref())?;
    }
    // Report a variable without a usable backend together with everything else, and still return an error.
    chosen?;
    Ok(())
}

fn text(
    out: &mut dyn Write,
    found: &[(&'static str, bool)],
    chosen: Result<&Backend, &BackendError>,
) -> Result<(), CliError> {
    let names = |wanted: bool| {
        let names: Vec<&str> =
            found.iter().filter(|(_, here)| *here == wanted).map(|(name, _)| *name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(" ") }
    };
    writeln!(out, "{BOLD}CPU{BOLD:#}       {}", std::env::consts::ARCH)?;
    writeln!(out, "  found   {}", names(true))?;
    writeln!(out, "  absent  {DIM}{}{DIM:#}", names(false))?;
    writeln!(out, "\n{BOLD}Backends{BOLD:#}  best first")?;
    for registered in Backend::registered() {
        let style = if registered.backend.is_some() { anstyle::Style::new() } else { DIM };
        writeln!(out, "  {style}{:<13}  {}{style:#}", registered.name, state(&registered))?;
    }
    match chosen {
        Ok(backend) => writeln!(out, "\n{BOLD}Chosen{BOLD:#}    {GOOD}{backend}{GOOD:#}: {}", reason())?,
        Err(_) => writeln!(
            out,
            "\n{BOLD}Chosen{BOLD:#}    none: {VARIABLE} does not name a backend that can run here"
        )?,
    }
    let build = eightbit::build_info();
    writeln!(
        out,
        "\n{BOLD}Build{BOLD:#}     eightbit {} ({})",
        build.version,
        COMMIT.unwrap_or("no commit known")
    )?;
    writeln!(out, "          {}, {}", build.rustc, build.target)?;
    writeln!(out, "          {}; features for all code: {}", build.profile, or_none(build.target_features))?;
    Ok(())
}

fn state(registered: &Registered) -> String {
    match (registered.backend, registered.features) {
        (Some(_), []) => "can run everywhere".to_owned(),
        (Some(_), features) => {
            let permission = registered.permission().map(|permission| format!("; {permission}"));
            format!("can run: {}{}", features.join(" "), permission.unwrap_or_default())
        }
        (None, _) => format!("cannot run: needs {}", registered.missing().collect::<Vec<_>>().join(" ")),
    }
}

fn reason() -> String {
    match requested() {
        Some(name) => format!("{VARIABLE}={name} selects it"),
        None => format!("the best that can run here ({VARIABLE}=NAME selects another)"),
    }
}

fn requested() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|name| !name.is_empty())
}

fn or_none(list: &str) -> &str {
    if list.is_empty() { "none" } else { list }
}

fn json(
    out: &mut dyn Write,
    found: &[(&'static str, bool)],
    chosen: Result<&Backend, &BackendError>,
) -> Result<(), CliError> {
    let backends: Vec<_> = Backend::registered()
        .map(|registered| {
            let gemm: Vec<_> = registered
                .gemm()
                .map(|variant| {
                    let layout = variant.layout;
                    json!({
                        "name": variant.name,
                        "layout": {
                            "name": layout.name,
                            "k_group": layout.k_group,
                            "columns": layout.columns,
                            "bits": layout.bits,
                        },
                        "activations": variant.activations,
                        "proves": variant.proves,
                        "tiles": variant.tiles,
                        "unit": variant.unit,
                    })
                })
                .collect();
            let depthwise: Vec<_> = registered
                .depthwise()
                .map(|variant| {
                    json!({
                        "layout": variant.layout,
                        "channels": variant.channels,
                        "taps": variant.taps,
                        "line_buffer_from": variant.line_buffer_from,
                    })
                })
                .collect();
            let peak: Vec<_> = registered.peak().map(ToString::to_string).collect();
            json!({
                "name": registered.name,
                "purpose": registered.purpose,
                "available": registered.backend.is_some(),
                "features": registered.features,
                "permission": registered.permission().map(|permission| permission.to_string()),
                "gemm": gemm,
                "depthwise": depthwise,
                "peak": peak,
            })
        })
        .collect();
    let features: serde_json::Map<_, _> =
        found.iter().map(|&(name, here)| (name.to_owned(), here.into())).collect();
    let build = eightbit::build_info();
    let value = json!({
        "arch": std::env::consts::ARCH,
        "features": features,
        "backends": backends,
        "chosen": chosen.ok().map(|backend| backend.name()),
        "requested": requested(),
        "build": {
            "version": build.version,
            "commit": COMMIT,
            "rustc": build.rustc,
            "target": build.target,
            "profile": build.profile,
            "target_features": build.target_features,
        },
    });
    Ok(report::json(out, &value)?)
}

/// The CPU features that matter to eight-bit arithmetic, and whether the CPU has them: those that backends need, and others.
fn features() -> Vec<(&'static str, bool)> {
    let mut features = other_features();
    for registered in Backend::registered() {
        let missing: Vec<&str> = registered.missing().collect();
        features.extend(registered.features.iter().map(|&feature| (feature, !missing.contains(&feature))));
    }
    features.sort_unstable();
    features.dedup();
    features
}

/// Features that kernels use if present, and others that identify the kind of CPU.
fn other_features() -> Vec<(&'static str, bool)> {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        macro_rules! detect {
            ($($name:tt),*) => { vec![$(($name, std::arch::is_x86_feature_detected!($name))),*] };
        }
        detect!("sse2", "ssse3", "sse4.1", "avx", "avx512vbmi")
    }
    #[cfg(target_arch = "aarch64")]
    {
        macro_rules! detect {
            ($($name:tt),*) => { vec![$(($name, std::arch::is_aarch64_feature_detected!($name))),*] };
        }
        detect!("sve", "sve2", "sme")
    }
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    Vec::new()
}
