//! What a quantization has found so far, in a file: one that was interrupted replays it instead of computing it again.
//!
//! Everything that is decided follows from numbers that were measured and weights that were rounded, in one order that is always the same.
//! These alone are kept: after a header with the key of the quantization, records of a kind, a length, a hash of both, as many bytes, and a hash.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::quantize::Fault;
use crate::{Error, escaped};

/// What such a file begins with; the last byte is the version.
const MAGIC: &[u8; 16] = b"eightbit resume\x03";
/// The bytes of a record before what it holds (its kind, its length, and a hash of both), and after.
const HEAD: u64 = 17;
const CHECK: u64 = 8;

/// Kinds of records.
const NUMBER: u8 = b'n';
const OVER_LIMIT: u8 = b'm';
const WEIGHTS: u8 = b'w';

/// The bytes of a layer's weights and their scales.
type RoundedBytes = (Vec<i8>, Vec<f32>);

/// A file of what was found; without a file nothing is kept.
#[derive(Debug, Default)]
pub(in crate::quantize) struct Journal(Option<RefCell<Open>>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    /// Where the next record begins, and where those of an earlier run end.
    at: u64,
    end: u64,
}

impl Journal {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// A file of something else, or of a quantization with another key.
    pub(in crate::quantize) fn open(path: &Path, key: u64) -> Result<Self, Error> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = file.map_err(|source| Error::write(path, source))?;
        let end = file.metadata().map_err(|source| Error::read(path, source))?.len();
        let header = [&MAGIC[..], &key.to_le_bytes()].concat();
        let at = header.len() as u64;
        let mut open = if end == 0 {
            file.write_all(&header).map_err(|source| Error::write(path, source))?;
            Open { path: path.to_owned(), file, at, end: at }
        } else {
            let mut found = vec![0; header.len()];
            let read = file.read_exact(&mut found);
            if read.is_err() || found[..MAGIC.len()] != MAGIC[..] {
                return Err(refused(path, "it is no file of an interrupted quantization, or cut off"));
            }
            if found != header {
                return Err(refused(
                    path,
                    "it is of another model, with other options or examples, or of another version of this program",
                ));
            }
            Open { path: path.to_owned(), file, at, end }
        };
        open.drop_cut_record()?;
        Ok(Self(Some(RefCell::new(open))))
    }

    /// The number found at this point before, or the one computed now. What did not fit the memory then is tried again, as it takes
    /// part in no decision.
    pub(super) fn number<E>(&self, compute: impl FnOnce() -> Result<f64, Fault<E>>) -> Result<f64, Fault<E>> {
        let Some(open) = &self.0 else { return compute() };
        let found = open.borrow_mut().next(&[(NUMBER, 8), (OVER_LIMIT, 0)])?;
        match found {
            Some((NUMBER, bytes)) => {
                let number = bytes.try_into().map(f64::from_le_bytes);
                number.map_err(|_| open.borrow().damaged().into())
            }
            Some(_) => compute(),
            None => {
                let result = compute();
                let mut open = open.borrow_mut();
                match &result {
                    Ok(number) => open.append(NUMBER, &number.to_le_bytes())?,
                    Err(Fault::Graph(Error::OverLimit { .. })) => open.append(OVER_LIMIT, &[])?,
                    Err(_) => {}
                }
                result
            }
        }
    }

    /// The rounded weights of the next layer and their scales, if they were found before; `len` is how many there are of each.
    pub(in crate::quantize) fn weights(&self, len: [usize; 2]) -> Result<Option<RoundedBytes>, Error> {
        let Some(open) = &self.0 else { return Ok(None) };
        let mut open = open.borrow_mut();
        let found = open.next(&[(WEIGHTS, (len[0] + 4 * len[1]) as u64)])?;
        Ok(found.map(|(_, bytes)| {
            let (weights, scales) = bytes.split_at(len[0]);
            let scales = scales.chunks_exact(4).map(|of| f32::from_le_bytes([of[0], of[1], of[2], of[3]]));
            (weights.iter().copied().map(u8::cast_signed).collect(), scales.collect())
        }))
    }

    /// Keeps the rounded weights of a layer and their scales.
    pub(in crate::quantize) fn keep_weights(&self, weights: &[i8], scales: &[f32]) -> Result<(), Error> {
        let Some(open) = &self.0 else { return Ok(()) };
        let weights = weights.iter().copied().map(i8::cast_unsigned);
        let bytes: Vec<u8> = weights.chain(scales.iter().flat_map(|scale| scale.to_le_bytes())).collect();
        open.borrow_mut().append(WEIGHTS, &bytes)
    }
}

