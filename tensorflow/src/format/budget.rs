//! Counts the memory that a decoded graph will take, before it is decoded.
//!
//! An empty message takes two bytes in a file and hundreds in memory. A scan of the wire format finds all of them.

use eightbit_graph::{Error, Limits};

use super::not_a_graph;
use super::schema::{GRAPH, Kind, Message};
use super::wire::{MAX_DEPTH, Value, take};

/// Bytes of memory of a message with its share of growing lists, of a text in addition to its characters, and of a number.
const MESSAGE: u64 = 512;
const TEXT: u64 = 64;
const NUMBER: u64 = 16;

/// An error if the graph `bytes` would take more memory than the limit, or cannot be counted to its end: it breaks off, it nests
/// messages deeper than decoding goes, or it holds groups, which decoding would skip.
pub(super) fn check(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    let mut needs = bytes.len() as u64;
    let counted = add(bytes, &GRAPH, MAX_DEPTH + 1, &mut needs);
    if needs <= limits.max_bytes {
        let fault = "its messages break off, nest too deeply, or are groups, which no graph has";
        return counted.ok_or_else(|| not_a_graph(fault.to_owned()));
    }
    Err(Error::OverLimit {
        what: "reading the graph".to_owned(),
        needs,
        limit: limits.max_bytes,
        unit: "bytes",
    })
}

fn add(mut bytes: &[u8], message: &Message, depth: usize, needs: &mut u64) -> Option<()> {
    *needs += MESSAGE;
    let depth = depth.checked_sub(1)?;
    while !bytes.is_empty() {
        let (number, value) = take(&mut bytes)?;
        let kind = message.numbered(number).map(|field| field.kind);
        *needs += match (kind, value) {
            (Some(Kind::Sub(message) | Kind::Map(message)), Value::Delimited(inside)) => {
                add(inside, message, depth, needs)?;
                0
            }
            (Some(Kind::Float | Kind::Double | Kind::Fixed64), Value::Delimited(packed)) => {
                2 * packed.len() as u64
            }
            (Some(Kind::String | Kind::Bytes), Value::Delimited(text)) => TEXT + text.len() as u64,
            // A packed number takes at least a byte.
            (Some(_), Value::Delimited(packed)) => NUMBER * packed.len() as u64,
            (_, Value::Varint(_) | Value::Four(_) | Value::Eight(_)) => NUMBER,
            (None, Value::Delimited(_)) => 0,
        };
    }
    Some(())
}
