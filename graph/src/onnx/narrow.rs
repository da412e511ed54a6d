//! Integers of four and two bits, which are read as bytes: every one of them is a byte, so no constant changes.
//!
//! Only constants have these types, and only `DequantizeLinear` and, as zero points, `QuantizeLinear` read them: another operator's
//! result would be narrow again, which bytes do not tell.

use std::collections::BTreeMap;

use eightbit::Precision;

use super::proto::element_type as code;
use crate::ops::shared::upgrade::Constants;
use crate::ops::{dequantize_linear, quantize_linear};
use crate::{DataType, Error, Graph, Node, Tensor, TensorData, quoted};

/// A type of integers of less than a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Narrow {
    bits: u32,
    signed: bool,
}

impl Narrow {
    /// The type with this number of the schema, if it is one.
    pub(super) fn of(number: i32) -> Option<Narrow> {
        let (bits, signed) = match number {
            code::UINT4 => (4, false),
            code::INT4 => (4, true),
            code::UINT2 => (2, false),
            code::INT2 => (2, true),
            _ => return None,
        };
        Some(Narrow { bits, signed })
    }

    /// The schema's name.
    pub(super) fn name(self) -> String {
        format!("{}int{}", if self.signed { "" } else { "u" }, self.bits)
    }

    /// The type of bytes that stands for it.
    pub(super) fn byte(self) -> DataType {
        if self.signed { DataType::I8 } else { DataType::U8 }
    }

    /// Bytes of `count` elements in a file.
    pub(super) fn packed_len(self, count: usize) -> usize {
        count.div_ceil(self.per_byte())
    }

    fn per_byte(self) -> usize {
        (8 / self.bits) as usize
    }

    /// `count` elements of packed bytes, of which the first is in the lowest bits; `None` if there are more or fewer bytes.
    pub(super) fn unpack(self, packed: &[u8], count: usize) -> Option<TensorData> {
        let of_bits = Precision::Bits(self.bits as u8);
        Some(if self.signed {
            TensorData::I8(of_bits.unpack(packed, count).ok()?)
        } else {
            TensorData::U8(of_bits.unpack(packed, count).ok()?)
        })
    }

    /// The type of so many bits, 4 or 2, with a sign or without.
    pub(super) fn new(bits: u8, signed: bool) -> Narrow {
        Narrow { bits: bits.into(), signed }
    }

    /// Its number in the schema.
    pub(super) fn number(self) -> i32 {
        match (self.bits, self.signed) {
            (4, false) => code::UINT4,
            (4, true) => code::INT4,
            (_, false) => code::UINT2,
            (_, true) => code::INT2,
        }
    }

    /// The reverse of [`unpack`](Self::unpack): the low bits of bytes.
    pub(super) fn pack(self, bytes: impl Iterator<Item = u8>) -> Vec<u8> {
        let mut packed = Vec::new();
        let per_byte = self.per_byte();
        for (index, byte) in bytes.enumerate() {
            if index % per_byte == 0 {
                packed.push(0);
            }
            if let Some(last) = packed.last_mut() {
                let low = byte & ((1 << self.bits) - 1);
                *last |= low << (index % per_byte * self.bits as usize);
            }
        }
        packed
    }

    /// The least and the greatest, as tensors of bytes.
    fn limits(self) -> [Tensor; 2] {
        if self.signed {
            let half = 1i8 << (self.bits - 1);
            [Tensor::scalar(-half), Tensor::scalar(half - 1)]
        } else {
            [Tensor::scalar(0u8), Tensor::scalar((1u8 << self.bits) - 1)]
        }
    }
}

/// The constants of a model that are narrow, by name.
pub(super) type NarrowConstants = BTreeMap<String, Narrow>;

/// What users should know about them; `None` if there are none.
pub(super) fn note(constants: &NarrowConstants) -> Option<String> {
    let names: Vec<String> = constants.keys().take(3).map(|name| quoted(name).to_string()).collect();
    let more = constants.len().saturating_sub(names.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let note =
        format!("integers of two and four bits of the file are bytes here: {}{more}", names.join(", "));
    (!names.is_empty()).then_some(note)
}

/// Checks which nodes read narrow constants, and clamps what is quantized to a narrow type. Which are written as they were read, the graph
/// notes.
pub(super) fn apply(graph: &mut Graph, narrow: &NarrowConstants) -> Result<(), Error> {
    if narrow.is_empty() {
        return Ok(());
    }
    graph.narrow = narrow.iter().map(|(name, narrow)| (name.clone(), narrow.bits as u8)).collect();
    let mut constants = Constants::new(graph);
    let mut nodes = Vec::new();
    let mut problems = Vec::new();
    for mut node in constants.take_nodes() {
        let read = node.inputs.iter().position(|name| narrow.contains_key(name));
        let Some(read) = read else {
            nodes.push(node);
            continue;
        };
        if node.is(&dequantize_linear::OP) {
            nodes.push(node);
        } else if node.is(&quantize_linear::OP) && read == 2 {
            let output = node.required_output(0)?.to_owned();
            let inner = constants.names.fresh(&format!("{output}_bytes"));
            node.outputs[0].clone_from(&inner);
            let limits = narrow[&node.inputs[2]].limits();
            let [low, high] = limits.map(|limit| constants.add(&node, "limit", limit));
            let name = constants.names.fresh(&format!("{}_narrow", node.name));
            let clip = Node::new(&name, "Clip", &[&inner, &low, &high], &[&output]);
            nodes.extend([node, clip]);
        } else {
            let name = quoted(&node.inputs[read]).to_string();
            let reason = format!(
                "it reads {name}, whose integers have fewer than eight bits: only DequantizeLinear and QuantizeLinear may"
            );
            problems.push(Error::unsupported(&node, reason));
            nodes.push(node);
        }
    }
    graph.nodes = nodes;
    Error::all(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_bits_come_first() {
        let bytes = [0b1000_0111, 0b1111_0001];
        for (number, count, expected) in [
            (code::INT4, 4, TensorData::I8(vec![7, -8, 1, -1])),
            (code::UINT4, 3, TensorData::U8(vec![7, 8, 1])),
            (code::INT2, 7, TensorData::I8(vec![-1, 1, 0, -2, 1, 0, -1])),
            (code::UINT2, 8, TensorData::U8(vec![3, 1, 0, 2, 1, 0, 3, 3])),
        ] {
            let narrow = Narrow::of(number).unwrap();
            assert_eq!(narrow.unpack(&bytes, count), Some(expected));
            assert_eq!(narrow.unpack(&bytes, count + 8), None);
            assert_eq!(narrow.number(), number);
            let mut exact = narrow.unpack(&bytes, 2 * narrow.per_byte()).expect("all of them");
            let packed = match &mut exact {
                TensorData::I8(all) => narrow.pack(all.iter().map(|&value| value as u8)),
                TensorData::U8(all) => narrow.pack(all.iter().copied()),
                other => panic!("{other:?}"),
            };
            assert_eq!(packed, bytes);
            assert_eq!(Narrow::new(narrow.bits as u8, narrow.signed), narrow);
        }
        assert_eq!(Narrow::of(code::INT8), None);
    }
}
