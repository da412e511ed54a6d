//! The registry of backends: which exist in this build, which this CPU can run, which one is chosen.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::depthwise::DepthwiseKernel;
use crate::gemm::GemmTable;
use crate::vector_ops::VectorOps;

/// The environment variable that overrides the choice of [`Backend::best`].
pub const ENVIRONMENT_VARIABLE: &str = "EIGHTBIT_BACKEND";

/// One line of the registry: everything that dispatch, tests, fuzzing and benches need to know of a backend.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// The CPU features that its kernels are compiled for: all of them are checked.
    pub(crate) features: &'static [&'static str],
    pub(crate) detect: fn() -> bool,
    pub(crate) gemm: GemmTable,
    /// Depthwise kernels, best first; the last one accepts every weight.
    pub(crate) depthwise: &'static [&'static DepthwiseKernel],
    /// What the backend's [`Simd`](crate::simd::Simd) token gives: see [`vector_ops!`](crate::vector_ops).
    pub(crate) ops: &'static VectorOps,
}

/// Every backend of this build, best first. Adding a kernel means adding a line here.
static REGISTRY: &[&Entry] = &[
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    &crate::neon_i8mm::ENTRY,
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    &crate::neon_dotprod::ENTRY,
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    &crate::neon::ENTRY,
    #[cfg(target_arch = "x86_64")]
    &crate::avx512_vnni::ENTRY,
    #[cfg(target_arch = "x86_64")]
    &crate::avx_vnni::ENTRY,
    #[cfg(target_arch = "x86_64")]
    &crate::avx2::ENTRY,
    &crate::portable::ENTRY,
];

/// Whether the CPU has every one of the features: asked at run time with `std`, which caches the answer, and otherwise
/// what the compilation target guarantees.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! detect_features {
    ($($feature:tt),+) => {{
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        let all = $(std::arch::is_x86_feature_detected!($feature))&&+;
        #[cfg(all(feature = "std", target_arch = "aarch64"))]
        let all = $(std::arch::is_aarch64_feature_detected!($feature))&&+;
        #[cfg(not(feature = "std"))]
        let all = $(cfg!(target_feature = $feature))&&+;
        all
    }};
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) use detect_features;

/// A set of kernels that this CPU can run. That a value exists proves it: no call needs to check again.
#[derive(Clone, Copy)]
pub struct Backend(&'static Entry);

/// A backend of this build, which this CPU may or may not be able to run.
#[derive(Clone, Copy, Debug)]
pub struct Registered {
    /// The name that [`Backend::by_name`] takes.
    pub name: &'static str,
    /// The CPU features that it needs.
    pub features: &'static [&'static str],
    /// The backend, if this CPU has the features.
    pub backend: Option<Backend>,
}

/// Why a backend asked for by name cannot be had.
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
        REGISTRY.iter().map(|&entry| Registered {
            name: entry.name,
            features: entry.features,
            backend: (entry.detect)().then_some(Backend(entry)),
        })
    }

    /// The backends that can run here, best first; `portable` is always the last of them.
    pub fn available() -> impl Iterator<Item = Backend> {
        Self::registered().filter_map(|registered| registered.backend)
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
        Self::available().next().unwrap_or(Backend(&crate::portable::ENTRY))
    }

    /// The backend of that name.
    ///
    /// # Errors
    ///
    /// If the name is unknown or this CPU cannot run it; the error lists those that can.
    pub fn by_name(name: &str) -> Result<Backend, BackendError> {
        let available = || Self::available().map(|backend| backend.name()).collect();
        match Self::registered().find(|registered| registered.name == name) {
            None => Err(BackendError::Unknown { name: name.to_string(), available: available() }),
            Some(Registered { backend: Some(backend), .. }) => Ok(backend),
            Some(Registered { features, .. }) => {
                Err(BackendError::Unsupported { name: name.to_string(), features, available: available() })
            }
        }
    }

    /// The backend's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The CPU features that it uses.
    #[must_use]
    pub fn features(self) -> &'static [&'static str] {
        self.0.features
    }

    #[inline]
    pub(crate) fn entry(self) -> &'static Entry {
        self.0
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

impl core::fmt::Debug for Backend {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Backend({})", self.name())
    }
}

impl core::fmt::Display for Backend {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for Backend {
    fn eq(&self, other: &Backend) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Backend {}
