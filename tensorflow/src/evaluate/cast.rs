//! `Cast`.

use super::NoValue;
use super::arguments::{Arguments, one};
use super::value::{Data, Value};
use crate::proto::DataType;

/// Floats that an integer type cannot hold have no defined value: such a cast is left to the graph.
pub(super) fn cast(arguments: &Arguments<'_>) -> Result<Vec<Value>, NoValue> {
    let input = arguments.input(0)?;
    let target = arguments.type_attribute("DstT").and_then(|number| DataType::try_from(number).ok());
    let integer = |low: f64, high: f64| {
        let elements = wide(&input.data)?;
        elements.iter().all(|&x| x > low && x < high).then_some(elements).ok_or(NoValue::Unsupported)
    };
    let data = match (target, &input.data) {
        (Some(target), data) if target == data.data_type() => data.clone(),
        (Some(DataType::Int64), Data::I32(elements)) => {
            Data::I64(elements.iter().copied().map(i64::from).collect())
        }
        (Some(DataType::Int32), Data::I64(elements)) => {
            Data::I32(elements.iter().map(|&x| x as i32).collect())
        }
        (Some(DataType::Float), Data::I64(elements)) => {
            Data::F32(elements.iter().map(|&x| x as f32).collect())
        }
        (Some(DataType::Float), data) => Data::F32(wide(data)?.into_iter().map(|x| x as f32).collect()),
        (Some(DataType::Double), data) => Data::F64(wide(data)?),
        (Some(DataType::Bool), data) => Data::Bool(wide(data)?.into_iter().map(|x| x != 0.0).collect()),
        (Some(DataType::Int32), _) => {
            Data::I32(integer(-2147483649.0, 2147483648.0)?.into_iter().map(|x| x as i32).collect())
        }
        (Some(DataType::Int64), _) => {
            Data::I64(integer(-9.0e18, 9.0e18)?.into_iter().map(|x| x as i64).collect())
        }
        (Some(DataType::Uint8), _) => Data::U8(integer(-1.0, 256.0)?.into_iter().map(|x| x as u8).collect()),
        _ => return Err(NoValue::Unsupported),
    };
    one(input.shape.clone(), data)
}

/// The elements as the widest floats.
fn wide(data: &Data) -> Result<Vec<f64>, NoValue> {
    Ok(match data {
        Data::F32(elements) => elements.iter().copied().map(f64::from).collect(),
        Data::F64(elements) => elements.clone(),
        Data::I32(elements) => elements.iter().copied().map(f64::from).collect(),
        Data::I16(elements) => elements.iter().copied().map(f64::from).collect(),
        Data::I8(elements) => elements.iter().copied().map(f64::from).collect(),
        Data::U8(elements) => elements.iter().copied().map(f64::from).collect(),
        Data::Bool(elements) => elements.iter().map(|&x| f64::from(u8::from(x))).collect(),
        Data::I64(elements) => elements.iter().map(|&x| x as f64).collect(),
    })
}
