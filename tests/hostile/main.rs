//! Hostile but safe programs: owners whose bytes change, impossible sizes, saved weights with wrong headers. Every case gives a
//! typed error or a right answer quickly; none panics, and none allocates memory for a size that the data do not back.

mod dynamic;
mod empty_parts;
mod owners;
mod saved;
mod shapes;
mod views;

/// A generator of bytes for operands.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 37 + i / 251) as u8).collect()
}
