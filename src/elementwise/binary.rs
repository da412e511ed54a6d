//! Addition and multiplication of two tensors.

use eightbit_kernels::Elements;
use eightbit_kernels::elementwise::{self, AddCall, MulCall, Target};
use eightbit_kernels::gemm::OutputBlock;

use super::{by_type, check_factor, clamped, row, whole};
use crate::check::{check_size, check_type};
use crate::fill::Fill;
#[cfg(not(any(feature = "std", test)))]
use crate::float::F32 as _;
use crate::{Backend, Call, Element, Error, OutputElement, QuantizedType, Workspace};

/// Sum of two tensors of any scales.
///
/// ```
/// use eightbit::{Backend, QuantizedType, Workspace, elementwise::Add};
/// let add = Add::new(
///     Backend::best()?,
///     QuantizedType::u8(0.5, 0)?,
///     QuantizedType::i8(0.25, 0)?,
///     QuantizedType::u8(1.0, 10)?,
/// )?;
/// let mut out = [0u8; 2];
/// add.call(&[4u8, 100], &[8i8, -8], &mut out)?.run(&mut Workspace::new());
/// assert_eq!(out, [14, 58]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Add {
    backend: Backend,
    operands: Operands,
    factors: [f32; 2],
    /// The zero points, in steps of the output.
    offset: f32,
}

/// Product of two tensors, element by element.
///
/// ```
/// use eightbit::{Backend, QuantizedType, Workspace, elementwise::Mul};
/// let halves = QuantizedType::u8(0.5, 0)?;
/// let mul = Mul::new(Backend::best()?, halves, halves, QuantizedType::i8(1.0, 0)?)?;
/// let mut out = [0i8; 3];
/// mul.call(&[4u8, 3, 200], &[8u8], &mut out)?.run(&mut Workspace::new()); // one factor for all
/// assert_eq!(out, [8, 6, 127]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Mul {
    backend: Backend,
    operands: Operands,
    factor: f32,
}

/// Elements of a broadcast operand.
const PIECE: usize = 1024;

/// The backend and types of two operands and their result.
#[derive(Clone, Copy, Debug)]
struct Operands {
    a: QuantizedType,
    b: QuantizedType,
    output: QuantizedType,
    target: Target,
}

impl Operands {
    fn new(a: QuantizedType, b: QuantizedType, output: QuantizedType) -> Operands {
        Operands { a, b, output, target: whole(&output) }
    }

    fn zeros(&self) -> [i32; 2] {
        [self.a.zero_point(), self.b.zero_point()]
    }

    fn check<A: Element, B: Element, O: Element>(&self, a: &[A], b: &[B], out: &[O]) -> Result<(), Error> {
        check_type("the first operand", self.a.element(), A::TYPE)?;
        check_type("the second operand", self.b.element(), B::TYPE)?;
        check_type("the output", self.output.element(), O::TYPE)?;
        check_size("length of the output", a.len(), out.len())?;
        if a.is_empty() {
            return Ok(());
        }
        if b.is_empty() || !a.len().is_multiple_of(b.len()) {
            let what = "length of the second operand, or a divisor of it,";
            return Err(Error::Mismatch { what, expected: a.len(), found: b.len() });
        }
        Ok(())
    }
}

/// A plan with its operands.
#[derive(Clone, Copy, Debug)]
struct Binary<'a, P> {
    plan: &'a P,
    a: Elements<'a>,
    b: Elements<'a>,
}

/// Calls `part` for pieces of the operands of the same length: those of a block of the output, with `b` starting at its position
/// within a repetition.
fn in_pieces<A: Element, B: Element, O: OutputElement>(
    a: &[A],
    b: &[B],
    mut out: OutputBlock<'_, O>,
    part: impl Fn(&[A], &[B], &mut [O]),
) {
    if out.rows() == 0 || out.columns() == 0 {
        return;
    }
    // Write a short operand out several times, so that the pieces are worth a call.
    let mut repeated = [B::default(); PIECE];
    let b = if a.len() > b.len() && b.len() <= PIECE / 2 {
        let repetitions = repeated.chunks_exact_mut(b.len());
        let len = repetitions.len() * b.len();
        repetitions.for_each(|copy| copy.copy_from_slice(b));
        &repeated[..len]
    } else {
        b
    };
    let first = out.first_column();
    let out = out.row_mut(0);
    let mut at = 0;
    while at < out.len() {
        let begin = (first + at) % b.len();
        let len = (b.len() - begin).min(out.len() - at);
        part(&a[first + at..][..len], &b[begin..][..len], &mut out[at..][..len]);
        at += len;
    }
}

