"""`rookery-node --verify`: what it says of a node's data, and that it changes none of it."""

import hashlib
import random
import subprocess

import pytest
from conftest import ROOT


@pytest.fixture
def stopped(own):
    """A node's data after some use, and its configuration."""
    cluster = own(nodes=1, partitions=4)
    client = cluster.client()
    chance = random.Random(5)
    for user in range(20):
        client.execute_command("USER.CREATE", f"u{user}", "ID", user)
    for user in range(20):
        client.execute_command("FOLLOW", user, *chance.sample([other for other in range(20) if other != user], 5))
    for number in range(300):
        client.execute_command("TWEET.POST", chance.randrange(20), f"tweet {number}")
    for user in range(20):
        client.execute_command("TIMELINE.HOME", user)
    cluster.stop("node1")
    return cluster


def verify(cluster):
    return subprocess.run(
        [ROOT / ".build" / "release" / "rookery-node", "--config", cluster.directory / "node1.conf", "--verify"],
        capture_output=True, text=True, timeout=300)


def contents(directory):
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(directory.rglob("*")) if path.is_file() and path.name not in ("LOCK", "LOG", "LOG.old")}


def flip(path, position):
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 0x55]))


def test_a_sound_node_is_found_sound_and_left_as_it_is(stopped):
    directory = stopped.directory / "node1"
    before = contents(directory)
    done = verify(stopped)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 partitions, 1 replicas" in done.stdout and done.stdout.endswith("nothing is damaged\n")
    counts = [line.split(", ") for line in done.stdout.splitlines() if line.startswith("partition ")]
    assert sum(int(words[2].split()[0]) for words in counts) == 20
    assert sum(int(words[3].split()[0]) for words in counts) == 300
    assert contents(directory) == before
    stopped.start("node1")
    stopped.await_whole()


def test_a_node_that_runs_is_not_verified(stopped):
    stopped.start("node1")
    done = verify(stopped)
    assert done.returncode == 1 and "in use by another process" in done.stderr


def test_what_is_damaged_is_named(stopped):
    directory = stopped.directory / "node1"
    table = max(directory.glob("store/*.sst"), key=lambda path: path.stat().st_size)
    flip(table, table.stat().st_size // 3)
    done = verify(stopped)
    assert done.returncode == 1 and "DAMAGED store: " in done.stdout, done.stdout
    flip(table, table.stat().st_size // 3)
    assert verify(stopped).returncode == 0

    segment = min(directory.glob("log/*.log"))
    flip(segment, segment.stat().st_size // 2)
    done = verify(stopped)
    assert done.returncode == 1 and "DAMAGED log: " in done.stdout and segment.name in done.stdout, done.stdout


def test_a_directory_without_a_node_is_refused(tmp_path):
    done = subprocess.run(
        [ROOT / ".build" / "release" / "rookery-node", "--set", f"node.data={tmp_path}", "--set", "node.name=x",
         "--verify"],
        capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "holds no node's data" in done.stderr, done.stderr
    assert not list(tmp_path.iterdir())
