"""A picture of calibration, as SVG without any library: what was promised against what came."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

SIZE, MARGIN = 420, 48


def calibration_svg(lines: Mapping[str, Mapping[float, float]], title: str) -> bytes:
    """Share of actuals at or below each quantile, by its level: on the diagonal a promise is kept.

    Args:
        lines: {name: {level: share}}; the first is drawn thick, at most four are drawn.
    """
    inner = SIZE - 2 * MARGIN

    def at(level: float, share: float) -> str:
        return f"{MARGIN + level * inner:.1f},{SIZE - MARGIN - share * inner:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE + 60}" width="{SIZE}" height="{SIZE + 60}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{SIZE}" height="{SIZE + 60}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="24" font-size="14">{escape(title)}</text>',
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = MARGIN + tick * inner, SIZE - MARGIN - tick * inner
        parts.append(f'<path d="M{x:.1f} {MARGIN}V{SIZE - MARGIN}M{MARGIN} {y:.1f}H{SIZE - MARGIN}" stroke="#e3e6ea"/>')
        parts.append(f'<text x="{x:.1f}" y="{SIZE - MARGIN + 18}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{MARGIN - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<polyline points="{at(0, 0)} {at(1, 1)}" fill="none" stroke="#8a94a0" stroke-dasharray="5 4"/>')
    for number, (name, shares) in enumerate(list(lines.items())[:4]):
        color, dash = (("#0b62c4", ""), ("#b3541e", "7 3"), ("#3c7a3c", "2 3"), ("#7a4fa0", "9 3 2 3"))[number]
        points = " ".join(at(level, share) for level, share in sorted(shares.items()))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{3 if number == 0 else 1.5}" '
            f'stroke-dasharray="{dash}"/>'
        )
        y = SIZE + 8 + 14 * number
        parts.append(f'<path d="M{MARGIN} {y - 4}h24" stroke="{color}" stroke-width="3" stroke-dasharray="{dash}"/>')
        parts.append(f'<text x="{MARGIN + 32}" y="{y}">{escape(name)}</text>')
    middle = SIZE / 2
    parts.append(f'<text x="{middle}" y="{SIZE - 10}" text-anchor="middle">level of the quantile</text>')
    parts.append(
        f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">share of actuals at or below</text>'
    )
    return ("\n".join([*parts, "</svg>"]) + "\n").encode()
