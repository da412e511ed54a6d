//! The names of TensorFlow's enumerations.

const TYPES: [&str; 34] = [
    "DT_INVALID",
    "DT_FLOAT",
    "DT_DOUBLE",
    "DT_INT32",
    "DT_UINT8",
    "DT_INT16",
    "DT_INT8",
    "DT_STRING",
    "DT_COMPLEX64",
    "DT_INT64",
    "DT_BOOL",
    "DT_QINT8",
    "DT_QUINT8",
    "DT_QINT32",
    "DT_BFLOAT16",
    "DT_QINT16",
    "DT_QUINT16",
    "DT_UINT16",
    "DT_COMPLEX128",
    "DT_HALF",
    "DT_RESOURCE",
    "DT_VARIANT",
    "DT_UINT32",
    "DT_UINT64",
    "DT_FLOAT8_E5M2",
    "DT_FLOAT8_E4M3FN",
    "DT_FLOAT8_E4M3FNUZ",
    "DT_FLOAT8_E4M3B11FNUZ",
    "DT_FLOAT8_E5M2FNUZ",
    "DT_INT4",
    "DT_UINT4",
    "DT_INT2",
    "DT_UINT2",
    "DT_FLOAT4_E2M1FN",
];

/// The number that types of references add.
const REFERENCE: i64 = 100;

/// The number of an element type.
pub(super) fn data_type(name: &str) -> Option<i64> {
    let (name, offset) = name.strip_suffix("_REF").map_or((name, 0), |name| (name, REFERENCE));
    let number = TYPES.iter().position(|&known| known == name)? as i64 + offset;
    (number != REFERENCE).then_some(number)
}

/// The name of an element type.
pub(super) fn data_type_name(number: i64) -> Option<String> {
    let of = |number: i64| usize::try_from(number).ok().and_then(|index| TYPES.get(index));
    match of(number) {
        Some(name) => Some((*name).to_owned()),
        None if number > REFERENCE => of(number - REFERENCE).map(|name| format!("{name}_REF")),
        None => None,
    }
}

const FULL_TYPES: [(&str, i64); 34] = [
    ("TFT_UNSET", 0),
    ("TFT_VAR", 1),
    ("TFT_ANY", 2),
    ("TFT_PRODUCT", 3),
    ("TFT_NAMED", 4),
    ("TFT_FOR_EACH", 20),
    ("TFT_CALLABLE", 100),
    ("TFT_BOOL", 200),
    ("TFT_UINT8", 201),
    ("TFT_UINT16", 202),
    ("TFT_UINT32", 203),
    ("TFT_UINT64", 204),
    ("TFT_INT8", 205),
    ("TFT_INT16", 206),
    ("TFT_INT32", 207),
    ("TFT_INT64", 208),
    ("TFT_HALF", 209),
    ("TFT_FLOAT", 210),
    ("TFT_DOUBLE", 211),
    ("TFT_COMPLEX64", 212),
    ("TFT_COMPLEX128", 213),
    ("TFT_STRING", 214),
    ("TFT_BFLOAT16", 215),
    ("TFT_TENSOR", 1000),
    ("TFT_ARRAY", 1001),
    ("TFT_OPTIONAL", 1002),
    ("TFT_LITERAL", 1003),
    ("TFT_ENCODED", 1004),
    ("TFT_SHAPE_TENSOR", 1005),
    ("TFT_DATASET", 10102),
    ("TFT_RAGGED", 10103),
    ("TFT_ITERATOR", 10104),
    ("TFT_MUTEX_LOCK", 10202),
    ("TFT_LEGACY_VARIANT", 10203),
];

/// The number of a full type.
pub(super) fn full_type(name: &str) -> Option<i64> {
    FULL_TYPES.iter().find(|(known, _)| *known == name).map(|&(_, number)| number)
}

/// The name of a full type.
pub(super) fn full_type_name(number: i64) -> Option<String> {
    FULL_TYPES.iter().find(|&&(_, known)| known == number).map(|(name, _)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_inverse() {
        for number in (0..TYPES.len() as i64).chain(101..134) {
            let name = data_type_name(number).expect("a type");
            assert_eq!(data_type(&name), Some(number), "{name}");
        }
        assert_eq!(data_type("DT_FLOAT_REF"), Some(101));
        assert_eq!(data_type_name(100), None);
        assert_eq!(data_type("DT_INVALID_REF"), None);
        assert_eq!(full_type(&full_type_name(1000).expect("a type")), Some(1000));
    }
}
