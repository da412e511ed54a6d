//! Dispatch from a tensor's element type to a generic function.

/// Evaluates `$result` with the elements of a tensor as `$x` if they are of one of the listed types; `$other` are the elements
/// of a type that is not listed.
macro_rules! by_type_of {
    ($input:expr, [$($variant:ident)*], $x:ident => $result:expr, $other:ident => $error:expr) => {
        match $input.data() {
            $($crate::TensorData::$variant($x) => $result,)*
            $other => $error,
        }
    };
}
pub(crate) use by_type_of;

/// Calls a function generic over the element type with the arguments and the elements of a tensor.
macro_rules! by_element {
    ($args:expr, $input:expr, $function:ident) => {
        $crate::tensor::with_elements!($input.data(), x => $function($args, x))
    };
}
pub(crate) use by_element;

/// Evaluates `$result` with the elements of a tensor as `$x` if they are numbers of any type; `$other` are booleans.
macro_rules! by_number_of {
    ($input:expr, $x:ident => $result:expr, $other:ident => $error:expr) => {
        $crate::ops::shared::by_element::by_type_of!(
            $input,
            [F32 F64 U8 I8 U16 I16 U32 I32 U64 I64],
            $x => $result,
            $other => $error
        )
    };
}
pub(crate) use by_number_of;

/// As [`by_element`], for operators on numbers.
macro_rules! by_number {
    ($args:expr, $input:expr, $function:expr) => {
        $crate::ops::shared::by_element::by_number_of!(
            $input,
            x => $function($args, x),
            other => Err($args.wrong_type(other.data_type()))
        )
    };
}
pub(crate) use by_number;
