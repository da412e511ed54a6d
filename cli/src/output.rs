//! Output files, written atomically: a file is complete, or its previous content stays.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use same_file::Handle;
use tempfile::{Builder, NamedTempFile};

use crate::error::CliError;
use crate::report;

/// The longest chain of symbolic links.
const MAX_LINKS: usize = 40;

/// A file that was checked to be writable, to be written after the work.
pub(crate) struct OutputFile {
    /// The path as the user gave it.
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    /// A file, existing or new: written under a temporary name beside it and renamed. Existing permissions are kept.
    File { target: PathBuf, permissions: Option<Permissions> },
    /// A device, a pipe or an open file of this program, which cannot be replaced.
    Stream(File),
}

impl OutputFile {
    /// Checks, before the work, that `path` can be written. `sources` are the files that the work reads: none of them may be
    /// replaced, under any name.
    pub(crate) fn prepare<'a>(
        path: &Path,
        sources: impl IntoIterator<Item = &'a Path>,
    ) -> Result<Self, CliError> {
        let failed = |error| CliError::write(path, without_temporary_name(error));
        let stream = |stream: io::Result<File>| {
            let kind = Kind::Stream(stream.map_err(failed)?);
            Ok(Self { path: path.to_owned(), kind })
        };
        // Asked by the path as given: what the link of an open pipe names is no file.
        let existing = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let path = report::path(path);
                return Err(CliError::Usage(format!("{path} is a folder: give a file")));
            }
            Ok(metadata) if metadata.is_file() => Some(metadata),
            Ok(_) => return stream(standard_stream(path).unwrap_or_else(|| open_stream(path))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let target = follow_links(path).map_err(failed)?;
        if existing.is_some() {
            if let Some(source) = find_same(&target, sources) {
                let (path, source) = (report::path(path), report::path(source));
                let reason =
                    format!("the output {path} would replace {source}, which is read: give another file");
                return Err(CliError::Usage(reason));
            }
            if is_open_file(&target) {
                return stream(open_again(&target));
            }
            // Renaming does not need write permission for the replaced file. Respect the permission nevertheless.
            OpenOptions::new().write(true).open(&target).map_err(failed)?;
        }
        let permissions = existing.map(|metadata| metadata.permissions());
        // Try now what happens at the end; an interrupted run leaves nothing behind.
        drop(temporary_file(&target).map_err(failed)?);
        Ok(Self { path: path.to_owned(), kind: Kind::File { target, permissions } })
    }

    /// Whether both are one file, under any names; none of them need exist.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let place = |of: &Self| match &of.kind {
            Kind::File { target, .. } => {
                Some(folder_of(target).canonicalize().ok()?.join(target.file_name()?))
            }
            Kind::Stream(_) => None,
        };
        place(self).is_some_and(|own| place(other) == Some(own))
    }

    /// Removes the file, if it is still there.
    pub(crate) fn remove(&self) -> Result<(), CliError> {
        let Kind::File { target, .. } = &self.kind else { return Ok(()) };
        match fs::remove_file(target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CliError::write(&self.path, error)),
            _ => Ok(()),
        }
    }

    /// Writes the file and syncs it to disk.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), CliError> {
        let result = match &self.kind {
            Kind::File { target, permissions } => replace(target, permissions.clone(), bytes),
            // What was printed before comes first.
            Kind::Stream(stream) => io::stdout().flush().and_then(|()| (&*stream).write_all(bytes)),
        };
        result.map_err(|error| CliError::write(&self.path, without_temporary_name(error)))
    }
}

/// Opens a device or a pipe. A pipe needs a reader: waiting for one could take forever.
#[cfg(unix)]
fn open_stream(path: &Path) -> io::Result<File> {
    use rustix::fs::{OFlags, fcntl_setfl};
    use rustix::io::Errno;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let stream = OpenOptions::new().write(true).custom_flags(flags).open(path).map_err(|error| {
        if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) {
            return io::Error::other("no program reads this pipe yet: start the reader first");
        }
        error
    })?;
    // Writing waits for the reader.
    fcntl_setfl(&stream, OFlags::empty())?;
    Ok(stream)
}

#[cfg(not(unix))]
fn open_stream(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

/// Whether a path is a name of a file that this program (or another) has open, such as `/dev/stdout` and `/dev/fd/3`.
#[cfg(unix)]
fn is_open_file(path: &Path) -> bool {
    if ["/dev/stdout", "/dev/stderr"].iter().any(|name| path == Path::new(name)) {
        return true;
    }
    let folder = folder_of(path);
    // `/dev/fd` is a link to a folder of the process in `/proc`, or a folder.
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    folder == Path::new("/dev/fd") || (folder.starts_with("/proc") && folder.ends_with("fd"))
}

#[cfg(not(unix))]
fn is_open_file(_: &Path) -> bool {
    false
}

/// A regular file that is open already: what is written comes behind what is there.
fn open_again(path: &Path) -> io::Result<File> {
    // Opening it again otherwise would start at its beginning.
    standard_stream(path).unwrap_or_else(|| OpenOptions::new().append(true).open(path))
}

/// This program's output or error stream, if `path` is a name of it. A socket cannot be opened by this name.
#[cfg(unix)]
fn standard_stream(path: &Path) -> Option<io::Result<File>> {
    use std::os::fd::AsFd;
    let is = |name: &str, number: &str| {
        path == Path::new(name)
            || ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path == Path::new(folder).join(number))
    };
    if is("/dev/stdout", "1") {
        return Some(io::stdout().as_fd().try_clone_to_owned().map(File::from));
    }
    is("/dev/stderr", "2").then(|| io::stderr().as_fd().try_clone_to_owned().map(File::from))
}

