//! Examples of operators, which the tests run.

/// A node of an operator with its inputs, as data.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    pub(crate) inputs: &'static [Input],
    pub(crate) attributes: &'static [(&'static str, Value)],
    pub(crate) outputs: usize,
}

/// An input of an [`Example`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input {
    /// Left out.
    Absent,
    /// Floats between −2 and 2 of this shape: an activation.
    Floats(&'static [usize]),
    /// Floats between 0.1 and 2.1 of this shape.
    Positive(&'static [usize]),
    /// Floats of this shape between two bounds.
    Between(&'static [usize], f32, f32),
    /// Unsigned bytes of this shape: an activation.
    Bytes(&'static [usize]),
    /// Constant floats of this shape between −2 and 2.
    Weights(&'static [usize]),
    /// Constant unsigned bytes of this shape.
    ByteWeights(&'static [usize]),
    /// Constant signed bytes of this shape.
    SignedWeights(&'static [usize]),
    /// Constant 32-bit integers of this shape between −1000 and 1000.
    Bias(&'static [usize]),
    /// A constant float.
    Float(f32),
    /// Constant floats.
    FloatVector(&'static [f32]),
    /// Constant floats of this shape.
    FloatVectors(&'static [usize], &'static [f32]),
    /// A constant unsigned byte.
    Byte(u8),
    /// A constant signed byte.
    SignedByte(i8),
    /// Constant 64-bit integers.
    Integers(&'static [i64]),
    /// Constant 64-bit integers of this shape.
    IntegersOf(&'static [usize], &'static [i64]),
    /// Booleans of this shape, alternating.
    Booleans(&'static [usize]),
    /// Constant booleans.
    Flags(&'static [bool]),
    /// A constant table of 256 bytes.
    Table,
    /// Three inputs: unsigned bytes of this shape, an activation, then their scale and zero point.
    Quantized(&'static [usize], f32, u8),
    /// Three inputs: constant signed bytes of this shape, then their scale and the zero point 0.
    QuantizedWeights(&'static [usize], f32),
    /// Two inputs: the scale and the zero point of an output of unsigned bytes.
    Scale(f32, u8),
}

/// An attribute of an [`Example`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Int(i64),
    Float(f32),
    Ints(&'static [i64]),
    Floats(&'static [f32]),
    Text(&'static str),
    Tensor(f32),
}

impl Example {
    /// An example of a node with one output.
    pub(crate) const fn new(inputs: &'static [Input], attributes: &'static [(&'static str, Value)]) -> Self {
        Self { inputs, attributes, outputs: 1 }
    }

    /// The example with more outputs.
    pub(crate) const fn outputs(self, outputs: usize) -> Self {
        Self { outputs, ..self }
    }
}
