//! Dispatch from a tensor's element type to a generic function.

/// Calls a function generic over the element type with the arguments and the elements of a tensor.
macro_rules! by_element {
    ($args:expr, $input:expr, $function:ident) => {
        match $input.data() {
            $crate::TensorData::F32(x) => $function($args, x),
            $crate::TensorData::F64(x) => $function($args, x),
            $crate::TensorData::U8(x) => $function($args, x),
            $crate::TensorData::I8(x) => $function($args, x),
            $crate::TensorData::I32(x) => $function($args, x),
            $crate::TensorData::I64(x) => $function($args, x),
            $crate::TensorData::Bool(x) => $function($args, x),
        }
    };
}
pub(crate) use by_element;

/// As [`by_element`], for operators on numbers.
macro_rules! by_number {
    ($args:expr, $input:expr, $function:ident) => {
        match $input.data() {
            $crate::TensorData::F32(x) => $function($args, x),
            $crate::TensorData::F64(x) => $function($args, x),
            $crate::TensorData::U8(x) => $function($args, x),
            $crate::TensorData::I8(x) => $function($args, x),
            $crate::TensorData::I32(x) => $function($args, x),
            $crate::TensorData::I64(x) => $function($args, x),
            other @ $crate::TensorData::Bool(_) => Err($args.wrong_type(other.data_type())),
        }
    };
}
pub(crate) use by_number;
