//! A run allocates nothing. The allocator counts on the running thread, because the test harness's thread allocates, too.

#[path = "suite/qdq/mod.rs"]
mod qdq;

use allocation_counter::measure;
use eightbit::Backend;
use eightbit_graph::{DataType, Executor, ExecutorOptions, Tensor};

#[test]
fn runs_allocate_nothing() {
    assert_eq!(
        measure(|| drop(std::hint::black_box(Box::new(1)))).count_total,
        1,
        "the allocator must count"
    );
    let cases = [DataType::U8, DataType::I8].into_iter().flat_map(|activations| {
        [(qdq::network(activations, false), [2, 3, 12, 11]), (qdq::elementwise(activations), [1, 8, 50, 60])]
    });
    for (graph, shape) in cases {
        let x = qdq::Numbers(5).tensor(&shape);
        for backend in Backend::available() {
            let mut options = ExecutorOptions::default();
            options.backend = Some(backend);
            let executor = Executor::new(&graph, &options).expect("a graph that runs");
            let first = executor.run(&[("x", &x)]).expect("a run");
            let mut outputs: Vec<Tensor> = first
                .iter()
                .map(|tensor| Tensor::zeros(tensor.shape(), DataType::F32).expect("as large"))
                .collect();
            let counted = measure(|| {
                for _ in 0..2 {
                    executor.run_into(&[("x", &x)], &mut outputs).expect("a run");
                }
            });
            assert_eq!(counted.count_total, 0, "backend {backend}: {counted:?}");
            assert_eq!(outputs, first);
        }
    }
}
