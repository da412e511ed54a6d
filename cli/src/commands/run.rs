//! `eightbit run`: runs a network on arrays from files.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eightbit_graph::{DataType, Executor, Tensor, TensorData, ValueInfo, escaped, ops, passes, quoted};
use serde_json::json;

use crate::args::RunArgs;
use crate::array;
use crate::engine::{Settings, executor_options};
use crate::error::CliError;
use crate::fixing::{self, bind};
use crate::layers::{self, Layers};
use crate::model;
use crate::npy;
use crate::output::OutputFile;
use crate::report::{self, BOLD, DIM, Table};

/// The longest name within a file name, in bytes: systems accept 255.
const NAME_LIMIT: usize = 180;

pub(crate) fn run(args: &RunArgs, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
    let name = report::path(&args.model);
    let of_model = |error| CliError::model(&name, error);
    let layers = Layers { inputs: &args.input_layers, outputs: &args.output_layers };
    let graph = model::read(&args.model, layers).map_err(|error| CliError::model_file(&name, error))?;
    let graph = fixing::apply(graph, &name, &args.fix)?;
    let mut graph = layers::cut(graph, &name, layers)?;
    let wrong = |reason: String| CliError::Invalid(format!("{name}: {reason}"));
    let files = assign(&args.inputs, &graph.inputs).map_err(wrong)?;
    // Quick checks that may fail come first.
    let outputs: Vec<&str> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
    let output_files = prepare(args, &outputs, &files)?;
    let mut tensors = Vec::new();
    for (input, file) in graph.inputs.iter_mut().zip(&files) {
        let tensor = array::read(file)?;
        bind(input, &tensor).map_err(|reason| wrong(format!("{reason} (in {})", report::path(file))))?;
        tensors.push(tensor);
    }
    // Branches may depend on the sizes of the arrays.
    let graph = passes::inline_branches(graph).map_err(of_model)?;
    let named: Vec<(&str, &Tensor)> =
        graph.inputs.iter().map(|input| input.name.as_str()).zip(&tensors).collect();
    let (results, fastest) = if args.reference {
        (ops::evaluate_graph(&graph, &named).map_err(of_model)?, None)
    } else {
        let options = executor_options(&graph, settings.backend, settings.threads);
        let executor = Executor::new(&graph, &options).map_err(of_model)?;
        timed(&executor, &named, args.repeat).map_err(of_model)?
    };
    for ((_, file), result) in output_files.iter().zip(&results) {
        file.write(&npy::to_bytes(result)?)?;
    }
    let files = output_files.iter().map(|(path, _)| Some(path.as_path())).chain(std::iter::repeat(None));
    let lines: Vec<Line> = graph.outputs.iter().zip(&results).zip(files).map(Line::new).collect();
    let run_by = if args.reference { "the plain interpreter".to_owned() } else { settings.describe() };
    if args.json {
        let value = json!({
            "model": args.model.to_string_lossy(),
            "reference": args.reference,
            "backend": (!args.reference).then(|| settings.backend.name()),
            "threads": (!args.reference).then_some(settings.threads),
            "milliseconds": fastest.map(milliseconds),
            "outputs": lines.iter().map(Line::json).collect::<Vec<_>>(),
        });
        return Ok(report::json(out, &value)?);
    }
    writeln!(out, "{DIM}network{DIM:#}  {name}")?;
    writeln!(out, "{DIM}run by{DIM:#}   {run_by}")?;
    if let Some(fastest) = fastest {
        writeln!(out, "{DIM}fastest{DIM:#}  {:.3} ms", milliseconds(fastest))?;
    }
    writeln!(out)?;
    let mut table = Table::new(&["output", "type", "shape", "min", "max"], 3);
    lines.iter().for_each(|line| table.row(line.cells()));
    table.write(out)?;
    for line in lines.iter().filter(|line| line.nans > 0) {
        let count = report::count(line.nans, "element");
        writeln!(out, "{BOLD}{}{BOLD:#}: {count} not a number (NaN)", escaped(line.name))?;
    }
    if let Some(folder) = &args.output_dir {
        writeln!(out, "\nwritten to {}", report::path(folder))?;
    }
    Ok(())
}

