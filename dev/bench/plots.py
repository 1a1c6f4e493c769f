"""Small static pictures of a run, legible on light and dark pages and on a phone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from dev.bench.report import amount, markdown, write_page
from dev.bench.results import Results

_PAPER, _INK, _FAINT = "#ffffff", "#1f2328", "#d1d9e0"
_MET, _MISSED, _FLOOR = "#1a7f37", "#cf222e", "#0969da"
_ON_DARK = {
    _PAPER: "#0d1117",
    _INK: "#e6edf3",
    _FAINT: "#3d444d",
    _MET: "#3fb950",
    _MISSED: "#ff7b72",
    _FLOOR: "#58a6ff",
}
"""Each colour on a dark page: who asks for one gets these, everyone else a white card, legible anywhere."""
_ON_PAPER = {"facecolor": _PAPER, "edgecolor": "none", "pad": 0.8}
_WIDTH_IN = 5.0
_SETTINGS: Any = {
    "svg.fonttype": "none",  # text stays text, in a font of the reader's
    "svg.hashsalt": "bench",  # the same picture has the same ids
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": _PAPER,
    "axes.facecolor": _PAPER,
    "grid.color": _FAINT,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def publish(page: Path, results: Results) -> None:
    """Write the generated part of a page, and its plots into the folder beside it that has its name.

    Raises BenchError where the page lacks its markers.
    """
    folder = page.with_suffix("")
    write_page(page, markdown(results, folder.name))
    write_plots(folder, results)


def write_plots(folder: Path, results: Results) -> None:
    """Write targets.svg, growth.svg and phases.svg into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_SETTINGS):
        _write(folder / "targets.svg", _targets(results["lines"]))
        _write(folder / "growth.svg", _growth(results["lines"]))
        _write(folder / "phases.svg", _phases(results["phases"]))


def _targets(lines: Sequence[Mapping[str, Any]]) -> Figure:
    figure, axes = _bars(len(lines))
    shares = [100 * line["of_target"] for line in lines]
    axes.barh(
        [line["name"] for line in lines], shares, color=[_MET if line["met"] else _MISSED for line in lines]
    )
    for at, share in enumerate(shares):
        axes.text(share * 1.08, at, f"{share:,.0f} %", va="center", fontsize=9, bbox=_ON_PAPER)
    axes.set_xscale("log")
    axes.set_xlim(min(10.0, *shares) / 1.5, max(100.0, *shares) * 3)
    axes.axvline(100, color=_INK, linewidth=1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:,.0f} %"))
    _title(figure, "How much of each target is used\n(over 100 %: missed)")
    return figure


def _growth(lines: Sequence[Mapping[str, Any]]) -> Figure:
    grown = [line for line in lines if line["group"] == "growth"]
    figure, axes = _bars(len(grown) * 2)
    places = range(len(grown))
    for at, line in zip(places, grown, strict=True):
        axes.barh(at, line["value"], height=0.6, color=_MET if line["met"] else _MISSED)
        axes.plot([line["target"]] * 2, [at - 0.4, at + 0.4], color=_INK, linewidth=2)
        axes.text(line["value"] + 0.1, at, amount(line["value"], "x"), va="center", fontsize=10)
    axes.set_yticks(list(places), [line["what"].replace("`", "").removesuffix(", 5x") for line in grown])
    axes.set_xlim(0, max(6.5, *(line["value"] * 1.2 for line in grown)))
    _title(figure, "Time at 5x, as a multiple of 1x\n(line: the target)")
    return figure


def _phases(phases: Mapping[str, Mapping[str, float]]) -> Figure:
    steps = [
        (f"{of}: {name.replace('_', ' ')}", taken) for of in phases for name, taken in phases[of].items()
    ]
    figure, axes = _bars(len(steps))
    axes.barh([name for name, _ in steps], [taken for _, taken in steps], color=_FLOOR)
    for at, (_, taken) in enumerate(steps):
        axes.text(taken, at, f" {amount(taken, 's')}", va="center", fontsize=10)
    axes.set_xlim(0, 1.25 * max(taken for _, taken in steps))
    _title(figure, "Seconds of each phase at 1x\n(build: sums over nodes, two at a time)")
    return figure


def _bars(n: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH_IN, 1.2 + 0.26 * n), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.invert_yaxis()
    axes.margins(y=0.02)
    axes.tick_params(length=0)
    axes.grid(axis="x", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _title(figure: Figure, text: str) -> None:
    figure.suptitle(text, x=0.01, ha="left", fontsize=12)


def _write(path: Path, figure: Figure) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    text = path.read_text("utf-8")
    rules = "".join(
        f'[style*="{name}: {light}"]{{{name}:{dark} !important}}'
        for light, dark in _ON_DARK.items()
        for name in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
    path.write_text(text.replace(" <defs>", f" {style}\n <defs>", 1), "utf-8")
