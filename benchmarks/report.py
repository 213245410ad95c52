"""What every benchmark prints: the machine it ran on and a table; and the same as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any


def machine() -> dict[str, str | int]:
    """What times depend on: processor, cores that this process may use, memory, versions, date."""
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "cpu": _cpu_model(),
        "cores": len(affinity(0)) if affinity else os.cpu_count() or 1,
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": version("torch"),
        "placeproof": version("placeproof"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def free_memory() -> int:
    """Bytes that a new process can use without swapping; where unknown, all that there are."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table, its first column to the left and all others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for row in (header, rule, *rows):
        cells = (row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:]))
        print("| " + " | ".join(cells) + " |")


def print_machine(threads: int) -> None:
    """One line about the machine."""
    m = machine()
    print(
        f"\n{m['cpu']}, {m['cores']} cores, {threads} threads used, {m['memory_gib']} GiB; "
        f"torch {m['torch']}, Python {m['python']}, placeproof {m['placeproof']}; {m['date']}"
    )


def write_json(path: Path, benchmark: str, settings: dict[str, Any], results: list[Any]) -> None:
    """Machine, settings and results as one JSON file."""
    content = {
        "benchmark": benchmark,
        "machine": machine(),
        "settings": settings,
        "results": results,
    }
    path.write_text(json.dumps(content, indent=2) + "\n")


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
