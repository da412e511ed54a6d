//! Facts about this build, recorded by the build script.

/// How this crate was built. Two builds of one version with the same values were made by the same compiler, for the same
/// target, with the same optimization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildInfo {
    /// The crate's version.
    pub version: &'static str,
    /// What `rustc --version` said.
    pub rustc: &'static str,
    /// The target triple.
    pub target: &'static str,
    /// Cargo's profile and the optimization level: `release, opt-level 3`.
    pub profile: &'static str,
    /// The CPU features that were enabled for the whole build, separated by commas. The kernels need none of
    /// them: they detect features at run time.
    pub target_features: &'static str,
}

/// How this crate was built.
///
/// ```
/// assert!(eightbit::build_info().rustc.starts_with("rustc"));
/// ```
#[must_use]
pub const fn build_info() -> BuildInfo {
    BuildInfo {
        version: env!("CARGO_PKG_VERSION"),
        rustc: env!("EIGHTBIT_BUILD_RUSTC"),
        target: env!("EIGHTBIT_BUILD_TARGET"),
        profile: env!("EIGHTBIT_BUILD_PROFILE"),
        target_features: env!("EIGHTBIT_BUILD_TARGET_FEATURES"),
    }
}
