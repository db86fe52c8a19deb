"""Counts the instructions of the inner loops under callgrind, and compares them with Benchmarks/thresholds.json.

Instructions do not depend on what else the machine does. Each loop runs once and twice: the difference is the loop's,
without starting and preparing.
"""

import json
import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THRESHOLDS = ROOT / "Benchmarks" / "thresholds.json"
# More than so much above the threshold fails; so much below it, the threshold is to be lowered.
WORSE, BETTER = 1.05, 0.90


def program(directory):
    """The benchmarks without debugging information, which the valgrind of Debian 12 cannot read."""
    stripped = Path(directory) / "microbenchmarks"
    subprocess.run(["strip", "-g", "-o", stripped, ROOT / ".build" / "release" / "microbenchmarks"], check=True)
    return stripped


def instructions(path, name, times):
    environment = dict(os.environ, SWIFT_DETERMINISTIC_HASHING="1")
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", path, name, str(times)],
        capture_output=True, text=True, env=environment)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise SystemExit(f"{name} cannot be counted:\n{done.stderr[-2000:]}")
    return int(found.group(1))


def measure():
    with tempfile.TemporaryDirectory() as directory:
        path = program(directory)
        listed = subprocess.run([path], capture_output=True, text=True, check=True).stdout.split()
        names = {name: int(count) for name, count in zip(listed[::2], listed[1::2])}
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            runs = {(name, times): pool.submit(instructions, path, name, times) for name in names for times in (1, 2)}
            return {name: round((runs[name, 2].result() - runs[name, 1].result()) / count)
                    for name, count in names.items()}


def check(update):
    """Prints the comparison; returns what is wrong."""
    found = measure()
    if update:
        THRESHOLDS.write_text(json.dumps(found, indent=1) + "\n")
    thresholds = json.loads(THRESHOLDS.read_text())
    problems = []
    for name, count in found.items():
        threshold = thresholds.get(name)
        change = count / threshold - 1 if threshold else 0
        print(f"{name:26} {count:>9,} instructions, threshold {threshold or 0:>9,} ({change:+.1%})")
        if not threshold:
            problems.append(f"{name} has no threshold: scripts/check --bench --update")
        elif count > threshold * WORSE:
            problems.append(f"{name} takes {count:,} instructions, at most {threshold:,} and a twentieth are allowed")
        elif count < threshold * BETTER:
            problems.append(f"{name} takes {count:,} instructions: lower its threshold of {threshold:,} with --update")
    problems += [f"{name} has a threshold and does not exist" for name in thresholds.keys() - found.keys()]
    return problems
