//! Elementwise operators.

use eightbit_graph::{Attribute, DataType, Error};

use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

/// Operators that ONNX has with the same meaning and the same inputs.
const SAME: [(&str, &str); 55] = [
    ("Abs", "Abs"),
    ("Acos", "Acos"),
    ("Acosh", "Acosh"),
    ("Add", "Add"),
    ("AddN", "Sum"),
    ("AddV2", "Add"),
    ("Asin", "Asin"),
    ("Asinh", "Asinh"),
    ("Atan", "Atan"),
    ("Atanh", "Atanh"),
    ("Ceil", "Ceil"),
    ("Cos", "Cos"),
    ("Cosh", "Cosh"),
    ("Div", "Div"),
    ("Equal", "Equal"),
    ("Erf", "Erf"),
    ("Exp", "Exp"),
    ("Floor", "Floor"),
    ("GatherNd", "GatherND"),
    ("Greater", "Greater"),
    ("GreaterEqual", "GreaterOrEqual"),
    ("Inv", "Reciprocal"),
    ("IsInf", "IsInf"),
    ("IsNan", "IsNaN"),
    ("Less", "Less"),
    ("LessEqual", "LessOrEqual"),
    ("Log", "Log"),
    ("LogSoftmax", "LogSoftmax"),
    ("LogicalAnd", "And"),
    ("LogicalNot", "Not"),
    ("LogicalOr", "Or"),
    ("Maximum", "Max"),
    ("Minimum", "Min"),
    ("Mul", "Mul"),
    ("Neg", "Neg"),
    ("Pow", "Pow"),
    ("Prelu", "PRelu"),
    ("RealDiv", "Div"),
    ("Reciprocal", "Reciprocal"),
    ("Relu", "Relu"),
    ("Rint", "Round"),
    ("Round", "Round"),
    ("SelectV2", "Where"),
    ("Selu", "Selu"),
    ("Sigmoid", "Sigmoid"),
    ("Sign", "Sign"),
    ("Sin", "Sin"),
    ("Sinh", "Sinh"),
    ("Softmax", "Softmax"),
    ("Softplus", "Softplus"),
    ("Softsign", "Softsign"),
    ("Sqrt", "Sqrt"),
    ("Sub", "Sub"),
    ("Tan", "Tan"),
    ("Tanh", "Tanh"),
];

/// Operators that need attributes or several nodes.
const TABLE: &[(&str, Function)] = &[
    ("Cast", cast),
    ("ClipByValue", |importer, operation| {
        let [x, least, most] = [operation.input(0)?, operation.input(1)?, operation.input(2)?];
        Ok(vec![importer.emit(operation, "", "Clip", &[x, least, most], &[])?])
    }),
    ("DivNoNan", div_no_nan),
    ("Elu", |importer, operation| {
        Ok(vec![importer.emit(operation, "", "Elu", &[operation.input(0)?], &[])?])
    }),
    ("Expm1", |importer, operation| {
        let power = importer.emit(operation, "exp", "Exp", &[operation.input(0)?], &[])?;
        let one = importer.add_scalar(operation, "one", 1.0);
        Ok(vec![importer.emit(operation, "", "Sub", &[&power, &one], &[])?])
    }),
    ("FloorDiv", floor_div),
    ("FloorMod", |importer, operation| {
        // TensorFlow's remainder has the sign of the divisor, as ONNX's of integers; floats are computed by its definition.
        let quotient = floor_div(importer, operation)?;
        let [quotient] = &quotient[..] else { return Err(operation.error("has no quotient")) };
        let whole = importer.emit(operation, "whole", "Mul", &[quotient, operation.input(1)?], &[])?;
        Ok(vec![importer.emit(operation, "rest", "Sub", &[operation.input(0)?, &whole], &[])?])
    }),
    ("LeakyRelu", |importer, operation| {
        let alpha = Attribute::Float(operation.float("alpha", 0.2)?);
        Ok(vec![importer.emit(operation, "", "LeakyRelu", &[operation.input(0)?], &[("alpha", alpha)])?])
    }),
    ("Log1p", |importer, operation| {
        let one = importer.add_scalar(operation, "one", 1.0);
        let sum = importer.emit(operation, "sum", "Add", &[operation.input(0)?, &one], &[])?;
        Ok(vec![importer.emit(operation, "", "Log", &[&sum], &[])?])
    }),
    ("NotEqual", |importer, operation| {
        let inputs = [operation.input(0)?, operation.input(1)?];
        let equal = importer.emit(operation, "equal", "Equal", &inputs, &[])?;
        Ok(vec![importer.emit(operation, "", "Not", &[&equal], &[])?])
    }),
    ("Relu6", |importer, operation| {
        let least = importer.add_scalar(operation, "least", 0.0);
        let most = importer.add_scalar(operation, "most", 6.0);
        Ok(vec![importer.emit(operation, "", "Clip", &[operation.input(0)?, &least, &most], &[])?])
    }),
    ("Rsqrt", |importer, operation| {
        let root = importer.emit(operation, "sqrt", "Sqrt", &[operation.input(0)?], &[])?;
        Ok(vec![importer.emit(operation, "", "Reciprocal", &[&root], &[])?])
    }),
    ("Select", select),
    ("Square", |importer, operation| {
        Ok(vec![importer.emit(operation, "", "Mul", &[operation.input(0)?; 2], &[])?])
    }),
    ("SquaredDifference", |importer, operation| {
        let inputs = [operation.input(0)?, operation.input(1)?];
        let difference = importer.emit(operation, "difference", "Sub", &inputs, &[])?;
        Ok(vec![importer.emit(operation, "", "Mul", &[difference.as_str(); 2], &[])?])
    }),
    ("ZerosLike", |importer, operation| {
        let x = operation.input(0)?;
        Ok(vec![importer.emit(operation, "", "Sub", &[x; 2], &[])?])
    }),
];

