//! The forms in which an eight-bit graph is written.

use std::str::FromStr;

use super::WeightPrecision;
use crate::{Error, Graph, passes};

/// The form of an eight-bit graph in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// `QuantizeLinear` and `DequantizeLinear`; weights of few bits are of ONNX's types `int4` and `int2`.
    #[default]
    Qdq,
    /// The same with all integers in bytes.
    Qcdq,
    /// QONNX's `Quant` and `BipolarQuant`, with floats for all constants.
    Qonnx,
}

impl Form {
    /// `graph` in this form, a result of [`quantize`](super::quantize()) with weights of this precision.
    ///
    /// # Errors
    ///
    /// Those of [`passes::narrow_constants`] and [`passes::to_qonnx`].
    pub fn of(self, graph: Graph, precision: WeightPrecision) -> Result<Graph, Error> {
        match self {
            Self::Qdq if precision.stored_bits() < 8 => {
                passes::narrow_constants(graph, precision.stored_bits())
            }
            Self::Qdq | Self::Qcdq => Ok(graph),
            Self::Qonnx => passes::to_qonnx(graph),
        }
    }

    /// An error if a float graph has a node that this form would need in a later operator set, and cannot have there: what is known before
    /// anything is computed.
    pub fn check(self, float: &Graph, precision: WeightPrecision) -> Result<(), Error> {
        if self != Self::Qdq || precision.stored_bits() == 8 {
            return Ok(());
        }
        let nodes = Graph { opset: float.opset, nodes: float.nodes.clone(), ..Graph::default() };
        passes::raise_opset(nodes, passes::opset_of(precision.stored_bits())).map(drop)
    }
}

impl FromStr for Form {
    type Err = Error;

    /// `qdq`, `qcdq` or `qonnx`.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "qdq" => Ok(Self::Qdq),
            "qcdq" => Ok(Self::Qcdq),
            "qonnx" => Ok(Self::Qonnx),
            _ => Err(Error::argument("format", format!("{text:?} is none of qdq, qcdq and qonnx"))),
        }
    }
}
