//! Arrays in NumPy's format: the bytes of `.npy` and `.npz` files. It depends on no other module: the fuzzer runs it alone.

use std::io::{self, Cursor, Read};

use eightbit_graph::{Element, Node, Tensor, TensorData, ops, quoted};
use npyz::{AutoSerialize, DType, Deserialize, NpyFile, Order, Serialize, WriterBuilder};
use zip::ZipArchive;

/// The size limit of a file, and of an array in an archive: it may expand far.
pub(crate) const FILE_LIMIT: u64 = 2 << 30;
/// NumPy's own limit of a header, and enough brackets for a dictionary with a shape: the parser recurses once for each.
const HEAD_LIMIT: usize = 10_000;
const BRACKETS: usize = 16;

/// The array that the bytes of a file hold; the reason if they hold none.
pub(crate) fn parse(bytes: &[u8]) -> Result<Tensor, String> {
    let head = checked_head(bytes)?;
    let mut rest = bytes;
    let file = NpyFile::new(&mut rest).map_err(|error| match described_type(head) {
        Some(kind) => format!("{} ({error})", unsupported(kind)),
        None => error.to_string(),
    })?;
    let (dtype, order) = (file.dtype(), file.order());
    let shape: Option<Vec<usize>> = file.shape().iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let mut shape = shape.ok_or("its shape is too large")?;
    let kind = match &dtype {
        DType::Plain(kind) => kind.to_string(),
        _ => dtype.descr(),
    };
    drop(file);
    // The first character is the byte order.
    let read: fn(&[u8]) -> io::Result<TensorData> = match kind.get(1..) {
        Some("f4") => elements::<f32>,
        Some("f8") => elements::<f64>,
        Some("u1") => elements::<u8>,
        Some("i1") => elements::<i8>,
        Some("i4") => elements::<i32>,
        Some("i8") => elements::<i64>,
        Some("b1") => elements::<bool>,
        _ => return Err(unsupported(&kind)),
    };
    // Check the shape against the file before allocating memory for it.
    let size = dtype.num_bytes().unwrap_or(usize::MAX);
    let count = eightbit_graph::element_count(&shape).map_err(|error| error.to_string())?;
    if count.checked_mul(size) != Some(rest.len()) {
        return Err(format!(
            "its shape {shape:?} of {size} bytes each does not fit the {} bytes that follow",
            rest.len()
        ));
    }
    let data = read(bytes).map_err(|error| error.to_string())?;
    let fortran = order == Order::Fortran;
    if fortran {
        shape.reverse();
    }
    let tensor = Tensor::new(shape, data).map_err(|error| error.to_string())?;
    if !fortran {
        return Ok(tensor);
    }
    // The first dimension varies fastest: transpose the array.
    let transpose = Node::new("transpose", "Transpose", &["stored"], &["array"]);
    let transposed = ops::evaluate(&transpose, &[Some(&tensor)]).map_err(|error| error.to_string())?;
    transposed.into_iter().next().ok_or_else(|| "it cannot be transposed".to_owned())
}

/// The arrays with these names in an `.npz` archive, a zip file with an `.npy` file for each; the reason if there is one that it does not
/// hold.
pub(crate) fn archived<'n>(
    archive: &[u8],
    names: impl Iterator<Item = &'n str>,
) -> Result<Vec<Tensor>, String> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(|error| error.to_string())?;
    let mut array = |name: &str| -> Result<Tensor, String> {
        let entry = archive.by_name(&format!("{name}.npy")).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        entry.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if bytes.len() as u64 > FILE_LIMIT {
            return Err(format!("it has more than {FILE_LIMIT} bytes"));
        }
        parse(&bytes)
    };
    names.map(|name| array(name).map_err(|reason| format!("array {}: {reason}", quoted(name)))).collect()
}

fn unsupported(kind: &str) -> String {
    const LONGEST: usize = 40;
    let kind: String = kind.chars().take(LONGEST).collect();
    format!(
        "its elements are of type {kind}: float32, float64, uint8, int8, int32, int64 and bool are supported"
    )
}

/// The type of the elements as a header names it.
fn described_type(head: &str) -> Option<&str> {
    let value = head.split_once("descr")?.1.split_once(':')?.1;
    // The next key, or the end, follows.
    let end = value.find(", '").or_else(|| value.find('}'))?;
    Some(value[..end].trim().trim_matches('\''))
}

