//! Graphs that are not what transforms expect: they end, with a graph or an error.

use std::time::{Duration, Instant};

use eightbit_tensorflow::grammar::{self, Call};
use eightbit_tensorflow::proto::{
    AttrValue, DataType, Dim, GraphDef, NodeDef, TensorProto, TensorShapeProto, Value,
};
use eightbit_tensorflow::transforms::{TRANSFORMS, transform};
use eightbit_tensorflow::{Summary, difference};
use eightbit_testing::{Random, suite};

use crate::support::nodes::node;
use crate::support::transform_cases::TransformCases;

/// The longest time of a transform of such a graph.
const MAX_TIME: Duration = Duration::from_secs(10);

#[test]
fn changed_graphs_are_transformed_or_refused() {
    let mut cases = TransformCases::open();
    let mut random = Random(7);
    let index = cases.index();
    let rounds = if suite::is_thorough() { 200 } else { 6 };
    let mut graphs = 0;
    for case in &index {
        let graph = cases.graph(&case.name, "in");
        for _ in 0..rounds {
            let mut changed = graph.clone();
            (0..=random.below(4)).for_each(|_| change(&mut changed.node, &mut random));
            let calls = calls(&mut random, &case.transforms);
            let start = Instant::now();
            let result = transform(changed.clone(), &case.inputs, &case.outputs, &calls);
            assert!(start.elapsed() < MAX_TIME, "{}: {calls:?}", case.name);
            if let Ok((result, _)) = result {
                let _ =
                    (difference(&result, &changed), Summary(&result).lines(), Summary(&result).structure());
            }
            graphs += 1;
        }
    }
    assert!(graphs > 800, "{graphs} graphs");
}

/// The transforms of a case, or some of all.
fn calls(random: &mut Random, own: &str) -> Vec<Call> {
    match grammar::parse(own) {
        Ok(calls) if random.flip() && !calls.is_empty() => calls,
        _ => {
            let names =
                (0..=random.below(3)).map(|_| TRANSFORMS[random.below(TRANSFORMS.len())].name.to_owned());
            names
                .map(|name| Call { name, parameters: [("op".to_owned(), vec!["Relu".to_owned()])].into() })
                .collect()
        }
    }
}

fn change(nodes: &mut Vec<NodeDef>, random: &mut Random) {
    if nodes.is_empty() {
        return;
    }
    let (at, other) = (random.below(nodes.len()), random.below(nodes.len()));
    let (name, op) = (nodes[other].name.clone(), nodes[other].op.clone());
    let node = &mut nodes[at];
    match random.below(12) {
        // Cycles, missing inputs, too many, and odd names.
        0 => node.input.push(name),
        1 => node.input.insert(0, name),
        2 => drop(node.input.pop()),
        3 => node.input.push("no such node".to_owned()),
        4 => {
            let odd = ["", "^", ":", "^:0", ":1", "a:b:c", "x:99999999999999999999", "x:-1"];
            node.input.insert(0, odd[random.below(odd.len())].to_owned());
        }
        5 => node.name = name,
        6 => nodes.push(nodes[at].clone()),
        7 => node.op = op,
        8 => node.attr.clear(),
        9 => {
            let keys: Vec<_> = node.attr.keys().cloned().collect();
            if let Some(value) =
                keys.get(random.below(keys.len().max(1))).and_then(|key| node.attr.get_mut(key))
            {
                *value = odd_value(random);
            }
        }
        10 => {
            let tensor = node.attr.values_mut().find_map(|value| match &mut value.value {
                Some(Value::Tensor(tensor)) => Some(tensor),
                _ => None,
            });
            tensor.into_iter().for_each(|tensor| change_tensor(tensor, random));
        }
        _ => drop(nodes.swap_remove(at)),
    }
}

fn odd_value(random: &mut Random) -> AttrValue {
    let values = [
        None,
        Some(Value::I(i64::MIN)),
        Some(Value::F(f32::NAN)),
        Some(Value::B(true)),
        Some(Value::Type(i32::MIN)),
        Some(Value::Type(DataType::Double as i32)),
        Some(Value::S(vec![255; 3])),
        Some(Value::Tensor(Box::default())),
    ];
    AttrValue { value: values[random.below(values.len())].clone() }
}

fn change_tensor(tensor: &mut TensorProto, random: &mut Random) {
    let sizes = [-1, 0, 1, 3, 1 << 20, 1 << 40, i64::MAX, i64::MIN];
    let dim = (0..random.below(5))
        .map(|_| Dim { size: sizes[random.below(sizes.len())], ..Dim::default() })
        .collect();
    match random.below(4) {
        0 => tensor.tensor_shape = Some(TensorShapeProto { dim, unknown_rank: random.flip() }),
        1 => {
            // One element that repeats, which takes no space in a file.
            tensor.tensor_content.clear();
            tensor.float_val = vec![f32::INFINITY];
            tensor.tensor_shape = Some(TensorShapeProto { dim, unknown_rank: false });
        }
        2 => tensor.dtype = random.next() as i32 % 130,
        _ => tensor.tensor_content.truncate(random.below(9)),
    }
}

/// A few bytes that ask for tensors without end.
#[test]
fn operators_that_make_large_tensors_are_bounded() {
    let constant = |name: &str, values: Vec<i32>| {
        let shape = TensorShapeProto {
            dim: vec![Dim { size: i64::try_from(values.len()).expect("few"), ..Dim::default() }],
            unknown_rank: false,
        };
        let tensor = TensorProto {
            dtype: DataType::Int32 as i32,
            tensor_shape: Some(shape),
            int_val: values,
            ..TensorProto::default()
        };
        node(name, "Const", &[], &[("value", Value::Tensor(Box::new(tensor)))])
    };
    let mut nodes = vec![constant("large", vec![1 << 11, 1 << 12]), constant("one", vec![1])];
    nodes.push(node("squeezed", "Squeeze", &["one"], &[]));
    let mut previous = "squeezed".to_owned();
    for index in 0..64 {
        let name = format!("fill{index}");
        nodes.push(node(&name, "Fill", &["large", "squeezed"], &[]));
        let sum = format!("sum{index}");
        nodes.push(node(&sum, "Add", &[&previous, &name], &[]));
        previous = sum;
    }
    nodes.push(node("x", "Placeholder", &[], &[]));
    nodes.push(node("o", "Mul", &["x", &previous], &[]));
    let calls = grammar::parse("fold_constants").expect("well-formed");
    let start = Instant::now();
    let graph = GraphDef { node: nodes, ..GraphDef::default() };
    let (graph, _) = transform(graph, &["x".to_owned()], &["o".to_owned()], &calls).expect("a graph");
    assert!(start.elapsed() < MAX_TIME);
    assert!(graph.node.len() > 60, "what is too large stays: {} nodes", graph.node.len());
}
