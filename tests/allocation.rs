//! Steady-state calls allocate nothing: counted by the allocator itself.
//!
//! One test in a binary of its own, so that nothing else allocates meanwhile.

use std::alloc::System;

use eightbit::{
    Backend, Conv2d, Conv2dShape, ElementType, Gemm, MatMut, MatRef, PackedWeights, Padding, Per, Requantize,
    Stage, Workspace,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn steady_state_calls_allocate_nothing() {
    let stage = Stage::Requantize(Requantize::new(Per::Tensor(0.001), 3, ElementType::U8));
    for backend in Backend::available() {
        let (m, k, n) = (37, 61, 53);
        let weights = vec![3i8; k * n];
        let packed =
            PackedWeights::pack(backend, &MatRef::new(&weights, k, n).expect("weights"), 1).expect("pack");
        let mut gemm = Gemm::new(packed, ElementType::U8, 5, None, &stage).expect("plan");
        let lhs = vec![200u8; m * k];
        let mut out = vec![0u8; m * n];
        let mut workspace = Workspace::with_capacity(gemm.workspace_bytes());

        let shapes = [
            Conv2dShape { pad: Padding::same(1), ..Conv2dShape::new([9, 9], 24, 40, [3, 3]) },
            Conv2dShape { pad: Padding::same(1), stride: [2, 2], ..Conv2dShape::new([9, 9], 3, 8, [3, 3]) },
            Conv2dShape::new([7, 7], 32, 32, [1, 1]),
            Conv2dShape { pad: Padding::same(1), groups: 40, ..Conv2dShape::new([9, 9], 40, 40, [3, 3]) },
            Conv2dShape { groups: 2, ..Conv2dShape::new([9, 9], 40, 20, [3, 3]) },
        ];
        let mut convolutions: Vec<_> = shapes
            .into_iter()
            .map(|shape| {
                let group = shape.in_channels / shape.groups;
                let weights = vec![-7i8; shape.out_channels * shape.kernel[0] * shape.kernel[1] * group];
                let packed = Conv2d::pack(backend, &shape, &weights, 0).expect("pack");
                let conv = Conv2d::new(shape, packed, ElementType::U8, 9, None, &stage).expect("plan");
                let [h, w] = shape.output();
                let input = vec![100u8; shape.input[0] * shape.input[1] * shape.in_channels];
                let out = vec![0u8; h * w * shape.out_channels];
                let workspace = Workspace::with_capacity(conv.workspace_bytes());
                (conv, input, out, workspace)
            })
            .collect();

        let region = Region::new(ALLOCATOR);
        for zero in [5, 6] {
            gemm.set_lhs_zero_point(zero).expect("zero point");
            let lhs = MatRef::new(&lhs, m, k).expect("lhs");
            gemm.run(lhs, MatMut::new(&mut out, m, n).expect("out"), &mut workspace).expect("run");
            for task in gemm.tasks(lhs, MatMut::new(&mut out, m, n).expect("out"), 3).expect("tasks") {
                task.run(&mut workspace);
            }
            for (conv, input, out, workspace) in &mut convolutions {
                conv.run(input, out, workspace).expect("run");
            }
        }
        let change = region.change();
        assert_eq!(change.allocations + change.reallocations, 0, "backend {backend}: {change:?}");
    }
}