impl Open {
    /// The next record, if an earlier run left one, of one of these kinds and lengths. A record of another kind is left where it is only if
    /// it ends the rounding of weights, whose number is not known before.
    fn next(&mut self, kinds: &[(u8, u64)]) -> Result<Option<(u8, Vec<u8>)>, Error> {
        if self.at == self.end {
            return Ok(None);
        }
        let (kind, len) = self.head(self.at)?.ok_or_else(|| self.damaged())?;
        if !kinds.contains(&(kind, len)) {
            let rounding_ends = kind != WEIGHTS && kinds.iter().all(|(kind, _)| *kind == WEIGHTS);
            return if rounding_ends { Ok(None) } else { Err(self.damaged()) };
        }
        let mut rest = vec![0; usize::try_from(len + CHECK).map_err(|_| self.damaged())?];
        self.read(self.at + HEAD, &mut rest)?;
        let check = rest.split_off(rest.len() - CHECK as usize);
        if check != hash(kind, &rest).to_le_bytes() {
            return Err(self.damaged());
        }
        self.at += HEAD + len + CHECK;
        Ok(Some((kind, rest)))
    }

    /// The kind and the length of the record at `at`; `None` if it does not end within the file.
    fn head(&mut self, at: u64) -> Result<Option<(u8, u64)>, Error> {
        let left = self.end - at;
        if left < HEAD {
            return Ok(None);
        }
        let mut head = [0; HEAD as usize];
        self.read(at, &mut head)?;
        let [kind, rest @ ..] = head;
        let (len, check) = rest.split_at(8);
        if check != hash(kind, len).to_le_bytes() {
            return Err(self.damaged());
        }
        let len = len.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        Ok((len <= left - HEAD && CHECK <= left - HEAD - len).then_some((kind, len)))
    }

    /// Cuts off a last record that was being written when the run before was interrupted.
    fn drop_cut_record(&mut self) -> Result<(), Error> {
        let mut at = self.at;
        while at < self.end {
            match self.head(at)? {
                Some((_, len)) => at += HEAD + len + CHECK,
                None => self.end = at,
            }
        }
        self.file.set_len(self.end).map_err(|source| Error::write(&self.path, source))
    }

    fn append(&mut self, kind: u8, bytes: &[u8]) -> Result<(), Error> {
        if self.at != self.end {
            // An earlier run went another way.
            return Err(self.damaged());
        }
        let len = (bytes.len() as u64).to_le_bytes();
        let hashes = [&len[..], bytes].map(|bytes| hash(kind, bytes).to_le_bytes());
        let record = [&[kind][..], &len, &hashes[0], bytes, &hashes[1]].concat();
        let written = self.file.seek(SeekFrom::Start(self.end)).and_then(|_| self.file.write_all(&record));
        written.map_err(|source| Error::write(&self.path, source))?;
        self.end += record.len() as u64;
        self.at = self.end;
        Ok(())
    }

    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let read: io::Result<()> =
            self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(bytes));
        read.map_err(|source| Error::read(&self.path, source))
    }

    fn damaged(&self) -> Error {
        refused(&self.path, "it is damaged")
    }
}

fn hash(kind: u8, bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(kind);
    hasher.write(bytes);
    hasher.finish()
}

fn refused(path: &Path, reason: &str) -> Error {
    let path = path.display().to_string();
    Error::argument("resume", format!("{}: {reason}: remove it to begin anew", escaped(&path)))
}
