//! Steps that only reorder elements.

use super::by_type::by_type;
use super::scratch::Scratch;
use super::step::{StepContext, StepKernel, StepKind};
use super::value::Layout;
use crate::{Element, Error, Tensor};

/// Between NCHW and NHWC: for each image, a matrix is transposed.
#[derive(Debug)]
pub(crate) struct Shuffle {
    rows: usize,
    columns: usize,
    /// The layout that it makes, if not another value.
    to: Option<Layout>,
}

impl Shuffle {
    /// Reorders an image of shape `shape` (NCHW) to the layout `to`.
    pub(crate) fn new(shape: &[usize], to: Layout) -> Self {
        let (channels, pixels) = (shape[1], shape[2] * shape[3]);
        match to {
            Layout::ChannelsLast => Self { rows: channels, columns: pixels, to: Some(to) },
            Layout::Plain => Self { rows: pixels, columns: channels, to: Some(to) },
        }
    }
}

impl Shuffle {
    /// Transposes each matrix of `rows × columns` elements.
    pub(crate) fn matrices(rows: usize, columns: usize) -> Self {
        Self { rows, columns, to: None }
    }
}

impl StepKernel for Shuffle {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        fn run<T: Element>(context: &mut StepContext<'_>, rows: usize, columns: usize) -> Result<(), Error> {
            let from = context.input::<T>(0)?;
            transpose(from, context.output::<T>(0)?, rows, columns);
            Ok(())
        }
        by_type!(context.output_type(0), run(context, self.rows, self.columns))
    }

    fn kind(&self) -> StepKind {
        StepKind::Copy
    }

    fn describe(&self) -> String {
        match self.to {
            Some(Layout::ChannelsLast) => "reorder NCHW to NHWC".to_owned(),
            Some(Layout::Plain) => "reorder NHWC to NCHW".to_owned(),
            None => format!("transpose matrices of {}×{}", self.rows, self.columns),
        }
    }
}

/// Transposes each of the `rows × columns` matrices in `from`.
pub(super) fn transpose<T: Copy>(from: &[T], to: &mut [T], rows: usize, columns: usize) {
    let size = rows * columns;
    if size == 0 {
        return;
    }
    for (from, to) in from.chunks_exact(size).zip(to.chunks_exact_mut(size)) {
        match rows {
            2 => interleave::<_, 2>(from, to),
            3 => interleave::<_, 3>(from, to),
            4 => interleave::<_, 4>(from, to),
            _ => transpose_one(from, to, rows, columns),
        }
    }
}

/// Transposes a matrix of few rows, such as the planes of a photo, by reading all rows at once.
fn interleave<T: Copy, const ROWS: usize>(from: &[T], to: &mut [T]) {
    let columns = to.len() / ROWS;
    let rows: [&[T]; ROWS] = std::array::from_fn(|row| &from[row * columns..][..columns]);
    for (column, to) in to.as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
        // By indices: functions of arrays are calls where the crate is built in many parts, and take ten times as long.
        for row in 0..ROWS {
            to[row] = rows[row][column];
        }
    }
}

/// Transposes a matrix in blocks of whole cache lines of the destination.
fn transpose_one<T: Copy>(from: &[T], to: &mut [T], rows: usize, columns: usize) {
    /// Rows and columns of a block.
    const BLOCK: usize = 16;
    let (whole_rows, whole_columns) = (rows - rows % BLOCK, columns - columns % BLOCK);
    for row in (0..whole_rows).step_by(BLOCK) {
        for column in (0..whole_columns).step_by(BLOCK) {
            // Arrays of a fixed length, which the compiler transposes without checks.
            let lines: [&[T; BLOCK]; BLOCK] = std::array::from_fn(|line| {
                let at = (row + line) * columns + column;
                from[at..].first_chunk().expect("a whole line")
            });
            for place in 0..BLOCK {
                let at = (column + place) * rows + row;
                to[at..at + BLOCK].copy_from_slice(&lines.map(|line| line[place]));
            }
        }
    }
    for row in 0..rows {
        let first = if row < whole_rows { whole_columns } else { 0 };
        for column in first..columns {
            to[column * rows + row] = from[row * columns + column];
        }
    }
}

/// A constant image reordered to NHWC; its shape stays NCHW.
pub(crate) fn channels_last(tensor: &Tensor) -> Result<Tensor, Error> {
    fn reordered<T: Element>(tensor: &Tensor) -> Result<Tensor, Error> {
        let from = tensor.values::<T>()?;
        let mut to = from.to_vec();
        let shape = tensor.shape();
        transpose(from, &mut to, shape[1], shape[2] * shape[3]);
        Tensor::new(shape, T::wrap(to))
    }
    if tensor.rank() != 4 {
        return Err(Error::tensor(tensor.shape(), "four dimensions are needed here"));
    }
    by_type!(tensor.data_type(), reordered(tensor))
}

/// Joins tensors: the output repeats a run of `lengths[i]` elements of each.
#[derive(Debug)]
pub(crate) struct Join {
    lengths: Vec<usize>,
}

impl Join {
    /// Joins tensors of these shapes (in memory order) along `axis`.
    pub(crate) fn new(shapes: &[Vec<usize>], axis: usize) -> Self {
        Self { lengths: shapes.iter().map(|shape| shape[axis..].iter().product()).collect() }
    }
}

impl StepKernel for Join {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        fn run<T: Element>(context: &mut StepContext<'_>, lengths: &[usize]) -> Result<(), Error> {
            let total: usize = lengths.iter().sum();
            let mut first = 0;
            for (index, &len) in lengths.iter().enumerate() {
                if len == 0 {
                    continue;
                }
                let from = context.input::<T>(index)?;
                for (from, to) in from.chunks_exact(len).zip(context.output::<T>(0)?.chunks_exact_mut(total))
                {
                    to[first..first + len].copy_from_slice(from);
                }
                first += len;
            }
            Ok(())
        }
        by_type!(context.output_type(0), run(context, &self.lengths))
    }

    fn kind(&self) -> StepKind {
        StepKind::Copy
    }

    fn describe(&self) -> String {
        format!("join {} tensors by copying", self.lengths.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TensorData;

    #[test]
    fn channels_move_to_the_end_and_back() {
        let tensor = Tensor::new([1, 2, 1, 3], vec![1u8, 2, 3, 4, 5, 6]).expect("six");
        let last = channels_last(&tensor).expect("an image");
        assert_eq!(last.data(), &TensorData::U8(vec![1, 4, 2, 5, 3, 6]));
        let mut back = vec![0u8; 6];
        transpose(last.as_u8().expect("u8"), &mut back, 3, 2);
        assert_eq!(back, [1, 2, 3, 4, 5, 6]);
        for rows in [1, 2, 3, 4, 5, 6, 16, 19, 33] {
            let from: Vec<u16> = (0..2 * rows * 21).map(|at| at as u16).collect();
            let mut to = vec![0; from.len()];
            transpose(&from, &mut to, rows, 21);
            for (index, &element) in from.iter().enumerate() {
                let (image, row, column) = (index / (rows * 21), index / 21 % rows, index % 21);
                assert_eq!(to[(image * 21 + column) * rows + row], element, "{rows} rows");
            }
        }
    }
}
