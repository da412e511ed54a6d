//! TensorFlow's protocol buffers for graphs, written by hand: no protoc, no build script.
//!
//! Field numbers are those of tensorflow/core/framework: graph.proto, node_def.proto, attr_value.proto, tensor.proto,
//! tensor_shape.proto, types.proto, function.proto, versions.proto. Messages that this crate carries without a look at them are bytes:
//! the wire format is the same. Maps are ordered, so that equal graphs give equal bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::{Enumeration, Message, Oneof};

/// A graph: nodes in any order, each named once.
#[derive(Clone, PartialEq, Message)]
pub struct GraphDef {
    /// The nodes.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeDef>,
    /// Functions that nodes call.
    #[prost(message, optional, tag = "2")]
    pub library: Option<FunctionDefLibrary>,
    /// The former version number; `versions` replaced it.
    #[prost(int32, tag = "3")]
    pub version: i32,
    /// The versions of the program that wrote the graph and of those that may read it.
    #[prost(message, optional, tag = "4")]
    pub versions: Option<VersionDef>,
    /// A `GraphDebugInfo`.
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub debug_info: Option<Bytes>,
}

/// One operation. The outputs are named by the node: `name` or `name:0` is the first, `name:1` the second.
#[derive(Clone, PartialEq, Message)]
pub struct NodeDef {
    /// The name, unique in the graph.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The operator.
    #[prost(string, tag = "2")]
    pub op: String,
    /// The outputs read (`node`, `node:1`), then nodes that must run before (`^node`).
    #[prost(string, repeated, tag = "3")]
    pub input: Vec<String>,
    /// The device to run on; empty for any.
    #[prost(string, tag = "4")]
    pub device: String,
    /// Attributes by name.
    #[prost(btree_map = "string, message", tag = "5")]
    pub attr: BTreeMap<String, AttrValue>,
    /// An `ExperimentalDebugInfo`.
    #[prost(bytes = "bytes", optional, tag = "6")]
    pub experimental_debug_info: Option<Bytes>,
    /// A `FullTypeDef`.
    #[prost(bytes = "bytes", optional, tag = "7")]
    pub experimental_type: Option<Bytes>,
}

/// The value of an attribute.
#[derive(Clone, PartialEq, Message)]
pub struct AttrValue {
    /// The value; absent in a message without fields.
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub value: Option<Value>,
}

/// See [`AttrValue`].
#[derive(Clone, PartialEq, Oneof)]
pub enum Value {
    /// A list.
    #[prost(message, boxed, tag = "1")]
    List(Box<ListValue>),
    /// Text or bytes.
    #[prost(bytes = "vec", tag = "2")]
    S(Vec<u8>),
    /// An integer.
    #[prost(int64, tag = "3")]
    I(i64),
    /// A float.
    #[prost(float, tag = "4")]
    F(f32),
    /// A flag.
    #[prost(bool, tag = "5")]
    B(bool),
    /// An element type.
    #[prost(enumeration = "DataType", tag = "6")]
    Type(i32),
    /// A shape.
    #[prost(message, tag = "7")]
    Shape(TensorShapeProto),
    /// A tensor.
    #[prost(message, boxed, tag = "8")]
    Tensor(Box<TensorProto>),
    /// In a function: the name of the caller's attribute.
    #[prost(string, tag = "9")]
    Placeholder(String),
    /// A function and its attributes.
    #[prost(message, tag = "10")]
    Func(NameAttrList),
}

/// Values of one kind; the other fields are empty.
#[derive(Clone, PartialEq, Message)]
pub struct ListValue {
    /// Texts.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub s: Vec<Vec<u8>>,
    /// Integers.
    #[prost(int64, repeated, tag = "3")]
    pub i: Vec<i64>,
    /// Floats.
    #[prost(float, repeated, tag = "4")]
    pub f: Vec<f32>,
    /// Flags.
    #[prost(bool, repeated, tag = "5")]
    pub b: Vec<bool>,
    /// Element types.
    #[prost(enumeration = "DataType", repeated, tag = "6")]
    pub r#type: Vec<i32>,
    /// Shapes.
    #[prost(message, repeated, tag = "7")]
    pub shape: Vec<TensorShapeProto>,
    /// Tensors.
    #[prost(message, repeated, tag = "8")]
    pub tensor: Vec<TensorProto>,
    /// Functions.
    #[prost(message, repeated, tag = "9")]
    pub func: Vec<NameAttrList>,
}

