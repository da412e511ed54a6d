//! Photos in folders.

use std::path::{Path, PathBuf};

use eightbit_graph::Error;

/// The photos that `paths` name: given files, and the files `.png`, `.jpg` or `.jpeg` in given folders (not in subfolders),
/// sorted by name.
///
/// # Errors
///
/// A path that does not exist, and a folder that cannot be read.
pub fn photo_files<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<PathBuf>, Error> {
    let mut photos = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let metadata = std::fs::metadata(path).map_err(|source| Error::read(path, source))?;
        if !metadata.is_dir() {
            photos.push(path.to_owned());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(|source| Error::read(path, source))?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| Error::read(path, source))?.path();
            if has_photo_name(&entry) && may_be_a_file(&entry) {
                found.push(entry);
            }
        }
        found.sort();
        photos.append(&mut found);
    }
    Ok(photos)
}

fn has_photo_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// Whether a path is a file or may be one: reading reports a dangling link.
fn may_be_a_file(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |metadata| metadata.is_file())
}
