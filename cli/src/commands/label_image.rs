//! `eightbit label-image`: labels a photo with the float and the eight-bit network.

use std::io::Write;
use std::path::Path;

use eightbit_graph::escaped;
use eightbit_vision::{Answer, probabilities, top};
use serde_json::json;

use crate::args::LabelImageArgs;
use crate::builtin;
use crate::candidate::Candidate;
use crate::comparison::{Calibration, Comparison};
use crate::engine::Settings;
use crate::error::CliError;
use crate::labels::{self, Labels};
use crate::network::{Network, Outputs};
use crate::photo;
use crate::report::{self, BOLD, DIM};

/// The greatest width of an answer beside another.
const COLUMN: usize = 48;

/// The answers of one network.
struct Reply<'a> {
    candidate: &'a Candidate,
    answers: Vec<Answer>,
    softmax: bool,
    milliseconds: f64,
}

pub(crate) fn run(args: &LabelImageArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    // Quick checks that may fail come first.
    let (photo, photo_name) = match &args.image {
        None => (photo::builtin(&builtin::PHOTO)?, format!("{} (built in)", builtin::PHOTO.name)),
        Some(path) => (photo::read(path, args.network.input.photo_options())?, report::path(path)),
    };
    let labels = args.labels.as_deref().map(labels::read).transpose()?;
    let network = Network::open(args.network.graph.as_deref(), &args.network.input, Outputs::Scores)?;
    if let (Some(labels), Some(path)) = (&labels, &args.labels) {
        labels::check(labels, network.classes(), path)?;
    }
    let calibration = Calibration::in_memory(&args.network);
    let mut comparison = Comparison::new(network, None, &calibration, settings)?;
    let input = comparison.network.tensor(&photo)?;
    let mut outputs = Vec::new();
    for candidate in &mut comparison.candidates {
        outputs.push(candidate.engine.time(&input)?);
    }
    let classes = outputs.first().map_or(0, |(output, _)| output.len());
    let labels = match labels {
        Some(labels) => labels,
        None => labels::imagenet(classes),
    };
    let mut replies = Vec::new();
    for (candidate, (output, milliseconds)) in comparison.candidates.iter().zip(outputs) {
        let (scores, softmax) = probabilities(&output)?;
        let answers = top(&scores, usize::from(args.top));
        replies.push(Reply { candidate, answers, softmax, milliseconds });
    }
    if args.self_test {
        self_test(&replies, &labels)?;
    }
    if args.json {
        let photo = args.image.as_deref().map_or(photo_name.into(), Path::to_string_lossy);
        return Ok(report::json(out, &json(&comparison, &photo, settings, &replies, &labels))?);
    }
    let (width, height) = (photo.width(), photo.height());
    writeln!(out, "{DIM}photo{DIM:#}    {photo_name}, {width}×{height}")?;
    writeln!(out, "{DIM}network{DIM:#}  {}", comparison.network.file.name)?;
    if let Some(calibrated) = comparison.calibrated {
        writeln!(
            out,
            "         quantized to eight bits in memory, calibrated with {}",
            report::count(calibrated, "photo")
        )?;
    }
    writeln!(out, "{DIM}run by{DIM:#}   {}", settings.describe())?;
    writeln!(out)?;
    columns(out, &replies, &labels)?;
    writeln!(out)?;
    if replies.iter().any(|reply| reply.softmax) {
        writeln!(out, "{DIM}Scores are the softmax of the network's logits.{DIM:#}")?;
    }
    Ok(())
}

/// What the built-in photo shows, by which TensorFlow's program tests itself.
const SHOWN: &str = "military uniform";

/// An error unless every network sees what the built-in photo shows.
fn self_test(replies: &[Reply], labels: &Labels) -> Result<(), CliError> {
    for reply in replies {
        let first = reply.answers.first().map(|answer| labels.name(answer.class));
        if !first.as_ref().is_some_and(|name| name.contains(SHOWN)) {
            let first = first.map_or_else(String::new, |name| escaped(&name).to_string());
            let kind = reply.candidate.kind.name();
            let reason = format!(
                "the self-test failed: the {kind} network's first answer is {first:?}, not {SHOWN:?}"
            );
            return Err(CliError::Invalid(reason));
        }
    }
    Ok(())
}

/// The answers side by side, each in TensorFlow's form: `label (index): score`.
fn columns(out: &mut dyn Write, replies: &[Reply], labels: &Labels) -> Result<(), CliError> {
    let column = if replies.len() == 1 { usize::MAX } else { COLUMN };
    let mut cells: Vec<Vec<String>> = Vec::new();
    for reply in replies {
        let answers = reply.answers.iter().map(|&Answer { class, score }| {
            let tail = format!(" ({class}): {score:.6}");
            let name = escaped(&labels.name(class)).to_string();
            report::fit(&name, column.saturating_sub(tail.chars().count())) + &tail
        });
        let size = report::bytes(reply.candidate.bytes);
        let facts = format!("{:.2} ms, {size}", reply.milliseconds);
        cells.push(std::iter::once(facts).chain(answers).collect());
    }
    let width = cells.iter().flatten().map(|cell| cell.chars().count()).max().unwrap_or(0) + 2;
    let head: String =
        replies.iter().map(|reply| format!("{:<width$}", reply.candidate.kind.name())).collect();
    writeln!(out, "{BOLD}{}{BOLD:#}", head.trim_end())?;
    let rows = cells.iter().map(Vec::len).max().unwrap_or(0);
    for row in 0..rows {
        let line: String = cells
            .iter()
            .map(|cells| format!("{:<width$}", cells.get(row).map_or("", String::as_str)))
            .collect();
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn json(
    comparison: &Comparison,
    photo: &str,
    settings: &Settings,
    replies: &[Reply],
    labels: &Labels,
) -> serde_json::Value {
    let networks: Vec<_> = replies
        .iter()
        .map(|reply| {
            let answers: Vec<_> = reply
                .answers
                .iter()
                .map(|&Answer { class, score }| json!({ "label": labels.name(class), "index": class, "score": score }))
                .collect();
            json!({
                "kind": reply.candidate.kind.name(),
                "bytes": reply.candidate.bytes,
                "milliseconds": reply.milliseconds,
                "softmax": reply.softmax,
                "answers": answers,
            })
        })
        .collect();
    json!({
        "photo": photo,
        "network": comparison.network.file.path,
        "calibration_photos": comparison.calibrated,
        "backend": settings.backend.name(),
        "threads": settings.threads,
        "networks": networks,
    })
}
