use super::*;
use crate::{Attribute, DataType, Node};

fn input(name: &str, shape: &[Option<usize>]) -> ValueInfo {
    ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: shape.to_vec() }
}

/// The shape of `y`, from a node that reads `x` (of shape `x`), and constants by name.
fn shape_of(node: Node, x: &[usize], constants: &[(&str, Tensor)]) -> Result<Vec<usize>, Error> {
    let dims: Vec<Option<usize>> = x.iter().copied().map(Some).collect();
    let graph = Graph {
        inputs: vec![input("x", &dims)],
        nodes: vec![node],
        constants: constants.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect(),
        ..Graph::default()
    };
    infer_shapes(&graph, &ShapeOptions::default()).map(|mut types| types.remove("y").expect("y").shape)
}

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DataType::F32).expect("small")
}

fn ints(values: &[i64]) -> Tensor {
    Tensor::vector(values)
}

fn unary(op: &str) -> Node {
    Node::new("n", op, &["x"], &["y"])
}

fn binary(op: &str) -> Node {
    Node::new("n", op, &["x", "c"], &["y"])
}

#[test]
fn convolutions() {
    let conv = || binary("Conv");
    let weights = [("c", zeros(&[8, 3, 3, 3]))];
    assert_eq!(shape_of(conv(), &[2, 3, 9, 9], &weights).expect("fits"), [2, 8, 7, 7]);
    let node = conv().with("strides", vec![2, 2]).with("pads", vec![0, 1, 1, 1]);
    assert_eq!(shape_of(node, &[1, 3, 8, 8], &weights).expect("fits"), [1, 8, 4, 4]);
    let node =
        conv().with("dilations", vec![2, 2]).with("auto_pad", "SAME_UPPER").with("strides", vec![2, 2]);
    assert_eq!(shape_of(node, &[1, 3, 9, 8], &weights).expect("fits"), [1, 8, 5, 4]);
    let depthwise = [("c", zeros(&[6, 1, 3, 3]))];
    assert_eq!(shape_of(conv().with("group", 3), &[1, 3, 3, 3], &depthwise).expect("fits"), [1, 6, 1, 1]);
    for bad in [
        conv().with("group", 2),
        conv().with("group", -1),
        conv().with("strides", vec![0, 1]),
        conv().with("strides", vec![1]),
        conv().with("pads", vec![i64::MAX; 4]),
        conv().with("dilations", vec![i64::MAX; 2]),
        conv().with("dilations", vec![5, 5]),
        conv().with("kernel_shape", vec![5, 5]),
        conv().with("auto_pad", "SOMEHOW"),
    ] {
        assert!(shape_of(bad.clone(), &[1, 3, 9, 9], &weights).is_err(), "{bad:?}");
    }
}

#[test]
fn pools_round_as_asked() {
    let pool = || unary("MaxPool").with("kernel_shape", vec![3, 3]).with("strides", vec![2, 2]);
    assert_eq!(shape_of(pool(), &[1, 1, 4, 4], &[]).expect("fits"), [1, 1, 1, 1]);
    assert_eq!(shape_of(pool().with("ceil_mode", 1), &[1, 1, 4, 4], &[]).expect("fits"), [1, 1, 2, 2]);
    // The last window would begin behind the input: kernel 1, stride 2 over 2 elements.
    let node =
        unary("MaxPool").with("kernel_shape", vec![1, 1]).with("strides", vec![2, 2]).with("ceil_mode", 1);
    assert_eq!(shape_of(node, &[1, 1, 2, 2], &[]).expect("fits"), [1, 1, 1, 1]);
    assert_eq!(shape_of(unary("GlobalAveragePool"), &[2, 5, 4, 4], &[]).expect("fits"), [2, 5, 1, 1]);
}

#[test]
fn products() {
    let product = |x: &[usize], c: &[usize]| shape_of(binary("MatMul"), x, &[("c", zeros(c))]);
    assert_eq!(product(&[2, 3], &[3, 4]).expect("fits"), [2, 4]);
    assert_eq!(product(&[3], &[3, 4]).expect("fits"), [4]);
    assert_eq!(product(&[2, 3], &[3]).expect("fits"), [2]);
    assert_eq!(product(&[3], &[3]).expect("fits"), [0usize; 0]);
    assert_eq!(product(&[5, 1, 2, 3], &[7, 3, 4]).expect("fits"), [5, 7, 2, 4]);
    assert!(product(&[2, 3], &[2, 3]).is_err());
    assert!(product(&[], &[2, 3]).is_err());
    let gemm = binary("Gemm").with("transA", 1).with("transB", 1);
    assert_eq!(shape_of(gemm, &[3, 2], &[("c", zeros(&[4, 3]))]).expect("fits"), [2, 4]);
}

#[test]
fn broadcasting() {
    let add = |x: &[usize], c: &[usize]| shape_of(binary("Add"), x, &[("c", zeros(c))]);
    assert_eq!(add(&[2, 1, 4], &[3, 1]).expect("fits"), [2, 3, 4]);
    assert_eq!(add(&[0, 4], &[1]).expect("fits"), [0, 4]);
    assert!(add(&[2], &[3]).is_err());
    assert!(shape_of(binary("Add"), &[2], &[("c", ints(&[1, 2]))]).is_err());
}

