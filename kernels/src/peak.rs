//! The peak rate of a CPU's multipliers: loops of the instructions that a backend's tiles are made of, on registers only.
//!
//! A kernel also loads, unpacks and stores; `eightbit bench` prints how near it comes to these rates. The caller
//! brings the clock:
//!
//! ```
//! use eightbit_kernels::Backend;
//! for sequence in Backend::detected().peak() {
//!     sequence.run(1000); // the time that this takes is that of 1000 · operations() operations at most
//!     assert!(sequence.operations() > 0 && !sequence.instructions().mnemonics.is_empty());
//! }
//! ```

/// Instructions that are repeated: the product first, then what makes 32-bit sums of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instructions {
    /// Their names in assembly.
    pub mnemonics: &'static [&'static str],
    /// Bits of the vectors.
    pub bits: usize,
}

impl core::fmt::Display for Instructions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (index, mnemonic) in self.mnemonics.iter().enumerate() {
            let separator = if index == 0 { "" } else { " + " };
            write!(f, "{separator}{mnemonic}")?;
        }
        write!(f, " on {} bits", self.bits)
    }
}

/// A loop of multiplying instructions for a CPU that has them.
#[derive(Clone, Copy, Debug)]
pub struct Sequence {
    instructions: Instructions,
    operations: u64,
    run: unsafe fn(u64),
    is_permitted: fn() -> bool,
}

impl Sequence {
    /// A loop of `instructions`, each for every one of the [`ACCUMULATORS`], and two operations for each of the `products` of
    /// bytes that they make of a vector. `run` runs it `passes` times (at least once).
    ///
    /// # Safety
    ///
    /// `run` needs no more than the CPU features of the backend whose entry has the sequence, and what
    /// [`if_permitted`](Self::if_permitted) asks for.
    #[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
    pub(crate) const unsafe fn new(
        mnemonics: &'static [&'static str],
        bits: usize,
        products: u64,
        run: unsafe fn(u64),
    ) -> Sequence {
        let instructions = Instructions { mnemonics, bits };
        Sequence { instructions, operations: 2 * products * ACCUMULATORS, run, is_permitted: || true }
    }

    /// The same for instructions that the operating system must permit: without it the sequence is left out.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn if_permitted(self, is_permitted: fn() -> bool) -> Sequence {
        Sequence { is_permitted, ..self }
    }

    /// Whether the operating system permits the instructions, which may ask it.
    pub(crate) fn is_permitted(&self) -> bool {
        (self.is_permitted)()
    }

    /// The instructions that are repeated.
    #[must_use]
    pub fn instructions(&self) -> &Instructions {
        &self.instructions
    }

    /// Multiplications and additions in one pass: two for each product of bytes.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// Runs `passes` passes, at least one.
    pub fn run(&self, passes: u64) {
        // SAFETY: only a `Backend` hands out its sequences, which proves that this CPU has its features, and those alone that the system
        // permits; by `new` the function needs no more.
        unsafe { (self.run)(passes.max(1)) }
    }
}

/// Accumulators of a loop: enough for the latency of any multiplier to hide.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
const ACCUMULATORS: u64 = 12;

/// The [`Sequence`] of the instructions of these names on vectors of `bits` bits, which make `products` products of bytes.
/// The lines of assembly use an accumulator of number `\\acc`, and of the other registers those from 12 on (of Arm 12, 30 and
/// 31).
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
macro_rules! sequence {
    ([$($mnemonic:literal),+], $bits:literal, $products:literal, $($line:literal),+) => {{
        #[cfg(target_arch = "x86_64")]
        $crate::peak::turns!(
            [$($line),+],
            "dec {passes}\n jnz 2b",
            "vzeroupper",
            [
                "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
            ]
        );
        #[cfg(target_arch = "aarch64")]
        $crate::peak::turns!(
            [$($line),+],
            "subs {passes}, {passes}, #1\n b.ne 2b",
            "",
            ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12"]
        );
        // SAFETY: the instructions are those of the backend that the sequence is written for.
        unsafe { $crate::peak::Sequence::new(&[$($mnemonic),+], $bits, $products, turns) }
    }};
}
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
pub(crate) use sequence;

/// Defines a function `turns` that runs a loop of instructions, repeated for every accumulator. A macro argument `\\acc` in a
/// line is the accumulator's number.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
macro_rules! turns {
    ([$($line:literal),+], $again:literal, $leave:literal, [$($register:tt),+]) => {
        /// # Safety
        ///
        /// The CPU must have the instructions, and `passes` must be at least 1.
        unsafe fn turns(passes: u64) {
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
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
pub(crate) use turns;
