//! AMX-INT8 on CPUs without it: each of its instructions traps, and the handler of the signal executes it.
//!
//! Instructions that the manual forbids (fields that must have one value and do not, tiles whose extents do not fit, a configuration with
//! reserved bits) are not executed, and end the process as they would on hardware. Memory is touched as far as tiles are configured and no
//! further, so that buffers against protected pages are as strict as ever.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::{mem, ptr};
use std::sync::Once;

use crate::Backend;
use crate::backend::avx512_amx::refuse;

/// Tiles, their rows and the bytes of one.
const TILES: usize = 8;
const ROWS: usize = 16;
const ROW_BYTES: usize = 64;

/// Catches the traps of this process from now on.
pub(crate) fn emulate() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the zero action is valid; the handler has the signature that the flag asks for.
        let result = unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            action.sa_sigaction = on_illegal_instruction as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            libc::sigaction(libc::SIGILL, &raw const action, ptr::null_mut())
        };
        assert_eq!(result, 0, "sigaction failed");
    });
}

/// Answers for the operating system that the process may not use tiles, with this error.
pub fn refuse_permission(error: i32) {
    refuse(error);
}

/// The configuration that this thread's tiles have, by `sttilecfg`: zeros if they are not in use.
///
/// # Panics
///
/// If no backend with tiles can run here.
#[must_use]
pub fn configuration() -> [u8; 64] {
    assert!(is_available(), "no tiles");
    let mut configuration = [0; 64];
    // SAFETY: the CPU has the instruction, or it is emulated; there is room for what it stores.
    unsafe { asm!("sttilecfg [{}]", in(reg) &raw mut configuration, options(nostack, preserves_flags)) };
    configuration
}

/// Configures this thread's tiles by `ldtilecfg`, as other code on the thread may: eight of `rows` rows of `row_bytes` bytes.
///
/// # Panics
///
/// If no backend with tiles can run here, or the extents are not those of a tile.
pub fn configure(rows: u8, row_bytes: u8) {
    assert!(is_available(), "no tiles");
    assert!((1..=ROWS).contains(&rows.into()) && (1..=ROW_BYTES).contains(&row_bytes.into()), "extents");
    let mut configuration = [0; 64];
    configuration[0] = 1;
    configuration[16..][..2 * TILES].as_chunks_mut::<2>().0.fill([row_bytes, 0]);
    configuration[48..][..TILES].fill(rows);
    // SAFETY: the CPU has the instruction, or it is emulated; the configuration is valid. No tile holds what anything relies on.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &raw const configuration, options(nostack, preserves_flags, readonly))
    };
}

/// Runs `work` in a child of this process that has this thread alone; returns whether it came to its end.
///
/// # Panics
///
/// If the system gives no process.
pub fn completes_in_child(work: impl FnOnce()) -> bool {
    // SAFETY: the child ends here, so that it runs no destructors of what it shares with its parent; the status has room for what is
    // written.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0, "fork failed");
        if child == 0 {
            let completed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_ok();
            libc::_exit(c_int::from(!completed));
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child, "waitpid failed");
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }
}

fn is_available() -> bool {
    Backend::by_name("avx512_amx").is_ok()
}

/// The tiles of a thread.
struct State {
    configuration: [u8; 64],
    tiles: [[[u8; ROW_BYTES]; ROWS]; TILES],
}

std::thread_local! {
    static STATE: UnsafeCell<State> = const {
        UnsafeCell::new(State { configuration: [0; 64], tiles: [[[0; ROW_BYTES]; ROWS]; TILES] })
    };
}

