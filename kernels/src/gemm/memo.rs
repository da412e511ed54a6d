//! The choice of tile that a plan keeps.

#[cfg(target_has_atomic = "64")]
use core::sync::atomic::AtomicU64;

/// The last choice that a plan made, so that a small call does not take longer to choose than to multiply.
///
/// Threads that share one may overwrite each other's choice; each finds its own or chooses again.
#[derive(Debug, Default)]
pub struct TilingMemo {
    /// Rows (32 bits), panels (16), the tile's number plus one (8); 0 before the first choice.
    #[cfg(target_has_atomic = "64")]
    pub(super) last: AtomicU64,
}

impl Clone for TilingMemo {
    /// An empty one.
    fn clone(&self) -> TilingMemo {
        TilingMemo::default()
    }
}
