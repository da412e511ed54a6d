//! TensorFlow.js's graph models: `model.json`, with a graph in JSON, and files of weights beside it.
//!
//! The format: tfjs-core's io_utils.ts and the converter's write_weights.py. Weights may be quantized: the numbers stored are
//! `(weight − min) / scale`.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use eightbit_graph::{Error, Limits, element_count, quoted, read_limited};
use serde::de::{Deserialize, DeserializeSeed, Deserializer};

use super::json::InWire;
use super::{not_a_graph, schema};
use crate::proto::{AttrValue, DataType, Dim, GraphDef, TensorProto, TensorShapeProto, Value};

/// The most dimensions of a tensor, as in TensorFlow.
const MAX_RANK: usize = 254;

/// A graph in its binary form.
struct Topology(Vec<u8>);

impl<'de> Deserialize<'de> for Topology {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        InWire(&schema::GRAPH).deserialize(deserializer).map(Self)
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Model {
    format: Option<String>,
    model_topology: Option<Topology>,
    #[serde(default)]
    weights_manifest: Vec<Group>,
}

/// Weights that are stored one after the other in files, which are read one after the other.
#[derive(serde::Deserialize)]
struct Group {
    paths: Vec<String>,
    weights: Vec<Weight>,
}

#[derive(serde::Deserialize)]
struct Weight {
    name: String,
    shape: Vec<usize>,
    dtype: String,
    quantization: Option<Quantization>,
}

#[derive(serde::Deserialize)]
struct Quantization {
    dtype: String,
    #[serde(default)]
    scale: f64,
    #[serde(default)]
    min: f64,
}

/// The binary form of a graph in JSON, and the weights of its constants from files in `folder`; without a folder, there must be none.
pub(super) fn read(
    json: &[u8],
    folder: Option<&Path>,
    limits: &Limits,
) -> Result<(Bytes, Vec<Constant>), Error> {
    let wrong = |error: serde_json::Error| not_a_graph(format!("the JSON is not a graph: {error}"));
    let model: Model = serde_json::from_slice(json).map_err(wrong)?;
    if model.format.as_deref() == Some("layers-model") {
        let reason = "a layers model of Keras: convert it with tensorflowjs_converter --output_format=tfjs_graph_model";
        return Err(Error::unsupported_model("model.json", reason));
    }
    let Some(Topology(wire)) = model.model_topology else {
        let Topology(wire) = serde_json::from_slice(json).map_err(wrong)?;
        return Ok((wire.into(), Vec::new()));
    };
    let mut constants = Vec::new();
    let mut left = limits.max_bytes;
    for group in model.weights_manifest {
        let folder = folder.ok_or_else(|| {
            Error::unsupported_model("model.json", "its weights are in files beside it: open it as a file")
        })?;
        let mut bytes = Vec::new();
        for path in &group.paths {
            let mut read = read_limited(beside(folder, path)?, left)?;
            left = left.saturating_sub(read.len() as u64);
            // Of the one file that most groups have, no copy.
            match bytes.is_empty() {
                true => bytes = read,
                false => bytes.append(&mut read),
            }
        }
        let mut bytes = Bytes::from(bytes);
        for weight in group.weights {
            let constant = weight.take(&mut bytes, &mut left)?;
            constants.extend(constant);
        }
    }
    Ok((wire.into(), constants))
}

/// The file `path` of the folder of a model. Links inside the folder may lead out of it; such files are refused.
fn beside(folder: &Path, path: &str) -> Result<PathBuf, Error> {
    // The folder of a plain file name is the current one.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let outside = || {
        let what = format!("weights {}", quoted(path));
        Error::model(what, "weights must be in the folder of the model, or below it")
    };
    let is_below = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if path.is_empty() || !is_below {
        return Err(outside());
    }
    let file = folder.join(path);
    let real = |path: &Path| {
        path.canonicalize().map_err(|source| Error::Io { action: "read", path: path.to_path_buf(), source })
    };
    if real(&file)?.starts_with(real(folder)?) { Ok(file) } else { Err(outside()) }
}

