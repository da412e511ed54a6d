//! The registry of backends: which exist in this build, which this CPU can run, which one is chosen.
//!
//! A backend is a folder here, its `mod` line and its line of [`REGISTRY`]; `docs/adding-a-backend.md` shows the way.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::entry::{Backend, Entry};
use crate::registered::Registered;

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512_amx;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512_vnni;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx_vnni;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx_vnni_int8;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) mod neon;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) mod neon_dotprod;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) mod neon_i8mm;
pub(crate) mod portable;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_row_sums;

/// The environment variable that overrides the choice of [`Backend::best`].
pub const ENVIRONMENT_VARIABLE: &str = "EIGHTBIT_BACKEND";

/// Every backend of this build, best first.
static REGISTRY: &[&Entry] = &[
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    &neon_i8mm::ENTRY,
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    &neon_dotprod::ENTRY,
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    &neon::ENTRY,
    #[cfg(target_arch = "x86_64")]
    &avx512_amx::ENTRY,
    #[cfg(target_arch = "x86_64")]
    &avx512_vnni::ENTRY,
    #[cfg(target_arch = "x86_64")]
    &avx_vnni_int8::ENTRY,
    #[cfg(target_arch = "x86_64")]
    &avx_vnni::ENTRY,
    #[cfg(target_arch = "x86_64")]
    &avx2::ENTRY,
    &portable::ENTRY,
];

/// Why a backend of a given name is not available.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendError {
    /// This build has no backend of that name.
    Unknown {
        /// The name asked for.
        name: String,
        /// The names that can run here, best first.
        available: Vec<&'static str>,
    },
    /// This CPU lacks what the backend needs.
    Unsupported {
        /// The name asked for.
        name: String,
        /// What the backend needs.
        features: &'static [&'static str],
        /// The names that can run here, best first.
        available: Vec<&'static str>,
    },
    /// `EIGHTBIT_BACKEND` is set to something that is not UTF-8: no backend has such a name.
    NotUnicode {
        /// The names that can run here, best first.
        available: Vec<&'static str>,
    },
}

impl core::fmt::Display for BackendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            BackendError::Unknown { name, available } => {
                write!(f, "unknown backend `{name}`: those that can run here are {}", available.join(", "))
            }
            BackendError::Unsupported { name, features, available } => write!(
                f,
                "backend `{name}` needs the CPU features {}, which are not all here: those that can run are {}",
                features.join(", "),
                available.join(", ")
            ),
            BackendError::NotUnicode { available } => write!(
                f,
                "{ENVIRONMENT_VARIABLE} is not UTF-8: it names a backend, of which these can run here: {}",
                available.join(", ")
            ),
        }
    }
}

impl core::error::Error for BackendError {}

impl Backend {
    /// Every backend of this build with whether it can run here, best first.
    pub fn registered() -> impl Iterator<Item = Registered> {
        REGISTRY.iter().map(|&entry| Registered::new(entry))
    }

    /// The backends that can run here, best first; `portable` is always the last of them.
    pub fn available() -> impl Iterator<Item = Backend> {
        REGISTRY.iter().filter_map(|entry| entry.detect())
    }

    /// The best backend that can run here, or the one that `EIGHTBIT_BACKEND` names.
    ///
    /// # Errors
    ///
    /// If the variable is set (and not empty) to a name that is unknown or cannot run here, or is not UTF-8.
    pub fn best() -> Result<Backend, BackendError> {
        match environment()? {
            Some(name) => Self::by_name(&name),
            None => Ok(Self::detected()),
        }
    }

    /// The best backend that can run here, whatever the environment says.
    #[must_use]
    pub fn detected() -> Backend {
        Self::available().next().expect("the portable backend runs everywhere")
    }

    /// The backend of that name.
    ///
    /// # Errors
    ///
    /// If the name is unknown or this CPU cannot run it; the error lists those that can.
    pub fn by_name(name: &str) -> Result<Backend, BackendError> {
        let available = || Self::available().map(|backend| backend.name()).collect();
        let Some(entry) = REGISTRY.iter().find(|entry| entry.name == name) else {
            return Err(BackendError::Unknown { name: name.to_string(), available: available() });
        };
        entry.detect().ok_or_else(|| BackendError::Unsupported {
            name: name.to_string(),
            features: entry.features.names,
            available: available(),
        })
    }
}

