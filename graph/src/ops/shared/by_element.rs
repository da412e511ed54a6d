//! Dispatch from a tensor's element type to a generic function.

/// Evaluates `$result` with the elements of a tensor as `$x` if they are of one of the listed types. The list is of all types, or
/// `$other` are the elements of a type that is not listed.
macro_rules! by_type_of {
    ($input:expr, [$($variant:ident)*], $x:ident => $result:expr $(, $other:ident => $error:expr)?) => {
        match $input.data() {
            $($crate::TensorData::$variant($x) => $result,)*
            $($other => $error,)?
        }
    };
}
pub(crate) use by_type_of;

/// Calls a function generic over the element type with the arguments and the elements of a tensor.
macro_rules! by_element {
    ($args:expr, $input:expr, $function:ident) => {
        $crate::ops::shared::by_element::by_type_of!(
            $input,
            [F32 F64 U8 I8 I32 I64 Bool],
            x => $function($args, x)
        )
    };
}
pub(crate) use by_element;

/// As [`by_element`], for operators on numbers.
macro_rules! by_number {
    ($args:expr, $input:expr, $function:ident) => {
        $crate::ops::shared::by_element::by_type_of!(
            $input,
            [F32 F64 U8 I8 I32 I64],
            x => $function($args, x),
            other => Err($args.wrong_type(other.data_type()))
        )
    };
}
pub(crate) use by_number;
