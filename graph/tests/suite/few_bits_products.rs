//! Products of numbers of few bits: in integers where these give the sums of the floats, bit for bit.

use eightbit_graph::{Executor, ExecutorOptions, Graph, Node, Op, Tensor, ValueInfo, ops};
use eightbit_testing::Random;

use crate::values::value;

const DOMAIN: &str = "qonnx.custom_op.general";

/// A quantizer of `x`, or of weights, to `name`.
fn quantizer(kind: Kind, from: &str, name: &str) -> (Node, Vec<(String, Tensor)>) {
    let constants: Vec<(&str, f32)> = match kind {
        Kind::Bipolar { scale } => vec![("scale", scale)],
        Kind::Quant { scale, zero, bits, .. } => vec![("scale", scale), ("zero", zero), ("bits", bits)],
    };
    let constants: Vec<(String, Tensor)> =
        constants.into_iter().map(|(what, x)| (format!("{name}_{what}"), Tensor::scalar(x))).collect();
    let mut inputs = vec![from];
    inputs.extend(constants.iter().map(|(name, _)| name.as_str()));
    let op = match kind {
        Kind::Bipolar { .. } => "BipolarQuant",
        Kind::Quant { .. } => "Quant",
    };
    let mut node = Node::of(Op::new(DOMAIN, op), &format!("{name}_quantizer"), &inputs, &[name]);
    if let Kind::Quant { signed, narrow, mode, .. } = kind {
        let flags = [("signed", i64::from(signed)), ("narrow", i64::from(narrow))];
        node = flags.into_iter().fold(node, |node, (name, flag)| node.with(name, flag));
        node = node.with("rounding_mode", mode);
    }
    (node, constants)
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Bipolar { scale: f32 },
    Quant { scale: f32, zero: f32, bits: f32, signed: bool, narrow: bool, mode: &'static str },
}

impl Kind {
    fn draw(random: &mut Random) -> Kind {
        let scale = [1.0, 0.5, 0.25, 3.0, 0.375][random.below(5)];
        if random.flip() {
            return Kind::Bipolar { scale };
        }
        Kind::Quant {
            scale,
            zero: [0.0, 0.0, 0.0, 1.0, -2.0][random.below(5)],
            bits: random.between(1, 7) as f32,
            signed: random.flip(),
            narrow: random.flip(),
            mode: ["ROUND", "FLOOR", "CEIL", "HALF_UP", "DOWN"][random.below(5)],
        }
    }
}

/// A product of a quantized `x` with quantized weights, which are `[depth, columns]`, transposed when they are read, or those of a
/// convolution.
fn network(x: &[usize], weights: &Tensor, [of_x, of_weights]: [Kind; 2], product: Node) -> Graph {
    let (first, mut constants) = quantizer(of_x, "x", "a");
    let (second, others) = quantizer(of_weights, "weights", "w");
    constants.extend(others);
    constants.push(("weights".to_owned(), weights.clone()));
    let is_matrix = weights.rank() == 2;
    let mut nodes = vec![first, second];
    if is_matrix {
        nodes.push(Node::of(Op::new("", "Transpose"), "transpose", &["w"], &["wt"]));
    }
    nodes.push(product);
    Graph {
        opset: 13,
        inputs: vec![value("x", x)],
        outputs: vec![ValueInfo { shape: vec![None; x.len()], ..value("y", &[]) }],
        nodes,
        constants: constants.into_iter().collect(),
        ..Graph::default()
    }
}

/// Runs a network and compares it with the plain evaluator; returns how it runs.
fn check(graph: &Graph, x: &Tensor) -> String {
    let expected = ops::evaluate_graph(graph, &[("x", x)]).unwrap();
    let executor = Executor::new(graph, &ExecutorOptions::default()).unwrap();
    let found = executor.run(&[("x", x)]).unwrap();
    let bits = |tensors: &[Tensor]| -> Vec<u32> {
        // NaN has many forms.
        let canonical = |x: f32| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() };
        tensors.iter().flat_map(|tensor| tensor.as_f32().unwrap().iter().copied().map(canonical)).collect()
    };
    assert_eq!(bits(&found), bits(&expected), "{}", executor.explain());
    executor.explain()
}

fn draw(random: &mut Random, shape: &[usize]) -> Tensor {
    let len = shape.iter().product();
    let special = [f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, f32::MIN_POSITIVE];
    let numbers: Vec<f32> = (0..len)
        .map(|_| if random.below(20) == 0 { special[random.below(5)] } else { random.float() * 3.0 })
        .collect();
    Tensor::new(shape, numbers).unwrap()
}

fn weights(random: &mut Random, shape: &[usize]) -> Tensor {
    let numbers: Vec<f32> = (0..shape.iter().product()).map(|_| random.float() * 2.0).collect();
    Tensor::new(shape, numbers).unwrap()
}

