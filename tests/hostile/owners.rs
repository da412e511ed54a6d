//! Buffers of shared weights whose bytes change between reads.

use std::sync::Arc;

use eightbit::{
    Backend, Call, Conv2d, Conv2dShape, Conv3d, Conv3dShape, ElementType, Error, Fill, Gemm, MatMut, MatRef,
    PackedError, PackedWeights, Padding, Stage, Workspace,
};
use eightbit_testing::backends;
use eightbit_testing::hostile::ChangingBuffer;

use crate::bytes;

/// A plan and its activations.
enum Plan {
    Gemm(Box<Gemm>),
    Conv(Box<Conv2d>),
    Volume(Box<Conv3d>),
}

/// What a plan is of.
#[derive(Debug)]
enum Kind {
    Gemm,
    Conv(Conv2dShape),
    Volume(Conv3dShape),
}

/// A product, patches with their border, channel groups, depthwise convolutions of low and high kernels, volumes of copied slices and of
/// one in place.
const KINDS: [Kind; 9] = [
    Kind::Gemm,
    Kind::Conv(Conv2dShape::new([6, 6], 32, 20, [3, 3]).with_pad(Padding::same(1))),
    Kind::Conv(Conv2dShape::new([6, 6], 3, 8, [3, 3]).with_pad(Padding::same(1))),
    Kind::Conv(Conv2dShape::new([6, 6], 6, 40, [3, 3]).with_groups(2)),
    Kind::Conv(Conv2dShape::new([8, 8], 64, 64, [3, 3]).with_groups(64)),
    Kind::Conv(Conv2dShape::new([8, 8], 64, 64, [5, 5]).with_groups(64)),
    Kind::Volume(Conv3dShape::new([3, 5, 4], 6, 20, [3, 3, 3]).with_pad([[1, 1]; 3])),
    Kind::Volume(Conv3dShape::new([3, 5, 4], 6, 40, [2, 3, 3]).with_groups(2)),
    Kind::Volume(Conv3dShape::new([3, 5, 4], 64, 64, [1, 3, 3]).with_groups(64)),
];

/// Saved weights for each kind of plan.
fn saved(backend: Backend, kind: &Kind) -> Vec<u8> {
    let weights = |len| bytes(len).iter().map(|&byte| byte.cast_signed()).collect::<Vec<_>>();
    match kind {
        Kind::Gemm => PackedWeights::pack(backend, &MatRef::new(&weights(64 * 40), 64, 40).unwrap(), 1),
        Kind::Conv(shape) => {
            let taps = shape.kernel[0] * shape.kernel[1] * shape.in_channels / shape.groups;
            Conv2d::pack(backend, shape, &weights(shape.out_channels * taps), 0)
        }
        Kind::Volume(shape) => {
            let taps = shape.kernel().iter().product::<usize>() * shape.in_channels() / shape.groups();
            Conv3d::pack(backend, shape, &weights(shape.out_channels() * taps), 0)
        }
    }
    .unwrap()
    .to_bytes()
}

