//! Buffers of shared weights whose bytes change between reads.

use std::sync::Arc;

use eightbit::{
    Backend, Conv2d, Conv2dShape, ElementType, Error, Gemm, MatMut, MatRef, PackedError, PackedWeights,
    Padding, Stage, Workspace,
};
use eightbit_testing::backends;
use eightbit_testing::hostile::ChangingBuffer;

use crate::bytes;

/// A plan and its activations: a product, patches with their border, channel groups, a depthwise convolution of low and high
/// kernels.
enum Plan {
    Gemm(Box<Gemm>),
    Conv(Box<Conv2d>),
}

const SHAPES: [Conv2dShape; 5] = [
    Conv2dShape::new([6, 6], 32, 20, [3, 3]).with_pad(Padding::same(1)),
    Conv2dShape::new([6, 6], 3, 8, [3, 3]).with_pad(Padding::same(1)),
    Conv2dShape::new([6, 6], 6, 40, [3, 3]).with_groups(2),
    Conv2dShape::new([8, 8], 64, 64, [3, 3]).with_groups(64),
    Conv2dShape::new([8, 8], 64, 64, [5, 5]).with_groups(64),
];

/// Saved weights for each kind of plan; `None` is a product.
fn saved(backend: Backend, shape: Option<&Conv2dShape>) -> Vec<u8> {
    let weights = |len| bytes(len).iter().map(|&byte| byte.cast_signed()).collect::<Vec<_>>();
    match shape {
        None => PackedWeights::pack(backend, &MatRef::new(&weights(64 * 40), 64, 40).unwrap(), 1),
        Some(shape) => {
            let taps = shape.kernel[0] * shape.kernel[1] * shape.in_channels / shape.groups;
            Conv2d::pack(backend, shape, &weights(shape.out_channels * taps), 0)
        }
    }
    .unwrap()
    .to_bytes()
}

impl Plan {
    fn new(
        backend: Backend,
        shape: Option<&Conv2dShape>,
        owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    ) -> Result<Plan, Error> {
        let packed = PackedWeights::from_shared(backend, owner)?;
        let stage = &Stage::ACCUMULATORS;
        Ok(match shape {
            None => Plan::Gemm(Box::new(Gemm::new(packed, ElementType::U8, 2, None, stage)?)),
            Some(shape) => {
                Plan::Conv(Box::new(Conv2d::new(*shape, packed, ElementType::U8, 2, None, stage)?))
            }
        })
    }

    /// The output of a call in `tasks` tasks, 9 where no task has written.
    fn run(&self, tasks: usize) -> (Vec<i32>, Result<(), Error>) {
        let mut workspace = Workspace::new();
        match self {
            Plan::Gemm(gemm) => {
                let (lhs, mut out) = (bytes(50 * 64), vec![9; 50 * 40]);
                let lhs = MatRef::new(&lhs, 50, 64).unwrap();
                let view = MatMut::new(&mut out, 50, 40).unwrap();
                let result = match tasks {
                    0 => gemm.call(lhs, view).map(|call| call.run(&mut workspace)),
                    _ => gemm
                        .call(lhs, view)
                        .map(|call| call.tasks(tasks))
                        .map(|all| all.for_each(|task| task.run(&mut workspace))),
                };
                (out, result)
            }
            Plan::Conv(conv) => {
                let shape = conv.shape();
                let input = bytes(shape.input[0] * shape.input[1] * shape.in_channels);
                let mut out = vec![9; shape.output().iter().product::<usize>() * shape.out_channels];
                let result = match tasks {
                    0 => conv.call(&input, &mut out).map(|call| call.run(&mut workspace)),
                    _ => conv
                        .call(&input, &mut out)
                        .map(|call| call.tasks(tasks))
                        .map(|all| all.for_each(|task| task.run(&mut workspace))),
                };
                (out, result)
            }
        }
    }
}

fn each_plan(mut check: impl FnMut(Backend, Option<&Conv2dShape>)) {
    for backend in backends() {
        check(backend, None);
        SHAPES.iter().for_each(|shape| check(backend, Some(shape)));
    }
}

#[test]
fn a_call_reads_the_owner_once() {
    each_plan(|backend, shape| {
        let whole = saved(backend, shape);
        let owner = ChangingBuffer::new(whole.clone(), Vec::new(), usize::MAX);
        let plan = Plan::new(backend, shape, owner.clone()).unwrap();
        let (expected, result) = plan.run(0);
        result.unwrap();
        for tasks in [0, 3] {
            owner.change_after(1);
            let before = owner.reads();
            let (out, result) = plan.run(tasks);
            result.unwrap();
            assert_eq!(owner.reads() - before, 1, "{backend} {shape:?}");
            assert!(out == expected, "{backend} {shape:?}: another answer");
        }
    });
}

#[test]
fn an_owner_that_has_shrunk_is_a_typed_error() {
    each_plan(|backend, shape| {
        let whole = saved(backend, shape);
        for len in [0, 1, whole.len() / 2, whole.len() - 70] {
            let owner = ChangingBuffer::new(whole.clone(), whole[..len].to_vec(), usize::MAX);
            let plan = Plan::new(backend, shape, owner.clone()).unwrap();
            owner.change_after(0);
            for tasks in [0, 3] {
                let (out, result) = plan.run(tasks);
                assert_eq!(result, Err(PackedError::Shrunk.into()), "{backend} {shape:?} {len}");
                assert!(out.iter().all(|&x| x == 9), "nothing is written");
            }
        }
    });
}

/// Whatever bytes it returns from any read on, while weights are loaded, plans made and calls run.
#[test]
fn no_owner_makes_a_call_panic() {
    each_plan(|backend, shape| {
        let whole = saved(backend, shape);
        let longer = [&whole[..], &[7; 100]].concat();
        for later in [Vec::new(), whole[..whole.len() - 5].to_vec(), vec![0x80; whole.len()], longer] {
            for faithful in 0..8 {
                let owner = ChangingBuffer::new(whole.clone(), later.clone(), usize::MAX);
                owner.change_after(faithful);
                let Ok(plan) = Plan::new(backend, shape, owner.clone()) else { continue };
                for tasks in [0, 2] {
                    match plan.run(tasks).1 {
                        Ok(()) | Err(Error::Packed(PackedError::Shrunk)) => {}
                        Err(error) => panic!("{backend} {shape:?}: {error}"),
                    }
                }
            }
        }
    });
}

#[test]
fn shrunk_weights_save_as_nothing() {
    each_plan(|backend, shape| {
        let whole = saved(backend, shape);
        let owner = ChangingBuffer::new(whole.clone(), Vec::new(), usize::MAX);
        let packed = PackedWeights::from_shared(backend, owner.clone()).unwrap();
        assert!(packed.to_bytes() == whole);
        owner.change_after(0);
        assert!(packed.to_bytes().is_empty());
    });
}