#[test]
fn arrangements() {
    let with = |op: &str, x: &[usize], c: &[i64]| shape_of(binary(op), x, &[("c", ints(c))]);
    assert_eq!(with("Reshape", &[2, 3, 4], &[0, -1]).expect("fits"), [2, 12]);
    assert!(with("Reshape", &[2, 3, 4], &[5, -1]).is_err());
    assert!(with("Reshape", &[2, 3], &[-1, -1]).is_err());
    assert!(with("Reshape", &[0, 3], &[0, -1]).is_err());
    assert!(with("Reshape", &[6], &[-2, -3]).is_err());
    assert_eq!(with("Squeeze", &[1, 3, 1], &[-1]).expect("fits"), [1, 3]);
    assert!(with("Squeeze", &[1, 3, 1], &[1]).is_err());
    assert_eq!(with("Unsqueeze", &[3], &[0, -1]).expect("fits"), [1, 3, 1]);
    assert!(with("Unsqueeze", &[3], &[0, 0]).is_err());
    assert_eq!(with("Pad", &[2, 3], &[1, 0, 0, -1]).expect("fits"), [3, 2]);
    assert!(with("Pad", &[2, 3], &[-3, 0, 0, 0]).is_err());
    assert!(with("Pad", &[2, 3], &[i64::MAX, 0, i64::MAX, 0]).is_err());
    assert_eq!(with("ReduceMean", &[2, 3, 4], &[-1]).expect("fits"), [2, 3, 1]);
    assert_eq!(shape_of(unary("ReduceMean").with("keepdims", 0), &[2, 3], &[]).expect("fits"), [0usize; 0]);
    assert_eq!(shape_of(unary("Flatten").with("axis", 3), &[2, 3, 4], &[]).expect("fits"), [24, 1]);
    let transpose = |perm: &[i64]| shape_of(unary("Transpose").with("perm", perm.to_vec()), &[2, 3, 4], &[]);
    assert_eq!(transpose(&[2, 0, 1]).expect("fits"), [4, 2, 3]);
    assert!(transpose(&[0, 0, 1]).is_err());
    assert!(transpose(&[0, 1]).is_err());
    let concat = Node::new("n", "Concat", &["x", "c", "x"], &["y"]).with("axis", -1);
    assert_eq!(shape_of(concat, &[2, 3], &[("c", zeros(&[2, 1]))]).expect("fits"), [2, 7]);
}

#[test]
fn shapes_can_be_values() {
    let graph = Graph {
        inputs: vec![input("x", &[Some(2), Some(3), Some(4)]), input("z", &[Some(24)])],
        nodes: vec![
            Node::new("shape", "Shape", &["x"], &["s"]).with("start", 1),
            Node::new("reshape", "Reshape", &["z", "s"], &["bad"]),
        ],
        ..Graph::default()
    };
    assert!(infer_shapes(&graph, &ShapeOptions::default()).is_err(), "24 elements are not 3 × 4");
    let mut graph = graph;
    graph.nodes[0].attributes.insert("start".to_owned(), Attribute::Int(-3));
    let types = infer_shapes(&graph, &ShapeOptions::default()).expect("fits");
    assert_eq!(types["bad"].shape, [2, 3, 4]);
}

#[test]
fn open_dimensions_must_be_bound() {
    let graph = Graph { inputs: vec![input("x", &[None, Some(3)])], ..Graph::default() };
    let error = infer_shapes(&graph, &ShapeOptions::default()).expect_err("open");
    assert!(matches!(error, Error::UnknownDimension { axis: 0, .. }), "{error}");
    assert_eq!(infer_shapes(&graph, &ShapeOptions::with_batch(4)).expect("bound")["x"].shape, [4, 3]);
    let given = |shape: &[usize]| ShapeOptions {
        inputs: [("x".to_owned(), shape.to_vec())].into(),
        ..ShapeOptions::default()
    };
    assert_eq!(infer_shapes(&graph, &given(&[5, 3])).expect("bound")["x"].shape, [5, 3]);
    assert!(infer_shapes(&graph, &given(&[5, 4])).is_err());
    assert!(infer_shapes(&graph, &given(&[5])).is_err());
}

#[test]
fn sizes_are_limited() {
    let error = shape_of(unary("Relu"), &[1 << 20, 1 << 20], &[]).expect_err("2⁴⁰ elements");
    assert!(error.to_string().contains("limit"), "{error}");
    assert!(shape_of(unary("Relu"), &[usize::MAX, 2], &[]).is_err());
    assert!(shape_of(binary("Pad"), &[1], &[("c", ints(&[1 << 40, 0]))]).is_err());
}

#[test]
fn unknown_operators_are_named() {
    let error = shape_of(unary("Frobnicate"), &[1], &[]).expect_err("no such operator").to_string();
    assert!(error.contains("ai.onnx.Frobnicate") && error.contains("\"n\""), "{error}");
}
