//! One executor, several threads: the same bits, no waiting, borrowed memory, plans that share weights, runs that are cancelled.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use allocation_counter::measure;
use eightbit_graph::{
    DataType, Error, Executor, ExecutorOptions, Graph, Node, Parallel, RunOptions, Tensor, TensorView,
    TensorViewMut, ValueInfo,
};

use super::qdq::{Numbers, network};

/// A product with `[inputs, outputs]` weights and an activation, whose batch is open.
fn product([inputs, outputs]: [usize; 2]) -> Graph {
    let value = |name: &str, size| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: vec![None, Some(size)],
    };
    Graph {
        inputs: vec![value("x", inputs)],
        outputs: vec![value("y", outputs)],
        nodes: vec![
            Node::new("product", "MatMul", &["x", "w"], &["a"]),
            Node::new("tanh", "Tanh", &["a"], &["y"]),
        ],
        constants: [("w".to_owned(), Numbers(7).tensor(&[inputs, outputs]))].into(),
        ..Graph::default()
    }
}

fn executor(graph: &Graph) -> Executor {
    Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs")
}

#[test]
fn threads_share_an_executor_and_get_the_bits_of_one() {
    fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let fixed = network(DataType::U8, false);
    let open = product([12, 9]);
    for (graph, shapes) in
        [(fixed, vec![vec![2, 3, 12, 11]]), (open, vec![vec![1, 12], vec![5, 12], vec![3, 12]])]
    {
        let executor = executor(&graph);
        is_shared(&executor);
        let inputs: Vec<Tensor> =
            (1..13).zip(shapes.iter().cycle()).map(|(seed, shape)| Numbers(seed).tensor(shape)).collect();
        let alone: Vec<_> = inputs.iter().map(|x| executor.run(&[("x", x)]).expect("a run")).collect();
        std::thread::scope(|scope| {
            for first in 0..4 {
                let (executor, inputs, alone) = (executor.clone(), &inputs, &alone);
                scope.spawn(move || {
                    for at in (0..40).map(|turn| (first + 5 * turn) % inputs.len()) {
                        let found = executor.run(&[("x", &inputs[at])]).expect("a run");
                        assert_eq!(found, alone[at], "input {at}");
                    }
                });
            }
        });
    }
}

/// Threads that wait for those of another run: only runs that are under way at the same time go on.
#[derive(Default)]
struct Meeting {
    here: Mutex<usize>,
    changed: Condvar,
    /// Whether a run waited in vain.
    is_alone: AtomicBool,
}

impl Parallel for Meeting {
    fn threads(&self) -> usize {
        2
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let mut here = self.here.lock().expect("no panic");
        *here += 1;
        self.changed.notify_all();
        let wait = self.changed.wait_timeout_while(here, Duration::from_secs(20), |here| *here < 2);
        self.is_alone.fetch_or(wait.expect("no panic").1.timed_out(), Ordering::Relaxed);
        (0..tasks).for_each(task);
    }
}

#[test]
fn runs_do_not_wait_for_each_other() {
    let meeting = Arc::new(Meeting::default());
    let mut options = ExecutorOptions::default();
    options.parallel = Some(meeting.clone());
    let executor = Executor::new(&product([4, 6]), &options).expect("a graph that runs");
    let x = Numbers(3).tensor(&[1, 4]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| executor.run(&[("x", &x)]).expect("a run"));
        }
    });
    assert!(!meeting.is_alone.load(Ordering::Relaxed), "one run waits for the end of the other");
    assert!(*meeting.here.lock().expect("no panic") >= 2);
}

#[test]
fn the_limits_hold_for_all_runs_at_the_same_time() {
    let graph = product([64, 1 << 14]);
    let meeting = Arc::new(Meeting::default());
    let mut options = ExecutorOptions::default();
    options.parallel = Some(meeting.clone());
    let once = executor(&graph).memory_bytes() as u64;
    let weights = 2 * 4 * 64 * (1 << 14);
    // The weights, as they are and packed, and the values and the output of one run and a half.
    options.shapes.limits.max_bytes = weights + once + (once + (4 << 14)) / 2 + (4 << 14);
    let executor = Executor::new(&graph, &options).expect("a graph that runs");
    let x = Numbers(3).tensor(&[1, 64]);
    let results: Vec<_> = std::thread::scope(|scope| {
        let run = || {
            let result = executor.run(&[("x", &x)]);
            // The other one need not wait for a run that was refused.
            *meeting.here.lock().expect("no panic") += 1;
            meeting.changed.notify_all();
            result
        };
        [scope.spawn(run), scope.spawn(run)].map(|thread| thread.join().expect("no panic")).into()
    });
    let refused = results.iter().filter(|result| matches!(result, Err(Error::OverLimit { .. }))).count();
    assert_eq!(refused, 1, "{results:?}");
    assert!(executor.run(&[("x", &x)]).is_ok(), "one after the other they fit");
}

