//! ONNX's own operator test cases, from `tests/vectors/onnx_node_cases.zip`.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

/// The archive: one folder per case with `model.onnx` and the tensors of one call.
pub(crate) struct NodeCases(ZipArchive<Cursor<Vec<u8>>>);

/// A line of `INDEX.tsv`.
pub(crate) struct NodeCase {
    /// The operator that the case tests.
    pub(crate) op: String,
    /// The case's name, which is its folder.
    pub(crate) name: String,
}

impl NodeCases {
    pub(crate) fn open() -> Self {
        let bytes = super::read("tests/vectors/onnx_node_cases.zip");
        Self(ZipArchive::new(Cursor::new(bytes)).expect("onnx_node_cases.zip is a zip archive"))
    }

    /// Every case, in the order of the index.
    pub(crate) fn index(&mut self) -> Vec<NodeCase> {
        let text = self.entry("INDEX.tsv").expect("the archive has an index");
        let text = String::from_utf8(text).expect("the index is text");
        text.lines()
            .skip(1)
            .map(|line| {
                let fields: Vec<&str> = line.split('\t').collect();
                assert!(fields.len() >= 3, "INDEX.tsv: {line:?} has no case");
                NodeCase { op: fields[1].to_owned(), name: fields[2].to_owned() }
            })
            .collect()
    }

    /// The bytes of a case's model.
    pub(crate) fn model(&mut self, case: &str) -> Vec<u8> {
        self.entry(&format!("{case}/model.onnx")).unwrap_or_else(|| panic!("{case} has no model"))
    }

    /// The bytes of the tensors `{stem}_0.pb`, `{stem}_1.pb`, … of a case; `stem` is `input` or `output`.
    pub(crate) fn tensors(&mut self, case: &str, stem: &str) -> Vec<Vec<u8>> {
        (0..).map_while(|index| self.entry(&format!("{case}/test_data_set_0/{stem}_{index}.pb"))).collect()
    }

    /// `None` if the archive has no such entry; a damaged entry panics.
    fn entry(&mut self, name: &str) -> Option<Vec<u8>> {
        let mut entry = match self.0.by_name(name) {
            Err(ZipError::FileNotFound) => return None,
            entry => entry.unwrap_or_else(|error| panic!("{name}: {error}")),
        };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        Some(bytes)
    }
}
