//! Models with fields that are changed, at any depth: the wire format stays whole, so that readers and rules get what the parser of
//! protocol buffers would refuse of random bytes.

use prost::{decode_length_delimiter, encode_length_delimiter};

use crate::input::Input;
use crate::model::{executor, onnx};

/// Models to begin with.
const MODELS: [&[u8]; 14] = [
    include_bytes!("../corpus/onnx/cnn"),
    include_bytes!("../corpus/onnx/function"),
    include_bytes!("../corpus/onnx/if_constant"),
    include_bytes!("../corpus/onnx/if_input"),
    include_bytes!("../corpus/onnx/if_nested"),
    include_bytes!("../corpus/onnx/if_shape"),
    include_bytes!("../corpus/onnx/half"),
    include_bytes!("../corpus/onnx/bfloat16"),
    include_bytes!("../corpus/onnx/integer"),
    include_bytes!("../corpus/onnx/opset1"),
    include_bytes!("../corpus/onnx/opset6"),
    include_bytes!("../corpus/onnx/pools"),
    include_bytes!("../corpus/onnx/qdq"),
    include_bytes!("../corpus/onnx/qlinear"),
];

/// The deepest message that is changed.
const DEPTH: usize = 14;

/// Numbers at which readers go wrong.
const NUMBERS: [u64; 12] =
    [0, 1, 2, 3, 7, 11, 18, 1 << 31, (1 << 31) - 1, 1 << 40, i64::MAX as u64, u64::MAX];

/// Reads and runs a model with a few changed fields.
pub fn onnx_edits(data: &[u8]) {
    let mut input = Input::new(data);
    let mut model = MODELS[input.size(0, MODELS.len() - 1)].to_vec();
    for _ in 0..input.size(1, 6) {
        if let Some(edited) = edited(&model, &mut input, 0) {
            model = edited;
        }
    }
    onnx(&model);
    executor(&model);
}

/// The value of a field.
#[derive(Clone)]
enum Value {
    Varint(u64),
    /// Four or eight bytes.
    Fixed(Vec<u8>),
    /// A message, a text, or numbers.
    Bytes(Vec<u8>),
}

/// A field's number and value.
type Field = (u64, Value);

/// The fields of a message; `None` if it is none.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let mut take = |len: usize| -> Option<Vec<u8>> {
            let (taken, rest) = bytes.split_at_checked(len)?;
            bytes = rest;
            Some(taken.to_vec())
        };
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut bytes)?),
            1 => Value::Fixed(take(8)?),
            5 => Value::Fixed(take(4)?),
            2 => {
                let len = usize::try_from(varint(&mut bytes)?).ok()?;
                let (taken, rest) = bytes.split_at_checked(len)?;
                bytes = rest;
                Value::Bytes(taken.to_vec())
            }
            _ => return None,
        };
        fields.push((key >> 3, value));
    }
    Some(fields)
}

/// Takes a varint; the wire format has lengths in this form, too.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    decode_length_delimiter(bytes).ok().map(|value| value as u64)
}

fn encoded(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, value) in fields {
        let kind = match value {
            Value::Varint(_) => 0,
            Value::Fixed(bytes) if bytes.len() == 8 => 1,
            Value::Fixed(_) => 5,
            Value::Bytes(_) => 2,
        };
        push_varint(&mut out, number << 3 | kind);
        match value {
            Value::Varint(value) => push_varint(&mut out, *value),
            Value::Fixed(bytes) => out.extend(bytes),
            Value::Bytes(bytes) => {
                push_varint(&mut out, bytes.len() as u64);
                out.extend(bytes);
            }
        }
    }
    out
}

fn push_varint(out: &mut Vec<u8>, value: u64) {
    encode_length_delimiter(value as usize, out).expect("a vector grows");
}

/// The message with one change, in it or in one of its fields.
fn edited(message: &[u8], input: &mut Input<'_>, depth: usize) -> Option<Vec<u8>> {
    let mut fields = fields(message).filter(|fields| !fields.is_empty())?;
    let at = input.size(0, (fields.len() - 1).min(255));
    if let Value::Bytes(inner) = &mut fields[at].1
        && depth < DEPTH
        && input.between(0, 3) > 0
        && let Some(edited) = edited(inner, input, depth + 1)
    {
        *inner = edited;
        return Some(encoded(&fields));
    }
    let other = fields[input.size(0, (fields.len() - 1).min(255))].clone();
    match input.between(0, 6) {
        0 => drop(fields.remove(at)),
        1 => fields.insert(at, other),
        2 => fields[at].1 = other.1,
        3 => fields[at].0 = input.size(1, 26) as u64,
        _ => change(&mut fields[at].1, input),
    }
    Some(encoded(&fields))
}

fn change(value: &mut Value, input: &mut Input<'_>) {
    match value {
        Value::Varint(number) => {
            *number = NUMBERS[input.size(0, NUMBERS.len() - 1)];
        }
        Value::Fixed(bytes) => {
            let new = [0.0f32, -1.0, f32::NAN, f32::INFINITY, f32::MAX][input.size(0, 4)].to_le_bytes();
            bytes.iter_mut().zip(new).for_each(|(byte, new)| *byte = new);
        }
        Value::Bytes(bytes) => {
            let at = input.size(0, bytes.len().min(255));
            match input.between(0, 2) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, input.byte()),
                _ => bytes.get_mut(at).into_iter().for_each(|byte| *byte = input.byte()),
            }
        }
    }
}