#[test]
fn matrix_products_are_those_of_floats() {
    let mut random = Random(1);
    let mut in_integers = [0, 0];
    for _ in 0..400 {
        let kinds = [Kind::draw(&mut random), Kind::draw(&mut random)];
        let (rows, depth, columns) = (random.below(5), 1 + random.below(150), 1 + random.below(40));
        let x = if random.flip() { vec![rows, depth] } else { vec![2, rows, depth] };
        let mut product = Node::of(Op::new("", "MatMul"), "product", &["a", "wt"], &["y"]);
        let mut bias = None;
        if x.len() == 2 && random.flip() {
            product = Node::of(Op::new("", "Gemm"), "product", &["a", "w", "bias"], &["y"]).with("transB", 1);
            bias = Some(("bias".to_owned(), weights(&mut random, &[columns])));
        }
        let mut graph = network(&x, &weights(&mut random, &[columns, depth]), kinds, product);
        graph.constants.extend(bias);
        let how = check(&graph, &draw(&mut random, &x));
        in_integers[0] += usize::from(how.contains("binary matrix product"));
        in_integers[1] += usize::from(how.contains("eight-bit matrix product"));
    }
    assert!(in_integers[0] > 30 && in_integers[1] > 100, "{in_integers:?}");
}

#[test]
fn convolutions_are_those_of_floats() {
    let mut random = Random(2);
    let mut in_integers = [0, 0];
    for _ in 0..300 {
        let kinds = [Kind::draw(&mut random), Kind::draw(&mut random)];
        let groups = [1, 1, 2][random.below(3)];
        let (inputs, outputs) = (groups * (1 + random.below(60)), groups * (1 + random.below(20)));
        let kernel = 1 + random.below(3);
        let x = [1 + random.below(2), inputs, 5 + random.below(6), 5 + random.below(6)];
        let pads: Vec<i64> = (0..4).map(|_| random.between(0, 3).into()).collect();
        let [strides, dilations]: [Vec<i64>; 2] =
            [0, 1].map(|_| vec![random.between(1, 2).into(), random.between(1, 2).into()]);
        let mut product = Node::of(Op::new("", "Conv"), "product", &["a", "w"], &["y"])
            .with("group", groups as i64)
            .with("pads", pads)
            .with("strides", strides)
            .with("dilations", dilations);
        let bias = random.flip().then(|| weights(&mut random, &[outputs]));
        if bias.is_some() {
            product.inputs.push("bias".to_owned());
        }
        let w = weights(&mut random, &[outputs, inputs / groups, kernel, kernel]);
        let mut graph = network(&x, &w, kinds, product);
        graph.constants.extend(bias.map(|bias| ("bias".to_owned(), bias)));
        let how = check(&graph, &draw(&mut random, &x));
        in_integers[0] += usize::from(how.contains("binary convolution"));
        in_integers[1] += usize::from(how.contains("eight-bit convolution"));
    }
    assert!(in_integers[0] > 10 && in_integers[1] > 60, "{in_integers:?}");
}

const TERNARY: Kind =
    Kind::Quant { scale: 1.0, zero: 0.0, bits: 2.0, signed: true, narrow: true, mode: "ROUND" };
const BIPOLAR: Kind = Kind::Bipolar { scale: 1.0 };

