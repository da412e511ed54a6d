"""Shape files: one shape per line, `name SIZES… class`; `#` begins a comment."""

import dataclasses
import pathlib

FOLDER = pathlib.Path(__file__).parent.parent
# The program embeds these files, so they are in its package.
SHAPES = FOLDER.parent.parent / "cli" / "src" / "bench"
SIZES = {"gemm": 3, "conv": 7}


@dataclasses.dataclass(frozen=True)
class Shape:
    name: str
    group: str
    # The request to a driver.
    line: str
    sizes: tuple[int, ...] = ()

    @property
    def products(self):
        """Of a matrix multiplication."""
        m, k, n = self.sizes
        return m * k * n


def of_sizes(sizes, group):
    """The shape of a product of these sizes."""
    name = "x".join(map(str, sizes))
    return Shape(name, group, f"{name} {' '.join(map(str, sizes))}", sizes)


def read(op, path=None):
    count = SIZES[op]
    shapes = []
    for line in (path or SHAPES / f"shapes_{op}.txt").read_text().splitlines():
        line = line.partition("#")[0].strip()
        if line:
            name, *words = line.split()
            sizes, group = words[:count], words[count:]
            shapes.append(Shape(name, *group or ["other"], line, tuple(map(int, sizes))))
    return shapes
