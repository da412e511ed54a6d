//! `eightbit quantize --inputs-only`: fewer bits for what a network reads, floats for everything else.

use std::collections::BTreeMap;
use std::io::Write;
use std::thread::available_parallelism;

use eightbit_graph::precision::{BitWidth, Format, Quantizer, input_ranges};
use eightbit_graph::quantize::{FromFn, Range};
use eightbit_graph::{escaped, passes};
use serde_json::json;

use super::quantize::classes;
use crate::args::QuantizeArgs;
use crate::engine::Settings;
use crate::error::CliError;
use crate::network::is_eight_bit;
use crate::output::OutputFile;
use crate::report::{self, BOLD, DIM};
use crate::source::Source;
use crate::sweep::{Reference, Score};

pub(crate) fn run(
    args: &QuantizeArgs,
    bits: BitWidth,
    output: &OutputFile,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let source = Source::calibrating(&args.model, &args.calibrate, args.random, &args.input)?;
    let name = &source.file.name;
    if is_eight_bit(&source.graph) {
        return Err(CliError::Invalid(format!(
            "{name}: the network is eight-bit already: give the float one"
        )));
    }
    let classes =
        args.labels.as_deref().map(|labels| classes(args, labels, source.is_photos())).transpose()?;
    let bar = report::progress(source.len(), "calibrating");
    let examples = FromFn::new(source.len(), |index| source.read(index));
    let method = args.range.rule.method();
    let ranges = input_ranges(&source.graph, &examples, method, |count| bar.set_position(count as u64));
    bar.finish_and_clear();
    let ranges = ranges.map_err(|error| error.of_model(name))?;
    let of_model = |error| CliError::model(name, error);
    let graph = passes::quantize_inputs(source.graph.clone(), &ranges, bits).map_err(of_model)?;
    let bytes = graph.to_onnx_bytes().map_err(of_model)?;

    let bar = report::progress(2 * source.len(), "answering");
    let (jobs, done) = (available_parallelism().map_or(1, usize::from), || bar.inc(1));
    let reference = Reference::new(&source, classes, settings, jobs, &done)?;
    let score = reference.score(&graph, source.len(), &done)?;
    bar.finish_and_clear();
    output.write(&bytes)?;
    let written = Written {
        args,
        source: &source,
        bits,
        ranges: &ranges,
        bytes: bytes.len(),
        float: reference.float(),
        score,
    };
    if args.json { Ok(report::json(out, &written.json())?) } else { Ok(written.text(out)?) }
}

/// What was written, and how it does.
struct Written<'a> {
    args: &'a QuantizeArgs,
    source: &'a Source,
    bits: BitWidth,
    ranges: &'a BTreeMap<String, Range>,
    bytes: usize,
    float: Score,
    score: Score,
}

impl Written<'_> {
    fn text(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let Self { args, source, bits, score, .. } = self;
        writeln!(out, "{BOLD}{}{BOLD:#}", report::path(&args.output))?;
        writeln!(out, "size        {} → {}", report::bytes(source.file.bytes), report::bytes(self.bytes))?;
        writeln!(out, "calibrated  with {}", report::count(source.len(), source.noun()))?;
        for (input, range) in self.ranges {
            let (input, bits) = (escaped(input), report::count(bits.get().into(), "bit"));
            writeln!(
                out,
                "input       {input}: {bits} for {:.4} … {:.4}  {DIM}{}{DIM:#}",
                range.min,
                range.max,
                self.grid(*range)
            )?;
        }
        if let (Some(float), Some(right)) = (self.float.right, score.right) {
            let (float, right) =
                (report::percent(float, score.examples), report::percent(right, score.examples));
            writeln!(out, "top-1       {float} → {right}")?;
        }
        let (same, ratio) = (report::percent(score.same, score.examples), score.sqnr_db());
        writeln!(
            out,
            "the same    {same} of answers, {ratio:.1} dB at the outputs, on the examples that calibrated"
        )
    }

    /// The numbers that are left of a range, in words.
    fn grid(&self, range: Range) -> String {
        match Quantizer::covering(range, Format::Bits(self.bits)) {
            Quantizer::Affine { scale, zero_point, .. } => format!("scale {scale}, zero point {zero_point}"),
            Quantizer::Sign { scale } => format!("−{scale} and {scale}"),
            Quantizer::Fixed(format) => format.to_string(),
        }
    }

    fn json(&self) -> serde_json::Value {
        let part = |count: usize| self.score.percent(count) / 100.0;
        let inputs = self.ranges.iter().map(|(input, range)| {
            let (scale, zero_point) = match Quantizer::covering(*range, Format::Bits(self.bits)) {
                Quantizer::Affine { scale, zero_point, .. } => (Some(scale), Some(zero_point)),
                Quantizer::Sign { scale } => (Some(scale), None),
                Quantizer::Fixed(_) => (None, None),
            };
            json!({ "input": input, "min": range.min, "max": range.max, "scale": scale, "zero_point": zero_point })
        });
        json!({
            "model": self.args.model.display().to_string(),
            "output": self.args.output.display().to_string(),
            "bits": self.bits.get(),
            "bytes_before": self.source.file.bytes,
            "bytes_after": self.bytes,
            "calibration_examples": self.source.len(),
            "inputs": inputs.collect::<Vec<_>>(),
            "top1_float": self.float.right.map(part),
            "top1": self.score.right.map(part),
            "same_answer": part(self.score.same),
            "score_error": self.score.mean_difference(),
            // JSON has no infinity: the ratio of what has no error is null.
            "sqnr_db": self.score.sqnr_db(),
        })
    }
}