/// The function of an elementwise operator.
pub(super) fn find(name: &str) -> Option<Function> {
    of_table(name).or_else(|| onnx_name(name).map(|_| same as Function))
}

/// The names of the elementwise operators.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.0).chain(SAME.iter().map(|row| row.0))
}

fn of_table(name: &str) -> Option<Function> {
    TABLE.iter().find(|(known, _)| *known == name).map(|row| row.1)
}

/// Applies the elementwise operator `name` to the inputs of `operation`, a node of another operator.
pub(super) fn apply<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    name: &str,
) -> Result<Vec<String>, Error> {
    match (of_table(name), onnx_name(name)) {
        (Some(function), _) => function(importer, operation),
        (None, Some(kind)) => as_in_onnx(importer, operation, kind),
        (None, None) => Err(operation.unsupported(format!("{name} within another operator"))),
    }
}

fn onnx_name(name: &str) -> Option<&'static str> {
    SAME.iter().find(|(known, _)| *known == name).map(|row| row.1)
}

fn same<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    as_in_onnx(importer, operation, onnx_name(&operation.node.op).unwrap_or_default())
}

fn as_in_onnx<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    kind: &str,
) -> Result<Vec<String>, Error> {
    let inputs: Vec<&str> = operation.inputs.iter().map(String::as_str).collect();
    Ok(vec![importer.emit(operation, "", kind, &inputs, &[])?])
}

/// The number of an element type in ONNX.
pub(super) fn onnx_type(data_type: DataType) -> Attribute {
    Attribute::Int(match data_type {
        DataType::F32 => 1,
        DataType::U8 => 2,
        DataType::I8 => 3,
        DataType::I32 => 6,
        DataType::I64 => 7,
        DataType::Bool => 9,
        DataType::F64 => 11,
        _ => 0,
    })
}

fn cast<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let x = operation.input(0)?;
    let to = operation.data_type("DstT", DataType::F32)?;
    if to == operation.data_type("SrcT", DataType::F32)? {
        return Ok(vec![x.to_owned()]);
    }
    Ok(vec![importer.emit(operation, "", "Cast", &[x], &[("to", onnx_type(to))])?])
}

/// 0 where the divisor is 0.
fn div_no_nan<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let [x, y] = [operation.input(0)?, operation.input(1)?];
    let zero = importer.add_scalar(operation, "zero", 0.0);
    let none = importer.emit(operation, "none", "Equal", &[y, &zero], &[])?;
    let quotient = importer.emit(operation, "quotient", "Div", &[x, y], &[])?;
    Ok(vec![importer.emit(operation, "", "Where", &[&none, &zero, &quotient], &[])?])
}

fn floor_div<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let inputs = [operation.input(0)?, operation.input(1)?];
    if matches!(operation.data_type("T", DataType::F32)?, DataType::F32 | DataType::F64) {
        let quotient = importer.emit(operation, "quotient", "Div", &inputs, &[])?;
        return Ok(vec![importer.emit(operation, "", "Floor", &[&quotient], &[])?]);
    }
    // Integers of both signs: through floats of 64 bits, which hold every integer of 32 bits.
    let wide = ("to", onnx_type(DataType::F64));
    let [x, y] = [("left", inputs[0]), ("right", inputs[1])].map(|(suffix, input)| {
        importer.emit(operation, suffix, "Cast", &[input], std::slice::from_ref(&wide))
    });
    let quotient = importer.emit(operation, "quotient", "Div", &[&x?, &y?], &[])?;
    let floor = importer.emit(operation, "floor", "Floor", &[&quotient], &[])?;
    let to = ("to", onnx_type(operation.data_type("T", DataType::I32)?));
    Ok(vec![importer.emit(operation, "", "Cast", &[&floor], &[to])?])
}

/// A condition of one dimension chooses among rows; any other has the shape of what it chooses among.
fn select<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let [condition, yes, no] = [operation.input(0)?, operation.input(1)?, operation.input(2)?];
    if importer.shape_of(condition).is_some_and(|shape| shape.len() == 1)
        && importer.shape_of(yes).is_none_or(|shape| shape.len() != 1)
    {
        return Err(operation.unsupported("a condition that chooses among rows: use SelectV2 (tf.where)"));
    }
    Ok(vec![importer.emit(operation, "", "Where", &[condition, yes, no], &[])?])
}
