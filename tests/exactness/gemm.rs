//! GEMM: any mix of `u8` and `i8`, strides, zero points, stages, splits into tasks; inputs and outputs against protected
//! pages.

use eightbit::{
    Backend, Element, ElementType, Gemm, MatMut, MatRef, OutputElement, PackedWeights, Per, Precision, Stage,
    Workspace, reference,
};
use eightbit_kernels::testing::{Guard, Guarded};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use eightbit_testing::precision::{narrow, narrow_zeros, precision};
use eightbit_testing::stage::{StageKind, biases, stage_kind, weight_zeros};
use eightbit_testing::suite::property_suite;
use eightbit_testing::{Fill, Random, by_signs, fill, guard};

#[derive(Clone, Debug)]
struct Case {
    m: usize,
    n: usize,
    k: usize,
    lhs_signed: bool,
    weights_signed: bool,
    /// Gaps between rows (and, for `lhs_transposed`, columns); 0 is dense.
    lhs_gap: usize,
    lhs_transposed: bool,
    weights_transposed: bool,
    out_gap: usize,
    tasks: usize,
    lhs_fill: Fill,
    weights_fill: Fill,
    precision: Precision,
    stage: StageKind,
    guard: Guard,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let size = || prop_oneof![1 => Just(1usize), 6 => 1usize..20, 3 => 1usize..70];
    let depth = prop_oneof![1 => Just(0usize), 1 => Just(1usize), 6 => 1usize..40, 3 => 1usize..200];
    let shape = (size(), size(), depth, any::<bool>(), any::<bool>());
    let layout = (0usize..3, prop::bool::weighted(0.2), any::<bool>(), 0usize..3, 1usize..4);
    (shape, layout, fill(), fill(), precision(), stage_kind(), guard(), any::<u64>()).prop_map(
        |(shape, layout, lhs_fill, weights_fill, precision, stage, guard, seed)| {
            let (m, n, k, lhs_signed, weights_signed) = shape;
            let (lhs_gap, lhs_transposed, weights_transposed, out_gap, tasks) = layout;
            Case {
                m,
                n,
                k,
                lhs_signed,
                weights_signed,
                lhs_gap,
                lhs_transposed,
                weights_transposed,
                out_gap,
                tasks,
                lhs_fill,
                weights_fill,
                precision,
                stage,
                guard,
                seed,
            }
        },
    )
}

#[test]
fn gemm() {
    property_suite("gemm", 1.0, cases(), check);
}

/// Depths of thousands, where sums leave the range of 24-bit floats and of saturating instructions.
#[test]
fn gemm_deep() {
    let deep = (cases(), 500usize..6000).prop_map(|(case, k)| Case {
        k,
        m: case.m.min(8),
        n: case.n.min(20),
        ..case
    });
    property_suite("gemm-deep", 0.02, deep, check);
}

fn check(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    by_signs!((case.lhs_signed, case.weights_signed), check_types(backend, case))
}

fn check_types<A: Element, W: Element>(backend: Backend, case: &Case) -> Result<(), TestCaseError> {
    let Case { m, n, k, .. } = *case;
    let mut random = Random(case.seed);
    let (lhs_rows, lhs_columns) = if case.lhs_transposed { (k, m) } else { (m, k) };
    let lhs_stride = lhs_columns + case.lhs_gap;
    let lhs_len = if lhs_rows == 0 { 0 } else { (lhs_rows - 1) * lhs_stride + lhs_columns };
    let lhs = Guarded::new(&random.elements::<A>(case.lhs_fill, lhs_len), case.guard);
    let lhs = MatRef::with_strides(&lhs, lhs_rows, lhs_columns, lhs_stride, 1).expect("lhs");
    let lhs = if case.lhs_transposed { lhs.transposed() } else { lhs };

    let weights = narrow(case.precision, random.elements::<W>(case.weights_fill, k * n));
    let weights = if case.weights_transposed {
        MatRef::new(&weights, n, k).expect("weights").transposed()
    } else {
        MatRef::new(&weights, k, n).expect("weights")
    };
    let (low, high) = A::TYPE.integer_range();
    let lhs_zero = [low, high, 0, random.between(low, high)][random.below(4)];
    let zeros = weight_zeros(&mut random, case.weights_signed, n);
    let zeros = narrow_zeros(case.precision, W::TYPE, zeros);
    let bias = biases(&mut random, n);
    let stage = case.stage.draw(&mut random, n, 3000.0 * (k.max(1) as f64).sqrt());
    let row_scale: Option<Vec<f32>> = (matches!(stage, Stage::Dequantize(_)) && case.stage.clamped)
        .then(|| (0..m).map(|_| random.between(1, 1000) as f32 * 0.01).collect());

    let acc = reference::gemm(&lhs, lhs_zero, &weights, &zeros, bias.as_deref());
    let packed = PackedWeights::pack_as(backend, &weights, case.precision, zeros).expect("pack");
    let gemm = Gemm::new(packed, A::TYPE, lhs_zero, bias.as_deref(), &stage).expect("plan");
    let run = Run { gemm: &gemm, lhs, case, stage: &stage, acc: &acc, row_scale: row_scale.as_deref() };
    match gemm.output() {
        ElementType::U8 => run.check::<u8>(&mut random, |acc, m, n| run.requantized(acc, m, n) as u8),
        ElementType::I8 => run.check::<i8>(&mut random, |acc, m, n| run.requantized(acc, m, n) as i8),
        ElementType::I32 => run.check::<i32>(&mut random, |acc, _, _| acc),
        ElementType::F32 => run.check::<f32>(&mut random, |acc, m, n| run.dequantized(acc, m, n)),
        other => panic!("an output of {other} has no test"),
    }
}

