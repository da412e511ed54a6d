//! Parts of tensors.

use eightbit_graph::{Attribute, DataType, Error, Tensor};

use super::elementwise::onnx_type;
use super::importer::Importer;
use super::operation::Operation;
use super::reshape::MAX_OUTPUTS;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("Gather", |importer, operation| gather(importer, operation, 0)),
    ("GatherV2", |importer, operation| {
        let axes = importer.integers(operation, 2)?;
        let [axis] = axes[..] else { return Err(operation.error("its axis must be one number")) };
        gather(importer, operation, axis)
    }),
    ("NonMaxSuppressionV3", suppress),
    ("OneHot", one_hot),
    ("ReverseV2", reverse),
    ("Slice", slice),
    ("Split", |importer, operation| {
        let axes = importer.integers(operation, 0)?;
        let count = operation.int("num_split", 1)?;
        split(importer, operation, operation.input(1)?, &axes, count, None)
    }),
    ("SplitV", |importer, operation| {
        let axes = importer.integers(operation, 2)?;
        let count = operation.int("num_split", 1)?;
        let sizes = importer.integers(operation, 1)?;
        if sizes.iter().any(|&size| size < 0) {
            return Err(operation.unsupported("a size that the others decide (-1)"));
        }
        let sizes = importer.add_integers(operation, "sizes", sizes);
        split(importer, operation, operation.input(0)?, &axes, count, Some(&sizes))
    }),
    ("StridedSlice", strided),
    ("TopKV2", top),
];

fn gather<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    axis: i64,
) -> Result<Vec<String>, Error> {
    if operation.int("batch_dims", 0)? != 0 {
        return Err(operation.unsupported("batch_dims other than 0"));
    }
    let inputs = [operation.input(0)?, operation.input(1)?];
    Ok(vec![importer.emit(operation, "", "Gather", &inputs, &[("axis", Attribute::Int(axis))])?])
}

fn split<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    x: &str,
    axes: &[i64],
    count: i64,
    sizes: Option<&str>,
) -> Result<Vec<String>, Error> {
    let &[axis] = axes else { return Err(operation.error("its axis must be one number")) };
    let count = usize::try_from(count).ok().filter(|&count| (1..=MAX_OUTPUTS as usize).contains(&count));
    let count =
        count.ok_or_else(|| operation.wrong_attribute("num_split", format!("must be 1 to {MAX_OUTPUTS}")))?;
    let mut inputs = vec![x];
    inputs.extend(sizes);
    Ok(importer.emit_many(operation, "Split", &inputs, &[("axis", Attribute::Int(axis))], count))
}

/// Begins and sizes for each axis; a size of −1 reaches to the end.
fn slice<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let begins = importer.integers(operation, 1)?;
    let sizes = importer.integers(operation, 2)?;
    if begins.len() != sizes.len() {
        return Err(operation.error("it needs as many sizes as begins"));
    }
    let end = |(&begin, &size): (&i64, &i64)| if size == -1 { i64::MAX } else { begin.saturating_add(size) };
    let ends: Vec<i64> = begins.iter().zip(&sizes).map(end).collect();
    let axes: Vec<i64> = (0..).take(begins.len()).collect();
    let begins = importer.add_integers(operation, "begins", begins);
    let ends = importer.add_integers(operation, "ends", ends);
    let axes = importer.add_integers(operation, "axes", axes);
    let inputs = [operation.input(0)?, &begins, &ends, &axes];
    Ok(vec![importer.emit(operation, "", "Slice", &inputs, &[])?])
}

/// Axes backwards: slices from the last element to the first.
fn reverse<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let axes = importer.integers(operation, 1)?;
    if axes.is_empty() {
        return Ok(vec![operation.input(0)?.to_owned()]);
    }
    let all = |value: i64| vec![value; axes.len()];
    let [begins, ends, strides] = [("begins", all(-1)), ("ends", all(i64::MIN)), ("strides", all(-1))]
        .map(|(suffix, values)| importer.add_integers(operation, suffix, values));
    let axes = importer.add_integers(operation, "axes", axes);
    let inputs = [operation.input(0)?, &begins, &ends, &axes, &strides];
    Ok(vec![importer.emit(operation, "", "Slice", &inputs, &[])?])
}

/// A row for each index, with one value at the index and another elsewhere.
fn one_hot<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let [indices, depth] = [operation.input(0)?, operation.input(1)?];
    // ONNX has both values in one list, and counts negative indices from the end, where TensorFlow has no 1 at all.
    let axes = importer.add_integers(operation, "axes", vec![0]);
    let [off, on] = [("off", 3), ("on", 2)].map(|(suffix, index)| {
        importer.emit(operation, suffix, "Unsqueeze", &[operation.input(index)?, &axes], &[])
    });
    let both = ("axis", Attribute::Int(0));
    let values = importer.emit(operation, "values", "Concat", &[&off?, &on?], &[both])?;
    let to = ("to", onnx_type(DataType::I64));
    let wide = importer.emit(operation, "indices", "Cast", &[indices], std::slice::from_ref(&to))?;
    let depth = importer.emit(operation, "depth", "Cast", &[depth], &[to])?;
    let zero = importer.add_constant(operation, "zero", Tensor::scalar(0i64));
    let negative = importer.emit(operation, "negative", "Less", &[&wide, &zero], &[])?;
    let known = importer.emit(operation, "known", "Where", &[&negative, &depth, &wide], &[])?;
    let axis = ("axis", Attribute::Int(operation.int("axis", -1)?));
    Ok(vec![importer.emit(operation, "", "OneHot", &[&known, &depth, &values], &[axis])?])
}

