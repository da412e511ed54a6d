//! What a safe program may do and no careful one does: owners that answer differently, sizes that cannot be, saved weights that
//! lie. Every case gives a typed error or a right answer, soon; none panics, and none asks for memory that only a number
//! claims.

mod owners;
mod saved;
mod shapes;
mod views;

/// A generator of bytes for operands.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 37 + i / 251) as u8).collect()
}
