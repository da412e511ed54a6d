//! Test cases of operators, from archives in `tests/vectors`.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

/// The archive: one folder per case with `model.onnx` and the tensors of one call.
pub(crate) struct NodeCases(ZipArchive<Cursor<Vec<u8>>>);

impl NodeCases {
    /// ONNX's own cases.
    pub(crate) fn of_onnx() -> Self {
        Self::open("onnx_node_cases.zip")
    }

    /// Cases whose outputs are ONNX Runtime's.
    pub(crate) fn of_onnx_runtime() -> Self {
        Self::open("onnxruntime_node_cases.zip")
    }

    fn open(name: &str) -> Self {
        let bytes = super::read(&format!("tests/vectors/{name}"));
        Self(ZipArchive::new(Cursor::new(bytes)).expect("a zip archive"))
    }

    /// The names of all cases, which are those of their folders, in the order of `INDEX.tsv`.
    pub(crate) fn names(&mut self) -> Vec<String> {
        let text = self.entry("INDEX.tsv").expect("the archive has an index");
        let text = String::from_utf8(text).expect("the index is text");
        text.lines()
            .skip(1)
            .map(|line| {
                let case = line.split('\t').nth(2);
                case.unwrap_or_else(|| panic!("INDEX.tsv: {line:?} has no case")).to_owned()
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
