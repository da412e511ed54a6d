//! Element types.

use std::fmt;

/// Calls the macro `$then` with its arguments in brackets, and then a row for each element type: the variant of [`DataType`] and
/// [`TensorData`](crate::TensorData), Rust's type, and what it is.
macro_rules! element_types {
    ($($then:tt)::+ ! ($($arguments:tt)*)) => {
        $crate::data_type::number_types! { @ $($then)::+ ! ([$($arguments)*] Bool bool "Boolean";) }
    };
}
pub(crate) use element_types;

/// As [`element_types`], for all types but booleans.
macro_rules! number_types {
    (@ $($then:tt)::+ ! ([$($arguments:tt)*] $($more:tt)*)) => {
        $($then)::+ ! {
            [$($arguments)*]
            F32 f32 "32-bit IEEE float";
            F64 f64 "64-bit IEEE float";
            U8 u8 "Unsigned eight-bit integer";
            I8 i8 "Signed eight-bit integer";
            U16 u16 "Unsigned 16-bit integer";
            I16 i16 "Signed 16-bit integer";
            U32 u32 "Unsigned 32-bit integer";
            I32 i32 "Signed 32-bit integer";
            U64 u64 "Unsigned 64-bit integer";
            I64 i64 "Signed 64-bit integer";
            $($more)*
        }
    };
    ($($then:tt)::+ ! ($($arguments:tt)*)) => {
        $crate::data_type::number_types! { @ $($then)::+ ! ([$($arguments)*]) }
    };
}
pub(crate) use number_types;

macro_rules! data_type {
    ([] $($variant:ident $type:ident $what:literal;)*) => {
        /// The element type of a [`Tensor`](crate::Tensor).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum DataType {
            $(#[doc = concat!($what, ".")] $variant,)*
        }

        impl DataType {
            /// The size of one element in bytes.
            pub const fn size(self) -> usize {
                match self {
                    $(Self::$variant => size_of::<$type>(),)*
                }
            }
        }

        /// Rust's name of the type.
        impl fmt::Display for DataType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$variant => stringify!($type),)*
                })
            }
        }
    };
}

element_types!(data_type!());