/// The methods of a plan that do not depend on its operator, whose result is the `$result` of `a` and `b`.
macro_rules! methods {
    ($result:literal) => {
        /// The same, with the result clamped to `low ..= high`, in steps of the output: a fused activation.
        ///
        /// # Errors
        ///
        /// If `low ..= high` is not a range of the output's type.
        pub fn clamped(mut self, low: i32, high: i32) -> Result<Self, Error> {
            self.operands.target = clamped(&self.operands.output, low, high)?;
            Ok(self)
        }

        #[doc = concat!("The ", $result, " of `a` and `b`.")]
        /// A shorter `b` is broadcast, such as one value per channel of NHWC pixels.
        ///
        /// # Errors
        ///
        /// If element types are not those of the plan, or lengths do not fit.
        pub fn call<'a, A: Element, B: Element, O: Element>(
            &'a self,
            a: &'a [A],
            b: &'a [B],
            out: &'a mut [O],
        ) -> Result<Call<'a, O, impl Fill<O>>, Error> {
            self.operands.check(a, b, out)?;
            Ok(Call::new(Binary { plan: self, a: A::view(a), b: B::view(b) }, row(out)))
        }
    };
}

impl Add {
    /// Plans the addition of tensors of types `a` and `b` to one of type `output`.
    ///
    /// # Errors
    ///
    /// If an input scale is more than 2¹⁰⁰ times the output's.
    pub fn new(
        backend: Backend,
        a: QuantizedType,
        b: QuantizedType,
        output: QuantizedType,
    ) -> Result<Add, Error> {
        let factor = |of: QuantizedType| check_factor("a_scale / out_scale", of.scale() / output.scale());
        let factors = [factor(a)?, factor(b)?];
        let [a_zero, b_zero, zero] = [a, b, output].map(|of| of.zero_point() as f32);
        let offset = zero - a_zero.mul_add(factors[0], b_zero * factors[1]);
        Ok(Add { backend, operands: Operands::new(a, b, output), factors, offset })
    }

    methods!("sum");
}

impl<O: OutputElement> Fill<O> for Binary<'_, Add> {
    fn fill(&self, out: OutputBlock<'_, O>, _: &mut Workspace) {
        let Add { backend, operands, factors, offset } = *self.plan;
        let Target { low, high, .. } = operands.target;
        by_type!(self.a, |a| by_type!(self.b, |b| in_pieces(a, b, out, |a, b, out| {
            elementwise::add(&AddCall { backend, a, b, factors, offset, low, high }, out);
        })));
    }
}

impl Mul {
    /// Plans the multiplication of tensors of types `a` and `b` to one of type `output`.
    ///
    /// # Errors
    ///
    /// If the product of the input scales is more than 2¹⁰⁰ times the output's.
    pub fn new(
        backend: Backend,
        a: QuantizedType,
        b: QuantizedType,
        output: QuantizedType,
    ) -> Result<Mul, Error> {
        let factor = check_factor("a_scale · b_scale / out_scale", a.scale() * b.scale() / output.scale())?;
        Ok(Mul { backend, operands: Operands::new(a, b, output), factor })
    }

    methods!("product");
}

impl<O: OutputElement> Fill<O> for Binary<'_, Mul> {
    fn fill(&self, out: OutputBlock<'_, O>, _: &mut Workspace) {
        let Mul { backend, operands, factor } = *self.plan;
        let (zeros, target) = (operands.zeros(), operands.target);
        by_type!(self.a, |a| by_type!(self.b, |b| in_pieces(a, b, out, |a, b, out| {
            elementwise::mul(&MulCall { backend, a, b, zeros, factor, target }, out);
        })));
    }
}