/// The results, and the time of the fastest of `repeat` runs if it is given.
fn timed(
    executor: &Executor,
    inputs: &[(&str, &Tensor)],
    repeat: Option<u16>,
) -> Result<(Vec<Tensor>, Option<Duration>), eightbit_graph::Error> {
    let mut results = executor.run(inputs)?;
    let mut fastest = None;
    for _ in 0..repeat.unwrap_or(0) {
        let start = Instant::now();
        results = executor.run(inputs)?;
        let time = start.elapsed();
        fastest = Some(fastest.map_or(time, |other: Duration| other.min(time)));
    }
    Ok((results, fastest))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The file of each input, in the network's order; the reason if arguments and inputs do not match.
fn assign(arguments: &[String], inputs: &[ValueInfo]) -> Result<Vec<PathBuf>, String> {
    let list = || report::names(inputs.iter().map(|input| input.name.as_str()));
    let mut files: Vec<Option<PathBuf>> = vec![None; inputs.len()];
    for argument in arguments {
        let (index, file) = find(argument, inputs).ok_or_else(|| match argument.split_once('=') {
            Some((name, _)) => {
                format!("--input: {} is not an input of the network, which has {}", quoted(name), list())
            }
            None => format!(
                "--input {}: the input's name is missing: give NAME=FILE; the network's inputs are {}",
                escaped(argument),
                list()
            ),
        })?;
        let name = quoted(&inputs[index].name);
        if file.as_os_str().is_empty() {
            return Err(format!("--input: no file is given for {name}: give NAME=FILE.npy"));
        }
        if files[index].replace(file).is_some() {
            return Err(format!("--input: {name} is given twice"));
        }
    }
    let missing = inputs.iter().zip(&files).filter(|(_, file)| file.is_none());
    let missing: Vec<&str> = missing.map(|(input, _)| input.name.as_str()).collect();
    match files.into_iter().collect() {
        Some(files) => Ok(files),
        None => Err(format!(
            "--input is missing for {}: give NAME=FILE.npy for each of the inputs {}",
            report::names(missing),
            list()
        )),
    }
}

/// Which input an argument is for, and its file. Names and files may both contain `=`.
fn find(argument: &str, inputs: &[ValueInfo]) -> Option<(usize, PathBuf)> {
    let named = fixing::named(argument, inputs).map(|(index, file)| (index, PathBuf::from(file)));
    let unnamed = || match inputs {
        [_] if !argument.contains('=') || Path::new(argument).exists() => Some((0, PathBuf::from(argument))),
        _ => None,
    };
    named.or_else(unnamed)
}

/// The files of the outputs; none without a folder.
fn prepare(
    args: &RunArgs,
    outputs: &[&str],
    inputs: &[PathBuf],
) -> Result<Vec<(PathBuf, OutputFile)>, CliError> {
    let Some(folder) = &args.output_dir else { return Ok(Vec::new()) };
    if std::fs::metadata(folder).is_ok_and(|metadata| !metadata.is_dir()) {
        let path = report::path(folder);
        return Err(CliError::Usage(format!(
            "--output-dir: {path} is not a folder: give one, or a new name"
        )));
    }
    std::fs::create_dir_all(folder).map_err(|source| CliError::write(folder, source))?;
    let sources = || inputs.iter().map(PathBuf::as_path).chain([args.model.as_path()]);
    let prepare = |name: String| {
        let path = folder.join(name);
        let file = OutputFile::prepare(&path, sources())?;
        Ok((path, file))
    };
    file_names(outputs).into_iter().map(prepare).collect()
}

/// A file name for each output: distinct even where case is ignored, and within the folder.
fn file_names(outputs: &[&str]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut name = |(index, output): (usize, &&str)| {
        let mut name = file_name(output);
        if name.is_empty() || name.len() > NAME_LIMIT || taken.contains(&name.to_lowercase()) {
            let ends = name.char_indices().map(|(at, character)| at + character.len_utf8());
            let cut = ends.take_while(|&end| end <= NAME_LIMIT).last().unwrap_or(0);
            // No name contains this character: it is escaped.
            name = format!("{}~{index}", &name[..cut]);
        }
        taken.insert(name.to_lowercase());
        name + ".npy"
    };
    outputs.iter().enumerate().map(&mut name).collect()
}

/// Keeps letters, digits and harmless punctuation; the bytes of everything else, and a leading dot, become `%XX`.
fn file_name(output: &str) -> String {
    let mut name = String::new();
    for (index, character) in output.chars().enumerate() {
        match character {
            '.' if index > 0 => name.push('.'),
            '_' | '-' | '+' | '=' | ',' | '@' => name.push(character),
            _ if character.is_alphanumeric() => name.push(character),
            _ => {
                let mut bytes = [0; 4];
                name.extend(character.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")));
            }
        }
    }
    name
}

/// A summary of an output.
struct Line<'a> {
    name: &'a str,
    data_type: DataType,
    shape: &'a [usize],
    /// The least and the greatest element: human-readable, and for JSON.
    range: Option<[(String, serde_json::Value); 2]>,
    nans: usize,
    file: Option<&'a Path>,
}

impl<'a> Line<'a> {
    fn new(((info, tensor), file): ((&'a ValueInfo, &'a Tensor), Option<&'a Path>)) -> Self {
        let (range, nans) = range(tensor.data());
        Self { name: &info.name, data_type: tensor.data_type(), shape: tensor.shape(), range, nans, file }
    }

    fn cells(&self) -> [String; 5] {
        let [min, max] = match &self.range {
            Some(range) => range.each_ref().map(|(text, _)| text.clone()),
            None => ["–".to_owned(), "–".to_owned()],
        };
        let shape = fixing::listed(self.shape.iter().map(usize::to_string));
        [escaped(self.name).to_string(), self.data_type.to_string(), shape, min, max]
    }

    fn json(&self) -> serde_json::Value {
        let bound = |index: usize| self.range.as_ref().map(|range| range[index].1.clone());
        json!({
            "name": self.name,
            "type": self.data_type.to_string(),
            "shape": self.shape,
            // JSON has no infinity: it is null, as are the bounds of an empty output.
            "min": bound(0),
            "max": bound(1),
            "nans": self.nans,
            "file": self.file.map(Path::to_string_lossy),
        })
    }
}

/// The least and the greatest element that are not NaN, and the number of NaNs.
fn range(data: &TensorData) -> (Option<[(String, serde_json::Value); 2]>, usize) {
    npy::with_elements!(data, values => range_of(values), _ => (None, 0))
}

fn range_of<T>(values: &[T]) -> (Option<[(String, serde_json::Value); 2]>, usize)
where
    T: Copy + PartialOrd + std::fmt::Debug + Into<serde_json::Value>,
{
    // Only NaN cannot be compared with itself.
    let numbers = || values.iter().copied().filter(|value| value.partial_cmp(value).is_some());
    let min = numbers().reduce(|a, b| if b < a { b } else { a });
    let max = numbers().reduce(|a, b| if b > a { b } else { a });
    let range = min.zip(max).map(|(min, max)| [min, max].map(|value| (format!("{value:?}"), value.into())));
    (range, values.len() - numbers().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, shape: &[Option<usize>]) -> ValueInfo {
        ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: shape.to_vec() }
    }

    fn assigned(arguments: &[&str], inputs: &[&str]) -> Result<Vec<PathBuf>, String> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let inputs: Vec<ValueInfo> = inputs.iter().map(|name| input(name, &[])).collect();
        assign(&arguments, &inputs)
    }

    #[test]
    fn arguments_find_their_inputs() {
        assert_eq!(assigned(&["b=2.npy", "a=1.npy"], &["a", "b"]), Ok(vec!["1.npy".into(), "2.npy".into()]));
        assert_eq!(assigned(&["x.npy"], &["x"]), Ok(vec!["x.npy".into()]));
        assert_eq!(assigned(&["a=b=c.npy"], &["a=b"]), Ok(vec!["c.npy".into()]));
        assert_eq!(assigned(&["a=b=c.npy"], &["a"]), Ok(vec!["b=c.npy".into()]));
        for (arguments, inputs, part) in [
            (
                &["c=1.npy"][..],
                &["a", "b"][..],
                "\"c\" is not an input of the network, which has \"a\", \"b\"",
            ),
            (&["1.npy"], &["a", "b"], "name is missing"),
            (&["a=1.npy"], &["a", "b"], "missing for \"b\""),
            (&["a=1.npy", "a=2.npy"], &["a", "b"], "\"a\" is given twice"),
            (&["a=1.npy"], &[], "which has none"),
            (&["a="], &["a"], "no file is given for \"a\""),
            (&[""], &["a"], "no file is given for \"a\""),
            (&[], &["a"], "missing for \"a\""),
        ] {
            let error = assigned(arguments, inputs).expect_err("no match");
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn open_dimensions_take_the_arrays_sizes() {
        let tensor = Tensor::new([2, 3], vec![0f32; 6]).expect("six");
        let mut open = input("x", &[None, Some(3)]);
        assert_eq!(bind(&mut open, &tensor), Ok(()));
        assert_eq!(open.shape, [Some(2), Some(3)]);
        for shape in [&[None, Some(4)][..], &[None], &[]] {
            let error = bind(&mut input("x", shape), &tensor).expect_err("another shape");
            assert!(
                error.contains("input \"x\" takes f32 of shape [") && error.contains("[2, 3]"),
                "{error}"
            );
        }
        let mut other = ValueInfo { data_type: DataType::I64, ..input("x", &[None, None]) };
        assert!(bind(&mut other, &tensor).expect_err("another type").contains("takes i64"));
    }

    #[test]
    fn file_names_stay_in_their_folder() {
        assert_eq!(
            file_names(&["logits:0", "a/b", "../../etc", "a\\b", "größe", "A%2Fb", ""]),
            [
                "logits%3A0.npy",
                "a%2Fb.npy",
                "%2E.%2F..%2Fetc.npy",
                "a%5Cb.npy",
                "größe.npy",
                "A%252Fb.npy",
                "~6.npy"
            ]
        );
        assert_eq!(file_names(&["y", "Y", "y"]), ["y.npy", "Y~1.npy", "y~2.npy"]);
        let long = "é".repeat(500);
        let names = file_names(&[&long, &long]);
        assert!(names[0] != names[1] && names.iter().all(|name| name.len() < 200), "{names:?}");
    }

    #[test]
    fn ranges_leave_out_what_is_no_number() {
        let (range_of, nans) = range(&TensorData::F32(vec![f32::NAN, 2.5, -1.0]));
        assert_eq!(
            (range_of.map(|range| range.map(|(text, _)| text)), nans),
            (Some(["-1.0".into(), "2.5".into()]), 1)
        );
        assert_eq!(range(&TensorData::F32(vec![f32::NAN])), (None, 1));
        assert_eq!(range(&TensorData::U8(Vec::new())), (None, 0));
        let (range_of, _) = range(&TensorData::I64(vec![i64::MIN, i64::MAX]));
        assert_eq!(range_of.expect("two").map(|(_, json)| json), [json!(i64::MIN), json!(i64::MAX)]);
    }
}