#[test]
fn inputs_and_outputs_are_the_callers_memory() {
    let executor = executor(&product([3, 2]));
    let x = Numbers(5).tensor(&[2, 3]);
    let expected = executor.run(&[("x", &x)]).expect("a run");
    let numbers = x.as_f32().expect("floats");
    let view = TensorView::new(&[2, 3], numbers).expect("six numbers");
    assert_eq!(executor.run(&[("x", view)]).expect("a run"), expected);
    let mut memory = [f32::NAN; 5];
    let (of_y, rest) = memory.split_at_mut(4);
    let y = TensorViewMut::new(&[2, 2], of_y).expect("four numbers");
    executor.run_into(&[("x", view)], &mut [y]).expect("a run");
    assert_eq!(of_y, expected[0].as_f32().expect("floats"));
    assert!(rest[0].is_nan());
    // Sizes and types that do not fit are named, and nothing is written.
    assert!(matches!(TensorView::new(&[2, 3], &numbers[1..]), Err(Error::InvalidTensor { .. })));
    assert!(matches!(TensorViewMut::new(&[3], of_y), Err(Error::InvalidTensor { .. })));
    let bytes = TensorView::new(&[2, 3], &[0u8; 6]).expect("six bytes");
    let message = executor.run(&[("x", bytes)]).expect_err("bytes").to_string();
    assert!(message.contains("f32") && message.contains("u8"), "{message}");
    let mut kept = [7f32; 6];
    for shape in [&[3, 2][..], &[2, 3], &[6]] {
        let wrong = TensorViewMut::new(shape, &mut kept).expect("six numbers");
        let message = executor.run_into(&[("x", view)], &mut [wrong]).expect_err("another shape").to_string();
        assert!(message.contains("[2, 2]"), "{message}");
    }
    let none: &mut [Tensor] = &mut [];
    assert!(matches!(executor.run_into(&[("x", view)], none), Err(Error::InvalidArgument { .. })));
    assert_eq!(kept, [7.0; 6]);
}

#[test]
fn a_batch_of_another_size_packs_nothing_again() {
    let (inputs, outputs) = (512, 512);
    let graph = product([inputs, outputs]);
    let weights = 4 * (inputs * outputs) as u64;
    let mut made = None;
    let first = measure(|| made = Some(executor(&graph)));
    let executor = made.expect("it is made");
    assert!(first.bytes_total >= weights, "the first plan packs the weights: {first:?}");
    // More sizes than plans are kept for, and the first ones again.
    for batch in [8, 2, 3, 4, 5, 6, 1, 8] {
        let x = Numbers(3).tensor(&[batch, inputs]);
        let counted = measure(|| drop(executor.run(&[("x", &x)]).expect("a run")));
        assert!(counted.bytes_total < weights / 4, "a batch of {batch}: {counted:?}");
    }
    let of_batches = 4 * (8 + 6 + 5 + 1) * (outputs + 16);
    assert!(executor.memory_bytes() <= 2 * of_batches, "{} bytes", executor.memory_bytes());
}

/// Counts its calls, and asks for the end of the run during one of them.
struct Cancelling {
    calls: AtomicUsize,
    at: usize,
    cancel: Arc<AtomicBool>,
}

impl Parallel for Cancelling {
    fn threads(&self) -> usize {
        3
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        if self.calls.fetch_add(1, Ordering::Relaxed) == self.at {
            self.cancel.store(true, Ordering::Relaxed);
        }
        (0..tasks).for_each(task);
    }
}

#[test]
fn a_cancelled_run_ends_before_the_next_step() {
    let graph = network(DataType::U8, false);
    let x = Numbers(3).tensor(&[2, 3, 12, 11]);
    let expected = executor(&graph).run(&[("x", &x)]).expect("a run");
    let cancel = Arc::new(AtomicBool::new(false));
    let pool = Arc::new(Cancelling { calls: AtomicUsize::new(0), at: 2, cancel: cancel.clone() });
    let mut options = ExecutorOptions::default();
    options.parallel = Some(pool.clone());
    let executor = Executor::new(&graph, &options).expect("a graph that runs");
    let mut outputs: Vec<Tensor> = expected
        .iter()
        .map(|output| Tensor::zeros(output.shape(), output.data_type()).expect("as large"))
        .collect();
    let blank = outputs.clone();
    let mut how = RunOptions::default();
    how.cancel = Some(&cancel);
    let result = executor.run_into_with(&[("x", &x)], &mut outputs, &how);
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert_eq!(pool.calls.load(Ordering::Relaxed), 3, "no step ran after the third");
    assert_eq!(outputs, blank);
    assert!(matches!(executor.run_with(&[("x", &x)], &how), Err(Error::Cancelled)));
    assert_eq!(pool.calls.load(Ordering::Relaxed), 3, "no step ran at all");
    cancel.store(false, Ordering::Relaxed);
    assert_eq!(executor.run_with(&[("x", &x)], &how).expect("a run"), expected);
    assert!(pool.calls.load(Ordering::Relaxed) > 6);
}

/// Starts threads for each step.
struct Scoped(usize);

impl Parallel for Scoped {
    fn threads(&self) -> usize {
        self.0
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            (0..tasks).for_each(|index| drop(scope.spawn(move || task(index))));
        });
    }
}

#[test]
fn the_threads_of_the_caller_change_nothing() {
    let graph = network(DataType::I8, false);
    let x = Numbers(3).tensor(&[2, 3, 12, 11]);
    let expected = executor(&graph).run(&[("x", &x)]).expect("a run");
    for threads in [0, 1, 2, 3, 7] {
        let mut options = ExecutorOptions::default();
        options.parallel = Some(Arc::new(Scoped(threads)));
        let executor = Executor::new(&graph, &options).expect("a graph that runs");
        assert_eq!(executor.run(&[("x", &x)]).expect("a run"), expected, "{threads} threads");
        options.threads = 2;
        let message = Executor::new(&graph, &options).expect_err("two pools").to_string();
        assert!(message.contains("parallel"), "{message}");
    }
    let mut options = ExecutorOptions::default();
    options.parallel = Some(Arc::new(Scoped(1 << 20)));
    assert!(matches!(Executor::new(&graph, &options), Err(Error::InvalidArgument { .. })));
}
