//! Disagreements as a folder: copies of the photos, and a table of the answers.

use std::collections::BTreeSet;
use std::path::Path;

use eightbit_graph::{escaped, read_limited};

use super::Disagreement;
use crate::error::CliError;
use crate::labels::Labels;
use crate::output::OutputFile;
use crate::photo::FILE_LIMIT;

/// The table's name.
const TABLE: &str = "disagreements.tsv";
const HEAD: &str =
    "file\tclass\tname\tfloat\tfloat name\tfloat score\teight-bit\teight-bit name\teight-bit score\n";

pub(super) fn write(folder: &Path, found: &[Disagreement], labels: &Labels) -> Result<(), CliError> {
    let sources: Vec<&Path> = found.iter().map(|one| one.path.as_path()).collect();
    let table = OutputFile::prepare(&folder.join(TABLE), sources.iter().copied())?;
    let mut text = HEAD.to_owned();
    let mut taken = BTreeSet::from([TABLE.to_owned()]);
    for (index, one) in found.iter().enumerate() {
        let mut name = one.name();
        if !taken.insert(name.to_lowercase()) {
            // From another folder.
            name = format!("{index}-{name}");
            taken.insert(name.to_lowercase());
        }
        let copy = OutputFile::prepare(&folder.join(&name), sources.iter().copied())?;
        copy.write(&read_limited(&one.path, FILE_LIMIT).map_err(CliError::file)?)?;
        let cell = |text: &str| escaped(text).to_string();
        text += &format!("{}\t{}\t{}", cell(&name), one.class, cell(&labels.name(one.class)));
        for answer in one.answers.iter().filter_map(|answers| answers.first()) {
            let name = cell(&labels.name(answer.class));
            text += &format!("\t{}\t{name}\t{:.4}", answer.class, answer.score);
        }
        text.push('\n');
    }
    table.write(text.as_bytes())
}
