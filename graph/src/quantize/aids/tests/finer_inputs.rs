//! Inputs made finer.

use super::*;
use crate::quantize::Role;
use crate::quantize::aids::finer_inputs::{Finer, REASON, finer};
use crate::quantize::pipeline::to_eight_bits;

/// A convolution of `channels` channels in `groups` groups, of an image with channels in axis 1 or last.
fn network(channels: usize, groups: i64, last: bool) -> Graph {
    let mut numbers = Random(5);
    let weights = random(&mut numbers, &[4, channels / groups as usize, 3, 3], 0.5);
    let mut nodes = vec![Node::new("conv", "Conv", &["x", "w"], &["y"]).with("group", groups)];
    let mut shape = [1, channels, 6, 6];
    if last {
        shape = [1, 6, 6, channels];
        nodes.insert(0, Node::new("turn", "Transpose", &["x"], &["t"]).with("perm", vec![0, 3, 1, 2]));
        nodes[1].inputs[0] = "t".to_owned();
    }
    graph(&shape, &[1, 4, 4, 4], nodes, &[("w", weights)])
}

fn shape(graph: &Graph) -> Vec<usize> {
    graph.inputs[0].shape.iter().map(|size| size.expect("fixed")).collect()
}

/// The mean of the squared errors of the eight-bit form of `graph` by `plan`.
fn noise(float: &Graph, graph: &Graph, plan: &Plan) -> f64 {
    let (eight_bit, _) = to_eight_bits(graph.clone(), plan, |_| {}).expect("quantized");
    let mut sum = 0.0;
    for example in examples(9, 8, &shape(float)) {
        let (exact, found) = (output(float, &example[0]), output(&eight_bit, &example[0]));
        sum += exact.iter().zip(&found).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
    }
    sum
}

#[test]
fn the_function_stays_and_the_rounding_of_the_input_goes() {
    for last in [false, true] {
        let float = network(3, 1, last);
        let seen = examples(1, 8, &shape(&float));
        let (observation, plan) = planned(&float, &seen);
        let Finer { graph, float: kept, values } =
            finer(&float, &plan).expect("a sound graph").expect("a place");
        assert_eq!((values.len(), kept.len()), (2, 4));
        for example in examples(9, 4, &shape(&float)) {
            let [before, after] = [&float, &graph].map(|graph| output(graph, &example[0]));
            assert!(difference(&before, &after) < 1e-5 * largest(&before));
        }
        let float_nodes: BTreeMap<String, String> =
            kept.into_iter().map(|node| (node, REASON.to_owned())).collect();
        let roles = Roles::keeping_float(&graph, &float_nodes).expect("these nodes");
        assert_eq!(roles.node("conv"), Some(&Role::Quantized));
        let mut calibration =
            observation.seen.calibration(CalibrationMethod::MinMax, u8::MAX).expect("examples");
        let range = calibration.ranges["x"];
        calibration.ranges.extend(values.into_iter().map(|(value, of)| {
            assert_eq!(of, "x");
            (value, range)
        }));
        let finer_plan = Plan::of_roles(&graph, roles, &calibration, u8::MAX).expect("observed");
        // The rounding of the weights and of the output is left.
        let (before, after) = (noise(&float, &float, &plan), noise(&float, &graph, &finer_plan));
        assert!(after < 0.9 * before, "{before} became {after}");
    }
}

#[test]
fn only_few_channels_that_convolutions_alone_read() {
    for (channels, groups, place) in [(4, 1, true), (5, 1, false), (4, 2, false)] {
        let float = network(channels, groups, false);
        let (_, plan) = planned(&float, &examples(1, 2, &shape(&float)));
        assert_eq!(finer(&float, &plan).expect("a sound graph").is_some(), place, "{channels} in {groups}");
    }
    let mut float = network(3, 1, false);
    float.nodes.push(Node::new("other", "Relu", &["x"], &["z"]));
    float.outputs.push(value("z", &shape(&float)));
    let (_, plan) = planned(&float, &examples(1, 2, &shape(&float)));
    assert!(finer(&float, &plan).expect("a sound graph").is_none());
}
