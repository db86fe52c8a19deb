"""Replicas that are moved to other nodes, and what becomes of what the old ones had."""

import subprocess

import redis

from conftest import ROOT, eventually, pages
from test_replication import SHORT_LOG, administer, assert_seen, filled, posting


def test_an_operator_moves_partitions(own):
    cluster, client, users, before = filled(own(replicas=2, partitions=4), 16, tweets=400)
    for listed in cluster.client(protocol=3).execute_command("CLUSTER.PARTITIONS"):
        number, old = listed["partition"], listed["primary"]
        new = next(name for name in ("node1", "node2", "node3") if name not in (old, *listed["secondaries"]))
        done = administer(cluster, "move", number, "--from", old, "--to", new)
        assert done.returncode == 0, done.stderr
        assert cluster.primaries()[number] == new
        done = administer(cluster, "lead", number, listed["secondaries"][0])
        assert done.returncode == 0, done.stderr
        assert cluster.primaries()[number] == listed["secondaries"][0]
        assert_seen(client, users, before)
    for words, problem in ((("move", 9, "--from", "node1", "--to", "node2"), "there is no partition 9"),
                           (("move", 0, "--from", "nobody", "--to", "node2"), "there is no node 'nobody'"),
                           (("lead", 0, "nobody"), "there is no node 'nobody'")):
        done = administer(cluster, *words)
        assert done.returncode != 0 and problem in done.stderr


def test_a_primary_that_moves_to_a_node_with_much_to_apply_fails_no_request(own):
    """A new replica has the log long before it has applied it, and serves nothing before."""
    cluster = own(nodes=4, replicas=3, partitions=1)
    client = cluster.client()
    loaded = cluster.directory / "tweets.jsonl"
    for user in range(100):
        client.execute_command("USER.CREATE", f"user{user}", "ID", user)
    loaded.write_text("".join(f'{{"author": "{number % 100}", "text": "{number:0250}"}}\n' for number in range(90_000)))
    subprocess.run([ROOT / ".build" / "release" / "rookery", "load", "--router", f"127.0.0.1:{cluster.port}", "--tweets",
                    loaded], check=True, capture_output=True, timeout=300)
    (listed,) = cluster.client(protocol=3).execute_command("CLUSTER.PARTITIONS")
    new = next(f"node{number}" for number in range(1, 5)
               if f"node{number}" not in (listed["primary"], *listed["secondaries"]))
    with posting(cluster, range(4)) as posted:
        done = administer(cluster, "move", 0, "--from", listed["primary"], "--to", new)
    assert done.returncode == 0, done.stderr
    assert cluster.primaries()[0] != listed["primary"]
    assert posted and not [reply for reply in posted if isinstance(reply, redis.RedisError)]
    assert set(posted) <= {tweet for user in range(4) for tweet in pages(client, "TIMELINE.USER", user, "IDS", count=200)}


def test_what_is_elsewhere_is_removed(own):
    cluster, client, users, before = filled(own(nodes=4, replicas=3, partitions=4, sets=SHORT_LOG), 16, tweets=24_000)

    def listed():
        return cluster.client(protocol=3).execute_command("CLUSTER.PARTITIONS")

    def members(partition):
        return [partition["primary"], *partition["secondaries"]]

    def removed(name):
        return cluster.log(name).count("partition removed")
    old = cluster.primaries()[0]
    new = next(name for name in cluster.nodes() if name not in members(listed()[0]))
    for source, target in ((old, new), (new, old)):
        done = administer(cluster, "move", 0, "--from", source, "--to", target)
        assert done.returncode == 0, done.stderr
        eventually(lambda: removed(source) == 1)
        assert 0 not in cluster.gauges(source, "rookery_partition_serving")
        assert_seen(client, users, before)
    # What came back with a snapshot is not what the log says was removed.
    assert "snapshot taken in" in cluster.log(old)
    cluster.kill(old)
    cluster.start(old)
    cluster.await_whole()
    done = administer(cluster, "lead", 0, old)
    assert done.returncode == 0 or "leads partition 0 already" in done.stderr, done.stderr
    assert cluster.primaries()[0] == old
    assert_seen(client, users, before)
    # One that was away and is done without finds out when it is back.
    had = [partition["partition"] for partition in listed() if "node1" in members(partition)]
    count = removed("node1")
    cluster.kill("node1")
    eventually(lambda: all(len(members(partition)) == 3 and "node1" not in members(partition) for partition in listed()), 60)
    cluster.start("node1")
    eventually(lambda: removed("node1") == count + len(had))
    # What the log says of them from before does not bring them back.
    cluster.kill("node1")
    cluster.start("node1")
    assert cluster.gauges("node1", "rookery_partition_serving") == {}
    cluster.stop("node1")
    found = subprocess.run([ROOT / ".build" / "release" / "rookery-node", "--config", cluster.directory / "node1.conf", "--verify"],
                           capture_output=True, text=True, timeout=300)
    assert found.returncode == 0 and "store: 0 records" in found.stdout, found
    assert_seen(client, users, before)


def test_one_replica_is_not_moved(own):
    cluster = own(nodes=2, partitions=4)
    old = cluster.primaries()[0]
    done = administer(cluster, "move", 0, "--from", old, "--to", "node2" if old == "node1" else "node1")
    assert done.returncode != 0 and "partitions with one replica cannot be moved" in done.stderr
