//! Counts the memory that a decoded file will take, before it is decoded.
//!
//! An empty message takes two bytes in a file and hundreds in memory; a small integer takes one byte and eight. A scan of
//! the wire format of protocol buffers (protobuf.dev/programming-guides/encoding) finds all of them without decoding any.

use crate::{Error, Limits};

/// Messages of ONNX's schema that the reader decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Model,
    Graph,
    Function,
    Node,
    Attribute,
    Tensor,
    Value,
    Type,
    TensorType,
    Shape,
    /// Messages without nested messages: dimensions, operator sets, entries.
    Leaf,
}

/// How a length-delimited field is decoded.
enum Field {
    Message(Message),
    /// A string, or bytes that are copied.
    Text,
    /// Packed numbers of the same size as in memory.
    Fixed,
    /// Packed varints, with the bytes that one takes in memory.
    Varints(u64),
    /// A range of the file: the elements of a tensor.
    Range,
    Skipped,
}

impl Message {
    /// Bytes of memory of one message, decoded and in the graph, with its share of growing lists.
    fn bytes(self) -> u64 {
        match self {
            Self::Model | Self::Graph | Self::Function => 1024,
            Self::Node | Self::Attribute | Self::Tensor => 512,
            Self::Value | Self::Type | Self::TensorType | Self::Shape => 128,
            Self::Leaf => 64,
        }
    }

    /// How the field `number` is decoded, by the field numbers in `proto`.
    fn field(self, number: u64) -> Field {
        let message = Field::Message;
        match (self, number) {
            (Self::Model, 7) => message(Self::Graph),
            (Self::Model, 8) => message(Self::Leaf),
            (Self::Model, 25) => message(Self::Function),
            (Self::Function, 9) => message(Self::Leaf),
            (Self::Function, 11) => message(Self::Attribute),
            (Self::Graph, 15) => Field::Text,
            (Self::Graph, 1) | (Self::Function, 7) => message(Self::Node),
            (Self::Attribute, 6) => message(Self::Graph),
            (Self::Graph, 5) | (Self::Attribute, 5) => message(Self::Tensor),
            (Self::Graph, 11 | 12) => message(Self::Value),
            (Self::Node, 5) => message(Self::Attribute),
            (Self::Attribute, 7) | (Self::Tensor, 4 | 10) => Field::Fixed,
            (Self::Tensor, 5) => Field::Varints(4),
            (Self::Attribute, 8) | (Self::Tensor, 1 | 7) => Field::Varints(8),
            (Self::Tensor, 9) => Field::Range,
            (Self::Tensor, 13) => message(Self::Leaf),
            (Self::Value, 2) => message(Self::Type),
            (Self::Type, 1) => message(Self::TensorType),
            (Self::TensorType, 2) => message(Self::Shape),
            (Self::Shape, 1) => message(Self::Leaf),
            (Self::Model, 2 | 3)
            | (Self::Graph, 2)
            | (Self::Function, 1 | 4 | 5 | 6 | 10 | 13)
            | (Self::Node, 1 | 2 | 3 | 4 | 7 | 8)
            | (Self::Attribute, 1 | 4 | 9 | 21)
            | (Self::Tensor, 8)
            | (Self::Value, 1)
            | (Self::Leaf, 1 | 2) => Field::Text,
            _ => Field::Skipped,
        }
    }
}

/// Bytes of memory for a string in addition to its characters, and for a number that is not packed.
const TEXT: u64 = 64;
const NUMBER: u64 = 16;
/// How deep messages nest: graphs hold nodes, which hold graphs. Decoding ends at 100.
const MAX_DEPTH: u32 = 101;

