"""Replicas of which one has damage: others take its place, and it is filled again."""

import contextlib
import re
import subprocess

import pytest
import redis
from conftest import eventually
from test_replication import assert_seen, filled, posting, settled


def ldb(directory, *words):
    done = subprocess.run(["ldb", f"--db={directory}", *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def checksum_offset(data):
    """The position of the checksum in a partition's stored state: behind a version and two variable integers."""
    position = 1
    for _ in range(2):
        while data[position] & 0x80:
            position += 1
        position += 1
    return position


@pytest.mark.parametrize("role", ["secondary", "primary"])
def test_the_odd_replica_is_rebuilt(own, role):
    # Enough for the store to have written something down before it is killed.
    cluster, client, users, _ = filled(own(replicas=3, partitions=2, sets=["store.memtable.megabytes=1"]), 12, tweets=6_000)
    names = ("node1", "node2", "node3")
    odd = next(name for name in names if (name == cluster.primaries()[0]) == (role == "primary"))
    # All at once: whoever leads goes on.
    cluster.kill(*names)
    store = cluster.directory / odd / "store"
    meta = bytearray.fromhex(ldb(store, "--hex", "get", "0x000001").removeprefix("0x"))
    meta[checksum_offset(meta)] ^= 0x55
    ldb(store, "--hex", "put", "0x000001", f"0x{meta.hex()}")
    cluster.start(*names)

    def is_found_by(name):
        return any("replicas differ" in line and "rebuilt=true" in line for line in cluster.log(name).splitlines())
    # A primary finds that it differs from all others, and lets one of those find it again.
    if role == "primary":
        eventually(lambda: is_found_by(odd), 60)
    leader = eventually(lambda: next((name for name in names if name != odd and is_found_by(name)), None), 60)

    def checksums():
        found = {}
        for name in ("node1", "node2", "node3"):
            for line in cluster.metrics(name).splitlines():
                if line.startswith('rookery_partition_checksum{partition="0"}'):
                    found[name] = line.rsplit(" ", 1)[1]
        return found

    def rebuilt():
        listed = client.execute_command("CLUSTER.PARTITIONS")[0]
        found = checksums()
        return odd in str(listed) and len(found) == 3 and len(set(found.values())) == 1
    eventually(rebuilt, 60)
    assert "snapshot" in cluster.log(leader)


@pytest.mark.parametrize("wrong", ["other bytes", "no bytes"])
def test_a_primary_that_cannot_read_its_log_for_a_member_is_replaced(own, faults, wrong):
    cluster, client, users, before = filled(own(nodes=3, replicas=2, partitions=1, faults=faults), 12, tweets=200)
    listed = client.execute_command("CLUSTER.PARTITIONS")[0]
    primary, secondary = cluster.primaries()[0], listed[listed.index("secondaries") + 1][0]
    with posting(cluster, users) as replies:
        eventually(lambda: len(replies) > 50)
        # Its last entries are not noted as committed, so that it has to send them again.
        cluster.kill(primary, secondary)
    acknowledged = [reply for reply in replies if isinstance(reply, str)]
    with cluster.running(primary) as output:
        # Only behind the look that a start takes at all of it.
        eventually(lambda: "log open" in output(), 30)
        if wrong == "other bytes":
            spoil_end_of_log(cluster.directory / primary)
        else:
            faults.set(unreadable_node=primary.removeprefix("node"))
        cluster.start(secondary)
        eventually(lambda: "cannot be read back:" in output(), 15)

        def posted():
            with contextlib.suppress(redis.RedisError):
                return client.execute_command("TWEET.POST", 0, "afterwards", "KEY", "afterwards")
        eventually(posted, 60)
        assert cluster.primaries()[0] == secondary
        after = settled(cluster, client, users)
    seen = {tweet for user in users for tweet in after[user][3]}
    assert set(acknowledged) <= seen and all(set(before[user][3]) <= seen for user in users)
    faults.set()
    # What is damaged is set aside at the next start, and the node is filled again.
    cluster.start(primary)
    cluster.await_whole()
    assert_seen(client, users, after)


def spoil_end_of_log(directory):
    segment = sorted((directory / "log").iterdir())[-1]
    size = segment.stat().st_size
    with segment.open("r+b") as file:
        for offset in range(max(64, size - 2_000), size, 50):
            file.seek(offset)
            byte = file.read(1)
            file.seek(offset)
            file.write(bytes([byte[0] ^ 0xFF]))


def test_only_partitions_that_may_lack_something_are_filled_again(own):
    cluster, client, users, before = filled(own(nodes=3, replicas=3, partitions=8), 40, tweets=1_000)
    # Of every partition there is something behind the damage.
    for word in ("one", "two"):
        for user in users:
            client.execute_command("TWEET.POST", user, f"number {word} of {user}")
    before = settled(cluster, client, users)
    identity = cluster.directory / "node2" / "NODE"
    was = identity.read_text()
    cluster.kill("node2")
    segment = next(path for path in (cluster.directory / "node2" / "log").iterdir() if b"number one of 20" in path.read_bytes())
    with segment.open("r+b") as file:
        file.seek(segment.read_bytes().index(b"number one of 20"))
        file.write(b"N")
    cluster.start("node2")

    def torn():
        lines = [line for line in cluster.log("node2").splitlines() if "partitions may lack entries" in line]
        return [set(re.search(r"partitions=([\d,]+)", line).group(1).split(",")) for line in lines]
    assert len(torn()) == 1 and 0 < len(torn()[0]) < 8
    assert identity.read_text() == was and "set aside" not in cluster.log("node2")
    cluster.await_whole()
    # Nobody counts on what was lost any more.
    eventually(lambda: (cluster.directory / "node2" / "LOST").read_text() == "", 30)
    assert_seen(client, users, before)
    # The damage is still there, and behind it everything that counts.
    cluster.kill("node2")
    cluster.start("node2")
    cluster.await_whole()
    assert len(torn()) == 1 and identity.read_text() == was
    # What was filled again is all there.
    cluster.kill("node1", "node3")
    cluster.start("node1", "node3")
    cluster.await_whole()
    assert_seen(client, users, before)


def test_a_start_believes_what_is_noted_of_lost_entries(own):
    cluster, client, users, before = filled(own(nodes=3, replicas=3, partitions=4), 12, tweets=200)
    directory = cluster.directory / "node3"
    was = (directory / "NODE").read_text()
    cluster.kill("node3")
    # As a run leaves it that was killed while it passed over damage.
    (directory / "LOST").write_text("?\n")
    cluster.start("node3")
    assert "partitions=0,1,2,3" in cluster.log("node3")
    cluster.await_whole()
    eventually(lambda: (directory / "LOST").read_text() == "", 30)
    assert (directory / "NODE").read_text() == was

    # With nobody to spare, a member in name only would be waited for without end.
    cluster.kill("node1")
    eventually(lambda: all("node1" not in str(partition) for partition in client.execute_command("CLUSTER.PARTITIONS")), 30)
    # It decides by what it remembers of the map, which is written behind its back.
    known = cluster.directory / "coordinator" / "map"
    eventually(lambda: (directory / "map").read_bytes() == known.read_bytes(), 30)
    cluster.kill("node3")
    (directory / "LOST").write_text("2\n")
    cluster.start("node3")
    assert (directory / "NODE").read_text() != was
    cluster.start("node1")
    cluster.await_whole()
    assert_seen(client, users, before)
