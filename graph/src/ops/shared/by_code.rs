//! Dispatch from the element type of codes to a generic function.

/// Evaluates `$result` where `$T` is the type of codes of a data type; `$other` is a data type of no codes.
macro_rules! by_code {
    ($T:ident, $data_type:expr, $result:expr, $other:ident => $error:expr) => {
        match $data_type {
            $crate::DataType::U8 => {
                type $T = u8;
                $result
            }
            $crate::DataType::I8 => {
                type $T = i8;
                $result
            }
            $crate::DataType::I32 => {
                type $T = i32;
                $result
            }
            $other => $error,
        }
    };
}
pub(crate) use by_code;