/// Between products of signs there are bits, whose thresholds give the signs of the floats.
#[test]
fn chains_of_signs_are_those_of_floats() {
    let mut random = Random(6);
    let mut chained = 0;
    for _ in 0..200 {
        let is_matrix = random.flip();
        // Fewer than sixteen run as bytes.
        let channels =
            [16 + random.below(90), 16 + random.below(90), 16 + random.below(90), 1 + random.below(20)];
        let x = if is_matrix { vec![3, channels[0]] } else { vec![2, channels[0], 4, 5] };
        let (first, mut constants) = quantizer(BIPOLAR, "x", "a");
        let mut nodes = vec![first];
        let mut value_name = "a".to_owned();
        for layer in 0..3 {
            let [w, y, z, q] = ["w", "y", "z", "q"].map(|name| format!("{name}{layer}"));
            let [inputs, outputs] = [channels[layer], channels[layer + 1]];
            let shape = if is_matrix { vec![inputs, outputs] } else { vec![outputs, inputs, 3, 3] };
            let signs = weights(&mut random, &shape);
            let signs = signs.as_f32().unwrap().iter().map(|x| 1f32.copysign(*x)).collect::<Vec<_>>();
            constants.push((w.clone(), Tensor::new(shape, signs).unwrap()));
            let product = if is_matrix {
                Node::of(Op::new("", "MatMul"), &y, &[value_name.as_str(), w.as_str()], &[y.as_str()])
            } else {
                Node::of(Op::new("", "Conv"), &y, &[value_name.as_str(), w.as_str()], &[y.as_str()])
                    .with("pads", vec![1, 1, 1, 1])
            };
            nodes.push(product);
            if layer == 2 {
                value_name = y;
                break;
            }
            let per_channel = if is_matrix { vec![outputs] } else { vec![outputs, 1, 1] };
            let mut constant = |name: &str, shape: &[usize]| {
                let name = format!("{name}{layer}");
                let numbers = weights(&mut random, shape).as_f32().unwrap().to_vec();
                // Channels that are always of one sign, too.
                let numbers: Vec<f32> = numbers.into_iter().map(|x| if x > 1.8 { 0.0 } else { x }).collect();
                constants.push((name.clone(), Tensor::new(shape, numbers).unwrap()));
                name
            };
            if channels[layer + 2].is_multiple_of(2) {
                let names = ["gamma", "beta", "mean"].map(|name| constant(name, &[outputs]));
                let variance = format!("variance{layer}");
                constants.push((variance.clone(), Tensor::new([outputs], vec![100.0f32; outputs]).unwrap()));
                let inputs = [&y, &names[0], &names[1], &names[2], &variance].map(String::as_str);
                nodes.push(Node::of(Op::new("", "BatchNormalization"), &z, &inputs, &[z.as_str()]));
            } else {
                let [factor, term] = [constant("factor", &per_channel), constant("term", &per_channel)];
                let scaled = format!("scaled{layer}");
                let [factors, terms] = [[y.as_str(), &factor], [term.as_str(), &scaled]];
                nodes.push(Node::of(Op::new("", "Mul"), &scaled, &factors, &[scaled.as_str()]));
                nodes.push(Node::of(Op::new("", "Sub"), &z, &terms, &[z.as_str()]));
            }
            let (next, others) = quantizer(BIPOLAR, &z, &q);
            constants.extend(others);
            nodes.push(next);
            value_name = q;
        }
        let graph = Graph {
            opset: 13,
            inputs: vec![value("x", &x)],
            outputs: vec![ValueInfo { shape: vec![None; x.len()], ..value(&value_name, &[]) }],
            nodes,
            constants: constants.into_iter().collect(),
            ..Graph::default()
        };
        let how = check(&graph, &draw(&mut random, &x));
        chained += how.matches("→ bits").count();
    }
    assert_eq!(chained, 400);
}

/// Without a product behind them, in every layout.
#[test]
fn quantizers_and_normalizations_in_floats() {
    let mut random = Random(5);
    for _ in 0..200 {
        let kind = match Kind::draw(&mut random) {
            Kind::Quant { scale, zero, signed, narrow, mode, .. } => {
                let bits = [1.0, 2.0, 3.5, 8.0, 16.0, 17.0, 24.0][random.below(7)];
                Kind::Quant { scale, zero, bits, signed, narrow, mode }
            }
            bipolar @ Kind::Bipolar { .. } => bipolar,
        };
        let channels = 1 + random.below(9);
        let x = [vec![3, channels], vec![2, channels, 7], vec![1, channels, 2, 3]][random.below(3)].clone();
        let (quantizer, mut constants) = quantizer(kind, "n", "y");
        let names = ["gamma", "beta", "mean", "variance"];
        for name in names {
            let numbers: Vec<f32> =
                weights(&mut random, &[channels]).as_f32().unwrap().iter().map(|x| x.abs()).collect();
            constants.push((name.to_owned(), Tensor::new([channels], numbers).unwrap()));
        }
        let inputs = ["x", names[0], names[1], names[2], names[3]];
        let normalization = Node::of(Op::new("", "BatchNormalization"), "normalization", &inputs, &["n"]);
        let graph = Graph {
            opset: 13,
            inputs: vec![value("x", &x)],
            outputs: vec![value("y", &x)],
            nodes: vec![normalization, quantizer],
            constants: constants.into_iter().collect(),
            ..Graph::default()
        };
        let how = check(&graph, &draw(&mut random, &x));
        assert!(!how.contains("plain loops"), "{how}");
    }
}

#[test]
fn what_is_not_exact_stays_in_floats() {
    let mut random = Random(3);
    let product = || Node::of(Op::new("", "MatMul"), "product", &["a", "wt"], &["y"]);
    let w = weights(&mut random, &[4, 20]);
    // 0.3 has too many bits for twenty products.
    for (kinds, integers) in [
        ([TERNARY, BIPOLAR], true),
        ([Kind::Bipolar { scale: 0.3 }, BIPOLAR], false),
        ([TERNARY, Kind::Bipolar { scale: 0.3 }], false),
    ] {
        let graph = network(&[3, 20], &w, kinds, product());
        let executor = Executor::new(&graph, &ExecutorOptions::default()).unwrap();
        assert_eq!(!executor.explain().contains("f32 matrix product"), integers, "{}", executor.explain());
    }
    // Another node reads the quantized input, too.
    let mut graph = network(&[3, 20], &w, [TERNARY, BIPOLAR], product());
    graph.outputs.push(value("a", &[3, 20]));
    let how = check(&graph, &draw(&mut random, &[3, 20]));
    assert!(how.contains("f32 matrix product"), "{how}");
}

