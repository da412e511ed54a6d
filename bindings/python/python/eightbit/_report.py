"""What a quantization did, and how a model would run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from os import PathLike
from typing import Any, Optional, Union

from . import _native

__all__ = ["Activation", "Aid", "Layer", "Node", "NodeSupport", "Report", "report", "supported"]


@dataclass(frozen=True)
class Node:
    """A node of the float model."""

    name: str
    op: str
    #: ``eight-bit``, ``fused`` into the node before it, ``table`` of 256 bytes, or ``float``.
    role: str
    #: Why it stayed float.
    reason: Optional[str]


@dataclass(frozen=True)
class Layer:
    """The error of an eight-bit node, as signal-to-noise ratios in dB: of this node alone, and with all before it in eight bits, too."""

    node: str
    op: str
    sqnr_db: float
    accumulated_sqnr_db: float


@dataclass(frozen=True)
class Activation:
    """A value that became bytes: ``(byte - zero_point) * scale``."""

    value: str
    observed: tuple[float, float]
    covered: tuple[float, float]
    scale: float
    zero_point: int
    #: The share of the numbers observed that are beyond the covered range.
    clamped: float


@dataclass(frozen=True)
class Aid:
    """Something that was tried for accuracy; it was kept if the error on examples that were held out is less with it."""

    name: str
    kept: bool
    error_before: float
    error_after: float
    skipped: Optional[str]


@dataclass(frozen=True)
class Report:
    """What a quantization did. In a notebook it is a table."""

    #: The number of examples.
    examples: int
    #: Bytes of the constants in the float and in the eight-bit model.
    constants_before: int
    constants_after: int
    nodes: list[Node]
    #: Worst first.
    layers: list[Layer]
    activations: list[Activation]
    aids: list[Aid]
    #: In percentage points, if it was limited.
    accuracy_lost: Optional[float]
    #: Nodes that went back to float for the sake of accuracy.
    float_again: list[str]
    #: Reasons to distrust the result.
    warnings: list[str]

    @property
    def float_nodes(self) -> list[Node]:
        """The nodes that stayed float, each with the reason."""
        return [node for node in self.nodes if node.role == "float"]

    def _lines(self) -> list[tuple[str, str]]:
        roles = Counter(node.role for node in self.nodes)
        lines = [
            ("nodes", ", ".join(f"{count} {role}" for role, count in roles.most_common())),
            ("constants", f"{self.constants_before:,} bytes became {self.constants_after:,}"),
            ("examples", str(self.examples)),
        ]
        if self.layers:
            worst = self.layers[0]
            lines.append(("worst layer", f"{worst.node} ({worst.op}), {worst.sqnr_db:.1f} dB"))
        kept = [aid.name for aid in self.aids if aid.kept]
        if kept:
            lines.append(("kept for accuracy", ", ".join(kept)))
        if self.accuracy_lost is not None:
            lines.append(("accuracy lost", f"{self.accuracy_lost:.2f} percentage points"))
        reasons = Counter(f"{node.op}: {node.reason}" for node in self.float_nodes)
        lines += [("stayed float", f"{count} × {reason}") for reason, count in reasons.most_common(8)]
        lines += [("warning", warning) for warning in self.warnings]
        return lines

    def __str__(self) -> str:
        return "\n".join(f"{name:<18} {text}" for name, text in self._lines())

    def _repr_html_(self) -> str:
        import html  # Only notebooks need it.

        rows = (f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in self._lines())
        return f"<table>{''.join(rows)}</table>"


def of_dict(found: dict[str, Any]) -> Report:
    """The report that the library returned."""
    return Report(
        **{
            **found,
            "nodes": [Node(**node) for node in found["nodes"]],
            "layers": [Layer(**layer) for layer in found["layers"]],
            "activations": [Activation(**activation) for activation in found["activations"]],
            "aids": [Aid(**aid) for aid in found["aids"]],
        }
    )


@dataclass(frozen=True)
class NodeSupport:
    """How a node would run."""

    name: str
    op: str
    #: ``step``, ``fused``, ``constant``, ``nothing`` or ``refused``.
    how: str
    #: The kernel, the node that it is fused with, or why it cannot run.
    detail: str


def supported(
    model: Union[str, PathLike[str], bytes], *, backend: Optional[str] = None
) -> list[NodeSupport]:
    """How each node of a model would run here. A node that cannot run does not hide the others."""
    return [NodeSupport(**node) for node in _native.supported(model, backend=backend)]


def report(model: Union[str, PathLike[str], bytes], *, backend: Optional[str] = None) -> str:
    """A readable account of how a model would run here: a line for each node, and the sum."""
    nodes = supported(model, backend=backend)
    counts = Counter(node.how for node in nodes)
    lines = [f"{node.how:<9} {node.op:<22} {node.name:<32} {node.detail}".rstrip() for node in nodes]
    lines.append(", ".join(f"{count} {how}" for how, count in counts.most_common()))
    return "\n".join(lines)