/// A function's name and attributes.
#[derive(Clone, PartialEq, Message)]
pub struct NameAttrList {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Attributes by name.
    #[prost(btree_map = "string, message", tag = "2")]
    pub attr: BTreeMap<String, AttrValue>,
}

/// A shape.
#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    /// The dimensions, outermost first.
    #[prost(message, repeated, tag = "2")]
    pub dim: Vec<Dim>,
    /// Whether not even the number of dimensions is known.
    #[prost(bool, tag = "3")]
    pub unknown_rank: bool,
}

/// A dimension.
#[derive(Clone, PartialEq, Message)]
pub struct Dim {
    /// The size; −1 if it is unknown.
    #[prost(int64, tag = "1")]
    pub size: i64,
    /// A name.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// A tensor. Elements are in `tensor_content` (little-endian), or in the field of their type, whose last element repeats up to the
/// number of elements of the shape.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    /// The element type.
    #[prost(enumeration = "DataType", tag = "1")]
    pub dtype: i32,
    /// The shape.
    #[prost(message, optional, tag = "2")]
    pub tensor_shape: Option<TensorShapeProto>,
    /// Always 0 so far.
    #[prost(int32, tag = "3")]
    pub version_number: i32,
    /// The elements as bytes.
    #[prost(bytes = "bytes", tag = "4")]
    pub tensor_content: Bytes,
    /// Elements of `DT_FLOAT`.
    #[prost(float, repeated, tag = "5")]
    pub float_val: Vec<f32>,
    /// Elements of `DT_DOUBLE`.
    #[prost(double, repeated, tag = "6")]
    pub double_val: Vec<f64>,
    /// Elements of `DT_INT32`, `DT_INT16`, `DT_UINT16`, `DT_INT8`, `DT_UINT8` and of the quantized types.
    #[prost(int32, repeated, tag = "7")]
    pub int_val: Vec<i32>,
    /// Elements of `DT_STRING`.
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub string_val: Vec<Vec<u8>>,
    /// Elements of `DT_COMPLEX64`, real and imaginary parts in turn.
    #[prost(float, repeated, tag = "9")]
    pub scomplex_val: Vec<f32>,
    /// Elements of `DT_INT64`.
    #[prost(int64, repeated, tag = "10")]
    pub int64_val: Vec<i64>,
    /// Elements of `DT_BOOL`.
    #[prost(bool, repeated, tag = "11")]
    pub bool_val: Vec<bool>,
    /// Elements of `DT_COMPLEX128`, real and imaginary parts in turn.
    #[prost(double, repeated, tag = "12")]
    pub dcomplex_val: Vec<f64>,
    /// Bits of elements of `DT_HALF` and `DT_BFLOAT16`.
    #[prost(int32, repeated, tag = "13")]
    pub half_val: Vec<i32>,
    /// `ResourceHandleProto`s.
    #[prost(bytes = "bytes", repeated, tag = "14")]
    pub resource_handle_val: Vec<Bytes>,
    /// `VariantTensorDataProto`s.
    #[prost(bytes = "bytes", repeated, tag = "15")]
    pub variant_val: Vec<Bytes>,
    /// Elements of `DT_UINT32`.
    #[prost(uint32, repeated, tag = "16")]
    pub uint32_val: Vec<u32>,
    /// Elements of `DT_UINT64`.
    #[prost(uint64, repeated, tag = "17")]
    pub uint64_val: Vec<u64>,
    /// Elements of the eight-bit float types.
    #[prost(bytes = "bytes", tag = "18")]
    pub float8_val: Bytes,
}

