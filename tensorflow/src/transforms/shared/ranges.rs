//! Ranges of tensors.

use std::collections::BTreeMap;

use eightbit_graph::quantize::{Affine, Range};

/// The least and greatest element of each tensor, by its name: `node`, `node:1`.
pub type Ranges = BTreeMap<String, Range>;

/// The range of codes for `range`, in which zero is a code: kernels subtract the code that is nearest to zero, so that all that
/// they compute would be off by the rest.
pub(crate) fn nudged(range: Range) -> Range {
    let Affine { scale, zero_point, .. } = Affine::covering(range);
    let zero_point = f32::from(zero_point);
    Range { min: 0.0 - zero_point * scale, max: (255.0 - zero_point) * scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_becomes_a_code() {
        assert_eq!(nudged(Range { min: 1.0, max: 255.0 }), Range { min: 0.0, max: 255.0 });
        assert_eq!(nudged(Range { min: -100.3, max: 154.7 }), Range { min: -100.0, max: 155.0 });
    }
}
