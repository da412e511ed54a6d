//! A run allocates nothing: counted by the allocator itself.
//!
//! One test in a binary of its own, so that nothing else allocates meanwhile.

mod qdq;

use std::alloc::System;

use eightbit::Backend;
use eightbit_graph::{DataType, Executor, ExecutorOptions, Tensor};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn runs_allocate_nothing() {
    let x = qdq::Numbers(5).tensor(&[2, 3, 12, 11]);
    for activations in [DataType::U8, DataType::I8] {
        let graph = qdq::network(activations, false);
        for backend in Backend::available() {
            let mut options = ExecutorOptions::default();
            options.backend = Some(backend);
            let mut executor = Executor::new(&graph, &options).expect("a graph that runs");
            let first = executor.run(&[("x", &x)]).expect("a run");
            let mut outputs: Vec<Tensor> = first
                .iter()
                .map(|tensor| Tensor::zeros(tensor.shape(), DataType::F32).expect("as large"))
                .collect();
            let region = Region::new(ALLOCATOR);
            for _ in 0..2 {
                executor.run_into(&[("x", &x)], &mut outputs).expect("a run");
            }
            let change = region.change();
            assert_eq!(change.allocations + change.reallocations, 0, "backend {backend}: {change:?}");
            assert_eq!(outputs, first);
        }
    }
}