/// The value of a constant of the graph.
pub(super) struct Constant {
    name: String,
    tensor: TensorProto,
}

impl Weight {
    /// Takes the weight from the front of `bytes`; none for texts, which no operator here reads. `left` is what weights may still
    /// take.
    fn take(self, bytes: &mut Bytes, left: &mut u64) -> Result<Option<Constant>, Error> {
        let what = || format!("weights {}", quoted(&self.name));
        let wrong = |reason: &str| Error::model(what(), reason.to_owned());
        if self.shape.len() > MAX_RANK {
            return Err(wrong("it has more dimensions than TensorFlow allows, 254"));
        }
        let count = element_count(&self.shape)?;
        let end = "the files of weights end before it";
        if self.dtype == "string" {
            for _ in 0..count {
                let (size, rest) = bytes.split_first_chunk::<4>().ok_or_else(|| wrong(end))?;
                let text = rest.get(..u32::from_le_bytes(*size) as usize).ok_or_else(|| wrong(end))?;
                *bytes = bytes.slice(size.len() + text.len()..);
            }
            return Ok(None);
        }
        let stored = self.quantization.as_ref().map_or(self.dtype.as_str(), |how| how.dtype.as_str());
        let size = match stored {
            "float32" | "int32" => 4,
            "float16" | "uint16" => 2,
            "uint8" | "bool" => 1,
            _ => return Err(wrong("its type is not float32, int32, bool, float16, uint16 or uint8")),
        };
        let len = count.checked_mul(size).ok_or_else(|| wrong(end))?;
        if len > bytes.len() {
            return Err(wrong(end));
        }
        // A part of the file's bytes, not a copy.
        let own = bytes.split_to(len);
        let whole = matches!(self.dtype.as_str(), "int32");
        let restored = |value: f64, out: &mut Vec<u8>| {
            if whole {
                out.extend((value.round() as i32).to_le_bytes());
            } else {
                out.extend((value as f32).to_le_bytes());
            }
        };
        let (dtype, content) = match (&self.quantization, stored) {
            (None, "float32") => (DataType::Float, own),
            (None, "int32") => (DataType::Int32, own),
            (None, "bool") => (DataType::Bool, own),
            (_, "float16") => (DataType::Half, own),
            (Some(how), "uint8" | "uint16") => {
                let needs = (count as u64).saturating_mul(4);
                *left = left.checked_sub(needs).ok_or_else(|| wrong("the weights take too much memory"))?;
                let mut content = Vec::with_capacity(4 * count);
                for code in own.chunks_exact(size) {
                    let code = code.iter().rev().fold(0u32, |code, &byte| code << 8 | u32::from(byte));
                    restored(f64::from(code) * how.scale + how.min, &mut content);
                }
                (if whole { DataType::Int32 } else { DataType::Float }, content.into())
            }
            _ => return Err(wrong("its type and its quantization do not fit")),
        };
        let dim = self.shape.iter().map(|&size| Dim { size: size as i64, name: String::new() }).collect();
        let tensor = TensorProto {
            dtype: dtype.into(),
            tensor_shape: Some(TensorShapeProto { dim, unknown_rank: false }),
            tensor_content: content,
            ..TensorProto::default()
        };
        Ok(Some(Constant { name: self.name, tensor }))
    }
}

