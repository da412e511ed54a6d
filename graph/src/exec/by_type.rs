//! Dispatch from an element type known at run time to a generic function.

/// Calls a generic function for an element type.
macro_rules! by_type {
    ($data_type:expr, $function:ident($($argument:expr),*)) => {
        match $data_type {
            $crate::DataType::F32 => $function::<f32>($($argument),*),
            $crate::DataType::F64 => $function::<f64>($($argument),*),
            $crate::DataType::U8 => $function::<u8>($($argument),*),
            $crate::DataType::I8 => $function::<i8>($($argument),*),
            $crate::DataType::I32 => $function::<i32>($($argument),*),
            $crate::DataType::I64 => $function::<i64>($($argument),*),
            $crate::DataType::Bool => $function::<bool>($($argument),*),
        }
    };
}
pub(crate) use by_type;
