//! A reader for NumPy's npz files: a zip of npy arrays (NEP 1), for the types that the vectors use.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// An array's elements.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    U8(Vec<u8>),
    I8(Vec<i8>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    Text(String),
}

/// An array, row-major; a scalar has an empty shape.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Data,
}

/// Reads every array of a file.
pub(crate) fn read(path: &Path) -> BTreeMap<String, Array> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut zip = zip::ZipArchive::new(file).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (0..zip.len())
        .map(|index| {
            let mut entry = zip.by_index(index).expect("zip entry");
            let name = entry.name().trim_end_matches(".npy").to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("zip entry");
            let array = parse(&bytes).unwrap_or_else(|| panic!("{}: {name} is not an array", path.display()));
            (name, array)
        })
        .collect()
}

fn parse(bytes: &[u8]) -> Option<Array> {
    if bytes.get(..8)? != b"\x93NUMPY\x01\x00" {
        return None;
    }
    let header_len = usize::from(u16::from_le_bytes(bytes.get(8..10)?.try_into().ok()?));
    let header = std::str::from_utf8(bytes.get(10..10 + header_len)?).ok()?;
    let body = &bytes[10 + header_len..];
    if !header.contains("'fortran_order': False") {
        return None;
    }
    let shape = between(header, "'shape': (", ")")?;
    let shape: Vec<usize> = numbers(shape);
    let data = match between(header, "'descr': '", "'")? {
        "|u1" => Data::U8(body.to_vec()),
        "|i1" => Data::I8(body.iter().map(|byte| byte.cast_signed()).collect()),
        "<i4" => Data::I32(four_byte_elements(body).map(i32::from_le_bytes).collect()),
        "<f4" => Data::F32(four_byte_elements(body).map(f32::from_le_bytes).collect()),
        text if text.starts_with("<U") => Data::Text(
            four_byte_elements(body).filter_map(|code| char::from_u32(u32::from_le_bytes(code))).collect(),
        ),
        _ => return None,
    };
    Some(Array { shape, data })
}

fn four_byte_elements(body: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    body.chunks_exact(4).map(|word| [word[0], word[1], word[2], word[3]])
}

/// The text between two markers.
pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let rest = &text[text.find(start)? + start.len()..];
    Some(&rest[..rest.find(end)?])
}

/// The numbers of a list such as `1, 2, 3`.
pub(crate) fn numbers(list: &str) -> Vec<usize> {
    list.split(',').filter_map(|number| number.trim().parse().ok()).collect()
}

impl Array {
    /// The elements of any integer type as `i32`.
    pub(crate) fn integers(&self) -> Vec<i32> {
        match &self.data {
            Data::U8(values) => values.iter().map(|&x| x.into()).collect(),
            Data::I8(values) => values.iter().map(|&x| x.into()).collect(),
            Data::I32(values) => values.clone(),
            Data::F32(_) | Data::Text(_) => panic!("integers expected"),
        }
    }

    /// The elements as floats.
    pub(crate) fn floats(&self) -> Vec<f32> {
        match &self.data {
            Data::F32(values) => values.clone(),
            _ => panic!("floats expected"),
        }
    }

    /// Whether the elements are `i8`.
    pub(crate) fn signed(&self) -> bool {
        matches!(self.data, Data::I8(_))
    }
}
