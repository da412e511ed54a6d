//! The part of ONNX's protocol buffers that this crate reads and writes, written by hand: no protoc, no build script.
//!
//! Field numbers are those of onnx.proto (github.com/onnx/onnx). Other fields are skipped when reading.
//! Parts that are recognized only to be refused (sparse tensors) are kept as bytes: the wire format is the same. Graphs nest in
//! attributes; prost refuses files that nest messages deeper than 100.

use bytes::Bytes;
use prost::Message;

/// Defines messages, each field with its kind and number as prost takes them.
macro_rules! messages {
    ($(
        $(#[$doc:meta])*
        struct $message:ident {
            $($(#[$field_doc:meta])* ($($kind:tt)*) $field:ident: $type:ty,)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Message)]
        pub(super) struct $message {
            $($(#[$field_doc])* #[prost($($kind)*)] pub(super) $field: $type,)*
        }
    )*};
}

messages! {
    struct ModelProto {
        (int64, tag = "1") ir_version: i64,
        (string, tag = "2") producer_name: String,
        (string, tag = "3") producer_version: String,
        (message, optional, tag = "7") graph: Option<GraphProto>,
        (message, repeated, tag = "8") opset_import: Vec<OperatorSetIdProto>,
        (message, repeated, tag = "25") functions: Vec<FunctionProto>,
    }

    /// An operator that the model defines by nodes.
    struct FunctionProto {
        (string, tag = "1") name: String,
        (string, repeated, tag = "4") input: Vec<String>,
        (string, repeated, tag = "5") output: Vec<String>,
        /// Attributes without a default.
        (string, repeated, tag = "6") attribute: Vec<String>,
        (message, repeated, tag = "7") node: Vec<NodeProto>,
        (message, repeated, tag = "9") opset_import: Vec<OperatorSetIdProto>,
        (string, tag = "10") domain: String,
        /// Attributes with their defaults.
        (message, repeated, tag = "11") attribute_proto: Vec<AttributeProto>,
        (string, tag = "13") overload: String,
    }

    struct OperatorSetIdProto {
        (string, tag = "1") domain: String,
        (int64, tag = "2") version: i64,
    }

    struct GraphProto {
        (message, repeated, tag = "1") node: Vec<NodeProto>,
        (string, tag = "2") name: String,
        (message, repeated, tag = "5") initializer: Vec<TensorProto>,
        (message, repeated, tag = "11") input: Vec<ValueInfoProto>,
        (message, repeated, tag = "12") output: Vec<ValueInfoProto>,
        (bytes = "bytes", repeated, tag = "15") sparse_initializer: Vec<Bytes>,
    }

    struct NodeProto {
        (string, repeated, tag = "1") input: Vec<String>,
        (string, repeated, tag = "2") output: Vec<String>,
        (string, tag = "3") name: String,
        (string, tag = "4") op_type: String,
        (message, repeated, tag = "5") attribute: Vec<AttributeProto>,
        (string, tag = "7") domain: String,
        /// Which of the functions of one name.
        (string, tag = "8") overload: String,
    }

    struct AttributeProto {
        (string, tag = "1") name: String,
        /// ONNX's schema is proto2: a field that is 0 is written, and an absent field is not 0.
        (float, optional, tag = "2") f: Option<f32>,
        (int64, optional, tag = "3") i: Option<i64>,
        (bytes = "bytes", optional, tag = "4") s: Option<Bytes>,
        (message, optional, tag = "5") t: Option<TensorProto>,
        (message, optional, boxed, tag = "6") g: Option<Box<GraphProto>>,
        (float, repeated, packed = "false", tag = "7") floats: Vec<f32>,
        (int64, repeated, packed = "false", tag = "8") ints: Vec<i64>,
        (bytes = "bytes", repeated, tag = "9") strings: Vec<Bytes>,
        /// `type` in the schema.
        (int32, tag = "20") kind: i32,
        (string, tag = "21") ref_attr_name: String,
    }

    struct TensorProto {
        (int64, repeated, packed = "false", tag = "1") dims: Vec<i64>,
        (int32, tag = "2") data_type: i32,
        (float, repeated, tag = "4") float_data: Vec<f32>,
        (int32, repeated, tag = "5") int32_data: Vec<i32>,
        (int64, repeated, tag = "7") int64_data: Vec<i64>,
        (string, tag = "8") name: String,
        (bytes = "bytes", tag = "9") raw_data: Bytes,
        (double, repeated, tag = "10") double_data: Vec<f64>,
        (uint64, repeated, tag = "11") uint64_data: Vec<u64>,
        (message, repeated, tag = "13") external_data: Vec<StringStringEntryProto>,
        (int32, tag = "14") data_location: i32,
    }

    struct StringStringEntryProto {
        (string, tag = "1") key: String,
        (string, tag = "2") value: String,
    }

    struct ValueInfoProto {
        (string, tag = "1") name: String,
        /// `type` in the schema.
        (message, optional, tag = "2") kind: Option<TypeProto>,
    }

    /// A type; without `tensor_type` it is a sequence, a map, an optional or a sparse tensor.
    struct TypeProto {
        (message, optional, tag = "1") tensor_type: Option<TensorTypeProto>,
    }

    /// `TypeProto.Tensor` in the schema.
    struct TensorTypeProto {
        (int32, tag = "1") elem_type: i32,
        (message, optional, tag = "2") shape: Option<TensorShapeProto>,
    }

    struct TensorShapeProto {
        (message, repeated, tag = "1") dim: Vec<DimensionProto>,
    }

    /// `TensorShapeProto.Dimension` in the schema: a number, a symbol or nothing.
    struct DimensionProto {
        (oneof = "Dimension", tags = "1, 2") value: Option<Dimension>,
    }
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Dimension {
    #[prost(int64, tag = "1")]
    Value(i64),
    #[prost(string, tag = "2")]
    Symbol(String),
}

/// Defines a module of numbers.
macro_rules! numbers {
    ($(#[$doc:meta])* $module:ident { $($name:ident = $number:literal),* }) => {
        $(#[$doc])*
        pub(super) mod $module {
            $(pub(in crate::onnx) const $name: i32 = $number;)*
        }
    };
}

numbers! {
    /// Values of [`AttributeProto::kind`].
    attribute_type {
        FLOAT = 1, INT = 2, STRING = 3, TENSOR = 4, GRAPH = 5, FLOATS = 6, INTS = 7, STRINGS = 8, GRAPHS = 10
    }
}

numbers! {
    /// Values of [`TensorProto::data_type`] and [`TensorTypeProto::elem_type`].
    element_type {
        FLOAT = 1, UINT8 = 2, INT8 = 3, UINT16 = 4, INT16 = 5, INT32 = 6, INT64 = 7, BOOL = 9, FLOAT16 = 10,
        DOUBLE = 11, UINT32 = 12, UINT64 = 13, BFLOAT16 = 16, UINT4 = 21, INT4 = 22, UINT2 = 25, INT2 = 26
    }
}

/// [`TensorProto::data_location`] of a tensor whose elements are in another file.
pub(super) const EXTERNAL: i32 = 1;
