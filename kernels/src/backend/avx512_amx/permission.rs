//! The permission to use tiles, which Linux gives to a process that asks for it.
//!
//! Asking changes the process: from then on its threads' alternate signal stacks must have room for the state of tiles, eight
//! kilobytes more than before. So it is asked when a plan is made whose products use tiles if they have enough rows, not when the CPU's
//! features are detected, and once. It covers all threads, also older ones.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::gemm::Permission;

/// 0 before the question, [`GRANTED`], or the number of the system's error.
static ANSWER: AtomicU32 = AtomicU32::new(0);

const GRANTED: u32 = u32::MAX;

/// Asks, if nobody has.
pub(super) fn request() -> Permission {
    let known = ANSWER.load(Ordering::Relaxed);
    // It publishes nothing else.
    if known == 0 { keep(&ANSWER, ask()) } else { permission(known) }
}

/// Keeps an answer, and returns the one that counts. Threads that ask at the same time may get different ones: a permission is not taken
/// back, so that it is the greatest.
fn keep(kept: &AtomicU32, answer: Permission) -> Permission {
    let answer = match answer {
        Permission::Granted => GRANTED,
        Permission::Refused { error } => error.cast_unsigned(),
    };
    permission(kept.fetch_max(answer, Ordering::Relaxed).max(answer))
}

/// What an answer means.
fn permission(answer: u32) -> Permission {
    match answer {
        GRANTED => Permission::Granted,
        error => Permission::Refused { error: error.cast_signed() },
    }
}

/// Whether somebody has asked, and the system agreed.
#[inline]
pub(super) fn is_granted() -> bool {
    ANSWER.load(Ordering::Relaxed) == GRANTED
}

/// Answers for the system, so that tests see what a refusal does.
#[cfg(all(feature = "testing", target_os = "linux"))]
pub(crate) fn refuse(error: i32) {
    ANSWER.store(error.cast_unsigned(), Ordering::Relaxed);
}

#[cfg(all(feature = "std", target_os = "linux"))]
fn ask() -> Permission {
    if !super::cpu::is_in_hardware() {
        // Tests emulate the tiles.
        return Permission::Granted;
    }
    match arch_prctl_request_tiles() {
        0 => Permission::Granted,
        error => Permission::Refused { error: error.unsigned_abs() as i32 },
    }
}

/// Other systems have no backend with tiles.
#[cfg(not(all(feature = "std", target_os = "linux")))]
fn ask() -> Permission {
    Permission::Refused { error: 1 }
}

/// `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`: 0, or the system's error, negative.
#[cfg(all(feature = "std", target_os = "linux"))]
fn arch_prctl_request_tiles() -> i64 {
    use core::arch::asm;

    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;

    let mut result = ARCH_PRCTL;
    // SAFETY: the system call reads and writes no memory of the process; it changes what its threads may use, and `rcx` and `r11`.
    unsafe {
        asm!(
            "syscall",
            inout("rax") result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result
}

#[cfg(all(test, feature = "std", target_os = "linux"))]
mod tests {
    use std::string::ToString;

    use super::*;

    /// On hardware with tiles the answer depends on the process.
    #[test]
    #[cfg_attr(miri, ignore = "a system call, and CPUID")]
    fn there_is_no_permission_for_tiles_that_do_not_exist() {
        if !crate::backend::avx512_amx::cpu::is_in_hardware() {
            assert!(arch_prctl_request_tiles() < 0);
        }
    }

    #[test]
    fn a_permission_counts_more_than_a_refusal_at_the_same_time() {
        let refused = Permission::Refused { error: 28 };
        for (first, second, expected) in [
            (refused, Permission::Granted, Permission::Granted),
            (Permission::Granted, refused, Permission::Granted),
            (refused, refused, refused),
        ] {
            let kept = AtomicU32::new(0);
            assert_eq!(keep(&kept, first), first);
            assert_eq!(keep(&kept, second), expected);
            assert_eq!(permission(kept.into_inner()), expected);
        }
    }

    #[test]
    fn a_refusal_says_why() {
        let text = Permission::Refused { error: 28 }.to_string();
        assert!(text.contains("signal stack"), "{text}");
        assert!(Permission::Refused { error: 95 }.to_string().contains("95"));
    }
}
