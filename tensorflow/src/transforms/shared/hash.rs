//! The hash of nodes whose order is that of the nodes which `merge_duplicate_nodes` leaves.
//!
//! MurmurHash64A by Austin Appleby, which is in the public domain, with the seed that TensorFlow takes.

use prost::Message;

use crate::node::Input;
use crate::proto::NodeDef;

const SEED: u64 = 0x00DE_CAFC_AFFE;
const FACTOR: u64 = 0xC6A4_A793_5BD1_E995;
const SHIFT: u32 = 47;

/// The hash of bytes.
pub(crate) fn of_bytes(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word).wrapping_mul(FACTOR);
        hash = (hash ^ (word ^ (word >> SHIFT)).wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte));
        hash = (hash ^ last).wrapping_mul(FACTOR);
    }
    hash = (hash ^ (hash >> SHIFT)).wrapping_mul(FACTOR);
    hash ^ (hash >> SHIFT)
}

fn combined(first: u64, second: u64) -> u64 {
    let mixed = second.wrapping_add(0x9E37_79B9_7F4A_7800).wrapping_add(first << 10).wrapping_add(first >> 4);
    first ^ mixed
}

/// The hashes of a node's attributes, in the order of their names.
pub(crate) fn of_attributes(node: &NodeDef) -> Vec<u64> {
    node.attr.values().map(|value| of_bytes(&value.encode_to_vec())).collect()
}

/// The hash of a node. `name` is empty where it does not matter.
pub(crate) fn of_node(node: &NodeDef, name: &str, attributes: &[u64]) -> u64 {
    let inputs = node.input.iter().map(|input| of_bytes(Input::parse(input).canonical().as_bytes()));
    let rest =
        [of_bytes(name.as_bytes())].into_iter().chain(inputs).chain([of_bytes(node.device.as_bytes())]);
    rest.chain(attributes.iter().copied()).fold(of_bytes(node.op.as_bytes()), combined)
}
