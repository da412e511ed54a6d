//! Cache-line aligned bytes: scratch that the caller keeps, and the storage of packed weights.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::{mem, slice};

use crate::OutputElement;

/// One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Bytes of a cache line, on which memory begins.
pub(crate) const LINE: usize = size_of::<Line>();

/// Bytes that are copied at a time.
const PAGE: usize = 4096;

/// Scratch memory of a call, owned by the caller and reused from call to call.
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

    /// The memory: 64-byte aligned and initialized, at least `bytes` long, the caller's as long as it borrows the scratch.
    ///
    /// A call asks once and derives every address in it from this one: a second borrow of the whole would invalidate what
    /// was derived from the first.
    #[inline]
    pub(crate) fn raw(&mut self, bytes: usize) -> *mut u8 {
        self.reserve(bytes);
        self.lines.as_mut_ptr().cast()
    }
}

/// Where a step of a call finds memory: in all of its scratch, or in what another step leaves.
pub(crate) enum Room<'a> {
    All(&'a mut Scratch),
    Rest(Rest<'a>),
}

/// Scratch without its first lines.
pub(crate) struct Rest<'a>(&'a mut [Line]);

impl Scratch {
    /// `bytes` bytes, 64-byte aligned and initialized, and room for `rest` more.
    pub(crate) fn split(&mut self, bytes: usize, rest: usize) -> (&mut [u8], Room<'_>) {
        let lines = bytes.div_ceil(LINE);
        self.reserve((lines * LINE).checked_add(rest).expect("scratch size overflows"));
        let (first, rest) = self.lines.split_at_mut(lines);
        // SAFETY: a line is 64 initialized bytes without padding, and there are `bytes` at least.
        let first = unsafe { slice::from_raw_parts_mut(first.as_mut_ptr().cast(), bytes) };
        (first, Room::Rest(Rest(rest)))
    }
}

impl Room<'_> {
    /// The memory: see [`Scratch::raw`].
    ///
    /// # Panics
    ///
    /// If it is a rest with fewer bytes.
    #[inline]
    pub(crate) fn raw(&mut self, bytes: usize) -> *mut u8 {
        match self {
            Room::All(scratch) => scratch.raw(bytes),
            Room::Rest(Rest(lines)) => {
                assert!(bytes <= lines.len() * LINE, "room as for all activations");
                lines.as_mut_ptr().cast()
            }
        }
    }
}

impl core::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Scratch").field("capacity", &self.capacity()).finish()
    }
}

/// Memory that a caller lends, handed out in parts that begin on cache lines.
pub(crate) struct Lent<'m> {
    lines: &'m mut [Line],
}

impl<'m> Lent<'m> {
    /// The whole cache lines of `memory`, which may begin anywhere: up to [`SLACK`](Self::SLACK) bytes before the first are lost.
    pub(crate) fn new(memory: &'m mut [u8]) -> Lent<'m> {
        // SAFETY: a line is 64 bytes without padding, of any value.
        let (_, lines, _) = unsafe { memory.align_to_mut::<Line>() };
        Lent { lines }
    }

    /// The most bytes that alignment takes.
    pub(crate) const SLACK: usize = LINE - 1;

    /// Bytes that a part of `len` bytes takes; `None` if that overflows.
    pub(crate) fn part(len: usize) -> Option<usize> {
        len.checked_next_multiple_of(LINE)
    }

    /// The next `len` elements, of any values; `None` if there are not so many.
    pub(crate) fn take<T: OutputElement>(&mut self, len: usize) -> Option<&'m mut [T]> {
        let lines = len.checked_mul(size_of::<T>())?.div_ceil(LINE);
        let (part, rest) = mem::take(&mut self.lines).split_at_mut_checked(lines)?;
        self.lines = rest;
        // SAFETY: these are numbers of one or four bytes, for which any bytes are a value and 64 a multiple of the alignment; the
        // lines hold `len` of them at least, and are borrowed for as long.
        Some(unsafe { slice::from_raw_parts_mut(part.as_mut_ptr().cast(), len) })
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
        let copy = Bytes::from_chunks(bytes.len(), PAGE, |number, chunk| {
            let start = number * PAGE;
            chunk.copy_from_slice(&bytes[start..start + chunk.len()]);
            Some(())
        });
        copy.expect("every chunk was copied")
    }

