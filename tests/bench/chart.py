"""Charts as SVG, written by hand: bars of ratios, and lines of cost against size."""

import math
from xml.sax.saxutils import escape

COLOURS = {"ecrin": "#0b6e4f", "peer": "#9aa5b1", "part": "#c9862b"}
LINES = ["#0b6e4f", "#c9862b", "#30638e", "#9b2226", "#7b5ea7", "#5c6b73", "#b5838d"]
STYLE = ('<style>text{font:12px sans-serif;fill:#222}.small{font-size:10px;fill:#555}.title{font-weight:bold}'
         '@media(prefers-color-scheme:dark){text{fill:#ddd}.small{fill:#aaa}}</style>')


def text(x, y, words, anchor="start", kind=""):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"' + (f' class="{kind}"' if kind else "")
            + f'>{escape(words)}</text>')


def svg(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}">{STYLE}\n' + "\n".join(parts) + "\n</svg>\n")


def bars(title, groups):
    """groups: (name, [(contestant, kind, ratio to ecrin)]). The scale is logarithmic; ecrin is 1."""
    left, width, row, top = 190, 760, 15, 44
    every = [value for _, lines in groups for _, _, value in lines if value > 0]
    low, high = math.log10(min([0.5, *every]) * 0.9), math.log10(max([10, *every]) * 1.3)

    def place(value):
        return left + (math.log10(value) - low) / (high - low) * (width - left - 60)
    parts = [text(10, 18, title, kind="title"),
             text(10, 34, "wall time as a multiple of ecrin's, logarithmic; right of the line: slower than ecrin",
                  kind="small")]
    y = top
    for name, lines in groups:
        parts.append(text(10, y + 11, name, kind="title"))
        y += row
        for contestant, kind, value in lines:
            one, here = place(1), place(value)
            parts.append(text(left - 6, y + 11, contestant, "end"))
            parts.append(f'<rect x="{min(one, here):.1f}" y="{y + 2}" width="{max(abs(here - one), 1.5):.1f}" '
                         f'height="{row - 4}" fill="{COLOURS[kind]}"/>')
            parts.append(text(max(one, here) + 4, y + 11, f"{value:.2f}", kind="small"))
            y += row
        y += 6
    parts.append(f'<line x1="{place(1):.1f}" y1="{top}" x2="{place(1):.1f}" y2="{y}" stroke="{COLOURS["ecrin"]}"/>')
    return svg(width, y + 8, parts)


def panel(x, y, width, height, title, axis, lines):
    """One chart of lines, both axes logarithmic. lines: name -> [(size, seconds)]."""
    inner = (x + 46, y + 26, width - 76, height - 66)
    sizes = [size for points in lines.values() for size, _ in points]
    costs = [max(cost, 1e-4) for points in lines.values() for _, cost in points]
    x_low, x_high = math.log10(min(sizes)), math.log10(max(sizes)) or 1
    y_low, y_high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))
    y_high = max(y_high, y_low + 1)

    def at(size, cost):
        return (inner[0] + (math.log10(size) - x_low) / ((x_high - x_low) or 1) * inner[2],
                inner[1] + inner[3] - (math.log10(max(cost, 1e-4)) - y_low) / (y_high - y_low) * inner[3])
    parts = [text(x + 8, y + 14, title, kind="title"),
             f'<rect x="{inner[0]}" y="{inner[1]}" width="{inner[2]}" height="{inner[3]}" fill="none" stroke="#999"/>']
    for power in range(y_low, y_high + 1):
        line = at(10 ** x_low, 10 ** power)[1]
        parts.append(f'<line x1="{inner[0]}" y1="{line:.1f}" x2="{inner[0] + inner[2]}" y2="{line:.1f}" '
                     'stroke="#999" stroke-width="0.3"/>')
        parts.append(text(inner[0] - 4, line + 4, f"{10.0 ** power:g} s", "end", "small"))
    for size in sorted(set(sizes)):
        parts.append(text(at(size, 1)[0], inner[1] + inner[3] + 12, f"{size:,}", "middle", "small"))
    parts.append(text(inner[0] + inner[2], inner[1] - 4, axis, "end", "small"))
    for number, (name, points) in enumerate(lines.items()):
        colour = LINES[number % len(LINES)]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in (at(*point) for point in points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.2" fill="{colour}"/>'
                  for px, py in (at(*point) for point in points)]
        column, line = number % 5, number // 5
        legend = (inner[0] + column * inner[2] / 5, inner[1] + inner[3] + 28 + 13 * line)
        parts.append(f'<rect x="{legend[0]:.0f}" y="{legend[1] - 8:.0f}" width="9" height="9" fill="{colour}"/>')
        parts.append(text(legend[0] + 12, legend[1], name, kind="small"))
    return parts


def panels(charts):
    """charts: (title, what the size is, lines), two a row."""
    width, height, parts = 430, 270, []
    for number, (title, axis, lines) in enumerate(charts):
        parts += panel(number % 2 * width, number // 2 * height, width, height, title, axis, lines)
    return svg(2 * width, (len(charts) + 1) // 2 * height, parts)
