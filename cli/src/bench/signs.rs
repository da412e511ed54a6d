//! Measures products of signs.

use eightbit::binary::{BinaryConv2d, BinaryGemm, BinaryWeights, Outside, Thresholds, row_bytes};
use eightbit::{Error, MatMut, OutputElement, Stage, Workspace, reference};

use crate::bench::aligned::Aligned;
use crate::bench::case::{Case, on_threads};
use crate::bench::check::Verdict;
use crate::bench::random;
use crate::bench::setup::Setup;
use crate::bench::shapes::{ConvShape, GemmShape};

/// What a product of signs writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Signs {
    /// Raw sums: `b1b1s32`.
    ToSums,
    /// Signs, by thresholds: `b1b1b1`.
    ToSigns,
}

impl Signs {
    pub(crate) const ALL: [Signs; 2] = [Signs::ToSums, Signs::ToSigns];

    /// As the peers' drivers write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Signs::ToSums => "b1b1s32",
            Signs::ToSigns => "b1b1b1",
        }
    }
}

/// Rows of random bits, filled with zeros.
fn random_bits(rows: usize, columns: usize) -> Vec<u8> {
    let mut bits = random::elements::<u8>(rows * row_bytes(columns));
    for row in bits.chunks_exact_mut(row_bytes(columns)) {
        for i in columns..8 * row.len() {
            row[i / 8] &= !(1 << (i % 8));
        }
    }
    bits
}

/// A threshold for each channel, near zero.
fn thresholds(channels: usize) -> Result<Thresholds, Error> {
    let at = random::elements::<i8>(channels).into_iter().map(|at| i32::from(at) / 8).collect();
    Thresholds::new(at, random::elements::<u8>(channels).into_iter().map(|byte| byte & 1 == 1).collect())
}

/// The number of products that the reference computes, at about a nanosecond each.
const CHECKED_PRODUCTS: usize = 1 << 27;

/// Rows and channels of an output, and the products of each.
#[derive(Clone, Copy)]
struct Sizes {
    rows: usize,
    channels: usize,
    depth: usize,
}

impl Sizes {
    /// The first channels whose sums the reference computes.
    fn checked(self) -> usize {
        (CHECKED_PRODUCTS / (self.rows * self.depth).max(1)).clamp(1, self.channels)
    }

    /// Compares the first channels of an output with the reference's sums of them.
    fn verdict<T: OutputElement + Into<i32>>(
        self,
        out: &[T],
        sums: &[i32],
        to: Option<&Thresholds>,
    ) -> Verdict {
        let checked = self.checked();
        let stride = out.len() / self.rows.max(1);
        let mut verdict = Verdict::default();
        for (row, sums) in out.chunks_exact(stride.max(1)).zip(sums.chunks_exact(checked)) {
            for (n, &sum) in sums.iter().enumerate() {
                let is_right = match to {
                    None => row[n].into() == sum,
                    Some(thresholds) => {
                        let byte: i32 = row[n / 8].into();
                        (byte >> (n % 8) & 1 == 1) == thresholds.bit(n, sum)
                    }
                };
                verdict.compared += 1;
                verdict.wrong += usize::from(!is_right);
            }
        }
        verdict
    }
}

/// A call and what is known about it.
struct Product {
    shape: String,
    path: String,
    sizes: Sizes,
    input: Vec<u8>,
    workspace_bytes: usize,
    /// If signs are written.
    thresholds: Option<Thresholds>,
}

impl Product {
    /// The case of a call that writes `T`; `sums` are those of the reference for the channels that are checked.
    fn case<T: OutputElement + Into<i32>>(
        self,
        setup: &Setup,
        sums: impl FnOnce() -> Vec<i32>,
        call: impl Fn(&[u8], &mut [T], &mut [Workspace]) -> Result<(), Error> + Send + 'static,
    ) -> Result<Case, Error> {
        let Product { shape, path, sizes, input, workspace_bytes, thresholds } = self;
        let Sizes { rows, channels, depth } = sizes;
        let (columns, to) = match thresholds {
            None => (channels, Signs::ToSums),
            Some(_) => (row_bytes(channels), Signs::ToSigns),
        };
        let (input, mut out) = (Aligned::copy_of(&input), Aligned::<T>::new(rows * columns));
        let mut workspaces: Vec<_> =
            (0..setup.threads).map(|_| Workspace::with_capacity(workspace_bytes)).collect();
        // Errors occur at the first call; the measured calls are identical.
        call(&input, &mut out, &mut workspaces)?;
        let verdict = setup.check.then(|| sizes.verdict(&out, &sums(), thresholds.as_ref()));
        let operations = 2.0 * rows as f64 * channels as f64 * depth as f64;
        Ok(Case::of(shape, to.name().to_owned(), path, verdict, move |stopwatch| {
            let rates = stopwatch.measure(operations, || drop(call(&input, &mut out, &mut workspaces)));
            std::hint::black_box(&out);
            rates
        }))
    }
}

