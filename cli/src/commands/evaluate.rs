//! `eightbit evaluate`: the accuracy of the float and the eight-bit network, and how often they agree.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use eightbit_vision::{check, top};
use serde_json::json;

use crate::args::{EvaluateArgs, NetworkArgs};
use crate::comparison::{Calibration, Comparison};
use crate::disagreements::{Disagreement, Target};
use crate::engine::Settings;
use crate::error::CliError;
use crate::labels::{self, Truth};
use crate::network::{Network, Outputs};
use crate::photo;
use crate::report::{self, DIM, Table};

/// The score of one network.
#[derive(Default)]
struct Score {
    top1: usize,
    top5: usize,
    milliseconds: Vec<f64>,
}

/// How two networks differ.
#[derive(Default)]
struct Difference {
    same_answer: usize,
    max: f32,
    sum: f64,
    values: usize,
}

pub(crate) fn run(args: &EvaluateArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let mut truth = labels::read_truth(&args.labels)?;
    truth.truncate(args.limit.map_or(usize::MAX, |limit| limit as usize));
    // Report a missing photo before spending minutes on the others.
    for Truth { file, .. } in &truth {
        let path = args.images.join(file);
        std::fs::metadata(&path).map_err(|source| CliError::read(&path, source))?;
    }
    let NetworkArgs { graph, input, .. } = &args.network;
    let open = |path| Network::open(path, input, Outputs::Scores);
    let network = open(graph.as_deref())?;
    for &Truth { class, .. } in &truth {
        check_class(class.saturating_add(args.label_offset), network.classes(), &args.labels)?;
    }
    let quantized = args.quantized.as_deref().map(|path| open(Some(path))).transpose()?;
    let labels = args.names.as_deref().map(labels::read).transpose()?;
    if let (Some(labels), Some(path)) = (&labels, &args.names) {
        labels::check(labels, network.classes(), path)?;
    }
    let photos: Vec<PathBuf> = truth.iter().map(|Truth { file, .. }| args.images.join(file)).collect();
    let sources = photos.iter().chain(graph).chain(&args.quantized).map(PathBuf::as_path);
    let target = args.disagreements.as_deref().map(|path| Target::prepare(path, sources)).transpose()?;
    if target.is_some() && network.is_eight_bit() {
        let reason = "--disagreements: --graph is an eight-bit network: give the float one";
        return Err(CliError::Usage(reason.to_owned()));
    }
    let labels = labels.unwrap_or_else(|| labels::imagenet(network.classes()));
    let calibration = Calibration::in_memory(&args.network);
    let mut comparison = Comparison::new(network, quantized, &calibration, settings)?;

    let mut tally: Vec<Score> = comparison.candidates.iter().map(|_| Score::default()).collect();
    let mut difference = Difference::default();
    let mut disagreements = Vec::new();
    let bar = report::progress(truth.len(), "photos");
    for (Truth { class, .. }, path) in truth.iter().zip(&photos) {
        let photo = photo::read(path, input.photo_options())?;
        let input = comparison.network.tensor(&photo)?;
        let mut outputs = Vec::new();
        for (candidate, score) in comparison.candidates.iter_mut().zip(&mut tally) {
            let start = Instant::now();
            let output = candidate.engine.run(&input)?;
            score.milliseconds.push(start.elapsed().as_secs_f64() * 1e3);
            check(&output)?;
            score.count(&output, class.saturating_add(args.label_offset), &args.labels)?;
            outputs.push(output);
        }
        if let [float, eight_bit] = &outputs[..] {
            difference.add(float, eight_bit)?;
            if target.is_some() {
                let class = class.saturating_add(args.label_offset);
                disagreements.extend(Disagreement::find(path, class, [float, eight_bit])?);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(target) = &target {
        target.write(&disagreements, truth.len(), &labels, input.photo_options())?;
    }

    let compared = comparison.candidates.len() == 2;
    if args.json {
        let value = json(&comparison, settings, &tally, compared.then_some(&difference), truth.len());
        return Ok(report::json(out, &value)?);
    }
    writeln!(out, "{DIM}network{DIM:#}  {}", comparison.network.file.name)?;
    if let Some(calibrated) = comparison.calibrated {
        let photos = report::count(calibrated, "photo");
        writeln!(out, "         quantized to eight bits in memory, calibrated with {photos}")?;
    }
    writeln!(out, "{DIM}run by{DIM:#}   {}", settings.describe())?;
    writeln!(out, "{DIM}photos{DIM:#}   {}\n", truth.len())?;
    let mut table = Table::new(&["", "top-1", "top-5", "ms/photo", "size"], 1);
    for (candidate, score) in comparison.candidates.iter().zip(&mut tally) {
        table.row([
            candidate.kind.name().to_owned(),
            report::percent(score.top1, truth.len()),
            report::percent(score.top5, truth.len()),
            format!("{:.2}", median(&mut score.milliseconds)),
            report::bytes(candidate.bytes),
        ]);
    }
    table.write(out)?;
    if compared {
        writeln!(out, "\nsame answer       {}", report::percent(difference.same_answer, truth.len()))?;
        writeln!(
            out,
            "output difference {:.4} at most, {:.4} on average",
            difference.max,
            difference.mean()
        )?;
    }
    if let Some(path) = &args.disagreements {
        let count = report::count(disagreements.len(), "other answer");
        writeln!(out, "{count} written to {}", report::path(path))?;
    }
    Ok(())
}

/// Checks that the network has the class.
fn check_class(class: usize, classes: usize, labels: &std::path::Path) -> Result<(), CliError> {
    if class < classes {
        return Ok(());
    }
    let reason = format!(
        "class {class} (with --label-offset) does not exist: the network has {classes} classes, counted from 0"
    );
    Err(CliError::text(labels, None, reason))
}

impl Score {
    fn count(&mut self, output: &[f32], class: usize, labels: &std::path::Path) -> Result<(), CliError> {
        check_class(class, output.len(), labels)?;
        let best = top(output, 5);
        self.top1 += usize::from(best[0].class == class);
        self.top5 += usize::from(best.iter().any(|answer| answer.class == class));
        Ok(())
    }
}

impl Difference {
    fn add(&mut self, float: &[f32], eight_bit: &[f32]) -> Result<(), CliError> {
        if float.len() != eight_bit.len() {
            return Err(CliError::Invalid(format!(
                "the float network has {} outputs and the eight-bit one {}: they are not the same network",
                float.len(),
                eight_bit.len()
            )));
        }
        self.same_answer += usize::from(top(float, 1)[0].class == top(eight_bit, 1)[0].class);
        for (a, b) in float.iter().zip(eight_bit) {
            self.max = self.max.max((a - b).abs());
            self.sum += f64::from((a - b).abs());
        }
        self.values += float.len();
        Ok(())
    }

    fn mean(&self) -> f64 {
        self.sum / self.values.max(1) as f64
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn json(
    comparison: &Comparison,
    settings: &Settings,
    tally: &[Score],
    difference: Option<&Difference>,
    photos: usize,
) -> serde_json::Value {
    let part = |count: usize| count as f64 / photos.max(1) as f64;
    let networks: Vec<_> = comparison
        .candidates
        .iter()
        .zip(tally)
        .map(|(candidate, score)| {
            json!({
                "kind": candidate.kind.name(),
                "bytes": candidate.bytes,
                "top1": part(score.top1),
                "top5": part(score.top5),
                "median_milliseconds": median(&mut score.milliseconds.clone()),
            })
        })
        .collect();
    json!({
        "network": comparison.network.file.path,
        "photos": photos,
        "calibration_photos": comparison.calibrated,
        "backend": settings.backend.name(),
        "threads": settings.threads,
        "networks": networks,
        "same_answer": difference.map(|difference| part(difference.same_answer)),
        "max_difference": difference.map(|difference| difference.max),
        "mean_difference": difference.map(Difference::mean),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_and_differences() {
        let mut score = Score::default();
        let labels = std::path::Path::new("l.tsv");
        score.count(&[0.0, 3.0, 1.0], 1, labels).expect("a class");
        score.count(&[0.0, 3.0, 1.0], 2, labels).expect("a class");
        assert_eq!((score.top1, score.top5), (1, 2));
        assert!(score.count(&[0.0], 1, labels).is_err());
        let mut difference = Difference::default();
        difference.add(&[0.0, 1.0], &[0.5, 1.0]).expect("equal lengths");
        difference.add(&[0.0, 1.0], &[3.0, 1.0]).expect("equal lengths");
        assert_eq!((difference.same_answer, difference.max, difference.mean()), (1, 3.0, 0.875));
        assert!(difference.add(&[0.0], &[0.0, 1.0]).is_err());
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
    }
}
