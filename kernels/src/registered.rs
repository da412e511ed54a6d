//! Descriptions of backends, whether or not this CPU can run them: for `eightbit cpu`, scripts and documentation.

use alloc::vec::Vec;

use crate::entry::{Backend, Entry};
use crate::gemm::{Layout, Permission};
use crate::peak::Instructions;

/// A backend of this build, which this CPU may or may not be able to run.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Registered {
    /// The name that [`Backend::by_name`] takes.
    pub name: &'static str,
    /// Which machines it is for.
    pub purpose: &'static str,
    /// The CPU features that it needs.
    pub features: &'static [&'static str],
    /// The backend, if this CPU has the features.
    pub backend: Option<Backend>,
    entry: &'static Entry,
}

/// One way of a backend to multiply matrices.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GemmVariant {
    /// Its name within the backend.
    pub name: &'static str,
    /// The order of packed weights.
    pub layout: Layout,
    /// How rows of activations reach the kernels.
    pub activations: &'static str,
    /// What packing must have proved of the weights, if the variant does not take all of them.
    pub proves: Option<&'static str>,
    /// The tiles: rows, and the most panels that are computed at once.
    pub tiles: Vec<[usize; 2]>,
    /// The matrix unit that computes large products instead of the tiles, if the system permits it.
    pub unit: Option<&'static str>,
}

/// One way of a backend to compute depthwise convolutions.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DepthwiseVariant {
    /// The name of the order of packed weights.
    pub layout: &'static str,
    /// Channels that are computed at once.
    pub channels: usize,
    /// Vertical taps in a 32-bit lane.
    pub taps: usize,
    /// The fewest rows of taps for which rows are interleaved into a line buffer, once for all outputs that see them; `None` if
    /// they never are.
    pub line_buffer_from: Option<usize>,
}

impl Registered {
    pub(crate) fn new(entry: &'static Entry) -> Registered {
        Registered {
            name: entry.name,
            purpose: entry.purpose,
            features: entry.features.names,
            backend: entry.detect(),
            entry,
        }
    }

    /// Those of the features that this CPU lacks.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        self.features.iter().copied().filter(|feature| !(self.entry.features.has)(feature))
    }

    /// Whether the operating system lets this process use the backend's matrix unit; `None` if it has none or cannot run here.
    ///
    /// This asks the system, as the first plan of the backend does: from then on Linux refuses alternate signal stacks that are too small
    /// for the unit's state. Only the first answer counts.
    #[must_use]
    pub fn permission(&self) -> Option<Permission> {
        let unit = self.backend?.entry().gemm.iter().find_map(|variant| variant.unit)?;
        Some((unit.request)())
    }

    /// The ways to multiply matrices, best first; the last one takes all weights.
    pub fn gemm(&self) -> impl Iterator<Item = GemmVariant> {
        self.entry.gemm.iter().map(|variant| GemmVariant {
            name: variant.name,
            layout: variant.layout,
            activations: variant.lhs.description(),
            proves: variant.proves.map(|property| property.name),
            tiles: variant.tiles.iter().map(|tile| [tile.rows, tile.max_panels()]).collect(),
            unit: variant.unit.map(|unit| unit.name),
        })
    }

    /// The ways to compute depthwise convolutions, best first; the last one takes all weights.
    pub fn depthwise(&self) -> impl Iterator<Item = DepthwiseVariant> {
        self.entry.depthwise.iter().map(|kernel| DepthwiseVariant {
            layout: kernel.layout,
            channels: kernel.block,
            taps: kernel.group,
            line_buffer_from: kernel.line_buffer.as_ref().map(|line_buffer| line_buffer.min_height),
        })
    }

    /// The products that tiles are made of.
    pub fn peak(&self) -> impl Iterator<Item = &'static Instructions> {
        self.entry.peak.iter().map(|sequence| sequence.instructions())
    }
}

impl core::fmt::Debug for Registered {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Registered")
            .field("name", &self.name)
            .field("features", &self.features)
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}
