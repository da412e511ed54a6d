"""The cores that are analysed, and what the analysis takes for granted of each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """A core: its name to llvm-mca, and what its maker says of it."""

    name: str
    # Instructions that go from the front to the ports in a cycle. LLVM's own figure is that of its instruction scheduler,
    # which is better off with less than the core has.
    dispatch: int
    # Backends, and how many of the products that their tiles are made of begin in a cycle. It stands in the table beside
    # what a probe finds of LLVM's model, which the limit is taken from.
    backends: dict[str, int]


# Dispatch widths and pipelines are what we know of Arm's software optimization guides ("Dispatch constraints", MOPs per
# cycle; the tables of ASIMD integer instructions), not read off them again; LLVM's own dispatch widths are narrower and
# have a column of their own. The numbers of multiplying ports agree with LLVM's models.
#
# * Cortex-A76, Neoverse N1: 4 MOPs; dot products on V0 and V1, SMULL on V0. LLVM schedules for the Cortex-A76 with the
#   pipelines of the Cortex-A57, which has one load port where the A76 has two, and slow ZIPs: a lower bound. The A76's
#   own pipelines are those of the N1.
# * Neoverse N2: 5 MOPs; V0 and V1.
# * Neoverse V1, V2: 8 MOPs; V0 to V3.
#
# Intel's optimization reference manual: Sunny Cove allocates 5 µops in a cycle, Golden Cove 6. `vpdpbusd ymm` goes to
# ports 0 and 1, `zmm` to ports 0 and 5 of server parts. LLVM's model of Sapphire Rapids is that of a client core, whose
# port 5 does not multiply: there it takes one `zmm` in a cycle, and three loads where the core has two of 512 bits.
CORES = {
    "aarch64": (
        Core("cortex-a76", 4, {"neon": 1, "neon_dotprod": 2}),
        Core("neoverse-n1", 4, {"neon": 1, "neon_dotprod": 2}),
        Core("neoverse-n2", 5, {"neon_dotprod": 2, "neon_i8mm": 2}),
        Core("neoverse-v1", 8, {"neon_dotprod": 4, "neon_i8mm": 4}),
        Core("neoverse-v2", 8, {"neon_dotprod": 4, "neon_i8mm": 4}),
    ),
    "x86_64": (
        Core("icelake-server", 5, {"avx512_vnni": 2}),
        Core("sapphirerapids", 6, {"avx512_vnni": 2, "avx_vnni": 2}),
        Core("alderlake", 6, {"avx_vnni": 2}),
    ),
}
