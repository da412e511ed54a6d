//! A run allocates nothing. The allocator counts on the running thread, because the test harness's thread allocates, too.

#[path = "suite/qdq/mod.rs"]
mod qdq;

use std::sync::Arc;

use allocation_counter::measure;
use eightbit::Backend;
use eightbit_graph::{DataType, Executor, ExecutorOptions, Parallel, Tensor, TensorView, TensorViewMut};

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

/// Several threads, all of them the one whose allocations are counted.
struct Counted;

impl Parallel for Counted {
    fn threads(&self) -> usize {
        3
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).for_each(task);
    }
}

#[test]
fn runs_in_parts_on_borrowed_memory_allocate_nothing() {
    let graph = qdq::network(DataType::U8, false);
    let x = qdq::Numbers(5).tensor(&[2, 3, 12, 11]);
    let mut options = ExecutorOptions::default();
    options.parallel = Some(Arc::new(Counted));
    let executor = Executor::new(&graph, &options).expect("a graph that runs");
    let first = executor.run(&[("x", &x)]).expect("a run");
    let [y, wide] = &first[..] else { panic!("two outputs") };
    let mut memory = [y, wide].map(|output| vec![f32::NAN; output.len()]);
    let counted = measure(|| {
        for _ in 0..2 {
            let [to_y, to_wide] = &mut memory;
            let view = TensorView::new(x.shape(), x.as_f32().expect("floats")).expect("fits");
            let outputs = &mut [
                TensorViewMut::new(y.shape(), to_y).expect("fits"),
                TensorViewMut::new(wide.shape(), to_wide).expect("fits"),
            ];
            executor.run_into(&[("x", view)], outputs).expect("a run");
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
    assert_eq!([&memory[0][..], &memory[1]], [y, wide].map(|output| output.as_f32().expect("floats")));
}
