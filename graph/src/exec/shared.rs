//! What the plans of one executor share: weights are packed once, for whatever shapes it runs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use eightbit::PackedWeights;

use super::lower::Builder;
use crate::Node;

/// Packed weights by node. Only those that are made of the graph's own constants: what is computed of constants and
/// shapes may differ between plans.
#[derive(Debug, Default)]
pub(super) struct Shared {
    bytes: RefCell<HashMap<String, Arc<PackedWeights>>>,
    floats: RefCell<HashMap<String, Arc<Vec<f32>>>>,
}

impl Builder<'_> {
    /// The packed bytes of `node`, which `pack` makes of its inputs `sources` if no plan has done so; `None` if it makes
    /// none.
    pub(super) fn packed_bytes<E>(
        &self,
        node: &Node,
        sources: &[usize],
        pack: impl FnOnce() -> Result<Option<PackedWeights>, E>,
    ) -> Result<Option<Arc<PackedWeights>>, E> {
        if let Some(packed) = self.shared.bytes.borrow().get(&node.name) {
            return Ok(Some(Arc::clone(packed)));
        }
        let packed = pack()?.map(Arc::new);
        if let Some(packed) = packed.as_ref().filter(|_| self.are_own(node, sources)) {
            self.shared.bytes.borrow_mut().insert(node.name.clone(), Arc::clone(packed));
        }
        Ok(packed)
    }

    /// As [`packed_bytes`](Self::packed_bytes), for floats.
    pub(super) fn packed_floats(
        &self,
        node: &Node,
        sources: &[usize],
        pack: impl FnOnce() -> Vec<f32>,
    ) -> Arc<Vec<f32>> {
        if let Some(packed) = self.shared.floats.borrow().get(&node.name) {
            return Arc::clone(packed);
        }
        let packed = Arc::new(pack());
        if self.are_own(node, sources) {
            self.shared.floats.borrow_mut().insert(node.name.clone(), Arc::clone(&packed));
        }
        packed
    }

    /// Whether the inputs `sources` of a node are constants of the graph, or left out.
    fn are_own(&self, node: &Node, sources: &[usize]) -> bool {
        let is_own = |name: &str| self.graph.constants.contains_key(name);
        sources.iter().all(|&index| node.input(index).is_none_or(is_own))
    }
}
