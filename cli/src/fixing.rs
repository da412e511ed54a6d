//! Fixes inputs of a graph as the command line says.

use std::path::Path;

use eightbit_graph::{DataType, Graph, Tensor, TensorData, ValueInfo, escaped, quoted};

use crate::args::FixArgs;
use crate::array;
use crate::error::CliError;
use crate::report;

/// The most elements of a value that is repeated from one number.
const MAX_REPEATED: usize = 1 << 20;

/// The input that an argument `NAME=…` is for, and the rest. Names and values may both contain `=`.
pub(crate) fn named<'a>(argument: &'a str, inputs: &[ValueInfo]) -> Option<(usize, &'a str)> {
    argument.match_indices('=').rev().find_map(|(at, _)| {
        let index = inputs.iter().position(|input| input.name == argument[..at])?;
        Some((index, &argument[at + 1..]))
    })
}

/// `graph`, the network `model`, with the values and shapes of `args`.
pub(crate) fn apply(mut graph: Graph, model: &str, args: &FixArgs) -> Result<Graph, CliError> {
    let of_model = |error| CliError::model(model, error);
    let wrong = |reason: String| CliError::Invalid(format!("{model}: {reason}"));
    for argument in &args.values {
        let (index, text) =
            named(argument, &graph.inputs).ok_or_else(|| wrong(unknown("--fix", argument, &graph.inputs)))?;
        let input = graph.inputs[index].clone();
        let path = Path::new(text);
        let value = if path.extension().is_some_and(|extension| extension == "npy") {
            array::read(path)?
        } else {
            value(text, &input).map_err(|reason| wrong(format!("--fix {}: {reason}", escaped(argument))))?
        };
        graph = graph.fix_input(&input.name, value).map_err(of_model)?;
    }
    for argument in &args.shapes {
        let only = matches!(graph.inputs[..], [_]) && !argument.contains('=');
        let (index, text) = if only { Some((0, argument.as_str())) } else { named(argument, &graph.inputs) }
            .ok_or_else(|| wrong(unknown("--shape", argument, &graph.inputs)))?;
        let sizes: Result<Vec<usize>, _> =
            text.split([',', 'x', '×']).map(str::trim).filter(|_| !text.is_empty()).map(str::parse).collect();
        let sizes = sizes.map_err(|_| {
            wrong(format!("--shape {}: give sizes as in NAME=1,3,320,320", escaped(argument)))
        })?;
        let name = graph.inputs[index].name.clone();
        graph = graph.fix_shape(&name, &sizes).map_err(of_model)?;
    }
    Ok(graph)
}

/// Sets open dimensions of `input` to the sizes of `tensor`; the reason if the two do not fit.
pub(crate) fn bind(input: &mut ValueInfo, tensor: &Tensor) -> Result<(), String> {
    let fits = input.data_type == tensor.data_type()
        && input.shape.len() == tensor.rank()
        && input.shape.iter().zip(tensor.shape()).all(|(own, dim)| own.is_none_or(|own| own == *dim));
    if !fits {
        let open = input.shape.iter().map(|dim| dim.map_or_else(|| "?".to_owned(), |dim| dim.to_string()));
        return Err(format!(
            "input {} takes {} of shape {}, not {} of shape {}",
            quoted(&input.name),
            input.data_type,
            listed(open),
            tensor.data_type(),
            listed(tensor.shape().iter().map(usize::to_string))
        ));
    }
    input.shape = tensor.shape().iter().copied().map(Some).collect();
    Ok(())
}

/// A shape, as in NumPy.
pub(crate) fn listed(dims: impl Iterator<Item = String>) -> String {
    format!("[{}]", dims.collect::<Vec<_>>().join(", "))
}

fn unknown(flag: &str, argument: &str, inputs: &[ValueInfo]) -> String {
    let list = report::names(inputs.iter().map(|input| input.name.as_str()));
    format!("{flag} {}: give NAME=…; the network's inputs are {list}", escaped(argument))
}

