//! A backend: a set of kernels, and the proof that this CPU can run them.

use crate::binary::BitKernel;
use crate::depthwise::DepthwiseKernel;
use crate::gemm::variant::Variant;
use crate::peak::Sequence;
use crate::vector_ops::VectorOps;

/// Everything that dispatch, tests, fuzzing, benches and documentation need to know of a backend. A backend whose
/// CPUs can run another one takes from there what it does not do better: `..avx2::ENTRY`.
pub(crate) struct Entry {
    /// The name that [`Backend::by_name`] takes.
    pub(crate) name: &'static str,
    /// Which machines it is for: a cell of the README's table.
    pub(crate) purpose: &'static str,
    /// The features that its kernels are compiled for; detection checks all of them.
    pub(crate) features: Features,
    /// The ways to multiply matrices, best first; the last one takes all weights.
    pub(crate) gemm: &'static [Variant],
    /// Depthwise kernels, best first; the last one takes all weights.
    pub(crate) depthwise: &'static [&'static DepthwiseKernel],
    /// Kernels for bits, best first; the last one needs no more than the backend's features.
    pub(crate) bits: &'static [&'static BitKernel],
    /// What the backend's [`Simd`](crate::simd::Simd) token gives: see [`vector_ops!`](crate::vector_ops).
    pub(crate) ops: &'static VectorOps,
    /// The peak rate of the multipliers: a sequence for each product that tiles are made of.
    pub(crate) peak: &'static [Sequence],
}

impl Entry {
    /// The best variant that `accepts`, or else the last one, which takes all weights.
    pub(crate) fn variant(&self, accepts: impl Fn(&Variant) -> bool) -> &'static Variant {
        let (last, others) = self.gemm.split_last().expect("a backend multiplies");
        others.iter().find(|variant| accepts(variant)).unwrap_or(last)
    }

    /// The best kernel for bits that this CPU can run.
    pub(crate) fn bit_kernel(&self) -> &'static BitKernel {
        let (last, others) = self.bits.split_last().expect("a backend multiplies bits");
        others.iter().find(|kernel| (kernel.detect)()).unwrap_or(last)
    }

    /// The proof that this CPU can run the backend, if it can.
    pub(crate) fn detect(&'static self) -> Option<Backend> {
        (self.features.detect)().then_some(Backend(self))
    }
}

/// Features of a CPU: what [`cpu_features!`] makes of their names.
#[derive(Clone, Copy)]
pub(crate) struct Features {
    /// Their names, as Rust has them.
    pub(crate) names: &'static [&'static str],
    /// Whether this CPU has all of them.
    pub(crate) detect: fn() -> bool,
    /// Whether this CPU has the feature of that name, one of them.
    pub(crate) has: fn(&str) -> bool,
}

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

/// The [`Features`] of these names.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! cpu_features {
    ($($feature:tt),+) => {
        $crate::entry::Features {
            names: &[$($feature),+],
            detect: || {
                $(($crate::entry::detect_features!($feature) || $crate::assumed::is_assumed($feature)))&&+
            },
            has: |name| match name {
                $($feature => {
                    $crate::entry::detect_features!($feature) || $crate::assumed::is_assumed($feature)
                })+
                _ => false,
            },
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) use cpu_features;

/// A set of kernels that this CPU can run. The existence of a value is the proof: no call needs to check again.
#[derive(Clone, Copy)]
pub struct Backend(&'static Entry);

impl Backend {
    /// The backend's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The CPU features that it uses.
    #[must_use]
    pub fn features(self) -> &'static [&'static str] {
        self.0.features.names
    }

    /// Loops of the products that its tiles are made of; none if no single sequence of instructions limits them. Those of a matrix unit are
    /// left out if the operating system does not permit it, which this asks.
    pub fn peak(self) -> impl Iterator<Item = &'static Sequence> {
        self.0.peak.iter().filter(|sequence| sequence.is_permitted())
    }

    #[inline]
    pub(crate) fn entry(self) -> &'static Entry {
        self.0
    }
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
