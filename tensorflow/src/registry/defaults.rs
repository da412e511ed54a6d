//! Reads the defaults of attributes: `i:3`, `b:true`, `s:NHWC`, `t:float`, `p:2x3`, `li:1,1`.

use crate::data_types;
use crate::proto::{Dim, ListValue, TensorShapeProto, Value};

/// The value; nothing if it cannot be read, which a test of the table finds.
pub(super) fn parse(text: &str) -> Option<Value> {
    let (kind, value) = text.split_once(':')?;
    Some(match kind {
        "s" => Value::S(bytes(value)),
        "i" => Value::I(value.parse().ok()?),
        "f" => Value::F(value.parse().ok()?),
        "b" => Value::B(value.parse().ok()?),
        "t" => Value::Type(data_types::parse(value)?),
        "p" => Value::Shape(shape(value)?),
        list => Value::List(Box::new(parse_list(list.strip_prefix('l')?, value)?)),
    })
}

fn parse_list(kind: &str, value: &str) -> Option<ListValue> {
    let mut list = ListValue::default();
    for item in value.split(',').filter(|item| !item.is_empty()) {
        match kind {
            "s" => list.s.push(bytes(item)),
            "i" => list.i.push(item.parse().ok()?),
            "f" => list.f.push(item.parse().ok()?),
            "b" => list.b.push(item.parse().ok()?),
            "t" => list.r#type.push(data_types::parse(item)?),
            "p" => list.shape.push(shape(item)?),
            _ => return None,
        }
    }
    Some(list)
}

fn bytes(text: &str) -> Vec<u8> {
    text.replace("\\t", "\t").replace("\\n", "\n").into_bytes()
}

fn shape(text: &str) -> Option<TensorShapeProto> {
    if text == "?" {
        return Some(TensorShapeProto { unknown_rank: true, ..Default::default() });
    }
    let sizes = text.split('x').filter(|size| !size.is_empty());
    let dim = sizes
        .map(|size| Some(Dim { size: size.parse().ok()?, ..Default::default() }))
        .collect::<Option<_>>()?;
    Some(TensorShapeProto { dim, unknown_rank: false })
}
