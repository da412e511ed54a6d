//! NumPy's files: hostile bytes are refused, and an array that is read can be written and read again.

use crate::npy::{archived, parse, to_bytes};

/// The reader of `.npy` files and of `.npz` archives.
pub fn npy(data: &[u8]) {
    drop(archived(data, ["x"].into_iter()));
    let Ok(tensor) = parse(data) else { return };
    let bytes = to_bytes(&tensor).expect("what was read has a type of NumPy's");
    let again = parse(&bytes).expect("what was written is read");
    assert_eq!(again.shape(), tensor.shape());
    // As bytes: NaN differs from itself.
    assert_eq!(to_bytes(&again).expect("written once"), bytes);
}
