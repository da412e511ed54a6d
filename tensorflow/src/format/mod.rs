//! Graphs in files: the binary form, the text form, and JSON.
//!
//! The three forms have one schema. Text and JSON are translated to the binary form and back: what decodes a graph is one place.

mod budget;
mod enums;
mod json;
mod lexer;
mod schema;
mod text_in;
mod text_out;
mod tfjs;
mod wire;

use std::path::Path;

use bytes::Bytes;
use eightbit_graph::{Error, Limits, read_limited};
use prost::Message;

use crate::proto::GraphDef;

/// The largest file of a graph: protocol buffers have 31-bit sizes.
const MAX_FILE: u64 = i32::MAX as u64;

/// The fields of a graph: a text begins with one of them.
const FIELDS: [&str; 5] = ["node", "library", "version", "versions", "debug_info"];

fn not_a_graph(reason: String) -> Error {
    Error::NotAModel { format: "a TensorFlow GraphDef", reason }
}

/// Whether `bytes` are the text form of a graph: whether they begin, after blanks and comments, with the name of a field.
fn is_text(bytes: &[u8]) -> bool {
    let mut rest = bytes.trim_ascii_start();
    while rest.first() == Some(&b'#') {
        let line = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        rest = rest.get(line..).unwrap_or_default().trim_ascii_start();
    }
    let end = rest.iter().position(|byte| !byte.is_ascii_lowercase() && *byte != b'_').unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    FIELDS.iter().any(|field| field.as_bytes() == name)
        && matches!(after.trim_ascii_start().first(), Some(b'{' | b'<' | b':' | b'[' | b'#'))
}

/// Whether a file that begins with `bytes` is a graph of TensorFlow, by its content. ONNX's models, which are protocol buffers, too,
/// begin with a number.
pub fn is_graph(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let node = || match wire::take_varint(&mut rest)? {
        // The list of nodes, functions, versions: the length, and a first field that is the name.
        0x0a => wire::take_varint(&mut rest).map(|_| rest.first() == Some(&0x0a)),
        0x12 | 0x22 => Some(true),
        _ => None,
    };
    is_text(bytes) || is_json(bytes) || { node }() == Some(true)
}

/// Whether `bytes` are JSON. A line feed before the brace is the beginning of a binary graph, too: it is not JSON.
fn is_json(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'{')
}

impl GraphDef {
    /// Reads a graph in binary form, as text or as JSON, whichever it is.
    ///
    /// # Errors
    ///
    /// [`Error::NotAModel`] for bytes that are not a graph or only a part of one, [`Error::OverLimit`] for one that would take
    /// more memory than the default [`Limits`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_bytes_within(bytes, &Limits::default())
    }

    /// As [`from_bytes`](Self::from_bytes), with other limits than the default.
    pub fn from_bytes_within(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        read(Bytes::copy_from_slice(bytes), None, limits)
    }

    /// Reads the file `path`, and for a `model.json` of TensorFlow.js the files of weights beside it; errors as
    /// [`from_bytes`](Self::from_bytes) and [`read_limited`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::from_file_within(path, &Limits::default())
    }

    /// As [`from_file`](Self::from_file), with other limits than the default.
    pub fn from_file_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = read_limited(path, MAX_FILE.min(limits.max_bytes))?;
        read(bytes.into(), Some(path.parent().unwrap_or(Path::new(""))), limits)
    }

    /// The binary form. Equal graphs give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// The text form, as protobuf's own printer lays it out.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidModel`] for a graph whose messages are nested more than a hundred times, or whose fields of bytes
    /// are not the messages that the schema says.
    pub fn to_text(&self) -> Result<String, Error> {
        text_out::print(&self.to_bytes(), &schema::GRAPH)
            .ok_or_else(|| Error::model("graph", "a message in it is damaged or nested too deeply"))
    }

    /// Writes the binary form to the file `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn to_file(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write(path, &self.to_bytes())
    }

    /// Writes the text form to the file `path`.
    ///
    /// # Errors
    ///
    /// As [`to_text`](Self::to_text), and [`Error::Io`].
    pub fn to_text_file(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write(path, self.to_text()?.as_bytes())
    }
}

fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), Error> {
    std::fs::write(path.as_ref(), bytes).map_err(|source| Error::write(path, source))
}

/// The graph in `bytes`, whose weights may be files in `folder`.
fn read(bytes: Bytes, folder: Option<&Path>, limits: &Limits) -> Result<GraphDef, Error> {
    let size = bytes.len();
    if size == 0 {
        return Err(not_a_graph("there are no bytes".to_owned()));
    }
    if is_json(&bytes) {
        let (wire, weights) = tfjs::read(&bytes, folder, limits)?;
        let mut graph = decode(wire, size, limits)?;
        tfjs::fill(&mut graph, weights);
        return Ok(graph);
    }
    if is_text(&bytes) {
        let wire = text_in::parse(&bytes, &schema::GRAPH).map_err(not_a_graph)?;
        return decode(wire.into(), size, limits);
    }
    decode(bytes, size, limits)
}

/// The graph in binary form, from a file of `size` bytes.
fn decode(wire: Bytes, size: usize, limits: &Limits) -> Result<GraphDef, Error> {
    budget::check(&wire, limits)?;
    let graph = GraphDef::decode(wire)
        .map_err(|error| not_a_graph(format!("of the {size} bytes read, not all decode: {error}")))?;
    // Arbitrary bytes may decode.
    if graph.node.is_empty() {
        return Err(not_a_graph("it has no nodes".to_owned()));
    }
    if let Some(index) = graph.node.iter().position(|node| node.name.is_empty() || node.op.is_empty()) {
        return Err(not_a_graph(format!("node {index} has no name or no operator")));
    }
    Ok(graph)
}

#[cfg(test)]
mod tests;