#[cfg(not(unix))]
fn standard_stream(_: &Path) -> Option<io::Result<File>> {
    None
}

/// The error of a temporary file without its name, which the user does not know.
fn without_temporary_name(error: io::Error) -> io::Error {
    // The crate `tempfile` writes the path behind the system's error and does not give that error out.
    match error.to_string().rsplit_once(" at path ") {
        Some((system, _)) => io::Error::new(error.kind(), system.to_owned()),
        None => error,
    }
}

/// The target of symbolic links, which need not exist, or a name of an open file.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        if is_open_file(&target) {
            return Ok(target);
        }
        match fs::symlink_metadata(&target) {
            Ok(metadata) if metadata.is_symlink() => {
                target = folder_of(&target).join(fs::read_link(&target)?);
            }
            Ok(_) => return Ok(target),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(target),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The first of `sources` that is the file `target`, under any name.
fn find_same<'a>(target: &Path, sources: impl IntoIterator<Item = &'a Path>) -> Option<&'a Path> {
    let target = Handle::from_path(target).ok()?;
    // One at a time: thousands of photos exceed the limit of open files. Pipes are not opened, which would wait for their
    // writers.
    sources.into_iter().find(|source| {
        fs::metadata(source).is_ok_and(|metadata| metadata.is_file())
            && Handle::from_path(source).is_ok_and(|source| source == target)
    })
}

/// A temporary file in the folder of `target`, deleted unless it is kept.
fn temporary_file(target: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".eightbit-").suffix(".tmp");
    // The default permissions of new files, before the user's mask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder_of(target))
}

fn replace(target: &Path, permissions: Option<Permissions>, bytes: &[u8]) -> io::Result<()> {
    let mut file = temporary_file(target)?;
    file.write_all(bytes)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    // Without this, a crash of the machine could leave the new name with an empty file.
    file.as_file().sync_all()?;
    file.persist(target)?;
    sync_folder(folder_of(target));
    Ok(())
}

/// Syncs a renaming to disk where the system supports it. The file is complete even if this fails.
fn sync_folder(folder: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn prepare(path: &Path, sources: &[&Path]) -> Result<OutputFile, CliError> {
        OutputFile::prepare(path, sources.iter().copied())
    }

    #[test]
    fn nothing_is_left_beside_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        let output = prepare(&path, &[]).expect("can be written");
        assert!(files(folder.path()).is_empty());
        output.write(b"one").expect("written");
        prepare(&path, &[]).expect("can be written").write(b"two").expect("written");
        assert_eq!(fs::read(&path).expect("the file"), b"two");
        assert_eq!(files(folder.path()), ["out"]);
    }

    #[test]
    fn sources_are_not_replaced_under_any_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let [source, hard, copy] = ["source", "hard", "copy"].map(|name| folder.path().join(name));
        fs::write(&source, b"x").expect("a file");
        fs::write(&copy, b"x").expect("a file");
        fs::hard_link(&source, &hard).expect("a link");
        for path in [&source, &hard, &folder.path().join(".").join("source")] {
            assert!(
                matches!(prepare(path, &[&copy, &source]), Err(CliError::Usage(_))),
                "{}",
                path.display()
            );
        }
        assert!(prepare(&copy, &[&source]).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let [file, link, dangling, missing] =
            ["file", "link", "dangling", "missing"].map(|name| folder.path().join(name));
        fs::write(&file, b"old").expect("a file");
        fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("an own file");
        symlink("file", &link).expect("a link");
        symlink("missing", &dangling).expect("a link");
        prepare(&link, &[]).expect("can be written").write(b"new").expect("written");
        assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert_eq!(fs::read(&file).expect("the file"), b"new");
        assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o640);
        prepare(&dangling, &[]).expect("can be written").write(b"new").expect("written");
        assert_eq!(fs::read(&missing).expect("the file"), b"new");
        assert!(matches!(prepare(&link, &[&file]), Err(CliError::Usage(_))));
        symlink("round", folder.path().join("round")).expect("a link");
        assert!(prepare(&folder.path().join("round"), &[]).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_written_and_stay_devices() {
        let null = Path::new("/dev/null");
        prepare(null, &[]).expect("can be written").write(b"x").expect("written");
        assert!(!fs::metadata(null).expect("the device").is_file());
    }
}
