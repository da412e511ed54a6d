//! Elements of tensors in files beside the model.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::proto::{EXTERNAL, TensorProto};
use crate::{Error, Limits, quoted};

/// Bytes read at a time where elements are converted.
const CHUNK: usize = 1 << 16;

/// The folder of a model, and the bytes that elements of tensors may still take which the model's own file does not hold.
#[derive(Debug)]
pub(super) struct External {
    /// `None` for a model that is not a file.
    folder: Option<PathBuf>,
    left: u64,
    /// The file read last: a model has many tensors and few files.
    open: Option<(String, File, u64)>,
}

/// A part of a file: the elements of a tensor.
#[derive(Debug)]
pub(super) struct Part<'a> {
    file: &'a mut File,
    pub(super) len: usize,
}

/// Whether the elements of a tensor are in another file.
pub(super) fn is_external(proto: &TensorProto) -> bool {
    proto.data_location == EXTERNAL || !proto.external_data.is_empty()
}

impl External {
    /// No files: the model is not one.
    pub(super) fn none(limits: &Limits) -> Self {
        Self { folder: None, left: limits.max_bytes, open: None }
    }

    /// Files beside the model `path`, of at most as many bytes in total as the limits allow.
    pub(super) fn beside(path: &Path, limits: &Limits) -> Self {
        // The folder of a plain file name is the current one.
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_path_buf();
        Self { folder: Some(folder), left: limits.max_bytes, open: None }
    }

    /// The elements of the tensor `what`.
    pub(super) fn part(&mut self, proto: &TensorProto, what: &str) -> Result<Part<'_>, Error> {
        let entry = |key: &str| proto.external_data.iter().find(|entry| entry.key == key);
        let location = entry("location").map(|entry| entry.value.as_str()).unwrap_or_default();
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(entry) => entry.value.parse().map(Some).map_err(|_| {
                Error::model(
                    what,
                    format!("the {key} of its elements is {}, not a number", quoted(&entry.value)),
                )
            }),
        };
        let (offset, length): (Option<u64>, Option<u64>) = (number("offset")?, number("length")?);
        let offset = offset.unwrap_or(0);
        if self.open.as_ref().is_none_or(|(open, ..)| open != location) {
            self.open = Some(self.file(location, what)?);
        }
        let Some((_, file, size)) = &mut self.open else { return Err(Error::model(what, "has no file")) };
        let rest = size.checked_sub(offset);
        let len = rest.and_then(|rest| Some(length.unwrap_or(rest)).filter(|&length| length <= rest));
        let len = len.ok_or_else(|| {
            let wanted = length.map_or_else(|| "all".to_owned(), |length| length.to_string());
            let place = format!("{wanted} bytes from byte {offset} of {}", quoted(location));
            Error::model(what, format!("its elements are {place}, which has {size}"))
        })?;
        self.left = room(self.left, len, what)?;
        let failed = |source| Error::read(location, source);
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let len =
            usize::try_from(len).map_err(|_| Error::model(what, "its elements do not fit in memory"))?;
        Ok(Part { file, len })
    }

    /// Bytes that further elements may take.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Counts `bytes` that elements take in memory beyond those in a file.
    pub(super) fn charge(&mut self, bytes: u64, what: &str) -> Result<(), Error> {
        self.left = room(self.left, bytes, what)?;
        Ok(())
    }

    /// Opens the file `location`, which must lie in the model's folder.
    fn file(&self, location: &str, what: &str) -> Result<(String, File, u64), Error> {
        let Some(folder) = &self.folder else {
            return Err(Error::unsupported_model(
                what,
                format!(
                    "its elements are in the file {}: read the model from a file, not from bytes, or save it with its \
                     weights inside",
                    quoted(location)
                ),
            ));
        };
        let outside = || {
            Error::model(
                what,
                format!(
                    "its elements are in {}: only files in the model's folder are read",
                    quoted(location)
                ),
            )
        };
        let relative = Path::new(location);
        let is_inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if location.is_empty() || !relative.components().all(is_inside) {
            return Err(outside());
        }
        let path = folder.join(relative);
        let failed = |source| Error::read(&path, source);
        // Links inside the folder may lead out of it.
        let target = path.canonicalize().map_err(failed)?;
        if !target.starts_with(folder.canonicalize().map_err(failed)?) {
            return Err(outside());
        }
        let metadata = target.metadata().map_err(failed)?;
        if !metadata.is_file() {
            let kind = if metadata.is_dir() { "a folder" } else { "a device" };
            return Err(Error::NotAFile { path, kind });
        }
        Ok((location.to_owned(), File::open(&target).map_err(failed)?, metadata.len()))
    }
}

/// What is left of `left` bytes after `len` more for the tensor `what`.
fn room(left: u64, len: u64, what: &str) -> Result<u64, Error> {
    left.checked_sub(len).ok_or_else(|| Error::OverLimit {
        what: format!("{what}, the last of the tensors that were read,"),
        needs: len,
        limit: left,
        unit: "bytes",
    })
}

impl Part<'_> {
    /// The bytes.
    pub(super) fn bytes(self) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.len];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Elements of `N` bytes each, converted as they are read: the bytes are never in memory as a whole.
    pub(super) fn elements<const N: usize, T>(
        self,
        element: impl Fn([u8; N]) -> T,
    ) -> std::io::Result<Vec<T>> {
        let mut elements = Vec::with_capacity(self.len / N);
        let mut buffer = vec![0; CHUNK.min(self.len)];
        let mut left = self.len / N * N;
        while left > 0 {
            let chunk = &mut buffer[..left.min(CHUNK / N * N)];
            self.file.read_exact(chunk)?;
            elements.extend(chunk.as_chunks::<N>().0.iter().map(|&bytes| element(bytes)));
            left -= chunk.len();
        }
        Ok(elements)
    }
}
