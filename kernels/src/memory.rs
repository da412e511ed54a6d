//! Cache-line aligned bytes: scratch that the caller keeps, and the storage of packed weights.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

/// One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

const LINE: usize = size_of::<Line>();

/// Scratch memory that a call needs, owned by the caller and reused from call to call.
///
/// It grows when a call asks for more than it has, and never shrinks: steady-state calls allocate nothing. One
/// `Scratch` serves one thread at a time.
#[derive(Default)]
pub struct Scratch {
    lines: Vec<Line>,
}

impl Scratch {
    /// Empty scratch, which allocates nothing.
    #[must_use]
    pub const fn new() -> Scratch {
        Scratch { lines: Vec::new() }
    }

    /// Scratch of at least `bytes` bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Scratch {
        let mut scratch = Scratch::new();
        scratch.reserve(bytes);
        scratch
    }

    /// Makes room for `bytes` bytes; allocates only if there are fewer.
    pub fn reserve(&mut self, bytes: usize) {
        let lines = bytes.div_ceil(LINE);
        if self.lines.len() < lines {
            self.lines.resize(lines, Line([0; LINE]));
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.lines.len() * LINE
    }

    /// The memory, 64-byte aligned and initialized; at least `bytes` long.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: usize) -> &mut [u8] {
        self.reserve(bytes);
        // SAFETY: a Line is 64 initialized bytes without padding, so `len` lines are `64 · len` of them; the
        // exclusive borrow of the vector carries over.
        unsafe { core::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * LINE) }
    }
}

impl core::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Scratch").field("capacity", &self.capacity()).finish()
    }
}

/// Immutable bytes: owned and cache-line aligned, or part of a shared buffer such as a mapped file.
#[derive(Clone)]
pub struct Bytes(Repr);

#[derive(Clone)]
enum Repr {
    Owned { lines: Arc<[Line]>, len: usize },
    Shared { buffer: Arc<dyn AsRef<[u8]> + Send + Sync>, start: usize, len: usize },
}

impl Bytes {
    /// A cache-line aligned copy of `bytes`.
    #[must_use]
    pub fn copy_from(bytes: &[u8]) -> Bytes {
        let mut lines: Vec<Line> = Vec::with_capacity(bytes.len().div_ceil(LINE));
        for chunk in bytes.chunks(LINE) {
            let mut line = Line([0; LINE]);
            line.0[..chunk.len()].copy_from_slice(chunk);
            lines.push(line);
        }
        Bytes(Repr::Owned { lines: lines.into(), len: bytes.len() })
    }

    /// `len` bytes of `buffer` from `start` on, without copying; `None` if the buffer is shorter.
    ///
    /// The buffer must give the same bytes at every [`as_ref`](AsRef::as_ref); if it does not, results are wrong but
    /// nothing is read out of bounds.
    #[must_use]
    pub fn shared(buffer: Arc<dyn AsRef<[u8]> + Send + Sync>, start: usize, len: usize) -> Option<Bytes> {
        let end = start.checked_add(len)?;
        if end > (*buffer).as_ref().len() {
            return None;
        }
        Some(Bytes(Repr::Shared { buffer, start, len }))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            // SAFETY: a Line is 64 initialized bytes without padding, and `len ≤ 64 · lines.len()` by construction.
            Repr::Owned { lines, len } => unsafe { core::slice::from_raw_parts(lines.as_ptr().cast(), *len) },
            // A buffer that has shrunk since gives an empty slice, which the callers' length checks refuse.
            Repr::Shared { buffer, start, len } => {
                (**buffer).as_ref().get(*start..*start + *len).unwrap_or_default()
            }
        }
    }
}

impl core::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let kind = match self.0 {
            Repr::Owned { .. } => "owned",
            Repr::Shared { .. } => "shared",
        };
        write!(f, "Bytes({kind}, {} bytes)", self.len())
    }
}
