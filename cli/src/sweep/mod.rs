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
    /// The number of the list of bits that has it.
    list: usize,
    pub(crate) part: Part,
    pub(crate) format: Format,
    pub(crate) score: Score,
    /// The bytes of all constants.
    pub(crate) bytes: u64,
}

impl Row {
    pub(crate) fn new(point: Point, score: Score, bytes: u64) -> Self {
        let Point { list, part, format } = point;
        Self { list, part, format, score, bytes }
    }
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
    /// The rows that one list of bits gave, in rising order, list by list.
    pub(crate) fn series(&self) -> impl Iterator<Item = &[Row]> {
        self.rows.chunk_by(|a, b| a.list == b.list)
    }

    /// The fewest bits of a series with which, and with all more that were tried, no more accuracy is lost than may be.
    pub(crate) fn enough<'r>(&self, series: &'r [Row]) -> Option<&'r Row> {
        let keeps = |row: &&Row| row.score.lost(&self.float) <= self.accuracy_drop + 1e-9;
        series.iter().rev().take_while(keeps).last()
    }
}

/// A precision to try.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    /// The number of the list of bits that has it.
    pub(crate) list: usize,
    pub(crate) part: Part,
    pub(crate) format: Format,
}

/// The precisions that `args` ask for, in the order of the table.
pub(crate) fn points(args: &PrecisionArgs) -> Vec<Point> {
    let bits = |bits: &Bits| -> Vec<Format> { bits.0.iter().copied().map(Format::Bits).collect() };
    let of = |part: Part, list: &Option<Bits>| Some((part, bits(list.as_ref()?)));
    let mut lists: Vec<(Part, Vec<Format>)> = [
        of(Part::Inputs, &args.inputs),
        of(Part::Weights, &args.weights),
        of(Part::Activations, &args.activations),
        of(Part::All, &args.all),
    ]
    .into_iter()
    .flatten()
    .collect();
    let fixed = args.fixed_point.iter().map(|list| list.0.iter().copied().map(Format::Fixed).collect());
    lists.extend(fixed.map(|formats| (Part::Fixed, formats)));
    if lists.is_empty() {
        let two_to_eight = bits(&Bits((2..=8).filter_map(|bits| BitWidth::new(bits).ok()).collect()));
        let parts = [Part::Inputs, Part::Weights, Part::Activations];
        lists = parts.map(|part| (part, two_to_eight.clone())).into();
    }
    let lists = lists.into_iter().enumerate();
    lists
        .flat_map(|(list, (part, formats))| {
            formats.into_iter().map(move |format| Point { list, part, format })
        })
        .collect()
}

/// A ratio of signal to noise in dB.
fn decibels(ratio: f64) -> String {
    match ratio {
        f64::INFINITY => "equal".to_owned(),
        ratio if ratio.is_finite() => format!("{ratio:.1}"),
        _ => "none".to_owned(),
    }
}
