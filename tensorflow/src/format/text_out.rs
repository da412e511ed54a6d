//! From the wire format of a message to its text form, as protobuf's own printer lays it out.

use std::fmt::Write;

use super::schema::{Field, Kind, Message};
use super::wire::{MAX_DEPTH, Value, take, take_array, take_varint};

/// The text of the message `message` in `bytes`; `None` if the bytes are not one, are nested too deeply, or are in so many parts that
/// joining them takes more memory than they do.
pub(super) fn print(bytes: &[u8], message: &Message) -> Option<String> {
    let mut text = String::new();
    // Messages in parts within messages in parts would be copied once for each of them.
    let mut left = bytes.len();
    fields(bytes, message, 0, &mut left, &mut text)?;
    Some(text)
}

/// The number of values in `bytes` of each field that is not repeated, by its number, which is below 32.
fn counts(mut bytes: &[u8], message: &Message) -> Option<[usize; 32]> {
    let mut counts = [0; 32];
    while !bytes.is_empty() {
        let (number, _) = take(&mut bytes)?;
        if message.numbered(number).is_some_and(|field| !field.repeated) {
            counts[number as usize % 32] += 1;
        }
    }
    Some(counts)
}

/// What the messages in `bytes` of the field `number` are together: messages are merged by writing one behind the other.
fn merged(mut bytes: &[u8], number: u32) -> Option<Vec<u8>> {
    let mut merged = Vec::new();
    while !bytes.is_empty() {
        if let (found, Value::Delimited(inside)) = take(&mut bytes)?
            && found == number
        {
            merged.extend_from_slice(inside);
        }
    }
    Some(merged)
}

fn fields(all: &[u8], message: &Message, depth: usize, to_copy: &mut usize, text: &mut String) -> Option<()> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut left = counts(all, message)?;
    let given = left;
    let mut bytes = all;
    while !bytes.is_empty() {
        let (number, value) = take(&mut bytes)?;
        // A field of a newer schema has no name, and protobuf's parser accepts no numbers.
        let Some(field) = message.numbered(number) else { continue };
        if !field.repeated {
            // The last value counts.
            let left = &mut left[number as usize % 32];
            *left -= 1;
            if *left > 0 {
                continue;
            }
        }
        match (field.kind, value) {
            (Kind::Sub(message) | Kind::Map(message), Value::Delimited(inside)) => {
                indent(depth, text);
                text.push_str(field.name);
                text.push_str(" {\n");
                if !field.repeated && given[number as usize % 32] > 1 {
                    let merged = merged(all, number)?;
                    *to_copy = to_copy.checked_sub(merged.len())?;
                    fields(&merged, message, depth + 1, to_copy, text)?;
                } else {
                    fields(inside, message, depth + 1, to_copy, text)?;
                }
                indent(depth, text);
                text.push_str("}\n");
            }
            (Kind::String | Kind::Bytes, Value::Delimited(inside)) => {
                line(field, depth, text);
                quote(inside, text);
                text.push('\n');
            }
            (_, Value::Delimited(packed)) if field.repeated => list(field, packed, depth, text)?,
            (kind, value) => {
                line(field, depth, text);
                scalar(kind, value, text)?;
                text.push('\n');
            }
        }
    }
    Some(())
}

/// Writes packed numbers, each on its line.
fn list(field: &Field, mut packed: &[u8], depth: usize, text: &mut String) -> Option<()> {
    while !packed.is_empty() {
        let value = match field.kind {
            Kind::Float => Value::Four(take_array(&mut packed)?),
            Kind::Double | Kind::Fixed64 => Value::Eight(take_array(&mut packed)?),
            _ => Value::Varint(take_varint(&mut packed)?),
        };
        line(field, depth, text);
        scalar(field.kind, value, text)?;
        text.push('\n');
    }
    Some(())
}

fn indent(depth: usize, text: &mut String) {
    text.extend(std::iter::repeat_n("  ", depth));
}

fn line(field: &Field, depth: usize, text: &mut String) {
    indent(depth, text);
    text.push_str(field.name);
    text.push_str(": ");
}

fn scalar(kind: Kind, value: Value<'_>, text: &mut String) -> Option<()> {
    match (kind, value) {
        (Kind::Int(_), Value::Varint(value)) => write!(text, "{}", value as i64).ok()?,
        (Kind::Uint(_), Value::Varint(value)) => write!(text, "{value}").ok()?,
        (Kind::Bool, Value::Varint(value)) => text.push_str(if value == 0 { "false" } else { "true" }),
        (Kind::Enum(_, name), Value::Varint(value)) => match name(value as i64) {
            Some(name) => text.push_str(&name),
            None => write!(text, "{}", value as i64).ok()?,
        },
        (Kind::Fixed64, Value::Eight(bytes)) => write!(text, "{}", u64::from_le_bytes(bytes)).ok()?,
        (Kind::Float, Value::Four(bytes)) => {
            let value = f32::from_le_bytes(bytes);
            number(value.into(), &format!("{value:?}"), text);
        }
        (Kind::Double, Value::Eight(bytes)) => {
            let value = f64::from_le_bytes(bytes);
            number(value, &format!("{value:?}"), text);
        }
        _ => return None,
    }
    Some(())
}

/// Writes a float, given its shortest digits.
fn number(value: f64, digits: &str, text: &mut String) {
    match value {
        _ if value.is_nan() => text.push_str("nan"),
        f64::INFINITY => text.push_str("inf"),
        f64::NEG_INFINITY => text.push_str("-inf"),
        _ => text.push_str(digits.strip_suffix(".0").unwrap_or(digits)),
    }
}

fn quote(bytes: &[u8], text: &mut String) {
    text.push('"');
    for &byte in bytes {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'"' | b'\'' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.extend(['\\', digit(byte >> 6), digit(byte >> 3), digit(byte)]),
        }
    }
    text.push('"');
}

fn digit(bits: u8) -> char {
    char::from(b'0' + (bits & 7))
}
