//! Converts float models to eight-bit models, and runs either.
//!
//! Data flow: file → [`Graph`] → passes → calibrated graph → eight-bit graph → file; and graph → execution plan → runs.
//!
//! # A model runs
//!
//! A file becomes a [`Graph`], and the graph an [`Executor`]: its plan is made, its weights are packed, and every buffer has its place.
//! What comes then is runs.
//!
//! ```no_run
//! use eightbit_graph::{Executor, ExecutorOptions, Graph, Limits, Tensor};
//! let graph = Graph::from_onnx_file("model.onnx")?;
//! let mut options = ExecutorOptions::default();
//! // Files of strangers have limits. A model that is trusted, and large, may ask for more.
//! options.shapes.limits = Limits::for_model(&graph);
//! let executor = Executor::new(&graph, &options)?;
//! let image = Tensor::new([1, 3, 224, 224], vec![0.0f32; 3 * 224 * 224])?;
//! let outputs = executor.run(&[("input", &image)])?;
//! println!("{:?}\n{}", outputs[0].shape(), executor.explain());
//! # Ok::<(), eightbit_graph::Error>(())
//! ```
//!
//! [`passes`] change a graph before, each a function from graph to graph: [`passes::strip_unused_nodes`], [`passes::fold_constants`],
//! [`passes::inline_branches`]. None is needed: an executor has those of its own.
//!
//! # Images, memory of the caller, batches
//!
//! Inputs and outputs are tensors, or [views](TensorView) of memory that is there already: the pixels of a decoder, the buffer that an
//! answer is wanted in. The batch is free where the model leaves it open; each size has a plan of its own, and all plans have the same
//! weights.
//!
//! ```
//! use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Node, Tensor, TensorView, TensorViewMut, ValueInfo};
//! // The mean of each color, whatever the batch: a model of one node.
//! let value = |name: &str, shape: &[Option<usize>]| {
//!     ValueInfo { name: name.into(), data_type: DataType::F32, shape: shape.to_vec() }
//! };
//! let graph = Graph {
//!     opset: 13,
//!     inputs: vec![value("image", &[None, Some(3), Some(2), Some(2)])],
//!     outputs: vec![value("colors", &[None, Some(3), Some(1), Some(1)])],
//!     nodes: vec![Node::new("mean", "GlobalAveragePool", &["image"], &["colors"])],
//!     ..Graph::default()
//! };
//! let executor = Executor::new(&graph, &ExecutorOptions::default())?;
//!
//! // Pixels of bytes, color by color (NHWC), as decoders give them; the model wants planes of floats (NCHW).
//! let pixels: [[u8; 3]; 4] = [[255, 0, 0], [255, 128, 0], [255, 0, 255], [255, 128, 0]];
//! let planes: Vec<f32> =
//!     (0..3).flat_map(|color| pixels.iter().map(move |pixel| f32::from(pixel[color]) / 255.0)).collect();
//! let image = TensorView::new(&[1, 3, 2, 2], &planes)?;
//! let mut colors = [0f32; 3];
//! executor.run_into(&[("image", image)], &mut [TensorViewMut::new(&[1, 3, 1, 1], &mut colors)?])?;
//! assert_eq!(colors, [1.0, 64.0 / 255.0, 0.25]);
//!
//! let two = Tensor::new([2, 3, 2, 2], [&planes[..], &planes].concat())?;
//! assert_eq!(executor.run(&[("image", &two)])?[0].as_f32()?, [colors, colors].concat());
//! # Ok::<(), eightbit_graph::Error>(())
//! ```
//!
//! # Arrays of NumPy
//!
//! A `.npy` file has a shape and elements; any reader will do. This one is of the crate `npyz`.
//!
//! ```
//! # let mut file = b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }".to_vec();
//! # file.resize(79, b' ');
//! # file.push(b'\n');
//! # file.extend([1.5f32, -2.0].map(f32::to_le_bytes).concat());
//! use eightbit_graph::Tensor;
//! let array = npyz::NpyFile::new(&file[..])?;
//! let shape: Vec<usize> = array.shape().iter().map(|&size| size as usize).collect();
//! let tensor = Tensor::new(shape, array.into_vec::<f32>()?)?;
//! assert_eq!((tensor.shape(), tensor.as_f32()?), (&[1, 2][..], &[1.5, -2.0][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Text, on several threads
//!
//! A model of text reads the numbers of words, as many as there are. Threads share one executor: [`Executor::run`] takes `&self`, a clone
//! is a handle, and no run waits for another.
//!
//! ```
//! use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Node, Tensor, TensorView, ValueInfo};
//! // Words have vectors, and a text has the mean of those of its words.
//! let graph = Graph {
//!     opset: 13,
//!     inputs: vec![ValueInfo { name: "words".into(), data_type: DataType::I64, shape: vec![None] }],
//!     outputs: vec![ValueInfo { name: "text".into(), data_type: DataType::F32, shape: vec![Some(2)] }],
//!     nodes: vec![
//!         Node::new("embed", "Gather", &["vectors", "words"], &["of words"]),
//!         Node::new("mean", "ReduceMean", &["of words"], &["text"]).with("axes", vec![0]).with("keepdims", 0),
//!     ],
//!     constants: [("vectors".into(), Tensor::new([3, 2], vec![0.0f32, 0.0, 1.0, 0.0, 0.0, 1.0])?)].into(),
//!     ..Graph::default()
//! };
//! let executor = Executor::new(&graph, &ExecutorOptions::default())?;
//! let texts: [&[i64]; 3] = [&[1], &[1, 2], &[2, 2, 2, 0]];
//! let answers = std::thread::scope(|scope| {
//!     let answer = |words: &'static [i64]| {
//!         let shape = [words.len()];
//!         executor.run(&[("words", TensorView::new(&shape, words)?)])
//!     };
//!     let threads = texts.map(|words| scope.spawn(move || answer(words)));
//!     threads.map(|thread| thread.join().expect("no panic"))
//! });
//! for (answer, expected) in answers.into_iter().zip([[1.0f32, 0.0], [0.5, 0.5], [0.0, 0.75]]) {
//!     assert_eq!(answer?, [Tensor::vector(expected)]);
//! }
//! # Ok::<(), eightbit_graph::Error>(())
//! ```
//!
//! Within a run, [`ExecutorOptions::threads`] splits steps over the current rayon pool (feature `rayon`), and
//! [`ExecutorOptions::parallel`] over any other threads. [`RunOptions::cancel`] ends a run that nobody waits for.
//!
//! # Eight bits
//!
//! [`quantize::quantize`] runs the float graph on examples, and returns a graph of the same inputs and outputs, whose weights and activations
//! are bytes. Examples are a [`quantize::Dataset`]: tensors in memory, or a source that reads each when it is needed, such as a folder of
//! photos or of arrays. The report says of each node whether it became eight-bit, and why not. The file is plain ONNX in QDQ form.
//!
//! ```
//! use eightbit_graph::quantize::{FromFn, QuantizeOptions, Role, quantize};
//! use eightbit_graph::{DataType, Error, Executor, ExecutorOptions, Graph, Node, Tensor, ValueInfo, passes};
//! # let value = |name: &str, shape: &[usize]| {
//! #     let shape = shape.iter().map(|&size| Some(size)).collect();
//! #     ValueInfo { name: name.into(), data_type: DataType::F32, shape }
//! # };
//! # let numbers = |shape: &[usize], seed: usize| -> Result<Tensor, Error> {
//! #     let count = shape.iter().product::<usize>();
//! #     let elements: Vec<f32> = (0..count).map(|at| ((at * 37 + seed) % 101) as f32 / 50.0 - 1.0).collect();
//! #     Tensor::new(shape, elements)
//! # };
//! # let graph = Graph {
//! #     opset: 13,
//! #     inputs: vec![value("image", &[1, 3, 16, 16])],
//! #     outputs: vec![value("scores", &[1, 8, 14, 14])],
//! #     nodes: vec![
//! #         Node::new("conv", "Conv", &["image", "weights"], &["sums"]),
//! #         Node::new("relu", "Relu", &["sums"], &["scores"]),
//! #     ],
//! #     constants: [("weights".into(), numbers(&[8, 3, 3, 3], 5)?)].into(),
//! #     ..Graph::default()
//! # };
//! // `graph` is a float model: Graph::from_onnx_file("model.onnx")?
//! let graph = passes::strip_unused_nodes(graph)?;
//! // Here each example is computed; a folder of photos would be read and decoded.
//! let examples = FromFn::new(8, |index| Ok::<_, Error>(vec![numbers(&[1, 3, 16, 16], index)?]));
//! let (eight_bit, report) = quantize(&graph, &examples, &QuantizeOptions::default(), |_| {})?;
//! assert!(report.nodes.iter().all(|node| !matches!(node.role, Role::Float(_))));
//!
//! let example = numbers(&[1, 3, 16, 16], 3)?;
//! let run = |graph: &Graph| {
//!     Executor::new(graph, &ExecutorOptions::default())?.run(&[("image", &example)])
//! };
//! let (float, bytes) = (run(&graph)?, run(&eight_bit)?);
//! let pairs = float[0].as_f32()?.iter().zip(bytes[0].as_f32()?);
//! assert!(pairs.fold(0f32, |most, (a, b)| most.max((a - b).abs())) < 0.2);
//! // eight_bit.to_onnx_file("model.int8.onnx")? writes it.
//! # assert!(eight_bit.to_onnx_bytes()?.len() > 100);
//! # Ok::<(), Error>(())
//! ```
//!
//! A dataset of one's own is a type with the trait [`quantize::Dataset`], and an aid to accuracy of one's own one with the trait
//! [`quantize::Aid`], which [`quantize::quantize_with`] tries, and keeps if the answers get better.
//!
//! # Runtimes
//!
//! [`supported`] tells of every node of a graph how it would run, and of those that cannot why: a runtime takes the nodes that it wants
//! computed here as a graph of its own. [`Executor::outputs_for`] tells the shapes of results before a run.
#![forbid(unsafe_code)]

mod bind;
pub mod compare;
mod data_type;
mod energy;
mod error;
mod error_list;
mod escape;
mod exec;
mod inspect;
mod ir;
mod limits;
mod names;
mod node;
mod node_errors;
mod onnx;
mod op;
pub mod ops;
pub mod passes;
pub mod precision;
pub mod quantize;
mod read;
pub mod shapes;
mod tensor;
mod topology;
mod view;

pub use data_type::DataType;
pub use error::Error;
pub use error_list::MissingOperator;
pub use escape::{escaped, quoted};
pub use exec::{Executor, ExecutorOptions, Parallel, RunOptions, StepKind, StepTime, Support, supported};
pub use inspect::{Inspection, NodeFacts, inspect};
pub use ir::{Attribute, Graph, Node, ValueInfo};
pub use limits::Limits;
pub use names::Names;
pub use onnx::{DEFAULT_OPSET, NEWEST_OPSET, OLDEST_OPSET};
pub use op::Op;
pub use read::read_limited;
pub use tensor::{Element, Tensor, TensorData, TensorType, element_count};
pub use view::{AsTensor, AsTensorMut, TensorView, TensorViewMut};
