"""What processor time a post and a page take, in each process: by the operating system's count, divided by what was done."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HALF_SECONDS = 3
TICKS = os.sysconf("SC_CLK_TCK")


def seconds(pid):
    """Of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def account(cluster, users):
    """Prints microseconds of a core for each process group; `cluster` is its environment by name."""
    groups = {"nodes": [cluster[f"NODE{number}_PID"] for number in (1, 2, 3)], "router": [cluster["ROUTER_PID"]]}
    figures = Path(cluster["DIRECTORY"]) / "figures.json"
    bench = subprocess.Popen(
        [ROOT / ".build" / "release" / "rookery", "bench", "posts", "home", "--users", str(users), "--seconds", "1",
         "--router", f"127.0.0.1:{cluster['ROUTER_PORT']}", "--json", figures], stderr=subprocess.PIPE, text=True)
    groups["load generator"] = [bench.pid]
    parts, began = [], None

    def now():
        return {name: sum(seconds(pid) for pid in pids) for name, pids in groups.items()}
    for line in bench.stderr:
        print(line, end="", file=sys.stderr)
        if began and "done" not in line or "home, round 1 of 1, done" in line and began:
            name, start = began
            end = now()
            parts.append((name, {group: end[group] - start[group] for group in groups}))
            began = None
        found = re.search(r"posts as fast as possible|reading (\d+) pages of 50 (ids|texts)", line)
        if found:
            began = (found.group(0), now())
    if bench.wait() != 0 or len(parts) != 3:
        sys.exit("the run was void: nothing can be said of it")
    rows = {(row["workload"], row["figure"]): row["medians"]["rookery"] for row in json.loads(figures.read_text())["figures"]}
    print("microseconds of a core".ljust(28) + "".join(name.rjust(16) for name in groups))
    for name, times in parts:
        found = re.search(r"(\d+) pages of 50 (ids|texts)", name)
        # Pages are read at half of the most for a while after that, too.
        count = int(found.group(1)) + rows["home", f"pages of {found.group(2)}"] / 2 * HALF_SECONDS if found else 40_000
        shown = f"a page of 50 {found.group(2)}" if found else "a post, until it is delivered"
        print(shown.ljust(28) + "".join(f"{times[group] / count * 1e6:16.1f}" for group in groups))
