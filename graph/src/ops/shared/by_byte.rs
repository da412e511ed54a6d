//! Products of bytes, whose ranges say which byte is 0.

use super::arguments::Arguments;
use super::code_range::{Code, CodeRange};
use crate::Error;

/// Evaluates `$result` where `$X` and `$W` are the types of bytes of two inputs.
macro_rules! by_byte {
    ($args:expr, [$X:ident: $x:expr, $W:ident: $w:expr], $result:expr) => {
        match ($args.tensor($x)?.data_type(), $args.tensor($w)?.data_type()) {
            ($crate::DataType::U8, $crate::DataType::U8) => {
                type $X = u8;
                type $W = u8;
                $result
            }
            ($crate::DataType::U8, $crate::DataType::I8) => {
                type $X = u8;
                type $W = i8;
                $result
            }
            ($crate::DataType::I8, $crate::DataType::I8) => {
                type $X = i8;
                type $W = i8;
                $result
            }
            (first, second) => {
                Err($args.unsupported(format!("elements of types {first} and {second} are not supported")))
            }
        }
    };
}
pub(crate) use by_byte;

/// The codes of input `index` less that of 0.
pub(crate) fn offset_bytes<T: Code>(
    args: &Arguments<'_>,
    index: usize,
    range: CodeRange,
) -> Result<Vec<i32>, Error> {
    let zero = range.unbounded_code::<T>(0.0) as i32;
    Ok(args.values::<T>(index)?.iter().map(|&code| (code.into() as i32).wrapping_sub(zero)).collect())
}