/// Functions.
#[derive(Clone, PartialEq, Message)]
pub struct FunctionDefLibrary {
    /// The functions.
    #[prost(message, repeated, tag = "1")]
    pub function: Vec<FunctionDef>,
    /// `GradientDef`s.
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub gradient: Vec<Bytes>,
    /// `RegisteredGradient`s.
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub registered_gradients: Vec<Bytes>,
}

/// A function.
#[derive(Clone, PartialEq, Message)]
pub struct FunctionDef {
    /// Its name, arguments and results: an `OpDef`.
    #[prost(message, optional, tag = "1")]
    pub signature: Option<OpDef>,
    /// Its nodes; inputs are `node:output:index`.
    #[prost(message, repeated, tag = "3")]
    pub node_def: Vec<NodeDef>,
    /// By the result's name: the value returned.
    #[prost(btree_map = "string, string", tag = "4")]
    pub ret: BTreeMap<String, String>,
    /// Attributes by name.
    #[prost(btree_map = "string, message", tag = "5")]
    pub attr: BTreeMap<String, AttrValue>,
    /// By the name of a control output: a node.
    #[prost(btree_map = "string, string", tag = "6")]
    pub control_ret: BTreeMap<String, String>,
    /// By the index of an argument: an `ArgAttrs`.
    #[prost(btree_map = "uint32, bytes", tag = "7")]
    pub arg_attr: BTreeMap<u32, Vec<u8>>,
    /// By the index of an argument: an id.
    #[prost(btree_map = "uint32, uint32", tag = "8")]
    pub resource_arg_unique_id: BTreeMap<u32, u32>,
}

/// A signature.
#[derive(Clone, PartialEq, Message)]
pub struct OpDef {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The arguments.
    #[prost(message, repeated, tag = "2")]
    pub input_arg: Vec<ArgDef>,
    /// The results.
    #[prost(message, repeated, tag = "3")]
    pub output_arg: Vec<ArgDef>,
    /// `AttrDef`s.
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub attr: Vec<Bytes>,
    /// A line for people.
    #[prost(string, tag = "5")]
    pub summary: String,
    /// Text for people.
    #[prost(string, tag = "6")]
    pub description: String,
    /// Whether it has state.
    #[prost(bool, tag = "17")]
    pub is_stateful: bool,
    /// Names of control outputs.
    #[prost(string, repeated, tag = "20")]
    pub control_output: Vec<String>,
}

/// An argument or result.
#[derive(Clone, PartialEq, Message)]
pub struct ArgDef {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Text for people.
    #[prost(string, tag = "2")]
    pub description: String,
    /// The element type.
    #[prost(enumeration = "DataType", tag = "3")]
    pub r#type: i32,
    /// The attribute that holds the element type.
    #[prost(string, tag = "4")]
    pub type_attr: String,
    /// The attribute that holds the number of tensors.
    #[prost(string, tag = "5")]
    pub number_attr: String,
    /// The attribute that holds the list of element types.
    #[prost(string, tag = "6")]
    pub type_list_attr: String,
}

/// Versions of programs.
#[derive(Clone, PartialEq, Message)]
pub struct VersionDef {
    /// The version of the program that wrote the graph.
    #[prost(int32, tag = "1")]
    pub producer: i32,
    /// The oldest version that may read it.
    #[prost(int32, tag = "2")]
    pub min_consumer: i32,
    /// Versions that must not read it.
    #[prost(int32, repeated, tag = "3")]
    pub bad_consumers: Vec<i32>,
}

/// Element types; those of references are 100 more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
#[expect(missing_docs, reason = "the names say it")]
pub enum DataType {
    Invalid = 0,
    Float = 1,
    Double = 2,
    Int32 = 3,
    Uint8 = 4,
    Int16 = 5,
    Int8 = 6,
    String = 7,
    Complex64 = 8,
    Int64 = 9,
    Bool = 10,
    Qint8 = 11,
    Quint8 = 12,
    Qint32 = 13,
    Bfloat16 = 14,
    Qint16 = 15,
    Quint16 = 16,
    Uint16 = 17,
    Complex128 = 18,
    Half = 19,
    Resource = 20,
    Variant = 21,
    Uint32 = 22,
    Uint64 = 23,
}