/// An operator that has products of signs.
pub(crate) trait SignOperator {
    /// The case that writes what `to` says; `None` if signs have no such product.
    fn signs(&self, setup: &Setup, to: Signs) -> Result<Option<Case>, Error>;
}

impl SignOperator for GemmShape {
    fn signs(&self, setup: &Setup, to: Signs) -> Result<Option<Case>, Error> {
        let [m, k, n] = self.sizes;
        let (input, weights) = (random_bits(m, k), random_bits(n, k));
        let sizes = Sizes { rows: m, channels: n, depth: k };
        let packed = BinaryWeights::pack(setup.backend, &weights, n, k)?;
        let sums = || reference::binary_gemm(&input, &weights, [m, k, sizes.checked()]);
        let product = |path, thresholds| Product {
            shape: self.name.clone(),
            path,
            sizes,
            input: input.clone(),
            workspace_bytes: 0,
            thresholds,
        };
        let made = match to {
            Signs::ToSums => {
                let plan = BinaryGemm::new(packed, None, Stage::ACCUMULATORS)?;
                product(plan.explain(), None).case::<i32>(setup, sums, multiply(plan, m))?
            }
            Signs::ToSigns => {
                let thresholds = thresholds(n)?;
                let plan = BinaryGemm::new(packed, None, thresholds.clone())?;
                product(plan.explain(), Some(thresholds)).case::<u8>(setup, sums, multiply(plan, m))?
            }
        };
        Ok(Some(made))
    }
}

/// Runs a product of `rows` rows.
fn multiply<T: OutputElement>(
    plan: BinaryGemm,
    rows: usize,
) -> impl Fn(&[u8], &mut [T], &mut [Workspace]) -> Result<(), Error> {
    move |input, out, workspaces| {
        on_threads(plan.call(input, MatMut::new(out, rows, plan.output_columns())?)?, workspaces)
    }
}

/// Images are NHWC; elements outside are +1, as the peers have them. Products with padding count as operations.
impl SignOperator for ConvShape {
    fn signs(&self, setup: &Setup, to: Signs) -> Result<Option<Case>, Error> {
        let shape = self.sizes;
        if shape.groups != 1 {
            return Ok(None);
        }
        let (inputs, channels) = (shape.in_channels, shape.out_channels);
        let [height, width] = shape.output();
        let taps = shape.kernel[0] * shape.kernel[1];
        let (input, weights) =
            (random_bits(shape.input[0] * shape.input[1], inputs), random_bits(taps * channels, inputs));
        let sizes = Sizes { rows: height * width, channels, depth: taps * inputs };
        let packed = BinaryWeights::pack_convolution(setup.backend, &shape, &weights)?;
        let sums = || {
            let mut part = shape;
            part.out_channels = sizes.checked();
            reference::binary_conv2d(&part, &input, &weights, Outside::Ones)
        };
        let product = |plan: &BinaryConv2d, thresholds| Product {
            shape: self.name.clone(),
            path: plan.explain(),
            sizes,
            input: input.clone(),
            workspace_bytes: plan.workspace_bytes(),
            thresholds,
        };
        let made = match to {
            Signs::ToSums => {
                let plan = BinaryConv2d::new(shape, packed, Outside::Ones, None, Stage::ACCUMULATORS)?;
                product(&plan, None).case::<i32>(setup, sums, convolve(plan))?
            }
            Signs::ToSigns => {
                let thresholds = thresholds(channels)?;
                let plan = BinaryConv2d::new(shape, packed, Outside::Ones, None, thresholds.clone())?;
                product(&plan, Some(thresholds)).case::<u8>(setup, sums, convolve(plan))?
            }
        };
        Ok(Some(made))
    }
}

fn convolve<T: OutputElement>(
    plan: BinaryConv2d,
) -> impl Fn(&[u8], &mut [T], &mut [Workspace]) -> Result<(), Error> {
    move |input, out, workspaces| on_threads(plan.call(input, out)?, workspaces)
}
