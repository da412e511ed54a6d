//! Shared by float and integer matrix products, also of stacks of matrices.

use super::arguments::Arguments;
use super::indexing::{Offsets, broadcast, broadcast_strides};
use super::inputs::Inputs;
use super::scales::ZeroPoints;
use crate::{Error, Node, Tensor, TensorData};

/// The sizes of a product of (stacks of) matrices, by the rules of NumPy's `matmul`.
#[derive(Debug)]
pub(crate) struct Product {
    /// Rows, depth and columns.
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
    /// Offsets of the factors of each product.
    pub(crate) pairs: Vec<(usize, usize)>,
    /// The output's shape.
    pub(crate) shape: Vec<usize>,
}

impl Product {
    /// `None` if the shapes do not fit.
    pub(crate) fn new(a: &[usize], b: &[usize]) -> Option<Self> {
        let shape = shape(a, b)?;
        let (a_vector, b_vector) = (a.len() == 1, b.len() == 1);
        let a = if a_vector { vec![1, a[0]] } else { a.to_vec() };
        let b = if b_vector { vec![b[0], 1] } else { b.to_vec() };
        let (a_stack, &[m, k]) = a.split_last_chunk()?;
        let (b_stack, &[b_rows, n]) = b.split_last_chunk()?;
        if k != b_rows {
            return None;
        }
        let stack = broadcast(a_stack, b_stack)?;
        let offsets = |own: &[usize], size: usize| {
            Offsets::new(&stack, &broadcast_strides(own, &stack)).map(move |at| at * size)
        };
        let pairs = offsets(a_stack, m * k).zip(offsets(b_stack, k * n)).collect();
        Some(Self { m, k, n, pairs, shape })
    }

    /// The number of products that tensors of these shapes have, if it is not 0.
    pub(crate) fn count(a: &[usize], b: &[usize]) -> Option<usize> {
        if a.contains(&0) || b.contains(&0) {
            return None;
        }
        let [a, b] = [a, b].map(|shape| &shape[..shape.len().saturating_sub(2)]);
        broadcast(a, b)?.iter().try_fold(1usize, |count, &size| count.checked_mul(size))
    }

    /// The same as one product where one second matrix, of a tensor of shape `b`, is multiplied by all first ones.
    pub(crate) fn joined(mut self, b: &[usize]) -> Self {
        if b.len() > 1 && b[..b.len() - 2].iter().all(|&size| size == 1) && !self.pairs.is_empty() {
            self.m *= self.pairs.len();
            self.pairs.truncate(1);
        }
        self
    }

    /// The sizes for two tensors.
    pub(crate) fn of(args: &Arguments<'_>, a: &Tensor, b: &Tensor) -> Result<Self, Error> {
        let product = Self::new(a.shape(), b.shape()).ok_or_else(|| {
            args.error(format!("shapes {:?} and {:?} cannot be multiplied", a.shape(), b.shape()))
        })?;
        args.count(&product.shape)?;
        Ok(product)
    }

    /// Computes the elements, row by row: `element(row, column, pairs of offsets)`.
    pub(crate) fn elements<T>(
        &self,
        mut element: impl FnMut(usize, usize, &mut dyn Iterator<Item = (usize, usize)>) -> T,
    ) -> Vec<T> {
        let mut result = Vec::new();
        for &(a, b) in &self.pairs {
            for row in 0..self.m {
                for column in 0..self.n {
                    let mut pairs = (0..self.k).map(|k| (a + row * self.k + k, b + k * self.n + column));
                    result.push(element(row, column, &mut pairs));
                }
            }
        }
        result
    }
}

/// The shape of a product: a vector is a row on the left and a column on the right, and that axis is removed from the result.
/// `None` if the shapes do not fit.
fn shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let (rows, k) = if let [.., m, k] = *a { (Some(m), k) } else { (None, *a.first()?) };
    let (depth, columns) = if let [.., k, n] = *b { (k, Some(n)) } else { (*b.first()?, None) };
    if k != depth {
        return None;
    }
    let stack = |shape: &[usize]| shape[..shape.len().saturating_sub(2)].to_vec();
    let mut shape = broadcast(&stack(a), &stack(b))?;
    shape.extend(rows);
    shape.extend(columns);
    Some(shape)
}

/// The shape of the product of the inputs `a` and `b`.
pub(crate) fn infer(inputs: &Inputs<'_>, a: usize, b: usize) -> Result<Vec<usize>, Error> {
    shape_of(inputs.node, inputs.shape(a)?, inputs.shape(b)?)
}

/// The shape of the product of tensors of the shapes `a` and `b`.
pub(crate) fn shape_of(node: &Node, a: &[usize], b: &[usize]) -> Result<Vec<usize>, Error> {
    shape(a, b).ok_or_else(|| Error::node(node, format!("shapes {a:?} and {b:?} do not multiply")))
}

