"""The analysed cores, and the facts that the analysis assumes about each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """A core: its name in llvm-mca, and figures from its maker."""

    name: str
    # Instructions that the front end dispatches to the ports in a cycle. LLVM's own figure serves its instruction scheduler,
    # for which less than the core's width works better.
    dispatch: int
    # Multiplying instructions for bytes, on x86 with their vectors, and how many start in a cycle. The table shows this beside
    # the probe of LLVM's model, which gives the limit. The backends whose tiles use these instructions are analysed.
    products: dict[str, int]


# Dispatch widths and pipelines follow Arm's software optimization guides ("Dispatch constraints", MOPs per cycle; the
# tables of ASIMD integer instructions), from memory; LLVM's own dispatch widths are narrower and have their own column. The
# numbers of multiplying ports agree with LLVM's models.
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