/// An error if the decoded structure of the model `bytes`, without the elements of tensors, would take more than a quarter
/// of the limit, or both together more than the limit. Bytes that are not a protocol buffer are counted up to the fault,
/// because decoding stops there, too.
pub(super) fn check(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    let mut used = Used::default();
    used.add(bytes, Message::Model, MAX_DEPTH);
    let quarter = Limits { max_bytes: limits.max_bytes / 4, ..limits.clone() };
    quarter.check_bytes(used.structure, || {
        "reading the model, without the elements of its tensors,".to_owned()
    })?;
    let all = used.structure.saturating_add(used.elements).saturating_add(bytes.len() as u64);
    limits.check_bytes(all, || "reading the model".to_owned())
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Used {
    structure: u64,
    /// Elements of tensors.
    elements: u64,
}

impl Used {
    /// Adds a message, in which others nest up to `depth`; `None` where it breaks off.
    fn add(&mut self, mut bytes: &[u8], message: Message, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.structure += message.bytes();
        while !bytes.is_empty() {
            let key = varint(&mut bytes)?;
            match key & 7 {
                0 => {
                    varint(&mut bytes)?;
                    self.numbers(message, NUMBER);
                }
                1 => {
                    bytes = bytes.get(8..)?;
                    self.numbers(message, NUMBER);
                }
                5 => {
                    bytes = bytes.get(4..)?;
                    self.numbers(message, NUMBER);
                }
                2 => {
                    let len = usize::try_from(varint(&mut bytes)?).ok()?;
                    let (inside, rest) = bytes.split_at_checked(len)?;
                    bytes = rest;
                    let len = len as u64;
                    match message.field(key >> 3) {
                        Field::Message(message) => self.add(inside, message, depth)?,
                        Field::Text => self.structure += TEXT + len,
                        // Lists grow by doubling.
                        Field::Fixed => self.numbers(message, 2 * len),
                        Field::Varints(size) => {
                            let count = inside.iter().filter(|&&byte| byte & 0x80 == 0).count();
                            self.numbers(message, 2 * size * count as u64);
                        }
                        Field::Range => self.elements += len,
                        Field::Skipped => {}
                    }
                }
                3 => skip_group(&mut bytes)?,
                _ => return None,
            }
        }
        Some(())
    }

    /// Adds numbers that take `bytes` of memory. Numbers of a tensor are elements.
    fn numbers(&mut self, message: Message, bytes: u64) {
        if message == Message::Tensor {
            self.elements += bytes;
        } else {
            self.structure += bytes;
        }
    }
}

/// Skips a group, whose key was read, and its nested groups.
fn skip_group(bytes: &mut &[u8]) -> Option<()> {
    let mut depth = 1u64;
    while depth > 0 {
        match varint(bytes)? & 7 {
            0 => drop(varint(bytes)?),
            1 => *bytes = bytes.get(8..)?,
            2 => {
                let len = usize::try_from(varint(bytes)?).ok()?;
                *bytes = bytes.get(len..)?;
            }
            3 => depth += 1,
            4 => depth -= 1,
            5 => *bytes = bytes.get(4..)?,
            _ => return None,
        }
    }
    Some(())
}

/// Reads a varint: seven bits per byte.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Graph;

    fn field(number: u8, inside: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2];
        let mut len = inside.len();
        while len >= 0x80 {
            bytes.push(len as u8 | 0x80);
            len >>= 7;
        }
        bytes.push(len as u8);
        bytes.extend(inside);
        bytes
    }

    fn used(bytes: &[u8]) -> Used {
        let mut used = Used::default();
        used.add(bytes, Message::Model, MAX_DEPTH);
        used
    }

    #[test]
    fn empty_messages_are_counted() {
        // Each takes a byte or two in the file.
        let node = |inside: &[u8]| field(7, &field(1, inside));
        let value = |dims: &[u8]| field(2, &field(1, &field(2, dims)));
        for (name, bytes, least) in [
            ("nodes", field(7, &field(1, &[]).repeat(1 << 16)), 512 << 16),
            ("tensors", field(7, &field(5, &[]).repeat(1 << 16)), 512 << 16),
            ("inputs", field(7, &field(11, &[]).repeat(1 << 16)), 128 << 16),
            ("attributes", node(&field(5, &[]).repeat(1 << 16)), 512 << 16),
            ("texts", node(&field(1, &[]).repeat(1 << 16)), 64 << 16),
            ("integers", node(&field(5, &[8 << 3, 1].repeat(1 << 16))), 16 << 16),
            ("packed integers", node(&field(5, &field(8, &[1; 1 << 16]))), 8 << 16),
            ("dimensions", field(7, &field(11, &value(&field(1, &[]).repeat(1 << 16)))), 64 << 16),
        ] {
            assert!(used(&bytes).structure >= least, "{name}: {:?}", used(&bytes));
            let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
            assert!(matches!(check(&bytes, &limits), Err(Error::OverLimit { .. })), "{name}");
        }
    }

    #[test]
    fn elements_are_counted_apart() {
        for (number, times) in [(9, 1), (4, 2), (5, 8), (7, 16), (10, 2)] {
            let tensor = field(7, &field(5, &field(number, &[0; 1 << 16])));
            let used = used(&tensor);
            assert_eq!((used.elements, used.structure < 4096), (times << 16, true), "field {number}");
        }
    }

    #[test]
    fn a_fault_behind_many_messages_hides_none() {
        let mut bytes = field(7, &field(1, &[]).repeat(1 << 16));
        bytes.extend([8 << 3 | 2, 9]);
        assert!(used(&bytes).structure >= 512 << 16);
        // A group of an unknown field with a nested group, then messages.
        let mut grouped = vec![6 << 3 | 3, 5 << 3 | 3, 1 << 3, 7, 5 << 3 | 4, 6 << 3 | 4];
        grouped.extend(field(7, &field(1, &[]).repeat(1 << 10)));
        assert!(used(&grouped).structure >= 512 << 10);
    }

    #[test]
    fn models_are_refused_before_they_are_decoded() {
        let bytes = field(7, &field(1, &[]).repeat(1 << 16));
        let limits = Limits { max_bytes: 1 << 24, ..Limits::default() };
        let error = Graph::from_onnx_bytes_within(&bytes, &limits).expect_err("32 MiB of nodes");
        assert!(matches!(error, Error::OverLimit { unit: "bytes", .. }), "{error}");
        // A graph of them is an error of another kind within the limits.
        assert!(matches!(Graph::from_onnx_bytes(&bytes), Err(Error::NotAModel { .. })));
    }
}