/// The number of products that an element of the output is the sum of.
pub(crate) fn depth(inputs: &Inputs<'_>) -> usize {
    let Some(a) = inputs.optional(0) else { return 1 };
    let transposed = inputs.node.flag("transA", false).is_ok_and(|transposed| transposed);
    let depth = if transposed { a.shape.first() } else { a.shape.last() };
    depth.copied().unwrap_or(1)
}

/// Rows, depth and columns of a product of two matrices, each transposed if its attribute is set.
pub(crate) fn matrices(node: &Node, a: &[usize], b: &[usize]) -> Result<[usize; 3], Error> {
    let (&[a0, a1], &[b0, b1]) = (a, b) else {
        return Err(Error::node(node, format!("needs two matrices, has shapes {a:?} and {b:?}")));
    };
    let (m, k) = if node.flag("transA", false)? { (a1, a0) } else { (a0, a1) };
    let (depth, n) = if node.flag("transB", false)? { (b1, b0) } else { (b0, b1) };
    if k != depth {
        return Err(Error::node(
            node,
            format!("an inner dimension of {k} on the left and {depth} on the right"),
        ));
    }
    Ok([m, k, n])
}

/// `Σ (a − a_zero)·(b − b_zero)` mod 2³²; zero points per row of A and per column of B.
pub(crate) fn accumulate(
    args: &Arguments<'_>,
    product: &Product,
    a: (&Tensor, &ZeroPoints),
    b: (&Tensor, &ZeroPoints),
) -> Result<Vec<i32>, Error> {
    fn sums<A, B>(product: &Product, a: (&[A], &ZeroPoints), b: (&[B], &ZeroPoints)) -> Vec<i32>
    where
        A: Copy + Into<i32>,
        B: Copy + Into<i32>,
    {
        product.elements(|row, column, pairs| {
            let (a_zero, b_zero) = (a.1.of(row), b.1.of(column));
            pairs.fold(0i32, |sum, (i, j)| {
                let (a, b): (i32, i32) = (a.0[i].into() - a_zero, b.0[j].into() - b_zero);
                sum.wrapping_add(a * b)
            })
        })
    }
    if !a.1.fits(product.m) || !b.1.fits(product.n) {
        return Err(args.error("needs one zero point per matrix, per row of A or per column of B"));
    }
    match (a.0.data(), b.0.data()) {
        (TensorData::U8(x), TensorData::U8(y)) => Ok(sums(product, (x, a.1), (y, b.1))),
        (TensorData::U8(x), TensorData::I8(y)) => Ok(sums(product, (x, a.1), (y, b.1))),
        (TensorData::I8(x), TensorData::U8(y)) => Ok(sums(product, (x, a.1), (y, b.1))),
        (TensorData::I8(x), TensorData::I8(y)) => Ok(sums(product, (x, a.1), (y, b.1))),
        (TensorData::U8(_) | TensorData::I8(_), other) | (other, _) => {
            Err(args.wrong_type(other.data_type()))
        }
    }
}

/// `alpha · A·B + beta · C`, the factors optionally transposed, C broadcast.
pub(crate) fn gemm(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let node = args.node();
    let (left, right) = (args.tensor(0)?, args.tensor(1)?);
    let (a, b) = (left.as_f32()?, right.as_f32()?);
    let [m, depth, n] = matrices(node, left.shape(), right.shape())?;
    let (transpose_a, transpose_b) = (node.flag("transA", false)?, node.flag("transB", false)?);
    let (alpha, beta) = (f64::from(node.float("alpha", 1.0)?), f64::from(node.float("beta", 1.0)?));
    let shape = [m, n];
    let mut result = Vec::with_capacity(args.count(&shape)?);
    for row in 0..m {
        for column in 0..n {
            let sum: f64 = (0..depth)
                .map(|k| {
                    let i = if transpose_a { k * m + row } else { row * depth + k };
                    let j = if transpose_b { column * depth + k } else { k * n + column };
                    f64::from(a[i]) * f64::from(b[j])
                })
                .sum();
            result.push(alpha * sum);
        }
    }
    if let Some(tensor) = args.optional(2) {
        let c = tensor.as_f32()?;
        check_bias(node, tensor.shape(), shape)?;
        let offsets = Offsets::new(&shape, &broadcast_strides(tensor.shape(), &shape));
        for (result, at) in result.iter_mut().zip(offsets) {
            *result += beta * f64::from(c[at]);
        }
    }
    Ok(vec![Tensor::new(shape, result.into_iter().map(|x| x as f32).collect::<Vec<_>>())?])
}

/// Whether C, of the shape `bias`, is broadcast to the output.
pub(crate) fn check_bias(node: &Node, bias: &[usize], [m, n]: [usize; 2]) -> Result<(), Error> {
    if broadcast(&[m, n], bias).as_deref() == Some(&[m, n]) {
        return Ok(());
    }
    Err(Error::node(node, format!("a bias of shape {bias:?} for an output of {m}×{n}")))
}
