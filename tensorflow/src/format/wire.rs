//! The wire format of protocol buffers (protobuf.dev/programming-guides/encoding).

/// The deepest nesting of messages that is read; prost's own limit.
pub(super) const MAX_DEPTH: usize = 100;

pub(super) const VARINT: u32 = 0;
pub(super) const EIGHT: u32 = 1;
pub(super) const DELIMITED: u32 = 2;
pub(super) const FOUR: u32 = 5;

/// Appends a varint: seven bits per byte, the lowest first.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the key of a field.
pub(super) fn put_key(number: u32, wire_type: u32, out: &mut Vec<u8>) {
    put_varint(u64::from(number << 3 | wire_type), out);
}

/// Appends a field of bytes.
pub(super) fn put_delimited(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_key(number, DELIMITED, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A value on the wire.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Varint(u64),
    Eight([u8; 8]),
    Four([u8; 4]),
    Delimited(&'a [u8]),
}

/// Takes the number and the value of the next field; `None` where the bytes break off, and for groups, which no message of
/// TensorFlow has.
pub(super) fn take<'a>(bytes: &mut &'a [u8]) -> Option<(u32, Value<'a>)> {
    let key = take_varint(bytes)?;
    let value = match key as u32 & 7 {
        VARINT => Value::Varint(take_varint(bytes)?),
        EIGHT => Value::Eight(take_array(bytes)?),
        FOUR => Value::Four(take_array(bytes)?),
        DELIMITED => {
            let len = usize::try_from(take_varint(bytes)?).ok()?;
            let (inside, rest) = bytes.split_at_checked(len)?;
            *bytes = rest;
            Value::Delimited(inside)
        }
        _ => return None,
    };
    Some((u32::try_from(key >> 3).ok()?, value))
}

/// Takes a varint.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
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

/// Takes `N` bytes.
pub(super) fn take_array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*array)
}
