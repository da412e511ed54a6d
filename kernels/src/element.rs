//! The element types that kernels read and write.

/// Name of an element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementType {
    /// Unsigned byte.
    U8,
    /// Signed byte.
    I8,
    /// Signed 32-bit integer.
    I32,
    /// IEEE single.
    F32,
}

impl ElementType {
    /// Size in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            ElementType::U8 | ElementType::I8 => 1,
            ElementType::I32 | ElementType::F32 => 4,
        }
    }

    /// The values that an integer of this type can take; the whole `i32` range for `F32`, which has no such bound.
    #[must_use]
    pub const fn integer_range(self) -> (i32, i32) {
        match self {
            ElementType::U8 => (0, 255),
            ElementType::I8 => (-128, 127),
            ElementType::I32 | ElementType::F32 => (i32::MIN, i32::MAX),
        }
    }
}

impl core::fmt::Display for ElementType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            ElementType::U8 => "u8",
            ElementType::I8 => "i8",
            ElementType::I32 => "i32",
            ElementType::F32 => "f32",
        })
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for i8 {}
    impl Sealed for i32 {}
    impl Sealed for f32 {}
}

/// An element type that kernels can write: `u8`, `i8`, `i32`, `f32`. Sealed: unsafe code relies on [`TYPE`](Self::TYPE).
pub trait OutputElement:
    sealed::Sealed + Copy + Default + PartialEq + core::fmt::Debug + Send + Sync + 'static
{
    /// The type's name.
    const TYPE: ElementType;
}

impl OutputElement for u8 {
    const TYPE: ElementType = ElementType::U8;
}
impl OutputElement for i8 {
    const TYPE: ElementType = ElementType::I8;
}
impl OutputElement for i32 {
    const TYPE: ElementType = ElementType::I32;
}
impl OutputElement for f32 {
    const TYPE: ElementType = ElementType::F32;
}

/// Quantized elements of a type that is known when the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elements<'a> {
    /// Unsigned.
    U8(&'a [u8]),
    /// Signed.
    I8(&'a [i8]),
}

/// A quantized element: `u8` or `i8`.
pub trait Element: OutputElement + Into<i32> + Ord {
    /// Whether the type is signed.
    const SIGNED: bool;

    /// The same bytes, without their sign.
    fn as_bytes(elements: &[Self]) -> &[u8];

    /// The elements, whichever type they have.
    fn view(elements: &[Self]) -> Elements<'_>;

    /// The element with the low eight bits of `x`.
    fn from_low_bits(x: i32) -> Self;
}

impl Element for u8 {
    const SIGNED: bool = false;

    fn as_bytes(elements: &[u8]) -> &[u8] {
        elements
    }

    fn view(elements: &[u8]) -> Elements<'_> {
        Elements::U8(elements)
    }

    fn from_low_bits(x: i32) -> u8 {
        x as u8
    }
}

impl Element for i8 {
    const SIGNED: bool = true;

    fn as_bytes(elements: &[i8]) -> &[u8] {
        // SAFETY: i8 and u8 have the same size, alignment and validity; the borrow carries over.
        unsafe { core::slice::from_raw_parts(elements.as_ptr().cast(), elements.len()) }
    }

    fn view(elements: &[i8]) -> Elements<'_> {
        Elements::I8(elements)
    }

    fn from_low_bits(x: i32) -> i8 {
        x as i8
    }
}
