//! Attributes that are 0 are written: readers of the schema's optional fields take one that is left out for missing.

use eightbit_graph::quantize::{QuantizeOptions, quantize};

use crate::quantize::{examples, network};

/// What a field of a message holds.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The fields of a message by the wire format of protocol buffers (protobuf.dev/programming-guides/encoding).
fn fields(mut message: &[u8]) -> Vec<(u64, Field<'_>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let (&byte, rest) = bytes.split_first().expect("a complete number");
            *bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let field = match key & 7 {
            0 => Field::Number(varint(&mut message)),
            2 => {
                let len = varint(&mut message) as usize;
                let (bytes, rest) = message.split_at(len);
                message = rest;
                Field::Bytes(bytes)
            }
            kind => {
                message = &message[if kind == 1 { 8 } else { 4 }..];
                Field::Fixed
            }
        };
        fields.push((key >> 3, field));
    }
    fields
}

/// The messages that are field `number` of a message.
fn messages(message: &[u8], number: u64) -> Vec<&[u8]> {
    let bytes = |(found, field)| match field {
        Field::Bytes(bytes) if found == number => Some(bytes),
        _ => None,
    };
    fields(message).into_iter().filter_map(bytes).collect()
}

#[test]
fn every_number_of_a_quantized_graph_has_its_field() {
    let (graph, _) =
        quantize(network(), &examples(4), &QuantizeOptions::default(), |_| {}).expect("it quantizes");
    let bytes = graph.to_onnx_bytes().expect("it is written");
    let (mut numbers, mut zeros) = (0, 0);
    for model in messages(&bytes, 7) {
        for attribute in messages(model, 1).into_iter().flat_map(|node| messages(node, 5)) {
            let fields = fields(attribute);
            let number = |wanted| {
                fields.iter().find_map(|(found, field)| match field {
                    Field::Number(number) if *found == wanted => Some(*number),
                    _ => None,
                })
            };
            match number(20).expect("an attribute has a type") {
                // FLOAT: the field `f`.
                1 => {
                    assert!(fields.iter().any(|(found, field)| *found == 2 && matches!(field, Field::Fixed)))
                }
                // INT: the field `i`.
                2 => {
                    let value = number(3).expect("an integer has its field");
                    numbers += 1;
                    zeros += usize::from(value == 0);
                }
                _ => {}
            }
        }
    }
    assert!(numbers > zeros && zeros > 0, "{zeros} zeros of {numbers} integers: the test sees nothing");
}
