//! Where channels can be copied.

use crate::ops::conv;
use crate::ops::eight_bit::EightBit;
use crate::quantize::Plan;
use crate::quantize::layer::Layer;
use crate::{Error, Graph, Node};

/// A convolution, the depthwise one after it, and those that read that.
pub(super) struct Place<'g> {
    pub(super) before: Layer<'g>,
    /// What the depthwise layer reads and, after its activations, writes.
    pub(super) values: [&'g str; 2],
    pub(super) depthwise: Layer<'g>,
    pub(super) after: Vec<Layer<'g>>,
}

impl Place<'_> {
    /// The number of channels that can be copied.
    pub(super) fn channels(&self) -> usize {
        self.depthwise.rows()
    }
}

/// The places in `graph` where channels can be copied.
pub(super) fn places<'g>(graph: &'g Graph, plan: &Plan) -> Result<Vec<Place<'g>>, Error> {
    let (producers, consumers) = (graph.producers()?, graph.consumers());
    let outputs = graph.output_names();
    let readers = |value: &str| consumers.get(value).map_or(&[][..], Vec::as_slice);
    let is_clamp =
        |node: &Node| matches!(node.operator().map(|operator| operator.eight_bit), Some(EightBit::Clamp(_)));
    let mut places = Vec::new();
    for depthwise in Layer::all(graph, plan.roles())?.into_iter().filter(Layer::has_depthwise_kernel) {
        // Backwards over activations to the layer before.
        let mut value = depthwise.input;
        let before = loop {
            if readers(value).len() != 1 || outputs.contains(value) {
                break None;
            }
            let Some(&index) = producers.get(value) else { break None };
            let node = &graph.nodes[index];
            match node.input(0) {
                Some(input) if is_clamp(node) => value = input,
                _ => break Layer::of(index, graph)?.filter(|_| plan.roles().is_quantized(&node.name)),
            }
        };
        // Forwards over activations to the layers after.
        let Some(mut written) = depthwise.node.output(0) else { continue };
        while let &[reader] = readers(written)
            && is_clamp(&graph.nodes[reader])
            && !outputs.contains(written)
            && let Some(output) = graph.nodes[reader].output(0)
        {
            written = output;
        }
        let mut after = Vec::new();
        for &reader in readers(written) {
            let layer = Layer::of(reader, graph)?.filter(|layer| layer.groups == 1 && layer.input == written);
            // A constant channel becomes part of a bias where there is no padding.
            after.extend(layer.filter(|layer| {
                layer.taps() == 1
                    && layer
                        .node
                        .ints("pads")
                        .is_ok_and(|pads| pads.unwrap_or_default().iter().all(|&pad| pad == 0))
            }));
        }
        let complete =
            !after.is_empty() && after.len() == readers(written).len() && !outputs.contains(written);
        let biased = |layer: &Layer<'_>| {
            let bias = layer.node.input(2).and_then(|name| graph.constants.get(name));
            layer.node.is(&conv::OP) && bias.is_some_and(|bias| bias.shape() == [layer.rows()])
        };
        if let Some(before) = before
            && complete
            && before.groups == 1
            && before.rows() == depthwise.rows()
            && [&before, &depthwise].into_iter().chain(&after).all(biased)
        {
            places.push(Place { before, values: [depthwise.input, written], depthwise, after });
        }
    }
    Ok(places)
}
