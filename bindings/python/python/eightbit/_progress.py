"""Progress of long work: a callable of the caller's, or a bar."""

from __future__ import annotations

import sys
from typing import Any, Callable, Optional, Union

#: Called with the stage, what is done of it, and all of it; 0 and 0 where a stage has no parts.
Progress = Callable[[str, int, int], None]


class Bar:
    """A bar of tqdm, which notebooks draw, if it is installed; otherwise a line on stderr that is written over."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: Any = None
        try:
            from tqdm.auto import tqdm  # type: ignore[import-untyped, unused-ignore]
        except ImportError:
            tqdm = None
        self._tqdm = tqdm

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._tqdm is None:
            part = f" {done}/{total}" if total else ""
            print(f"\r\x1b[K{stage}{part}", end="", file=sys.stderr, flush=True)
            return
        if not total:
            return
        if stage != self._stage:
            self._end()
            self._stage, self._bar = stage, self._tqdm(total=total, desc=stage)
        # The same stage comes again where something is tried several times.
        self._bar.n = done
        self._bar.refresh()

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def close(self) -> None:
        """Takes the line away, or leaves tqdm's bar as it is."""
        self._end()
        if self._tqdm is None:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def start(progress: Union[bool, Progress, None]) -> tuple[Optional[Progress], Callable[[], None]]:
    """What to call, if anything, and what to call in the end."""
    if callable(progress):
        return progress, lambda: None
    if not progress:
        return None, lambda: None
    bar = Bar()
    return bar, bar.close