#[cfg(feature = "std")]
fn environment() -> Result<Option<String>, BackendError> {
    match std::env::var(ENVIRONMENT_VARIABLE) {
        Ok(name) => Ok(Some(name).filter(|name| !name.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(BackendError::NotUnicode { available: Backend::available().map(Backend::name).collect() })
        }
    }
}

#[cfg(not(feature = "std"))]
fn environment() -> Result<Option<String>, BackendError> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;
    use crate::gemm::{MAX_ROWS, PANEL};

    #[test]
    fn names_and_purposes_differ() {
        for text in [|entry: &Entry| entry.name, |entry: &Entry| entry.purpose] {
            let mut texts: Vec<&str> = REGISTRY.iter().map(|entry| text(entry)).collect();
            texts.sort_unstable();
            texts.dedup();
            assert_eq!(texts.len(), REGISTRY.len(), "{texts:?}");
        }
    }

    #[test]
    fn only_the_last_backend_needs_no_features() {
        let (last, others) = REGISTRY.split_last().expect("backends");
        assert!(last.features.names.is_empty() && last.detect().is_some());
        assert!(others.iter().all(|entry| !entry.features.names.is_empty()));
    }

    #[test]
    fn variants_keep_what_the_driver_relies_on() {
        let mut layouts = BTreeMap::new();
        for entry in REGISTRY {
            let (last, _) = entry.gemm.split_last().expect("a backend multiplies");
            assert!(last.proves.is_none(), "{}: the last variant takes all weights", entry.name);
            for variant in entry.gemm {
                let (name, layout) = (variant.name, variant.layout);
                assert_eq!((layout.columns, layout.bits), (PANEL, 8), "{name}");
                assert!([2, 4, 8].contains(&layout.k_group), "{name}: packing has loops for these groups");
                assert_eq!(*layouts.entry(layout.name).or_insert(layout), layout, "one name, one layout");
                if let Some(property) = variant.proves {
                    assert!((property.holds)(&[0; PANEL * 8]), "{name}: padding loses {}", property.name);
                }
                let rows: Vec<usize> = variant.tiles.iter().map(|tile| tile.rows).collect();
                assert!(rows.is_sorted_by(|a, b| a < b), "{name}: tiles of {rows:?} rows");
                assert!(rows.first().is_some_and(|&row| row > 0) && rows.last() <= Some(&MAX_ROWS), "{name}");
                let rows: Vec<usize> = variant.groupwise.iter().map(|tile| tile.rows).collect();
                assert!(rows.first() == Some(&1) && rows.is_sorted_by(|a, b| a < b), "{name}: {rows:?}");
                assert!(variant.groupwise.iter().all(|tile| !tile.tiles.is_empty()), "{name}");
                for folded in variant.folded.into_iter().flat_map(|folded| [&folded.four, &folded.two]) {
                    assert_eq!(folded.layout, layout, "{name}: folded panels are those of its layout");
                    assert!(folded.folded.is_none() && folded.unit.is_none(), "{name}");
                    let heights: Vec<usize> = folded.tiles.iter().map(|tile| tile.rows).collect();
                    let known = |rows: &usize| variant.tiles.iter().any(|tile| tile.rows == *rows);
                    assert!(
                        heights.is_sorted() && heights.iter().all(known),
                        "{name}: scratch has room for {heights:?}"
                    );
                }
                for tile in variant.tiles {
                    assert!(tile.max_panels() > 0 && tile.unsigned.len() == tile.signed.len(), "{name}");
                }
            }
            for kernel in entry.bits {
                let rows: Vec<usize> = kernel.tiles.iter().map(|tile| tile.rows).collect();
                assert!(
                    rows.first() == Some(&1) && rows.is_sorted_by(|a, b| a < b),
                    "{}: {rows:?}",
                    kernel.name
                );
                assert!(rows.last() <= Some(&crate::binary::kernel::MAX_ROWS), "{}", kernel.name);
                let layout = kernel.layout;
                assert!([32, 64].contains(&layout.columns) && 8 % layout.step == 0, "{layout:?}");
            }
            assert!(
                entry.bits.last().is_some_and(|kernel| (kernel.detect)()),
                "{}: the last runs",
                entry.name
            );
            let last = entry.depthwise.last().expect("a backend filters channels");
            assert!(last.group == 1 && !last.last_overlaps, "{}: the last takes all weights", entry.name);
        }
    }

    #[test]
    fn loops_of_every_peak_end() {
        for sequence in Backend::available().flat_map(Backend::peak) {
            sequence.run(0);
            sequence.run(100);
        }
    }
}
