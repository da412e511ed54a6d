//! CPU features that tests take for granted.

/// Whether `EIGHTBIT_ASSUME_FEATURES` names the feature, separated by commas from others: for emulators that execute
/// instructions and do not report them. On a CPU that does not execute them, the tests end with an illegal instruction.
#[cfg(feature = "testing")]
pub(crate) fn is_assumed(feature: &str) -> bool {
    use std::string::String;
    use std::sync::OnceLock;

    static ASSUMED: OnceLock<String> = OnceLock::new();
    let assumed = ASSUMED.get_or_init(|| std::env::var("EIGHTBIT_ASSUME_FEATURES").unwrap_or_default());
    assumed.split(',').any(|name| name == feature)
}

/// Detection alone decides.
#[cfg(not(feature = "testing"))]
#[inline(always)]
pub(crate) fn is_assumed(_feature: &str) -> bool {
    false
}