/// The text of the header. Other files, and headers that would harm their parser, are refused.
fn checked_head(bytes: &[u8]) -> Result<&str, String> {
    let text = match bytes {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, low, high, text @ ..] => {
            Some((usize::from(u16::from_le_bytes([*low, *high])), text))
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, text @ ..] => {
            Some((u32::from_le_bytes([*a, *b, *c, *d]) as usize, text))
        }
        _ => None,
    };
    let (length, text) = text.ok_or("it does not start like a file of numpy.save")?;
    let head = text.get(..length).ok_or("its header is truncated")?;
    let head = std::str::from_utf8(head).map_err(|_| "its header is not text")?;
    let brackets = head.matches(['(', '[', '{']).count();
    if length > HEAD_LIMIT || brackets > BRACKETS {
        return Err("its header is longer or deeper than that of an array of numbers".to_owned());
    }
    // The parser multiplies the dimensions without overflow checks.
    let words = head.split(|c: char| !c.is_alphanumeric() && c != '_');
    let mut numbers = words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let product = numbers.try_fold(1u64, |product, word| {
        // Old versions of Python append an L to some.
        let number: u64 = word.trim_end_matches('L').parse().ok()?;
        product.checked_mul(number.max(1))
    });
    product.map(|_| head).ok_or_else(|| "the number of its elements overflows".to_owned())
}

fn elements<T: Element + Deserialize>(bytes: &[u8]) -> io::Result<TensorData>
where
    TensorData: From<Vec<T>>,
{
    Ok(NpyFile::new(bytes)?.into_vec::<T>()?.into())
}

/// Evaluates `$result` with the elements of `$data` as `$values`, or `$other` if NumPy has no type for them.
macro_rules! with_elements {
    (@ $($variant:ident)*; $data:expr, $values:ident => $result:expr, _ => $other:expr) => {
        match $data {
            $(TensorData::$variant($values) => $result,)*
            _ => $other,
        }
    };
    ($($arguments:tt)*) => {
        $crate::npy::with_elements!(@ F32 F64 U8 I8 I32 I64 Bool; $($arguments)*)
    };
}
pub(crate) use with_elements;

/// Encodes `tensor` as a file.
pub(crate) fn to_bytes(tensor: &Tensor) -> io::Result<Vec<u8>> {
    let unknown =
        || io::Error::other(format!("NumPy has no type for elements of type {}", tensor.data_type()));
    with_elements!(tensor.data(), values => write(tensor.shape(), values), _ => Err(unknown()))
}

fn write<T: AutoSerialize + Serialize>(shape: &[usize], values: &[T]) -> io::Result<Vec<u8>> {
    let shape: Vec<u64> = shape.iter().map(|&dim| dim as u64).collect();
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
    writer.extend(values)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(head: &str, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(head.len()).expect("a short head").to_le_bytes();
        [&b"\x93NUMPY\x01\x00"[..], &length, head.as_bytes(), data].concat()
    }

    #[test]
    fn every_type_and_rank_comes_back() {
        for tensor in [
            Tensor::scalar(1.5f32),
            Tensor::vector([1.0f64, f64::NEG_INFINITY]),
            Tensor::new([2, 1, 3], vec![0u8, 1, 2, 3, 4, 255]).expect("six"),
            Tensor::vector([-128i8, 127]),
            Tensor::vector([i32::MIN, i32::MAX]),
            Tensor::vector([i64::MIN, i64::MAX]),
            Tensor::vector([true, false]),
            Tensor::new([0, 7], Vec::<f32>::new()).expect("none"),
        ] {
            let bytes = to_bytes(&tensor).expect("in memory");
            assert_eq!(parse(&bytes).expect("the same"), tensor);
            assert!(
                parse(&bytes[..bytes.len() - 1]).is_err() && parse(&[&bytes[..], &[0]].concat()).is_err()
            );
        }
    }

    #[test]
    fn columns_first_and_big_end_first_are_understood() {
        let head = "{'descr': '>i4', 'fortran_order': True, 'shape': (2, 3), }";
        let data: Vec<u8> = [1i32, 4, 2, 5, 3, 6].into_iter().flat_map(i32::to_be_bytes).collect();
        let expected = Tensor::new([2, 3], vec![1i32, 2, 3, 4, 5, 6]).expect("six");
        assert_eq!(parse(&file(head, &data)).expect("an array"), expected);
    }

    #[test]
    fn files_that_are_no_arrays_of_numbers_are_errors() {
        let deep = format!("{{'descr': {}", "(".repeat(9000));
        for (head, data) in [
            ("", &[][..]),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }", &[0; 4]),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1073741824,), }", &[0; 4]),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904, 8), }", &[]),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (0xffffffff, 0xffffffff, 4), }", &[0; 4]),
            ("{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }", &[0; 2]),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", &[0; 2]),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", &[0; 4]),
            ("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }", &[2]),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", &[0; 4]),
            (&deep, &[0; 4]),
        ] {
            assert!(parse(&file(head, data)).is_err(), "{head}");
        }
        for kind in ["<f3", "zz", "=f4", "5"] {
            let head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (1,), }}");
            let error = parse(&file(&head, &[0; 4])).expect_err("an unknown type");
            assert!(error.contains(&format!("of type {kind}: float32, float64")), "{error}");
        }
        for bytes in [&b""[..], b"\x93NUMPY", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", b"PK\x03\x04"] {
            assert!(parse(bytes).is_err());
        }
    }
}
