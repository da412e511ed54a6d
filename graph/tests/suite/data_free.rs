//! Ranges without examples, of whole networks and of every operator.

use eightbit_graph::quantize::data_free::{DataFreeOptions, statistics};
use eightbit_graph::quantize::{Calibration, Plan};
use eightbit_graph::{Graph, passes};

use crate::support::node_cases::NodeCases;
use crate::support::read;

/// The built-in network: all that its eight-bit form needs is known.
#[test]
fn a_network_with_batch_normalizations_needs_no_photos() {
    let graph =
        Graph::from_onnx_bytes(&read("models/efficientnet_lite0.onnx")).expect("the built-in network");
    let found = statistics(&graph, &DataFreeOptions::default()).expect("a valid graph");
    assert_eq!(found.unknown, []);
    let head = &found.moments["head/bn"];
    let shift = graph.constants["head.B"].as_f32().expect("floats");
    assert_eq!((head.axis, &head.mean[..]), (1, shift));
    let relu6 = found.ranges["head/relu6"];
    assert_eq!((relu6.min, relu6.max), (0.0, 6.0));

    let folded = passes::fold_batch_norms(passes::fold_constants(graph).expect("valid")).expect("valid");
    let calibration = Calibration { ranges: found.ranges, inputs: 0 };
    let plan = Plan::new(&folded, &calibration).expect("every range is known");
    assert!(plan.parameters("flat").is_some());
    // They are the output: nothing reads bytes of them.
    assert_eq!(plan.parameters("logits"), None);
}

/// What is foretold of any operator is finite, or its reason is told.
#[test]
fn every_operator_is_foretold_or_not() {
    let mut foretold = 0;
    for mut cases in [NodeCases::of_onnx(), NodeCases::of_onnx_runtime()] {
        for name in cases.names() {
            let Ok(graph) = Graph::from_onnx_bytes(&cases.model(&name)) else { continue };
            let Ok(found) = statistics(&graph, &DataFreeOptions::default()) else { continue };
            for (value, range) in &found.ranges {
                let all = &found.moments[value];
                assert!(
                    range.min <= range.max && range.min.is_finite() && range.max.is_finite(),
                    "{name}: {value}"
                );
                let numbers = all.mean.iter().chain(&all.deviation);
                assert!(numbers.clone().all(|number| number.is_finite()), "{name}: {value}");
                assert!(all.deviation.iter().all(|&deviation| deviation >= 0.0), "{name}: {value}");
            }
            assert!(found.unknown.iter().all(|(_, reason)| !reason.is_empty()), "{name}");
            foretold +=
                usize::from(graph.outputs.iter().any(|output| found.ranges.contains_key(&output.name)));
        }
    }
    assert!(foretold > 100, "{foretold} cases");
}