/// Executes the instruction that trapped. If it is none of AMX-INT8, or not valid, it traps again, without a handler.
extern "C" fn on_illegal_instruction(signal: c_int, _info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system passes the context of the thread, which it continues from afterwards. The signal is synchronous: the
    // thread is at an instruction on tiles, so that nothing else uses its state.
    unsafe {
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let executed = Instruction::decode(registers).and_then(|instruction| {
            STATE.with(|state| (*state.get()).execute(&instruction))?;
            Some(instruction.end)
        });
        match executed {
            Some(end) => registers[libc::REG_RIP as usize] = end,
            None => {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
}

/// A decoded instruction.
struct Instruction {
    opcode: u8,
    /// The implied prefix: 0 none, 1 `66`, 2 `F3`, 3 `F2`.
    prefix: u8,
    /// The tiles of the fields `reg`, `rm` and `vvvv`.
    tiles: [usize; 3],
    memory: Option<Memory>,
    /// The address of the next instruction.
    end: i64,
}

/// An operand in memory: rows begin `stride` bytes apart, for which the encoding needs a byte of scale, index and base.
struct Memory {
    first: i64,
    stride: i64,
    has_index: bool,
}

impl Instruction {
    /// The instruction at the registers' position; `None` if it is not in the encoding space of AMX.
    ///
    /// # Safety
    ///
    /// The registers are those of a thread that stands at an instruction.
    unsafe fn decode(registers: &[i64]) -> Option<Instruction> {
        /// The numbers that instructions give to registers.
        const ORDER: [c_int; 16] = [
            libc::REG_RAX,
            libc::REG_RCX,
            libc::REG_RDX,
            libc::REG_RBX,
            libc::REG_RSP,
            libc::REG_RBP,
            libc::REG_RSI,
            libc::REG_RDI,
            libc::REG_R8,
            libc::REG_R9,
            libc::REG_R10,
            libc::REG_R11,
            libc::REG_R12,
            libc::REG_R13,
            libc::REG_R14,
            libc::REG_R15,
        ];
        let start = registers[libc::REG_RIP as usize];
        // SAFETY: bytes of an instruction are readable one after the other: none is read that the encoding does not have.
        let byte = |index: i64| unsafe { *((start + index) as *const u8) };
        // A VEX prefix of three bytes, of the map 0F38, W0 and 128 bits.
        if byte(0) != 0xc4 || byte(1) & 0x1f != 2 || byte(2) & 0x84 != 0 {
            return None;
        }
        let extension = |bit: u32| (!byte(1) >> bit & 1) << 3;
        let register = |number: u8| registers[ORDER[usize::from(number)] as usize];
        let (opcode, modrm) = (byte(3), byte(4));
        let (mode, reg, rm) = (modrm >> 6, modrm >> 3 & 7, modrm & 7);
        let tiles = [reg | extension(7), rm | extension(5), !byte(2) >> 3 & 0xf].map(usize::from);
        let mut end = 5;
        let memory = (mode != 3).then(|| {
            let (mut base, mut stride) = (Some(rm | extension(5)), 0);
            if rm == 4 {
                let sib = byte(end);
                end += 1;
                let index = sib >> 3 & 7 | extension(6);
                if index != 4 {
                    stride = register(index) << (sib >> 6);
                }
                base = (mode != 0 || sib & 7 != 5).then_some(sib & 7 | extension(5));
            }
            let relative = mode == 0 && rm == 5;
            let displacement = match mode {
                1 => 1,
                0 if base.is_some() && !relative => 0,
                _ => 4,
            };
            let mut offset = 0;
            for index in 0..displacement {
                offset |= i64::from(byte(end + index)) << (8 * index);
            }
            end += displacement;
            let unused = 64 - 8 * displacement.max(1);
            let offset = offset << unused >> unused;
            let base = match base {
                _ if relative => start + end,
                Some(base) => register(base),
                None => 0,
            };
            Memory { first: base + offset, stride, has_index: rm == 4 }
        });
        let prefix = byte(2) & 3;
        Some(Instruction { opcode, prefix, tiles, memory, end: start + end })
    }
}

impl State {
    /// Executes the instruction; `None` if it is not one of AMX-INT8, or not valid.
    ///
    /// # Safety
    ///
    /// Its memory is what the instruction itself may touch.
    unsafe fn execute(&mut self, instruction: &Instruction) -> Option<()> {
        let &Instruction { opcode, prefix, tiles: [reg, rm, vvvv], ref memory, .. } = instruction;
        // Fields without an operand are 0, but those of an address.
        let unused = match (opcode, prefix, memory) {
            (0x49, 0 | 1, Some(_)) => reg | vvvv,
            (0x49, 0, None) => reg | rm | vvvv,
            (0x49, _, None) => rm | vvvv,
            (0x4b, ..) => vvvv,
            _ => 0,
        };
        if unused != 0 || opcode == 0x4b && !memory.as_ref()?.has_index {
            return None;
        }
        match (opcode, prefix, memory) {
            (0x49, 0, Some(memory)) => {
                // SAFETY: `ldtilecfg` reads 64 bytes.
                let configuration = unsafe { (memory.first as *const [u8; 64]).read_unaligned() };
                self.load_configuration(&configuration)
            }
            (0x49, 1, Some(memory)) => {
                // SAFETY: `sttilecfg` writes 64 bytes.
                unsafe { (memory.first as *mut [u8; 64]).write_unaligned(self.configuration) };
                Some(())
            }
            // `tilerelease`.
            (0x49, 0, None) => self.load_configuration(&[0; 64]),
            // `tilezero`.
            (0x49, 3, None) => {
                self.extent(reg)?;
                self.tiles[reg] = [[0; ROW_BYTES]; ROWS];
                Some(())
            }
            // `tileloadd`, and with a hint.
            (0x4b, 1 | 3, Some(memory)) => {
                let [rows, bytes] = self.extent(reg)?;
                self.tiles[reg] = [[0; ROW_BYTES]; ROWS];
                for row in 0..rows {
                    let from = (memory.first + memory.stride * row as i64) as *const u8;
                    // SAFETY: bytes of a row.
                    unsafe { ptr::copy_nonoverlapping(from, self.tiles[reg][row].as_mut_ptr(), bytes) };
                }
                Some(())
            }
            // `tilestored`.
            (0x4b, 2, Some(memory)) => {
                let [rows, bytes] = self.extent(reg)?;
                for row in 0..rows {
                    let to = (memory.first + memory.stride * row as i64) as *mut u8;
                    // SAFETY: bytes of a row.
                    unsafe { ptr::copy_nonoverlapping(self.tiles[reg][row].as_ptr(), to, bytes) };
                }
                Some(())
            }
            // `tdpbssd`, `tdpbsud`, `tdpbusd`, `tdpbuud`.
            (0x5e, _, None) => self.add_products(reg, [rm, vvvv], [prefix >= 2, prefix == 1 || prefix == 3]),
            _ => None,
        }
    }

    /// What `ldtilecfg` loads; `None` if it is not valid.
    fn load_configuration(&mut self, configuration: &[u8; 64]) -> Option<()> {
        let (head, rest) = configuration.split_at(16);
        let (row_bytes, rows) = rest.split_at(32);
        self.tiles = [[[0; ROW_BYTES]; ROWS]; TILES];
        if head[0] == 0 {
            self.configuration = [0; 64];
            return Some(());
        }
        let reserved = head[2..].iter().chain(&row_bytes[2 * TILES..]).chain(&rows[TILES..]);
        if head[0] != 1 || head[1] != 0 || reserved.copied().any(|byte| byte != 0) {
            return None;
        }
        for tile in 0..TILES {
            let bytes = u16::from_le_bytes([row_bytes[2 * tile], row_bytes[2 * tile + 1]]);
            let used = [usize::from(rows[tile]), usize::from(bytes)];
            if used[0] > ROWS || used[1] > ROW_BYTES || (used[0] == 0) != (used[1] == 0) {
                return None;
            }
        }
        self.configuration = *configuration;
        Some(())
    }

    /// The rows of a tile and their bytes; `None` if it is not configured.
    fn extent(&self, tile: usize) -> Option<[usize; 2]> {
        let rows = usize::from(*self.configuration[48..].get(tile).filter(|_| tile < TILES)?);
        let bytes = [self.configuration[16 + 2 * tile], self.configuration[17 + 2 * tile]];
        (rows > 0).then(|| [rows, usize::from(u16::from_le_bytes(bytes))])
    }

    /// `to[m][n] += Σ a[m][k]·b[k / 4][4n + k mod 4]`, mod 2³².
    fn add_products(&mut self, to: usize, [a, b]: [usize; 2], [a_signed, b_signed]: [bool; 2]) -> Option<()> {
        let ([rows, row_bytes], [a_rows, a_bytes], [b_rows, b_bytes]) =
            (self.extent(to)?, self.extent(a)?, self.extent(b)?);
        let distinct = to != a && to != b && a != b;
        let whole = row_bytes.is_multiple_of(4) && a_bytes.is_multiple_of(4);
        if !distinct || !whole || a_rows != rows || b_bytes != row_bytes || b_rows != a_bytes / 4 {
            return None;
        }
        let value =
            |byte: u8, signed: bool| if signed { i32::from(byte.cast_signed()) } else { i32::from(byte) };
        let mut weights = [[0i32; ROW_BYTES / 4]; ROW_BYTES];
        for (k, row) in weights[..a_bytes].iter_mut().enumerate() {
            for (n, weight) in row[..row_bytes / 4].iter_mut().enumerate() {
                *weight = value(self.tiles[b][k / 4][4 * n + k % 4], b_signed);
            }
        }
        for m in 0..rows {
            let mut sums = [0i32; ROW_BYTES / 4];
            for (&activation, weights) in self.tiles[a][m][..a_bytes].iter().zip(&weights) {
                let activation = value(activation, a_signed);
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = sum.wrapping_add(activation * weight);
                }
            }
            for (bytes, sum) in self.tiles[to][m][..row_bytes].as_chunks_mut::<4>().0.iter_mut().zip(sums) {
                *bytes = i32::from_le_bytes(*bytes).wrapping_add(sum).to_le_bytes();
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    /// Eight tiles of as many rows as given, and bytes of a row.
    fn configuration(extents: [[u8; 2]; TILES]) -> [u8; 64] {
        let mut configuration = [0; 64];
        configuration[0] = 1;
        for (tile, [rows, bytes]) in extents.into_iter().enumerate() {
            (configuration[48 + tile], configuration[16 + 2 * tile]) = (rows, bytes);
        }
        configuration
    }

    fn state(extents: [[u8; 2]; TILES]) -> State {
        let mut state = State { configuration: [0; 64], tiles: [[[0; ROW_BYTES]; ROWS]; TILES] };
        state.load_configuration(&configuration(extents)).expect("a valid configuration");
        state
    }

    #[test]
    fn products_have_the_signs_of_their_operands() {
        for (signs, expected) in [
            ([false, false], 4 * 255 * 128),
            ([false, true], 4 * 255 * -128),
            ([true, false], 4 * -128),
            ([true, true], 4 * 128),
        ] {
            let mut state = state([[3, 8], [3, 4], [1, 8], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]]);
            state.tiles[1] = [[255; ROW_BYTES]; ROWS];
            state.tiles[2] = [[128; ROW_BYTES]; ROWS];
            state.add_products(0, [1, 2], signs).expect("tiles that fit");
            let sum = |row: usize, column: usize| state.tiles[0][row].as_chunks::<4>().0[column];
            assert_eq!(i32::from_le_bytes(sum(2, 1)), expected, "{signs:?}");
            assert_eq!((sum(3, 0), sum(0, 2)), ([0; 4], [0; 4]), "nothing outside the extents");
        }
    }

    #[test]
    fn what_the_hardware_refuses_is_not_executed() {
        let fit = [[3, 8], [3, 4], [1, 8], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]];
        for (tile, extent) in [(0, [4, 8]), (0, [3, 12]), (1, [3, 8]), (1, [3, 5]), (2, [2, 8]), (2, [0, 0])]
        {
            let mut extents = fit;
            extents[tile] = extent;
            let added = state(extents).add_products(0, [1, 2], [false, true]);
            assert!(added.is_none(), "tile {tile} of {extent:?}");
        }
        assert!(state(fit).add_products(0, [1, 1], [false, true]).is_none(), "an operand twice");
        assert!(state(fit).add_products(0, [1, 9], [false, true]).is_none(), "tile 9");
        for (byte, value) in [(0, 2), (1, 1), (2, 1), (32, 1), (56, 1), (48, 17), (16, 65), (48, 0)] {
            let mut bytes = configuration(fit);
            bytes[byte] = value;
            assert!(state(fit).load_configuration(&bytes).is_none(), "byte {byte}: {value}");
        }
    }
    /// Executes the instruction of these bytes, with the address of 64 bytes in `rax` and 0 in `rcx`.
    fn execute(state: &mut State, instruction: [u8; 6], at: &mut [u8; 64]) -> Option<()> {
        let mut registers = [0; 23];
        registers[libc::REG_RIP as usize] = instruction.as_ptr() as i64;
        registers[libc::REG_RAX as usize] = at.as_mut_ptr() as i64;
        // SAFETY: an instruction, all of whose bytes are readable, and an address of as many bytes as it touches.
        unsafe { state.execute(&Instruction::decode(&registers)?) }
    }

    #[test]
    fn fields_without_an_operand_have_one_value() {
        let fit = configuration([[1, 8]; TILES]);
        for (name, allowed, refused) in [
            ("ldtilecfg [rax]", [0xc4, 0xe2, 0x78, 0x49, 0x00, 0], vec![(4, 0x08), (2, 0x70), (1, 0x62)]),
            ("sttilecfg [rax]", [0xc4, 0xe2, 0x79, 0x49, 0x00, 0], vec![(4, 0x08), (2, 0x71)]),
            ("tilezero tmm1", [0xc4, 0xe2, 0x7b, 0x49, 0xc8, 0], vec![(4, 0xc9), (2, 0x73), (1, 0x62)]),
            ("tileloadd tmm1, [rax + rcx]", [0xc4, 0xe2, 0x7b, 0x4b, 0x0c, 0x08], vec![(4, 0x08), (2, 0x73)]),
            (
                "tilestored [rax + rcx], tmm1",
                [0xc4, 0xe2, 0x7a, 0x4b, 0x0c, 0x08],
                vec![(4, 0x08), (2, 0x72)],
            ),
            ("tdpbusd tmm1, tmm2, tmm3", [0xc4, 0xe2, 0x61, 0x5e, 0xca, 0], vec![(1, 0xc2), (2, 0x21)]),
            ("tilerelease", [0xc4, 0xe2, 0x78, 0x49, 0xc0, 0], vec![(4, 0xc1), (4, 0xc8), (2, 0x70)]),
        ] {
            let mut state = state([[2, 8]; TILES]);
            for (index, value) in refused {
                let mut bytes = allowed;
                bytes[index] = value;
                assert!(
                    execute(&mut state, bytes, &mut fit.clone()).is_none(),
                    "{name}: byte {index} {value:#x}"
                );
            }
            assert!(execute(&mut state, allowed, &mut fit.clone()).is_some(), "{name}");
        }
    }
}
