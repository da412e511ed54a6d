//! What a CPU's multipliers can do at best: loops of the instructions that a backend's tiles are made of, on registers only.
//!
//! A kernel also loads, unpacks and stores; how near it comes to these rates is what `eightbit bench` prints. The caller
//! brings the clock:
//!
//! ```
//! use eightbit_kernels::{Backend, peak};
//! for sequence in peak::sequences(Backend::detected()) {
//!     sequence.run(1000); // the time that this takes is that of 1000 · operations() operations at most
//!     assert!(sequence.operations() > 0 && !sequence.instructions().is_empty());
//! }
//! ```

use crate::Backend;

/// A loop of multiplying instructions for a CPU that has them.
#[derive(Clone, Copy, Debug)]
pub struct Sequence {
    instructions: &'static str,
    operations: u64,
    /// Runs the loop so many times (at least once), with the CPU features of the backend that the sequence is for.
    run: unsafe fn(u64),
}

impl Sequence {
    /// The instructions that are repeated, for people.
    #[must_use]
    pub fn instructions(&self) -> &'static str {
        self.instructions
    }

    /// Multiplications and additions in one pass: two for each product of bytes.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// Runs so many passes, at least one.
    pub fn run(&self, passes: u64) {
        // SAFETY: `sequences` gives a sequence only for a `Backend`, which proves that this CPU has its features, and those are the
        // features that the function needs.
        unsafe { (self.run)(passes.max(1)) }
    }
}

/// The sequences of `backend`'s tiles, fastest last; none where no single instruction sequence is its limit.
#[must_use]
pub fn sequences(backend: Backend) -> &'static [Sequence] {
    imp::sequences(backend.name())
}

/// Defines a function that runs a loop of instructions, repeated for twelve accumulators: enough for the latency of any
/// multiplier to hide. A macro argument `\\acc` in a line is the accumulator's number.
macro_rules! turns {
    ($name:ident, [$($line:literal),+], $again:literal, $leave:literal, [$($register:tt),+]) => {
        /// # Safety
        ///
        /// The CPU must have the instructions, and `passes` must be at least 1.
        unsafe fn $name(passes: u64) {
            // SAFETY: the lines touch registers only, and all that they write are declared; the loop ends, since `passes` is at
            // least 1; the caller promises that the CPU has the instructions.
            unsafe {
                core::arch::asm!(
                    "2:",
                    ".irp acc,0,1,2,3,4,5,6,7,8,9,10,11",
                    $($line,)+
                    ".endr",
                    $again,
                    $leave,
                    passes = inout(reg) passes => _,
                    $(out($register) _,)+
                    options(nomem, nostack),
                );
            }
        }
    };
}

const ACCUMULATORS: u64 = 12;

#[cfg(target_arch = "x86_64")]
mod imp {
    use super::{ACCUMULATORS, Sequence};

    pub(super) fn sequences(backend: &str) -> &'static [Sequence] {
        match backend {
            "avx2" => AVX2,
            "avx_vnni" => AVX_VNNI,
            "avx512_vnni" => AVX512_VNNI,
            _ => &[],
        }
    }

    const AVX2: &[Sequence] = &[
        Sequence { instructions: "vpmaddwd + vpaddd on 256 bits", operations: 32 * ACCUMULATORS, run: words },
        Sequence {
            instructions: "vpmaddubsw + vpmaddwd + vpaddd on 256 bits",
            operations: 64 * ACCUMULATORS,
            run: bytes,
        },
    ];

    const AVX_VNNI: &[Sequence] = &[Sequence {
        instructions: "vpdpbusd on 256 bits",
        operations: 64 * ACCUMULATORS,
        run: dot_products,
    }];

    const AVX512_VNNI: &[Sequence] = &[Sequence {
        instructions: "vpdpbusd on 512 bits",
        operations: 128 * ACCUMULATORS,
        run: wide_dot_products,
    }];

    macro_rules! x86 {
        ($name:ident, $($line:literal),+) => {
            turns!(
                $name,
                [$($line),+],
                "dec {passes}\n jnz 2b",
                "vzeroupper",
                [
                    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                    "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
                ]
            );
        };
    }

    x86!(words, "vpmaddwd ymm12, ymm14, ymm15", "vpaddd ymm\\acc, ymm\\acc, ymm12");
    x86!(
        bytes,
        "vpmaddubsw ymm12, ymm14, ymm15",
        "vpmaddwd ymm13, ymm12, ymm15",
        "vpaddd ymm\\acc, ymm\\acc, ymm13"
    );
    x86!(dot_products, "{{vex}} vpdpbusd ymm\\acc, ymm14, ymm15");
    x86!(wide_dot_products, "vpdpbusd zmm\\acc, zmm14, zmm15");
}

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod imp {
    use super::{ACCUMULATORS, Sequence};

    pub(super) fn sequences(backend: &str) -> &'static [Sequence] {
        match backend {
            "neon_i8mm" => NEON_I8MM,
            "neon_dotprod" => NEON_DOTPROD,
            "neon" => NEON,
            _ => &[],
        }
    }

    const NEON_I8MM: &[Sequence] =
        &[Sequence { instructions: "smmla", operations: 64 * ACCUMULATORS, run: matrix_products }];
    const NEON_DOTPROD: &[Sequence] =
        &[Sequence { instructions: "sdot", operations: 32 * ACCUMULATORS, run: dot_products }];
    const NEON: &[Sequence] =
        &[Sequence { instructions: "smull + sadalp", operations: 16 * ACCUMULATORS, run: long_products }];

    macro_rules! arm {
        ($name:ident, $($line:literal),+) => {
            turns!(
                $name,
                [$($line),+],
                "subs {passes}, {passes}, #1\n b.ne 2b",
                "",
                ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12"]
            );
        };
    }

    arm!(
        matrix_products,
        ".arch_extension i8mm",
        "smmla v\\acc\\().4s, v30.16b, v31.16b",
        ".arch_extension noi8mm"
    );
    arm!(
        dot_products,
        ".arch_extension dotprod",
        "sdot v\\acc\\().4s, v30.16b, v31.16b",
        ".arch_extension nodotprod"
    );
    arm!(long_products, "smull v12.8h, v30.8b, v31.8b", "sadalp v\\acc\\().4s, v12.8h");
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little"))))]
mod imp {
    use super::Sequence;

    pub(super) fn sequences(_backend: &str) -> &'static [Sequence] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_of_every_backend_end() {
        for backend in Backend::available() {
            for sequence in sequences(backend) {
                sequence.run(0);
                sequence.run(100);
            }
        }
    }
}