    /// Cache-line aligned bytes that `write` writes, `chunk` at a time (the last ones may be fewer), which is a multiple of 64: it
    /// takes the number of a chunk, and its bytes, which are zero. `None` if it returns that.
    ///
    /// They are written where they stay, and chunks are cleared one at a time: memory is passed over once.
    ///
    /// # Panics
    ///
    /// If `chunk` is not a multiple of 64.
    pub(crate) fn from_chunks(
        len: usize,
        chunk: usize,
        mut write: impl FnMut(usize, &mut [u8]) -> Option<()>,
    ) -> Option<Bytes> {
        assert!(chunk.is_multiple_of(LINE), "a chunk is whole lines");
        let mut lines = Arc::<[Line]>::new_uninit_slice(len.div_ceil(LINE));
        let unwritten = Arc::get_mut(&mut lines).expect("nothing else has them yet");
        for (number, lines) in unwritten.chunks_mut((chunk / LINE).max(1)).enumerate() {
            for line in &mut *lines {
                line.write(Line([0; LINE]));
            }
            // SAFETY: these lines were written; each is 64 bytes without padding.
            let bytes =
                unsafe { slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<u8>(), lines.len() * LINE) };
            let bytes_left = len - number * chunk;
            write(number, &mut bytes[..bytes_left.min(lines.len() * LINE)])?;
        }
        // SAFETY: all chunks were written.
        let lines = unsafe { lines.assume_init() };
        Some(Bytes(Repr::Owned { lines, len }))
    }

    /// Makes them `len` bytes and lends them for writing. New ones have any value. If their memory is too small, or others have it
    /// too, they move: if there are to be more, to memory of twice their size at least, so that bytes which grow one by one are copied
    /// seldom.
    pub(crate) fn resize(&mut self, len: usize) -> &mut [u8] {
        let fits = match &mut self.0 {
            Repr::Owned { lines, .. } => lines.len() * LINE >= len && Arc::get_mut(lines).is_some(),
            Repr::Shared { .. } => false,
        };
        if !fits {
            let old = self.get().unwrap_or_default();
            let capacity = if len > old.len() { len.max(2 * old.len()) } else { len };
            let moved = Bytes::from_chunks(capacity, PAGE, |number, chunk| {
                let rest = old.get(number * PAGE..).unwrap_or_default();
                let count = rest.len().min(chunk.len());
                chunk[..count].copy_from_slice(&rest[..count]);
                Some(())
            });
            *self = moved.expect("every chunk was copied");
        }
        let Repr::Owned { lines, len: own } = &mut self.0 else {
            unreachable!("moved to memory of their own")
        };
        *own = len;
        let lines = Arc::get_mut(lines).expect("nothing else has them");
        // SAFETY: a Line is 64 initialized bytes without padding, and there are `len` at least.
        unsafe { slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), len) }
    }

    /// Leaves the first `len` bytes, of as many or more. Their memory is kept, and nothing is copied.
    pub(crate) fn truncate(&mut self, len: usize) {
        match &mut self.0 {
            Repr::Owned { len: own, .. } | Repr::Shared { len: own, .. } => *own = len.min(*own),
        }
    }

    /// `len` bytes of `buffer` from `start` on, without copying; `None` if the buffer is shorter.
    ///
    /// Any buffer is sound, even one that answers differently from call to call: it is asked once each time that the bytes
    /// are needed, and an answer that is too short is detected then. Other bytes give other results, nothing worse.
    #[must_use]
    pub fn shared(buffer: Arc<dyn AsRef<[u8]> + Send + Sync>, start: usize, len: usize) -> Option<Bytes> {
        let end = start.checked_add(len)?;
        if end > (*buffer).as_ref().len() {
            return None;
        }
        Some(Bytes(Repr::Shared { buffer, start, len }))
    }

    /// The number of bytes when they were copied or shared.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Repr::Owned { len, .. } | Repr::Shared { len, .. } => len,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes; `None` if the buffer that they are shared with has become too short to have them. Asks that buffer once.
    #[must_use]
    #[inline]
    pub fn get(&self) -> Option<&[u8]> {
        self.within(self.owner())
    }

    /// The buffer that the bytes are part of, asked once: for several `Bytes` of one buffer, see [`within`](Self::within).
    #[must_use]
    #[inline]
    pub fn owner(&self) -> Owner<'_> {
        match &self.0 {
            Repr::Owned { .. } => Owner(&[]),
            Repr::Shared { buffer, .. } => Owner((**buffer).as_ref()),
        }
    }

    /// As [`get`](Self::get), where the buffer has been asked already. The answer of another buffer gives other bytes of
    /// the same length.
    #[must_use]
    #[inline]
    pub fn within<'a>(&'a self, owner: Owner<'a>) -> Option<&'a [u8]> {
        match &self.0 {
            Repr::Owned { lines, len } => {
                // SAFETY: a Line is 64 initialized bytes without padding, and `len ≤ 64 · lines.len()` by construction.
                Some(unsafe { core::slice::from_raw_parts(lines.as_ptr().cast(), *len) })
            }
            // The sum was checked when they were shared.
            Repr::Shared { start, len, .. } => owner.0.get(*start..*start + *len),
        }
    }
}

/// The answer of the buffer of shared [`Bytes`]; nothing for bytes that are owned.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a>(&'a [u8]);

impl core::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let kind = match self.0 {
            Repr::Owned { .. } => "owned",
            Repr::Shared { .. } => "shared",
        };
        write!(f, "Bytes({kind}, {} bytes)", self.len())
    }
}
