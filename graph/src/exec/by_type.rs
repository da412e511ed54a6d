//! Dispatch from an element type known at run time to a generic function.

/// Calls a generic function for an element type.
macro_rules! by_type {
    ([$data_type:expr, $function:ident $arguments:tt] $($variant:ident $type:ident $what:literal;)*) => {
        match $data_type {
            $($crate::DataType::$variant => $function::<$type> $arguments,)*
        }
    };
    ($data_type:expr, $function:ident $arguments:tt) => {
        $crate::data_type::element_types!($crate::exec::by_type::by_type!($data_type, $function $arguments))
    };
}
pub(crate) use by_type;