struct Run<'a, A> {
    gemm: &'a Gemm,
    lhs: MatRef<'a, A>,
    case: &'a Case,
    stage: &'a Stage,
    acc: &'a [i32],
    row_scale: Option<&'a [f32]>,
}

impl<A: Element> Run<'_, A> {
    fn requantized(&self, acc: i32, _: usize, n: usize) -> i32 {
        let Stage::Requantize(requantize) = self.stage else { unreachable!("the stage requantizes") };
        reference::requantize(acc, requantize, n)
    }

    fn dequantized(&self, acc: i32, m: usize, n: usize) -> f32 {
        let Stage::Dequantize(dequantize) = self.stage else { unreachable!("the stage dequantizes") };
        reference::dequantize(acc, dequantize, self.row_scale.map(|scale| scale[m]), n)
    }

    fn check<T: OutputElement + Drawn>(
        &self,
        random: &mut Random,
        expected: impl Fn(i32, usize, usize) -> T,
    ) -> Result<(), TestCaseError> {
        let Case { m, n, out_gap, tasks, guard, .. } = *self.case;
        let stride = n + out_gap;
        let before: Vec<T> = (0..(m - 1) * stride + n).map(|_| T::draw(random)).collect();
        let mut out = Guarded::new(&before, guard);
        let view = MatMut::with_row_stride(&mut out, m, n, stride).expect("out");
        let mut workspace = Workspace::with_capacity(self.gemm.workspace_bytes());
        let capacity = workspace.capacity();
        match self.row_scale {
            Some(row_scale) => {
                self.gemm.call_scaled(self.lhs, row_scale, view).expect("run").run(&mut workspace)
            }
            None if tasks == 1 => self.gemm.call(self.lhs, view).expect("run").run(&mut workspace),
            None => {
                for task in self.gemm.call(self.lhs, view).expect("tasks").tasks(tasks) {
                    task.run(&mut workspace);
                }
            }
        }
        prop_assert_eq!(capacity, workspace.capacity(), "the workspace grew past its plan");
        let accumulate = matches!(self.stage, Stage::Accumulators { accumulate: true });
        for (index, (&found, &before)) in out.iter().zip(&before).enumerate() {
            let (row, column) = (index / stride, index % stride);
            let expected = if column >= n {
                before
            } else {
                let result = expected(self.acc[row * n + column], row, column);
                if accumulate { T::wrapping_sum(result, before) } else { result }
            };
            prop_assert!(
                T::same_bits(found, expected),
                "({row}, {column}): found {found:?}, expected {expected:?}"
            );
        }
        Ok(())
    }
}

/// The operations on output elements that the suites need.
pub(crate) trait Drawn: Sized {
    fn draw(random: &mut Random) -> Self;
    fn wrapping_sum(a: Self, b: Self) -> Self;
    fn same_bits(a: Self, b: Self) -> bool;
}

macro_rules! drawn_integer {
    ($($t:ty)*) => { $(
        impl Drawn for $t {
            fn draw(random: &mut Random) -> $t { random.next() as $t }
            fn wrapping_sum(a: $t, b: $t) -> $t { a.wrapping_add(b) }
            fn same_bits(a: $t, b: $t) -> bool { a == b }
        }
    )* };
}
drawn_integer!(u8 i8 i32);

impl Drawn for f32 {
    fn draw(random: &mut Random) -> f32 {
        random.between(-1000, 1000) as f32
    }
    fn wrapping_sum(a: f32, b: f32) -> f32 {
        a + b
    }
    fn same_bits(a: f32, b: f32) -> bool {
        a.to_bits() == b.to_bits()
    }
}

/// Saved and loaded weights multiply like the packed ones; every damaged byte is refused.
#[test]
fn packed_weights_round_trip() {
    let case = (1usize..40, 0usize..50, precision(), any::<u64>(), any::<prop::sample::Index>());
    property_suite("packed-weights", 0.05, case, |backend, (n, k, precision, seed, index)| {
        let mut random = Random(*seed);
        let weights = narrow(*precision, random.elements::<i8>(Fill::Random, n * k));
        let weights = MatRef::new(&weights, *k, *n).expect("weights");
        let zeros = Per::Channel((0..*n).map(|_| random.between(-128, 127)).collect());
        let zeros = narrow_zeros(*precision, ElementType::I8, zeros);
        let packed = PackedWeights::pack_as(backend, &weights, *precision, zeros).expect("pack");
        let bytes = packed.to_bytes();
        let shared: std::sync::Arc<dyn AsRef<[u8]> + Send + Sync> = std::sync::Arc::new(bytes.clone());
        let loaded = PackedWeights::from_shared(backend, shared).expect("load");
        prop_assert_eq!(loaded.precision(), *precision);
        let lhs = random.elements::<u8>(Fill::Random, 3 * k);
        let lhs = MatRef::new(&lhs, 3, *k).expect("lhs");
        let multiply = |weights: PackedWeights| {
            let gemm = Gemm::new(weights, ElementType::U8, 7, None, &Stage::ACCUMULATORS).expect("plan");
            let mut out = vec![0i32; 3 * n];
            gemm.call(lhs, MatMut::new(&mut out, 3, *n).expect("out"))
                .expect("run")
                .run(&mut Workspace::new());
            out
        };
        prop_assert_eq!(multiply(packed), multiply(loaded));
        let mut damaged = bytes.clone();
        *index.get_mut(&mut damaged) ^= 0x10;
        prop_assert!(PackedWeights::from_bytes(backend, &damaged).is_err());
        prop_assert!(PackedWeights::from_bytes(backend, &bytes[..index.index(bytes.len())]).is_err());
        Ok(())
    });
}
