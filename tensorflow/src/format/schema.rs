//! The fields of TensorFlow's messages by name and number: what the text and JSON forms of a graph need, and the binary form does
//! not say.
//!
//! From tensorflow/core/framework: graph.proto, node_def.proto, attr_value.proto, tensor.proto, tensor_shape.proto, types.proto,
//! function.proto, op_def.proto, versions.proto, full_type.proto, resource_handle.proto, graph_debug_info.proto.

use Kind::{Bool, Bytes, Double, Enum, Fixed64, Float, Int, Map, String, Sub, Uint};

/// A message's fields.
pub(super) struct Message {
    pub(super) name: &'static str,
    pub(super) fields: &'static [Field],
}

/// A field of a message.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// `int32` or `int64`, with its number of bits.
    Int(u32),
    /// `uint32` or `uint64`, with its number of bits.
    Uint(u32),
    Fixed64,
    Float,
    Double,
    Bool,
    String,
    Bytes,
    Enum(fn(&str) -> Option<i64>, fn(i64) -> Option<std::string::String>),
    Sub(&'static Message),
    /// A map: messages of a key and a value.
    Map(&'static Message),
}

impl Message {
    /// The field called `name` in text, or `name` in the spelling of JSON: `tensorShape` for `tensor_shape`.
    pub(super) fn named(&self, name: &str) -> Option<&'static Field> {
        let same = |field: &&Field| {
            let letters = |name: &'_ str| name.chars().filter(|&c| c != '_').count();
            field.name == name
                || letters(name) == name.chars().count()
                    && letters(field.name) == letters(name)
                    && camel(field.name) == name
        };
        self.fields.iter().find(same)
    }

    /// The field with this number.
    pub(super) fn numbered(&self, number: u32) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.number == number)
    }
}

fn camel(name: &str) -> std::string::String {
    let mut upper = false;
    let mut camel = std::string::String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '_' => upper = true,
            _ if upper => {
                camel.push(c.to_ascii_uppercase());
                upper = false;
            }
            _ => camel.push(c),
        }
    }
    camel
}

macro_rules! message {
    ($id:ident $name:literal: $($field:ident $(. $many:ident)? = $number:literal $kind:expr),* $(,)?) => {
        pub(super) static $id: Message = Message {
            name: $name,
            fields: &[$(Field {
                name: stringify!($field),
                number: $number,
                kind: $kind,
                repeated: message!(@ $($many)?),
            }),*],
        };
    };
    (@) => { false };
    (@ many) => { true };
}

/// An entry of a map: its key is field 1, its value field 2.
macro_rules! entry {
    ($id:ident: $key:expr => $value:expr) => {
        message!($id "entry": key = 1 $key, value = 2 $value);
    };
}

const TYPE: Kind = Enum(super::enums::data_type, super::enums::data_type_name);
const FULL: Kind = Enum(super::enums::full_type, super::enums::full_type_name);

message!(GRAPH "GraphDef": node.many = 1 Sub(&NODE), library = 2 Sub(&LIBRARY), version = 3 Int(32),
    versions = 4 Sub(&VERSIONS), debug_info = 5 Sub(&DEBUG));
message!(NODE "NodeDef": name = 1 String, op = 2 String, input.many = 3 String, device = 4 String,
    attr.many = 5 Map(&ATTRIBUTE_ENTRY), experimental_debug_info = 6 Sub(&ORIGIN),
    experimental_type = 7 Sub(&FULL_TYPE));
entry!(ATTRIBUTE_ENTRY: String => Sub(&ATTRIBUTE));
message!(ATTRIBUTE "AttrValue": list = 1 Sub(&LIST), s = 2 Bytes, i = 3 Int(64), f = 4 Float, b = 5 Bool,
    type = 6 TYPE, shape = 7 Sub(&SHAPE), tensor = 8 Sub(&TENSOR), placeholder = 9 String, func = 10 Sub(&CALL));
message!(LIST "ListValue": s.many = 2 Bytes, i.many = 3 Int(64), f.many = 4 Float, b.many = 5 Bool,
    type.many = 6 TYPE, shape.many = 7 Sub(&SHAPE), tensor.many = 8 Sub(&TENSOR), func.many = 9 Sub(&CALL));
message!(CALL "NameAttrList": name = 1 String, attr.many = 2 Map(&ATTRIBUTE_ENTRY));
message!(SHAPE "TensorShapeProto": dim.many = 2 Sub(&DIM), unknown_rank = 3 Bool);
message!(DIM "Dim": size = 1 Int(64), name = 2 String);
message!(TENSOR "TensorProto": dtype = 1 TYPE, tensor_shape = 2 Sub(&SHAPE), version_number = 3 Int(32),
    tensor_content = 4 Bytes, float_val.many = 5 Float, double_val.many = 6 Double, int_val.many = 7 Int(32),
    string_val.many = 8 Bytes, scomplex_val.many = 9 Float, int64_val.many = 10 Int(64), bool_val.many = 11 Bool,
    dcomplex_val.many = 12 Double, half_val.many = 13 Int(32), resource_handle_val.many = 14 Sub(&RESOURCE),
    variant_val.many = 15 Sub(&VARIANT), uint32_val.many = 16 Uint(32), uint64_val.many = 17 Uint(64),
    float8_val = 18 Bytes);