/// A normalization of another axis, empty matrices, and biases that are no numbers.
#[test]
fn what_integers_do_not_have_stays_in_floats() {
    let mut random = Random(7);
    let signs = |random: &mut Random, shape: &[usize]| {
        let signs =
            weights(random, shape).as_f32().unwrap().iter().map(|x| 1f32.copysign(*x)).collect::<Vec<_>>();
        Tensor::new(shape, signs).unwrap()
    };
    let (first, mut constants) = quantizer(BIPOLAR, "x", "a");
    let (second, others) = quantizer(BIPOLAR, "n", "b");
    constants.extend(others);
    constants.push(("w".to_owned(), signs(&mut random, &[20, 30])));
    constants.push(("v".to_owned(), signs(&mut random, &[30, 5])));
    for name in ["gamma", "beta", "mean", "variance"] {
        constants.push((name.to_owned(), Tensor::vector([1.0f32, 2.0, 0.5, 3.0])));
    }
    let graph = Graph {
        opset: 13,
        inputs: vec![value("x", &[2, 4, 20])],
        outputs: vec![value("y", &[2, 4, 5])],
        nodes: vec![
            first,
            Node::of(Op::new("", "MatMul"), "product", &["a", "w"], &["p"]),
            Node::of(
                Op::new("", "BatchNormalization"),
                "norm",
                &["p", "gamma", "beta", "mean", "variance"],
                &["n"],
            ),
            second,
            Node::of(Op::new("", "MatMul"), "last", &["b", "v"], &["y"]),
        ],
        constants: constants.into_iter().collect(),
        ..Graph::default()
    };
    let how = check(&graph, &draw(&mut random, &[2, 4, 20]));
    assert_eq!(how.matches("binary matrix product").count(), 2, "{how}");
    for (depth, columns) in [(0, 4), (3, 0)] {
        for kind in [BIPOLAR, TERNARY] {
            let product = Node::of(Op::new("", "MatMul"), "product", &["a", "wt"], &["y"]);
            let w = Tensor::new([columns, depth], vec![1.0f32; depth * columns]).unwrap();
            check(&network(&[2, depth], &w, [kind, BIPOLAR], product), &draw(&mut random, &[2, depth]));
        }
    }
    for bias in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        let product = Node::of(Op::new("", "Gemm"), "product", &["a", "w", "bias"], &["y"]).with("transB", 1);
        let mut graph = network(&[2, 20], &signs(&mut random, &[3, 20]), [TERNARY, BIPOLAR], product);
        graph.constants.insert("bias".to_owned(), Tensor::vector([1.0, bias, 2.0]));
        check(&graph, &draw(&mut random, &[2, 20]));
    }
}

#[test]
fn nan_is_what_it_is_in_floats() {
    let mut random = Random(4);
    let w = weights(&mut random, &[4, 20]);
    let mut numbers = draw(&mut random, &[3, 20]).as_f32().unwrap().to_vec();
    numbers[25] = f32::NAN;
    let x = Tensor::new([3, 20], numbers).unwrap();
    let one_bit =
        Kind::Quant { scale: 1.0, zero: 0.0, bits: 1.0, signed: true, narrow: false, mode: "ROUND" };
    for kind in [TERNARY, BIPOLAR, one_bit] {
        let product = Node::of(Op::new("", "MatMul"), "product", &["a", "wt"], &["y"]);
        check(&network(&[3, 20], &w, [kind, BIPOLAR], product), &x);
    }
    for groups in [1, 2] {
        let mut image = draw(&mut random, &[2, 4, 6, 7]).as_f32().unwrap().to_vec();
        (image[50], image[200]) = (f32::NAN, f32::NAN);
        let product = Node::of(Op::new("", "Conv"), "product", &["a", "w"], &["y"])
            .with("group", groups as i64)
            .with("pads", vec![1, 0, 2, 1])
            .with("strides", vec![2, 1])
            .with("dilations", vec![1, 2]);
        let w = weights(&mut random, &[6, 4 / groups, 3, 2]);
        let graph = network(&[2, 4, 6, 7], &w, [TERNARY, BIPOLAR], product);
        let how = check(&graph, &Tensor::new([2, 4, 6, 7], image).unwrap());
        assert!(how.contains("eight-bit convolution"), "{how}");
    }
}
