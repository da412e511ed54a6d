//! Files that tests read. All are part of the repository, so a missing one is a failure.

pub(crate) mod node_cases;

use std::path::PathBuf;

/// A file of the repository, by its path below the root.
pub(crate) fn path(below_root: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(below_root);
    assert!(path.is_file(), "{} is missing; it is part of the repository", path.display());
    path
}

/// The bytes of a file of the repository.
pub(crate) fn read(below_root: &str) -> Vec<u8> {
    let path = path(below_root);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
