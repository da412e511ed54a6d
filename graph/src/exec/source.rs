//! What plans are made from.

use super::shared::Shared;
use super::workers::Workers;
use crate::Graph;
use crate::shapes::ShapeOptions;

/// Everything that a plan is made from except the shapes.
#[derive(Debug)]
pub(crate) struct Source {
    pub(super) graph: Graph,
    pub(super) backend: eightbit::Backend,
    pub(super) workers: Workers,
    pub(super) shapes: ShapeOptions,
    pub(super) shared: Shared,
    /// Bytes of the constants of this graph and of the caller's.
    pub(super) constant_bytes: u64,
    pub(super) observer: Option<Observer>,
    /// Whether the outputs are read by what follows the plan, which the graph does not declare.
    pub(super) has_tail: bool,
}

/// Who reads the outputs of an executor by [`Executor::observe`](super::Executor::observe).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observer {
    /// The number of outputs, from the first, of which it keeps copies.
    pub(crate) copied: usize,
}
