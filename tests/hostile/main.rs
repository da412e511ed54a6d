//! What a safe program may do and no careful one does: owners that answer differently, sizes that cannot be, saved weights that
//! lie. Every case gives a typed error or a right answer, soon; none panics, and none asks for memory that only a number
//! claims.

mod owners;
mod saved;
mod shapes;
mod views;

/// The numbers that fields are set to.
pub(crate) const SIZES: [usize; 5] = {
    let bits = usize::BITS;
    [0, 1, 1 << 20, 1 << (bits * 5 / 8), 1 << (bits - 2)]
};

/// Calls `case` with every pair of `fields` fields and every pair of values that they are set to.
pub(crate) fn pairs(fields: usize, mut case: impl FnMut([(usize, usize); 2])) {
    for first in 0..fields {
        for second in first + 1..fields {
            for one in SIZES {
                for other in SIZES {
                    case([(first, one), (second, other)]);
                }
            }
        }
    }
}

/// A generator of bytes for operands.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 37 + i / 251) as u8).collect()
}