impl Plan {
    fn new(backend: Backend, kind: &Kind, owner: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Result<Plan, Error> {
        let packed = PackedWeights::from_shared(backend, owner)?;
        let (stage, input) = (&Stage::ACCUMULATORS, ElementType::U8);
        Ok(match *kind {
            Kind::Gemm => Plan::Gemm(Box::new(Gemm::new(packed, input, 2, None, stage)?)),
            Kind::Conv(shape) => Plan::Conv(Box::new(Conv2d::new(shape, packed, input, 2, None, stage)?)),
            Kind::Volume(shape) => Plan::Volume(Box::new(Conv3d::new(shape, packed, input, 2, None, stage)?)),
        })
    }

    /// The output of a call in `tasks` tasks, 9 where no task has written.
    fn run(&self, tasks: usize) -> (Vec<i32>, Result<(), Error>) {
        match self {
            Plan::Gemm(gemm) => {
                let (lhs, mut out) = (bytes(50 * 64), vec![9; 50 * 40]);
                let lhs = MatRef::new(&lhs, 50, 64).unwrap();
                let result = in_tasks(gemm.call(lhs, MatMut::new(&mut out, 50, 40).unwrap()), tasks);
                (out, result)
            }
            Plan::Conv(conv) => {
                let shape = conv.shape();
                let input = bytes(shape.input[0] * shape.input[1] * shape.in_channels);
                let mut out = vec![9; shape.output().iter().product::<usize>() * shape.out_channels];
                let result = in_tasks(conv.call(&input, &mut out), tasks);
                (out, result)
            }
            Plan::Volume(conv) => {
                let shape = conv.shape();
                let input = bytes(shape.input().iter().product::<usize>() * shape.in_channels());
                let mut out = vec![9; shape.output().iter().product::<usize>() * shape.out_channels()];
                let result = in_tasks(conv.call(&input, &mut out), tasks);
                (out, result)
            }
        }
    }
}

/// Runs a call in this many tasks, at once if they are 0.
fn in_tasks(call: Result<Call<'_, i32, impl Fill<i32>>, Error>, tasks: usize) -> Result<(), Error> {
    let (call, mut workspace) = (call?, Workspace::new());
    match tasks {
        0 => call.run(&mut workspace),
        _ => call.tasks(tasks).for_each(|task| task.run(&mut workspace)),
    }
    Ok(())
}

fn each_plan(mut check: impl FnMut(Backend, &Kind)) {
    for backend in backends() {
        KINDS.iter().for_each(|kind| check(backend, kind));
    }
}

#[test]
fn a_call_reads_the_owner_once() {
    each_plan(|backend, kind| {
        let whole = saved(backend, kind);
        let owner = ChangingBuffer::new(whole.clone(), Vec::new(), usize::MAX);
        let plan = Plan::new(backend, kind, owner.clone()).unwrap();
        let (expected, result) = plan.run(0);
        result.unwrap();
        for tasks in [0, 3] {
            owner.change_after(1);
            let before = owner.reads();
            let (out, result) = plan.run(tasks);
            result.unwrap();
            assert_eq!(owner.reads() - before, 1, "{backend} {kind:?}");
            assert!(out == expected, "{backend} {kind:?}: another answer");
        }
    });
}

#[test]
fn an_owner_that_has_shrunk_is_a_typed_error() {
    each_plan(|backend, kind| {
        let whole = saved(backend, kind);
        for len in [0, 1, whole.len() / 2, whole.len() - 70] {
            let owner = ChangingBuffer::new(whole.clone(), whole[..len].to_vec(), usize::MAX);
            let plan = Plan::new(backend, kind, owner.clone()).unwrap();
            owner.change_after(0);
            for tasks in [0, 3] {
                let (out, result) = plan.run(tasks);
                assert_eq!(result, Err(PackedError::Shrunk.into()), "{backend} {kind:?} {len}");
                assert!(out.iter().all(|&x| x == 9), "nothing is written");
            }
        }
    });
}

/// Whatever bytes it returns from any read on, while weights are loaded, plans made and calls run.
#[test]
fn no_owner_makes_a_call_panic() {
    each_plan(|backend, kind| {
        let whole = saved(backend, kind);
        let longer = [&whole[..], &[7; 100]].concat();
        for later in [Vec::new(), whole[..whole.len() - 5].to_vec(), vec![0x80; whole.len()], longer] {
            for faithful in 0..8 {
                let owner = ChangingBuffer::new(whole.clone(), later.clone(), usize::MAX);
                owner.change_after(faithful);
                let Ok(plan) = Plan::new(backend, kind, owner.clone()) else { continue };
                for tasks in [0, 2] {
                    match plan.run(tasks).1 {
                        Ok(()) | Err(Error::Packed(PackedError::Shrunk)) => {}
                        Err(error) => panic!("{backend} {kind:?}: {error}"),
                    }
                }
            }
        }
    });
}

#[test]
fn shrunk_weights_save_as_nothing() {
    each_plan(|backend, kind| {
        let whole = saved(backend, kind);
        let owner = ChangingBuffer::new(whole.clone(), Vec::new(), usize::MAX);
        let packed = PackedWeights::from_shared(backend, owner.clone()).unwrap();
        assert!(packed.to_bytes() == whole);
        owner.change_after(0);
        assert!(packed.to_bytes().is_empty());
    });
}
