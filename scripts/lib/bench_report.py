"""The table and the chart of what scripts/bench measured."""

import json
import math

# What the chart shows of each group: one bar for each opponent.
CHART = [
    ("redis", "fanout", "deliveries"),
    ("redis", "fanout", "deliveries with one read by everyone"),
    ("redis", "home", "pages of ids"),
    ("redis", "home", "pages of texts"),
    ("redis", "mixed", "mixed 100:1, most"),
    ("redis", "twip", "70 % active"),
    ("redis", "retwis", "most"),
    ("postgres", "fanout", "deliveries"),
    ("postgres", "home", "pages of ids"),
    ("postgres", "home", "pages of texts"),
    ("postgres", "mixed", "mixed 100:1, most"),
    ("postgres", "twip", "70 % active"),
    ("postgres", "retwis", "most"),
]
COLOURS = {"redis": "#c6302b", "redis-script": "#e58b87", "redis-durable": "#7d1d1a", "postgres-pull": "#336791",
           "postgres-push": "#85abc9"}


def write(results, path):
    path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    path.with_suffix(".md").write_text(table(results))
    (path.parent / "ratios.svg").write_text(chart(results))


def shown(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def is_of_different_things(row):
    """A post to a celebrity's followers is answered before or after they have it, and the others' load is no result."""
    return row["workload"] == "celebrity" and (row["figure"].startswith("a post") or row["figure"] == "others alone, rate")


def is_at_own_rate(row):
    """Times at a share of a service's own most: each at another rate, not to be compared."""
    is_share = any(word in row["figure"] for word in ("half", "quarter", "others"))
    return row["unit"] == "ms" and is_share


def spread(row, service):
    """The least and the most of all rounds."""
    values = row["values"].get(service, [])
    return f" [{shown(min(values))}-{shown(max(values))}]" if len(values) > 1 else ""


def machine(environment):
    return (f"{environment['date']}, commit {environment['commit']}: {environment['cores']} cores of "
            f"{environment['processor']}, {environment['memoryMiB'] // 1024} GiB, {environment['system']}; "
            f"{environment['redis'].split(' sha')[0]}; {environment['postgres']}; {environment['swift']}. "
            f"Redis with {environment['redisOptions']}, PostgreSQL with {environment['postgresOptions']}.")


def ratio(row, service):
    if is_at_own_rate(row) or is_of_different_things(row):
        return None
    ours, theirs = row["medians"].get("rookery"), row["medians"].get(service)
    if not ours or not theirs:
        return None
    return theirs / ours if row["lessIsBetter"] else ours / theirs


def table(results):
    """Markdown: one table a group: medians, least and most of all rounds, how many times better Rookery is."""
    text = ["# Results", "", "Medians, [least-most] of all rounds, and how many times better Rookery is.", ""]
    groups = dict(results["groups"])
    for users, group in groups.pop("growth", {}).items():
        groups[f"growth, {int(users):,} users"] = group
    for name, group in groups.items():
        services = [service["name"] for service in group["services"]]
        text.append(f"## {name}\n\n`{group['command']}`\n")
        if "environment" in group:
            text.append(machine(group["environment"]) + "\n")
        if group.get("replicas", 1) > 1:
            text.append(f"{group['replicas']} replicas of every partition.\n")
        if "peakMiB" in group:
            text.append(f"Rookery's processes had {group['peakMiB']:,} MiB resident at most, the sum of their peaks.\n")
        if group["void"]:
            text.append("**Void**: " + "; ".join(group["faults"]) + "\n")
        text.append("| workload | figure | unit | " + " | ".join(services) + " |")
        text.append("| --- " * (3 + len(services)) + "|")
        for row in group["figures"]:
            cells = [shown(row["medians"].get("rookery")) + spread(row, "rookery")]
            for service in services[1:]:
                times = ratio(row, service)
                cells.append(shown(row["medians"].get(service)) + spread(row, service)
                             + (f" **{times:.2f} x**" if times else ""))
            text.append(f"| {row['workload']} | {row['figure']} | {row['unit']} | " + " | ".join(cells) + " |")
        text.append("")
        for service in group["services"]:
            text.append(f"- {service['name']}: {service['promise']}")
        text.append("")
    return "\n".join(text)


def chart(results):
    """Bars of how many times faster Rookery is, on a logarithmic axis: right of 1 it is faster, left of it slower."""
    bars = []
    for group, workload, figure in CHART:
        found = results["groups"].get(group, {})
        for row in found.get("figures", []):
            if (row["workload"], row["figure"]) != (workload, figure):
                continue
            for service in [service["name"] for service in found["services"]][1:]:
                times = ratio(row, service)
                if times:
                    bars.append((f"{workload}: {figure}", service, times))
    left, width, height, top = 330, 460, 18, 46
    scale = max([abs(math.log10(times)) for _, _, times in bars] + [1]) * 1.15
    middle = left + width / 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 20}" height="{top + height * len(bars) + 30}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="10" y="18" font-size="14">How many times faster Rookery is than each opponent</text>',
        '<text x="10" y="34" fill="#666">medians of rounds in turn on one machine; what each promises is in the table'
        "</text>",
    ]
    for power in range(-math.floor(scale), math.floor(scale) + 1):
        x = middle + power / scale * width / 2
        lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 4}" y2="{top + height * len(bars)}" stroke="#ddd"/>')
        lines.append(f'<text x="{x:.1f}" y="{top + height * len(bars) + 14}" text-anchor="middle">{10.0 ** power:g} x'
                     "</text>")
    last = None
    for index, (name, service, times) in enumerate(bars):
        y = top + index * height
        x = middle + math.log10(times) / scale * width / 2
        if name != last:
            lines.append(f'<text x="{left - 8 - 90}" y="{y + 12}" text-anchor="end">{name}</text>')
            last = name
        lines.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end" fill="#555">{service}</text>')
        lines.append(f'<rect x="{min(x, middle):.1f}" y="{y + 2}" width="{abs(x - middle):.1f}" height="{height - 5}" '
                     f'fill="{COLOURS.get(service, "#888")}"/>')
        lines.append(f'<text x="{max(x, middle) + 4:.1f}" y="{y + 12}">{times:.2g}</text>')
    lines.append(f'<line x1="{middle}" x2="{middle}" y1="{top - 4}" y2="{top + height * len(bars)}" stroke="black"/>')
    lines.append("</svg>")
    return "\n".join(lines) + "\n"
