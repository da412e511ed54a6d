//! Photos to which two networks give other answers: as a page, or as a folder of copies with a table.

mod folder;
mod page;

use std::path::{Path, PathBuf};

use eightbit_vision::{Answer, probabilities, top};

use crate::error::CliError;
use crate::labels::Labels;
use crate::output::OutputFile;
use crate::photo::PhotoOptions;

/// Answers of each network that are kept.
const ANSWERS: usize = 3;

/// A photo whose answer differs.
pub(crate) struct Disagreement {
    /// The photo.
    path: PathBuf,
    /// Its class.
    class: usize,
    /// The best answers of the float and of the eight-bit network.
    answers: [Vec<Answer>; 2],
}

impl Disagreement {
    /// The photo `path` of the class `class`, if the greatest of the outputs differs.
    pub(crate) fn find(path: &Path, class: usize, outputs: [&[f32]; 2]) -> Result<Option<Self>, CliError> {
        let best =
            |output: &[f32]| -> Result<Vec<Answer>, CliError> { Ok(top(&probabilities(output)?.0, ANSWERS)) };
        let [float, eight_bit] = outputs;
        let answers = [best(float)?, best(eight_bit)?];
        let first = answers.each_ref().map(|answers| answers.first().map(|answer| answer.class));
        Ok((first[0] != first[1]).then(|| Self { path: path.to_owned(), class, answers }))
    }

    /// Whether the first answer of a network is right.
    fn is_right(&self, network: usize) -> bool {
        self.answers[network].first().is_some_and(|answer| answer.class == self.class)
    }

    /// The file's name.
    fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }
}

/// Where disagreements are written.
pub(crate) enum Target {
    Page(OutputFile),
    Folder(PathBuf),
}

impl Target {
    /// Checks, before the work, that `path` can be written: a page if it ends in `.html`, else a folder.
    pub(crate) fn prepare<'a>(
        path: &Path,
        sources: impl IntoIterator<Item = &'a Path>,
    ) -> Result<Self, CliError> {
        let is_page = path.extension().is_some_and(|extension| {
            ["html", "htm"].iter().any(|known| extension.eq_ignore_ascii_case(known))
        });
        if is_page {
            return OutputFile::prepare(path, sources).map(Self::Page);
        }
        std::fs::create_dir_all(path).map_err(|source| CliError::write(path, source))?;
        Ok(Self::Folder(path.to_owned()))
    }

    /// Writes what was found among `photos` photos.
    pub(crate) fn write(
        &self,
        found: &[Disagreement],
        photos: usize,
        labels: &Labels,
        options: PhotoOptions,
    ) -> Result<(), CliError> {
        match self {
            Self::Page(file) => file.write(page::page(found, photos, labels, options)?.as_bytes()),
            Self::Folder(folder) => folder::write(folder, found, labels),
        }
    }
}