/// The tensor for `input` that `text` describes: one number for all its elements, or a list of them.
fn value(text: &str, input: &ValueInfo) -> Result<Tensor, String> {
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    let shape = shape(&input.shape, words.len())?;
    let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    let count =
        count.filter(|&count| count <= MAX_REPEATED).ok_or("the input is too large: give a NumPy file")?;
    let words: Vec<&str> = if let [word] = words[..] { vec![word; count] } else { words };
    fn parsed<T: std::str::FromStr>(words: &[&str], kind: DataType) -> Result<Vec<T>, String> {
        words.iter().map(|word| word.parse().map_err(|_| format!("{} is no {kind}", quoted(word)))).collect()
    }
    let kind = input.data_type;
    let data = match kind {
        DataType::F32 => TensorData::F32(parsed(&words, kind)?),
        DataType::F64 => TensorData::F64(parsed(&words, kind)?),
        DataType::U8 => TensorData::U8(parsed(&words, kind)?),
        DataType::I8 => TensorData::I8(parsed(&words, kind)?),
        DataType::I32 => TensorData::I32(parsed(&words, kind)?),
        DataType::I64 => TensorData::I64(parsed(&words, kind)?),
        DataType::Bool => {
            let bits = words.iter().map(|&word| match word {
                "0" => "false",
                "1" => "true",
                other => other,
            });
            TensorData::Bool(parsed(&bits.collect::<Vec<_>>(), kind)?)
        }
        other => return Err(format!("elements of type {other}: give a NumPy file")),
    };
    Tensor::new(shape, data).map_err(|error| error.to_string())
}

/// The shape of `count` elements for an input: an open dimension takes what the others leave; more than one is 1.
fn shape(open: &[Option<usize>], count: usize) -> Result<Vec<usize>, String> {
    let fixed = open.iter().flatten().try_fold(1usize, |product, &size| product.checked_mul(size));
    let fixed = fixed.filter(|&fixed| fixed > 0).ok_or("the input has no elements, or too many")?;
    let last = open.iter().rposition(Option::is_none);
    let rest = if count == 1 { 1 } else { count / fixed };
    let size =
        |(axis, dim): (usize, &Option<usize>)| dim.unwrap_or(if Some(axis) == last { rest } else { 1 });
    let shape: Vec<usize> = open.iter().enumerate().map(size).collect();
    if count != 1 && shape.iter().product::<usize>() != count {
        return Err(format!("{count} numbers do not fill an input of shape {shape:?}"));
    }
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(data_type: DataType, shape: &[Option<usize>]) -> ValueInfo {
        ValueInfo { name: "x".to_owned(), data_type, shape: shape.to_vec() }
    }

    #[test]
    fn numbers_take_the_type_and_the_shape_of_the_input() {
        let rate = value("16000", &input(DataType::I64, &[])).expect("a scalar");
        assert_eq!(rate, Tensor::scalar(16000i64));
        let filled = value("0.5", &input(DataType::F32, &[None, Some(2)])).expect("one number");
        assert_eq!((filled.shape(), filled.as_f32().expect("f32")), (&[1, 2][..], &[0.5, 0.5][..]));
        let list = value("1, 2,3,4", &input(DataType::I32, &[None, None, Some(2)])).expect("a list");
        assert_eq!(list.shape(), [1, 2, 2]);
        let flag = value("1", &input(DataType::Bool, &[Some(1)])).expect("a flag");
        assert_eq!(flag.as_bool().expect("bool"), [true]);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for (text, data_type, shape) in [
            ("a", DataType::F32, &[][..]),
            ("1.5", DataType::I64, &[]),
            ("1,2,3", DataType::F32, &[Some(2)]),
            ("1,2", DataType::F32, &[]),
            ("", DataType::F32, &[]),
            ("1", DataType::F32, &[Some(1 << 40)]),
            ("1", DataType::F32, &[Some(usize::MAX), Some(3)]),
            ("1,2", DataType::F32, &[Some(0), None]),
        ] {
            assert!(value(text, &input(data_type, shape)).is_err(), "{text}");
        }
    }
}
