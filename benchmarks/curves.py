"""Curves as a picture: small multiples in SVG, sizes on a logarithmic axis, costs from zero on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 300, 200, 46, 40, 28


@dataclass(frozen=True)
class Curve:
    """What one unit costs at each size."""

    name: str
    unit: str
    points: tuple[tuple[int, float], ...]
    """Size, and microseconds."""

    @property
    def growth(self) -> float:
        """The cost at the largest size over the median of the others; about 1: it is linear."""
        *others, (_, last) = self.points
        return last / statistics.median(cost for _, cost in others)


def picture(curves: Sequence[Curve]) -> str:
    """An SVG with a panel for each."""
    columns = min(3, len(curves))
    rows = math.ceil(len(curves) / columns)
    width, height = columns * _WIDTH, rows * _HEIGHT
    panels = "".join(
        f'<g transform="translate({index % columns * _WIDTH} {index // columns * _HEIGHT})">'
        f"{_panel(curve)}</g>\n"
        for index, curve in enumerate(curves)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11" fill="#333">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{panels}</svg>\n'
    )


def _panel(curve: Curve) -> str:
    sizes = [size for size, _ in curve.points]
    top = 1.25 * max(cost for _, cost in curve.points)
    low, high = math.log10(sizes[0]), math.log10(sizes[-1])

    def x(size: int) -> float:
        inner = _WIDTH - _LEFT - 24
        return _LEFT + inner * (math.log10(size) - low) / ((high - low) or 1)

    def y(cost: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * cost / top

    line = " ".join(f"{x(size):.1f},{y(cost):.1f}" for size, cost in curve.points)
    marks = "".join(
        f'<circle cx="{x(size):.1f}" cy="{y(cost):.1f}" r="3" fill="#1761b0"/>'
        f'<text x="{x(size):.1f}" y="{y(cost) - 8:.1f}" text-anchor="middle">{cost:.0f}</text>'
        f'<text x="{x(size):.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{size:,}</text>'
        for size, cost in curve.points
    )
    return (
        f'<text x="{_LEFT - 30}" y="16" font-weight="bold">{escape(curve.name)}</text>'
        f'<text x="{_LEFT - 30}" y="30" font-size="10">us of {escape(curve.unit)}</text>'
        f'<path d="M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - 16}" fill="none" stroke="#999"/>'
        f'<polyline points="{line}" fill="none" stroke="#1761b0" stroke-width="2"/>{marks}'
    )
