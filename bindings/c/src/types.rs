//! Element types by their numbers in the header, which are those of ONNX.

use eightbit::ElementType;
use eightbit_graph::DataType;

use crate::status::{Code, Failure};

macro_rules! types {
    ($($number:literal $variant:ident;)*) => {
        /// The type of a number of the header.
        pub(crate) fn data_type(number: i32) -> Result<DataType, Failure> {
            match number {
                $($number => Ok(DataType::$variant),)*
                _ => Err(Failure::new(Code::Type, format!("there is no element type {number}"))),
            }
        }

        /// The number of a type in the header; 0 if it has none.
        pub(crate) fn number(data_type: DataType) -> i32 {
            match data_type {
                $(DataType::$variant => $number,)*
                _ => 0,
            }
        }
    };
}

types! {
    1 F32;
    2 U8;
    3 I8;
    4 U16;
    5 I16;
    6 I32;
    7 I64;
    9 Bool;
    11 F64;
    12 U32;
    13 U64;
}

/// The type of an operand or result of a product.
pub(crate) fn element_type(number: i32) -> Result<ElementType, Failure> {
    match data_type(number)? {
        DataType::U8 => Ok(ElementType::U8),
        DataType::I8 => Ok(ElementType::I8),
        DataType::I32 => Ok(ElementType::I32),
        DataType::F32 => Ok(ElementType::F32),
        other => Err(Failure::new(Code::Type, format!("products have no elements of type {other}"))),
    }
}

/// Whether bytes are signed.
pub(crate) fn is_signed(number: i32, what: &str) -> Result<bool, Failure> {
    match element_type(number)? {
        ElementType::U8 => Ok(false),
        ElementType::I8 => Ok(true),
        other => Err(Failure::new(Code::Type, format!("{what} must be EB_U8 or EB_I8, not {other}"))),
    }
}
