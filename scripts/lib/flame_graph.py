"""Flame graphs (Gregg, 2011) from `perf script`: who calls what, as wide as it takes time."""

import collections
import html
import re
import subprocess

WIDTH, HEIGHT, LEAST = 1_400, 16, 0.7


def demangled(names):
    mangled = [name for name in names if name.startswith("$s")]
    found = subprocess.run(["swift", "demangle", "--compact", "--simplified"], input="\n".join(mangled),
                           capture_output=True, text=True).stdout.split("\n")
    return dict(zip(mangled, found))


def short(name):
    """Without what makes Swift's names long: specializations, arguments, what is nested in what."""
    name = re.sub(r"^(generic |function signature |merged |outlined |closure #\d+ \([^)]*\) in |specialized |specialization "
                  r"<[^>]*> of )+", "", name)
    return re.sub(r"\(.*", "", name)[:90] or "?"


def stacks(script):
    """Counts of stacks, each from the outermost call to the innermost, of `perf script -F comm,ip,sym`."""
    found = collections.Counter()
    for block in script.split("\n\n"):
        lines = block.strip("\n").split("\n")
        frames = [line.split(None, 1)[1].split("+0x")[0] for line in lines[1:] if len(line.split(None, 1)) == 2]
        if lines[0].strip():
            found[(lines[0].strip(), *reversed(frames))] += 1
    names = demangled({frame for stack in found for frame in stack})
    counted = collections.Counter()
    for stack, count in found.items():
        counted[tuple(short(names.get(frame, frame)) for frame in stack)] += count
    return counted


def tree(stacks):
    root = [0, {}]
    for stack, count in stacks.items():
        node = root
        node[0] += count
        for frame in stack:
            node = node[1].setdefault(frame, [0, {}])
            node[0] += count
    return root


def svg(stacks, title):
    root = tree(stacks)
    boxes = []

    def place(children, left, depth, scale):
        for name, (count, below) in sorted(children.items()):
            width = count * scale
            if width >= LEAST:
                boxes.append((left, depth, width, name, count))
                place(below, left, depth + 1, scale)
            left += width

    place(root[1], 0, 0, WIDTH / max(1, root[0]))
    depth = max((box[1] for box in boxes), default=0) + 1
    top = 30
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top + depth * HEIGHT + 4}" '
             'font-family="monospace" font-size="10">', '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="6" y="18" font-size="13">{html.escape(title)}</text>']
    for left, level, width, name, count in boxes:
        y = top + (depth - 1 - level) * HEIGHT
        shade = sum(name.encode()) % 60
        label = html.escape(name[:int(width / 6.2)]) if width > 20 else ""
        lines.append(
            f'<g><title>{html.escape(name)}: {count} ({count / root[0]:.1%})</title>'
            f'<rect x="{left:.1f}" y="{y}" width="{width:.1f}" height="{HEIGHT - 1}" fill="rgb({255 - shade // 3},'
            f'{150 + shade},{70 + shade // 2})"/><text x="{left + 2:.1f}" y="{y + 11}">{label}</text></g>')
    lines.append("</svg>")
    return "\n".join(lines) + "\n"