/// Gives the constants of `graph` their values.
pub(super) fn fill(graph: &mut GraphDef, constants: Vec<Constant>) {
    let mut values: HashMap<String, TensorProto> =
        constants.into_iter().map(|constant| (constant.name, constant.tensor)).collect();
    for node in graph.node.iter_mut().filter(|node| node.op == "Const") {
        if let Some(tensor) = values.remove(&node.name) {
            let value = AttrValue { value: Some(Value::Tensor(Box::new(tensor))) };
            node.attr.insert("value".to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_stay_beside_the_model() {
        let folder = std::env::temp_dir().join(format!("eightbit tfjs {}", std::process::id()));
        std::fs::create_dir_all(folder.join("weights")).expect("a temporary folder");
        for file in ["group1-shard1of2.bin", "weights/a.bin"] {
            std::fs::write(folder.join(file), [0]).expect("a temporary file");
            assert!(beside(&folder, file).is_ok(), "{file}");
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("/dev/null", folder.join("link.bin")).expect("a link");
        for path in ["", ".", "/etc/passwd", "../a.bin", "a/../../b.bin", "link.bin"] {
            assert!(beside(&folder, path).is_err(), "{path}");
        }
        std::fs::remove_dir_all(&folder).expect("own folder");
    }

    fn weight(json: &str, bytes: &[u8]) -> Result<Option<Constant>, Error> {
        let weight: Weight = serde_json::from_str(json).expect("a weight");
        weight.take(&mut Bytes::copy_from_slice(bytes), &mut 1000)
    }

    #[test]
    fn shapes_have_at_most_as_many_dimensions_as_in_tensorflow() {
        let of_rank = |rank: usize| {
            let shape = vec!["1"; rank].join(",");
            weight(&format!(r#"{{"name": "w", "shape": [{shape}], "dtype": "bool"}}"#), &[1]).map(drop)
        };
        of_rank(254).expect("one element");
        assert!(of_rank(255).expect_err("too many").to_string().contains("more dimensions"));
    }

    #[test]
    fn quantized_weights_are_restored() {
        let json = r#"{"name": "w", "shape": [2], "dtype": "float32",
            "quantization": {"dtype": "uint16", "scale": 0.5, "min": -1.0, "original_dtype": "float32"}}"#;
        let constant = weight(json, &[2, 0, 0, 1]).expect("fits").expect("numbers");
        assert_eq!(constant.tensor.tensor_content, [0f32, 127.0].map(f32::to_le_bytes).concat());
        assert!(weight(json, &[2, 0, 0]).is_err());
        let text = r#"{"name": "w", "shape": [2], "dtype": "string"}"#;
        assert!(weight(text, &[1, 0, 0, 0, 7, 0, 0, 0, 0]).expect("fits").is_none());
        assert!(weight(text, &[9, 0, 0, 0, 7]).is_err());
        let huge = r#"{"name": "w", "shape": [4294967296, 4294967296], "dtype": "bool"}"#;
        assert!(weight(huge, &[]).is_err());
    }

    #[test]
    fn json_has_both_spellings_of_numbers() {
        let json = br#"{"node": [{"name": "c", "op": "Const", "input": [], "attr": {
            "dtype": {"type": "DT_FLOAT"}, "n": {"i": "-3"}, "m": {"i": 4}, "f": {"f": -0.5}, "s": {"s": "AAEC"},
            "l": {"list": {"i": ["1", 2], "s": []}},
            "value": {"tensor": {"dtype": 1, "tensorShape": {"dim": [{"size": "2"}]}, "floatVal": [1, "NaN"]}}}}]}"#;
        let graph = GraphDef::from_bytes(json).expect("a graph");
        let attr = |name: &str| graph.node[0].attr[name].value.clone();
        assert_eq!(attr("n"), Some(Value::I(-3)));
        assert_eq!(attr("m"), Some(Value::I(4)));
        assert_eq!(attr("f"), Some(Value::F(-0.5)));
        assert_eq!(attr("s"), Some(Value::S(vec![0, 1, 2])));
        let Some(Value::Tensor(tensor)) = attr("value") else { panic!("a tensor") };
        assert_eq!(tensor.tensor_shape.expect("a shape").dim[0].size, 2);
        assert!(tensor.float_val[1].is_nan());
        assert!(GraphDef::from_bytes(b"{\"modelTopology\": {\"node\": []}}").is_err());
        assert!(GraphDef::from_bytes(&b"{\"a\":[".repeat(100_000)).is_err());
    }
}