/// Python's slices: `x[begin:end:stride]`, with masks for what is left out.
fn strided<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let [begins, ends, strides] = [
        importer.integers(operation, 1)?,
        importer.integers(operation, 2)?,
        importer.integers(operation, 3)?,
    ];
    if begins.len() != ends.len() || begins.len() != strides.len() {
        return Err(operation.error("begins, ends and strides must be equally many"));
    }
    let mask = |name: &str| operation.int(name, 0);
    let [begin_mask, end_mask] = [mask("begin_mask")?, mask("end_mask")?];
    let [ellipsis, new, shrink] = [mask("ellipsis_mask")?, mask("new_axis_mask")?, mask("shrink_axis_mask")?];
    let has = |mask: i64, index: usize| index < 63 && mask >> index & 1 == 1;
    // The axes after an ellipsis are counted from the end.
    let at_ellipsis = (0..begins.len()).find(|&index| has(ellipsis, index));
    let (mut from, mut to, mut by, mut axes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut gone, mut added) = (Vec::new(), Vec::new());
    let mut axis = 0i64;
    for (index, ((&begin, &end), &stride)) in begins.iter().zip(&ends).zip(&strides).enumerate() {
        if Some(index) == at_ellipsis {
            let after = (index + 1..begins.len()).filter(|&index| !has(new, index)).count();
            axis = -(after as i64);
            continue;
        }
        if has(new, index) {
            if at_ellipsis.is_some() || shrink != 0 {
                return Err(operation.unsupported("new axes beside an ellipsis or removed axes"));
            }
            added.push(index as i64);
            continue;
        }
        if stride == 0 {
            return Err(operation.error("a stride is 0"));
        }
        axes.push(axis);
        if has(shrink, index) {
            // One element: −1 is the last, up to the end.
            from.push(begin);
            to.push(if begin == -1 { i64::MAX } else { begin.saturating_add(1) });
            by.push(1);
            gone.push(axis);
        } else {
            let (first, last) = if stride > 0 { (0, i64::MAX) } else { (i64::MAX, i64::MIN) };
            from.push(if has(begin_mask, index) { first } else { begin });
            to.push(if has(end_mask, index) { last } else { end });
            by.push(stride);
        }
        axis += 1;
    }
    let mut y = operation.input(0)?.to_owned();
    if !axes.is_empty() {
        let [from, to, axes, by] = [("begins", from), ("ends", to), ("axes", axes), ("strides", by)]
            .map(|(suffix, values)| importer.add_integers(operation, suffix, values));
        y = importer.emit(operation, "", "Slice", &[&y, &from, &to, &axes, &by], &[])?;
    }
    for (suffix, kind, axes) in [("squeeze", "Squeeze", gone), ("expand", "Unsqueeze", added)] {
        if !axes.is_empty() {
            let axes = importer.add_integers(operation, "axes", axes);
            y = importer.emit(operation, suffix, kind, &[&y, &axes], &[])?;
        }
    }
    Ok(vec![y])
}

/// The largest elements of the last axis, and their indices.
fn top<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let count = importer.as_shape(operation, 1, "count")?;
    let axes = importer.add_integers(operation, "axes", vec![1]);
    // ONNX wants a list of one number.
    let count = importer.emit(operation, "counts", "Reshape", &[&count, &axes], &[])?;
    let sorted = Attribute::Int(operation.flag("sorted", true)?.into());
    let outputs =
        importer.emit_many(operation, "TopK", &[operation.input(0)?, &count], &[("sorted", sorted)], 2);
    let [values, indices] = &outputs[..] else { return Err(operation.error("has no indices")) };
    let to = ("to", onnx_type(DataType::I32));
    let indices = importer.emit(operation, "indices", "Cast", &[indices], &[to])?;
    Ok(vec![values.clone(), indices])
}

/// The boxes that remain. ONNX has them for each batch and class, with three numbers a box.
fn suppress<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let [boxes, scores] = [operation.input(0)?, operation.input(1)?];
    let batch = importer.add_integers(operation, "batch", vec![0]);
    let both = importer.add_integers(operation, "batch_class", vec![0, 1]);
    let boxes = importer.emit(operation, "boxes", "Unsqueeze", &[boxes, &batch], &[])?;
    let scores = importer.emit(operation, "scores", "Unsqueeze", &[scores, &both], &[])?;
    let most = importer.as_shape(operation, 2, "most")?;
    let [overlap, least] = [operation.input(3)?, operation.input(4)?];
    let inputs = [&boxes, &scores, most.as_str(), overlap, least];
    let found = importer.emit(operation, "", "NonMaxSuppression", &inputs, &[])?;
    let index = importer.add_constant(operation, "index", Tensor::scalar(2i64));
    let index = importer.emit(
        operation,
        "boxes_kept",
        "Gather",
        &[&found, &index],
        &[("axis", Attribute::Int(1))],
    )?;
    let to = ("to", onnx_type(DataType::I32));
    Ok(vec![importer.emit(operation, "kept", "Cast", &[&index], &[to])?])
}
