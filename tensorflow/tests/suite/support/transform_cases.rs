//! Runs of TensorFlow's own tool, from `tests/vectors/tf_transforms.zip`.

use std::io::{Cursor, Read};
use std::path::Path;

use eightbit_tensorflow::proto::GraphDef;
use prost::Message;
use zip::ZipArchive;
use zip::result::ZipError;

/// The archive: a folder for each run.
pub(crate) struct TransformCases(ZipArchive<Cursor<Vec<u8>>>);

/// A run.
pub(crate) struct Case {
    pub(crate) name: String,
    /// The arguments, the last of each flag.
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) transforms: String,
    /// Arguments beside those that every case has: such cases are about the command line.
    pub(crate) is_about_files: bool,
    /// The exit code as text; `none` if the tool does not end.
    pub(crate) exit: String,
    /// What the tool said last, if it failed.
    pub(crate) error: String,
    /// Errors that `ignore_errors` passed over.
    pub(crate) ignored: Vec<String>,
}

impl TransformCases {
    pub(crate) fn open() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/tf_transforms.zip");
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(ZipArchive::new(Cursor::new(bytes)).expect("tf_transforms.zip is a zip archive"))
    }

    /// Every case, in the order of the index.
    pub(crate) fn index(&mut self) -> Vec<Case> {
        let text = self.text("INDEX.tsv").expect("the archive has an index");
        let names: Vec<_> =
            text.lines().skip(1).map(|line| line.split('\t').next().unwrap_or(line).to_owned()).collect();
        names.into_iter().map(|name| self.case(name)).collect()
    }

    fn case(&mut self, name: String) -> Case {
        let command = self.text(&format!("{name}/command.txt")).expect("every case has a command");
        let (arguments, result) =
            command.split_once("# exit code: ").expect("every command has an exit code");
        let quoted: Vec<&str> = arguments.split('\'').skip(1).step_by(2).collect();
        let flag = |flag: &str| {
            let value =
                quoted.iter().rev().find_map(|argument| argument.strip_prefix(flag)?.strip_prefix('='));
            value.unwrap_or_else(|| panic!("{name}: no {flag}")).to_owned()
        };
        let list = |text: String| match text.as_str() {
            "" => Vec::new(),
            text => text.split(',').map(str::to_owned).collect(),
        };
        let (exit, said) = result.split_once('\n').unwrap_or((result, ""));
        let said = |line: &str| said.split_once(line).map(|(_, text)| text);
        let error =
            ["cc:263] ", "cc:241] ", "cc:228] ", "cc:246] "].into_iter().find_map(said).unwrap_or_default();
        let end = error.find("\nE tensorflow").or_else(|| error.find("\n<usage text>"));
        let ignored = result.lines().filter_map(|line| Some(line.split_once("cc:332] ")?.1.to_owned()));
        Case {
            inputs: list(flag("--inputs")),
            outputs: list(flag("--outputs")),
            transforms: flag("--transforms"),
            is_about_files: quoted.len() > 5 || flag("--in_graph") != "in.pb",
            exit: exit.split(' ').next().unwrap_or(exit).to_owned(),
            error: error.get(..end.unwrap_or(error.len())).unwrap_or(error).trim_end_matches('\n').to_owned(),
            ignored: ignored.collect(),
            name,
        }
    }

    /// A graph of a case: `in` or `out`.
    pub(crate) fn graph(&mut self, case: &str, which: &str) -> GraphDef {
        let bytes =
            self.entry(&format!("{case}/{which}.pb")).unwrap_or_else(|| panic!("{case} has no {which}.pb"));
        GraphDef::decode(bytes.as_slice()).unwrap_or_else(|error| panic!("{case}: {error}"))
    }

    /// A file of a case; `None` if the case has no such file, while a damaged one panics.
    pub(crate) fn entry(&mut self, name: &str) -> Option<Vec<u8>> {
        let mut entry = match self.0.by_name(name) {
            Err(ZipError::FileNotFound) => return None,
            entry => entry.unwrap_or_else(|error| panic!("{name}: {error}")),
        };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        Some(bytes)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        Some(String::from_utf8(self.entry(name)?).unwrap_or_else(|error| panic!("{name}: {error}")))
    }
}
