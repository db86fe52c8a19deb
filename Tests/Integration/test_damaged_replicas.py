"""Replicas of which one has damage: others take its place, and it is filled again."""

import contextlib
import subprocess

import pytest
import redis
from conftest import eventually
from test_replication import assert_seen, filled, posting, settled


def ldb(directory, *words):
    done = subprocess.run(["ldb", f"--db={directory}", *words], capture_output=True, text=True, timeout=60)
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


def test_a_primary_that_cannot_read_its_log_for_a_member_is_replaced(own):
    cluster, client, users, before = filled(own(nodes=3, replicas=2, partitions=1), 12, tweets=200)
    listed = client.execute_command("CLUSTER.PARTITIONS")[0]
    primary, secondary = cluster.primaries()[0], listed[listed.index("secondaries") + 1][0]
    with posting(cluster, users) as replies:
        eventually(lambda: len(replies) > 50)
        # Its last entries are not noted as committed, so that it has to send them again.
        cluster.kill(primary, secondary)
    acknowledged = [reply for reply in replies if isinstance(reply, str)]
    segment = sorted((cluster.directory / primary / "log").iterdir())[-1]
    size = segment.stat().st_size
    with cluster.running(primary) as output:
        # Only behind the look that a start takes at all of it.
        eventually(lambda: "log open" in output(), 30)
        with segment.open("r+b") as file:
            for offset in range(max(64, size - 2_000), size, 50):
                file.seek(offset)
                byte = file.read(1)
                file.seek(offset)
                file.write(bytes([byte[0] ^ 0xFF]))
        cluster.start(secondary)
        eventually(lambda: "cannot be read back" in output(), 60)

        def posted():
            with contextlib.suppress(redis.RedisError):
                return client.execute_command("TWEET.POST", 0, "afterwards", "KEY", "afterwards")
        eventually(posted, 60)
        assert cluster.primaries()[0] == secondary
        after = settled(cluster, client, users)
    seen = {tweet for user in users for tweet in after[user][3]}
    assert set(acknowledged) <= seen and all(set(before[user][3]) <= seen for user in users)
    # It is set aside at the next start, and the node is filled again.
    cluster.start(primary)
    cluster.await_whole()
    assert_seen(client, users, after)
