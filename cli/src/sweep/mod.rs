//! A network in many precisions, for `eightbit precision`: what is run, what was found, and how it is shown.

mod csv;
mod examples;
mod json;
mod page;
mod plot;
mod score;
mod text;

use eightbit_graph::precision::{BitWidth, Format, Precision};
use eightbit_graph::quantize::Granularity;

use crate::args::{Bits, PrecisionArgs};

pub(crate) use csv::csv;
pub(crate) use examples::Reference;
pub(crate) use json::json;
pub(crate) use page::page;
pub(crate) use plot::svg;
pub(crate) use score::Score;
pub(crate) use text::text;

/// What is reduced of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Inputs,
    Weights,
    Activations,
    All,
    /// All, and biases, in fixed point.
    Fixed,
}

impl Part {
    pub(crate) const ALL: [Self; 5] =
        [Self::Inputs, Self::Weights, Self::Activations, Self::All, Self::Fixed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Inputs => "inputs",
            Self::Weights => "weights",
            Self::Activations => "activations",
            Self::All => "all",
            Self::Fixed => "fixed point",
        }
    }

    /// The precision of a network of which this is in `format`.
    pub(crate) fn precision(self, format: Format, granularity: Granularity) -> Precision {
        let of = |reduced: bool| reduced.then_some(format);
        let all = matches!(self, Self::All | Self::Fixed);
        Precision {
            inputs: of(all || self == Self::Inputs),
            weights: of(all || self == Self::Weights),
            activations: of(all || self == Self::Activations),
            layers: None,
            granularity,
        }
    }
}

/// A network in one precision.
pub(crate) struct Row {
    pub(crate) part: Part,
    pub(crate) format: Format,
    pub(crate) score: Score,
    /// The bytes of all constants.
    pub(crate) bytes: u64,
}

/// One layer in one precision, the others in floats.
pub(crate) struct LayerRow {
    /// The name of its node, and the operator.
    pub(crate) layer: String,
    pub(crate) op: String,
    pub(crate) row: Row,
}

/// All that was found.
pub(crate) struct Sweep {
    /// The name of the network, escaped, and of its file.
    pub(crate) name: String,
    pub(crate) path: String,
    /// What an example is called.
    pub(crate) noun: &'static str,
    pub(crate) calibrated: usize,
    /// The float network against itself: its accuracy, and its bytes.
    pub(crate) float: Score,
    pub(crate) float_bytes: u64,
    pub(crate) rows: Vec<Row>,
    pub(crate) layers: Vec<LayerRow>,
    /// The accuracy that may be lost, in percentage points.
    pub(crate) accuracy_drop: f64,
}

impl Sweep {
    /// The rows of a part.
    pub(crate) fn of(&self, part: Part) -> impl DoubleEndedIterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.part == part)
    }

    /// The fewest bits of a part with which, and with all more that were tried, no more accuracy is lost than may be.
    pub(crate) fn enough(&self, part: Part) -> Option<&Row> {
        let keeps = |row: &&Row| row.score.lost(&self.float) <= self.accuracy_drop + 1e-9;
        self.of(part).rev().take_while(keeps).last()
    }
}

/// The parts and formats that `args` ask for, in the order of the table.
pub(crate) fn points(args: &PrecisionArgs) -> Vec<(Part, Format)> {
    let lists = [
        (Part::Inputs, &args.inputs),
        (Part::Weights, &args.weights),
        (Part::Activations, &args.activations),
        (Part::All, &args.all),
    ];
    let bits = |part: Part, bits: &Bits| -> Vec<(Part, Format)> {
        bits.0.iter().map(|&bits| (part, Format::Bits(bits))).collect()
    };
    let mut points: Vec<(Part, Format)> =
        lists.iter().filter_map(|(part, list)| Some(bits(*part, list.as_ref()?))).flatten().collect();
    let fixed = args.fixed_point.iter().flat_map(|formats| &formats.0);
    points.extend(fixed.map(|&format| (Part::Fixed, Format::Fixed(format))));
    if points.is_empty() {
        let two_to_eight = (2..=8).filter_map(|bits| BitWidth::new(bits).ok()).collect();
        let two_to_eight = Bits(two_to_eight);
        points = lists[..3].iter().flat_map(|(part, _)| bits(*part, &two_to_eight)).collect();
    }
    points
}
