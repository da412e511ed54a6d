"""The cores that are analysed, and what the analysis takes for granted of each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """A core: its name to llvm-mca, and what its maker says of it."""

    name: str
    # Instructions that go from the front to the ports in a cycle. LLVM's own figure is that of its instruction scheduler,
    # which is better off with less than the core has.
    dispatch: int
    # Products of bytes, on x86 with their vectors, and how many of them begin in a cycle. It stands in the table beside what a
    # probe finds of LLVM's model, which the limit is taken from. The backends whose tiles are made of these are analysed.
    products: dict[str, int]


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
# port 5 does not multiply: there it takes one `zmm` in a cycle, and three loads where the core has two of 512 bits. LLVM has
# no model of Lion Cove: Arrow Lake is scheduled as Alder Lake, and its width is that of Golden Cove here.
CORES = {
    "aarch64": (
        Core("cortex-a76", 4, {"smull": 1, "sdot": 2}),
        Core("neoverse-n1", 4, {"smull": 1, "sdot": 2}),
        Core("neoverse-n2", 5, {"sdot": 2, "smmla": 2, "usmmla": 2}),
        Core("neoverse-v1", 8, {"sdot": 4, "smmla": 4, "usmmla": 4}),
        Core("neoverse-v2", 8, {"sdot": 4, "smmla": 4, "usmmla": 4}),
    ),
    "x86_64": (
        Core("icelake-server", 5, {"vpdpbusd zmm": 2}),
        Core("sapphirerapids", 6, {"vpdpbusd zmm": 2, "vpdpbusd ymm": 2}),
        Core("alderlake", 6, {"vpdpbusd ymm": 2}),
        Core("arrowlake-s", 6, {"vpdpbusd ymm": 2, "vpdpbssd ymm": 2}),
    ),
}