message!(RESOURCE "ResourceHandleProto": device = 1 String, container = 2 String, name = 3 String,
    hash_code = 4 Uint(64), maybe_type_name = 5 String, dtypes_and_shapes.many = 6 Sub(&TYPE_AND_SHAPE));
message!(TYPE_AND_SHAPE "DtypeAndShape": dtype = 1 TYPE, shape = 2 Sub(&SHAPE));
message!(VARIANT "VariantTensorDataProto": type_name = 1 String, metadata = 2 Bytes, tensors.many = 3 Sub(&TENSOR));
message!(LIBRARY "FunctionDefLibrary": function.many = 1 Sub(&FUNCTION), gradient.many = 2 Sub(&GRADIENT),
    registered_gradients.many = 3 Sub(&REGISTERED));
message!(GRADIENT "GradientDef": function_name = 1 String, gradient_func = 2 String);
message!(REGISTERED "RegisteredGradient": gradient_func = 1 String, registered_op_type = 2 String);
message!(FUNCTION "FunctionDef": signature = 1 Sub(&SIGNATURE), node_def.many = 3 Sub(&NODE),
    ret.many = 4 Map(&TEXT_ENTRY), attr.many = 5 Map(&ATTRIBUTE_ENTRY), control_ret.many = 6 Map(&TEXT_ENTRY),
    arg_attr.many = 7 Map(&ARGUMENT_ENTRY), resource_arg_unique_id.many = 8 Map(&ID_ENTRY));
entry!(TEXT_ENTRY: String => String);
entry!(ARGUMENT_ENTRY: Uint(32) => Sub(&ARGUMENT_ATTRIBUTES));
entry!(ID_ENTRY: Uint(32) => Uint(32));
message!(ARGUMENT_ATTRIBUTES "ArgAttrs": attr.many = 1 Map(&ATTRIBUTE_ENTRY));
message!(SIGNATURE "OpDef": name = 1 String, input_arg.many = 2 Sub(&ARGUMENT), output_arg.many = 3 Sub(&ARGUMENT),
    attr.many = 4 Sub(&DECLARATION), summary = 5 String, description = 6 String, deprecation = 8 Sub(&DEPRECATION),
    is_aggregate = 16 Bool, is_stateful = 17 Bool, is_commutative = 18 Bool, allows_uninitialized_input = 19 Bool,
    control_output.many = 20 String, is_distributed_communication = 21 Bool);
message!(DEPRECATION "OpDeprecation": version = 1 Int(32), explanation = 2 String);
message!(ARGUMENT "ArgDef": name = 1 String, description = 2 String, type = 3 TYPE, type_attr = 4 String,
    number_attr = 5 String, type_list_attr = 6 String, handle_data.many = 7 Sub(&TYPE_AND_SHAPE), is_ref = 16 Bool,
    experimental_full_type = 17 Sub(&FULL_TYPE));
message!(DECLARATION "AttrDef": name = 1 String, type = 2 String, default_value = 3 Sub(&ATTRIBUTE),
    description = 4 String, has_minimum = 5 Bool, minimum = 6 Int(64), allowed_values = 7 Sub(&ATTRIBUTE));
message!(VERSIONS "VersionDef": producer = 1 Int(32), min_consumer = 2 Int(32), bad_consumers.many = 3 Int(32));
message!(ORIGIN "ExperimentalDebugInfo": original_node_names.many = 1 String, original_func_names.many = 2 String);
message!(FULL_TYPE "FullTypeDef": type_id = 1 FULL, args.many = 2 Sub(&FULL_TYPE), s = 3 String, i = 4 Int(64));
message!(DEBUG "GraphDebugInfo": files.many = 1 String, traces.many = 2 Map(&TRACE_ENTRY),
    frames_by_id.many = 4 Map(&FRAME_ENTRY), name_to_trace_id.many = 5 Map(&TRACE_ID_ENTRY),
    traces_by_id.many = 6 Map(&TRACE_BY_ID_ENTRY));
entry!(TRACE_ENTRY: String => Sub(&TRACE));
entry!(FRAME_ENTRY: Fixed64 => Sub(&FRAME));
entry!(TRACE_ID_ENTRY: String => Fixed64);
entry!(TRACE_BY_ID_ENTRY: Fixed64 => Sub(&TRACE));
message!(TRACE "StackTrace": file_line_cols.many = 1 Sub(&FRAME), frame_id.many = 2 Fixed64);
message!(FRAME "FileLineCol": file_index = 1 Int(32), line = 2 Int(32), col = 3 Int(32), func = 4 String,
    code = 5 String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_both_spellings() {
        assert_eq!(TENSOR.named("tensor_shape").map(|field| field.number), Some(2));
        assert_eq!(TENSOR.named("tensorShape").map(|field| field.number), Some(2));
        assert_eq!(TENSOR.named("int64Val").map(|field| field.number), Some(10));
        assert!(TENSOR.named("tensorshape").is_none());
        assert_eq!(GRAPH.numbered(4).map(|field| field.name), Some("versions"));
    }
}
