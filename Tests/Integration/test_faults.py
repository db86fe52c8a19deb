"""Machines that fail: clocks that step, logs that sync slowly or not at all, full disks, old backups, dead nodes."""

import itertools
import os
import random
import shutil
import signal
import struct
import threading
import time

import pytest
import redis

from conftest import error_of, eventually, fields, pages, tweet_or_none
from social_model import SocialModel, assert_agrees

HOUR = 3_600


def fill(client, users):
    for user in users:
        client.execute_command("USER.CREATE", f"u{user}", "ID", user)


def filled(client, users):
    """Creates users, in a model too."""
    fill(client, users)
    model = SocialModel()
    for user in users:
        model.create(user, f"u{user}")
    return model


def partition_of(tweet):
    return int(tweet) >> 12 & 1023


@pytest.mark.parametrize("replicas", [1, 3])
def test_a_clock_that_steps_back_an_hour_and_forward_a_day(own, faults, replicas):
    cluster = own(faults=faults, replicas=replicas)
    client = cluster.client()
    users = range(30)
    model = filled(client, users)
    rng = random.Random(3)
    for user in users:
        for other in rng.sample(users, 5):
            if other != user:
                client.execute_command("FOLLOW", user, other)
                model.follow(user, other)
    newest, numbers = {}, itertools.count()

    def post_by_everyone():
        for user in users:
            key = f"{len(newest)} {next(numbers)}"
            tweet = int(eventually(lambda: served(client, "TWEET.POST", user, "x", "KEY", key)))
            partition = partition_of(tweet)
            assert tweet > newest.get(partition, 0)
            newest[partition] = tweet
            model.post(tweet, user)

    post_by_everyone()
    for offset in (-HOUR, 23 * HOUR, 0):
        faults.set(clock_seconds=offset)
        post_by_everyone()
        assert_agrees(client, model)
        cluster.kill(*cluster.nodes())
        cluster.start(*cluster.nodes())
        client = cluster.client()
        post_by_everyone()
        assert_agrees(client, model)


@pytest.mark.parametrize("durability", ["always", "interval:10"])
def test_a_log_that_cannot_sync_takes_nothing_more_and_reads_go_on(own, faults, durability):
    cluster = own(nodes=1, partitions=4, sets=[f"log.durability={durability}"], faults=faults)
    client = cluster.client()
    fill(client, range(8))
    tweets = [client.execute_command("TWEET.POST", user, "before") for user in range(8)]
    faults.set(sync_fails=1)
    if durability == "always":
        assert error_of(client, "TWEET.POST", 1, "in doubt").startswith("TIMEOUT outcome unknown")
    eventually(lambda: "the log failed" in cluster.log("node1") or None
               if durability == "always" else error_of_or_none(client, "TWEET.POST", 2, "x"))
    for user in range(8):
        text = error_of(client, "TWEET.POST", user, "after")
        assert text.startswith("UNAVAILABLE the node's log failed")
        assert tweets[user] in client.execute_command("TIMELINE.HOME", user, "IDS")[1]
        assert client.execute_command("TWEET.GET", tweets[user])
    eventually(lambda: "log: " in cluster.readiness("node1"))
    faults.set()
    # For good: a sync that failed is never taken for one that worked later.
    assert error_of(client, "FOLLOW", 1, 2).startswith("UNAVAILABLE the node's log failed")
    cluster.kill("node1")
    cluster.start("node1")
    client = cluster.client()
    for user in range(8):
        assert tweets[user] in client.execute_command("TIMELINE.HOME", user, "IDS")[1]
    assert client.execute_command("TWEET.POST", 1, "again")


def served(client, *words):
    """The reply, or nothing while the command is refused."""
    try:
        return client.execute_command(*words)
    except (redis.ResponseError, redis.ConnectionError):
        return None


def error_of_or_none(client, *words):
    try:
        client.execute_command(*words)
    except redis.ResponseError as error:
        return str(error)


def posts_in_pipelines(cluster, users, count, text, connections=1):
    """The replies to posts of many connections at once."""
    replies = []

    def run(connection):
        pipeline = cluster.client().pipeline(transaction=False)
        for number in range(count):
            pipeline.execute_command("TWEET.POST", users[number % len(users)], f"{connection}.{number} {text}")
        replies.extend(pipeline.execute(raise_on_error=False))

    threads = [threading.Thread(target=run, args=(connection,)) for connection in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == count * connections
    return replies


def check_refusals(cluster, users, replies, refusal):
    """Everything was taken or refused with this error, and what was taken is there."""
    taken = {reply for reply in replies if not isinstance(reply, Exception)}
    refused = {str(reply) for reply in replies if isinstance(reply, Exception)}
    assert taken and refused
    assert all(text.startswith(refusal) for text in refused), sorted(refused)[:3]
    client = cluster.client()
    found = {tweet for user in users for tweet in pages(client, "TIMELINE.USER", user, "IDS", count=200)}
    assert found == taken


def test_a_log_that_falls_behind_refuses_writes_as_busy(own, faults):
    cluster = own(nodes=1, partitions=4, sets=["log.queue.megabytes=1"], faults=faults)
    users = range(20)
    fill(cluster.client(), users)
    faults.set(sync_milliseconds=400)
    replies = posts_in_pipelines(cluster, users, 1_000, "é" * 260, connections=3)
    faults.set()
    check_refusals(cluster, users, replies, "BUSY the node's log is behind")


def test_a_router_with_too_much_under_way_refuses_commands_as_busy(own, faults):
    cluster = own(nodes=1, partitions=4, faults=faults)
    cluster.configure("router", router_inflight=100)
    cluster.restart()
    users = range(20)
    fill(cluster.client(), users)
    faults.set(sync_milliseconds=50)
    replies = posts_in_pipelines(cluster, users, 300, "x", connections=4)
    faults.set()
    check_refusals(cluster, users, replies, "BUSY the router has 100 commands under way")


@pytest.mark.parametrize("process", ["node1", "router"])
def test_a_graceful_end_answers_the_commands_under_way(own, faults, process):
    cluster = own(nodes=1, partitions=4, faults=faults)
    users = range(20)
    fill(cluster.client(), users)
    faults.set(sync_milliseconds=200)
    pipeline = cluster.client().pipeline(transaction=False)
    for number in range(200):
        pipeline.execute_command("TWEET.POST", users[number % 20], f"tweet {number}")
    metric = "rookery_partition_log_appended"
    before = counted(cluster, "node1", metric)
    replies = []
    poster = threading.Thread(target=lambda: replies.extend(pipeline.execute(raise_on_error=False)))
    poster.start()
    eventually(lambda: counted(cluster, "node1", metric) >= before + 200)
    os.kill(int(cluster.env[f"{process.upper()}_PID"]), signal.SIGTERM)
    poster.join(30)
    assert len(replies) == 200
    assert not [str(reply) for reply in replies if isinstance(reply, Exception)]
    faults.set()
    eventually(lambda: "ended" in cluster.log(process))
    cluster.kill(process)
    cluster.start(process)
    check = cluster.client()
    assert {tweet for user in users for tweet in pages(check, "TIMELINE.USER", user, "IDS")} == set(replies)


def counted(cluster, process, metric):
    """The sum of a metric over its labels."""
    lines = [line for line in cluster.metrics(process).splitlines() if line.startswith(metric)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def test_a_store_on_a_full_disk_refuses_writes_and_serves_reads(own, faults):
    cluster = own(nodes=1, partitions=4, sets=["store.memtable.megabytes=1"], faults=faults)
    client = cluster.client()
    users = range(40)
    model = filled(client, users)
    for user in users:
        client.execute_command("FOLLOW", user, (user + 1) % 40)
        model.follow(user, (user + 1) % 40)
    for user in range(10):
        client.execute_command("TIMELINE.HOME", user)
    faults.set(store_full=1)
    refused = None
    doomed = {}
    for number in range(1_000):
        commands = [("TWEET.POST", user, "x" * 280, "KEY", f"{number}.{user}") for user in users]
        commands += [("TWEET.DELETE", user, tweet) for user, tweet in doomed.items()]
        pipeline = client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        replies = pipeline.execute(raise_on_error=False)
        refused = next((str(reply) for reply in replies if isinstance(reply, Exception)), None)
        if refused:
            break
        for tweet in doomed.values():
            model.delete_post(tweet)
        for user, reply in zip(users, replies):
            model.post(int(reply), user)
        doomed = {user: int(reply) for user, reply in zip(users, replies)}
    assert refused and refused.startswith(("UNAVAILABLE partition", "TIMEOUT outcome unknown")), refused
    eventually(lambda: "the node's disk is full" in (error_of_or_none(client, "TWEET.POST", 1, "x", "KEY", "x") or ""))
    assert "store of partition" in cluster.readiness("node1")
    eventually(lambda: [node for node in map(fields, client.execute_command("CLUSTER.NODES"))
                        if int(node["unappliedEntries"]) > 0])
    # Reads go on, of lists that are there and of such that have to be computed.
    for user in users:
        shown = [int(tweet) for tweet in client.execute_command("TIMELINE.HOME", user, "COUNT", 200, "IDS")[1]]
        # Mail to a partition without space waits; what a user has posted is there.
        assert len(shown) < 200 and shown == sorted(shown, reverse=True)
        assert set(model.timeline(user)) - set(doomed.values()) <= set(shown)
        assert {tweet for tweet in shown if tweet in model.posts} <= set(model.home(user))
    # Deletions that wait for space are not seen yet, and what is read now is not what is read afterwards.
    undeleted = [tweet for tweet, reply in zip(doomed.values(), replies[len(users):]) if isinstance(reply, Exception)]
    assert undeleted and None not in client.execute_command("TWEET.GET", *undeleted)
    faults.set()
    # Space comes back, and with it everything that was asked for: retries come to what they came to.
    deadline = time.monotonic() + 240
    while True:
        pipeline = client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        replies = pipeline.execute(raise_on_error=False)
        if not any(isinstance(reply, Exception) for reply in replies):
            break
        assert time.monotonic() < deadline, replies[:2]
    for tweet in doomed.values():
        model.delete_post(tweet)
    assert client.execute_command("TWEET.GET", *doomed.values()) == [None] * len(doomed)
    for user, reply in zip(users, replies):
        model.post(int(reply), user)
    reply = client.execute_command("TWEET.POST", 1, "x", "KEY", "x")
    model.post(int(reply), 1)
    assert_agrees(client, model)
    eventually(lambda: [0] == [int(fields(node)["unappliedEntries"]) for node in client.execute_command("CLUSTER.NODES")])
    cluster.kill("node1")
    cluster.start("node1")
    assert_agrees(cluster.client(), model)


def test_a_disk_below_its_reserve_refuses_writes_serves_reads_and_recovers_by_itself(own, faults):
    cluster = own(nodes=2, partitions=4, faults=faults, sets=["node.disk.reserve.megabytes=800"])
    client = cluster.client()
    users = range(20)
    model = filled(client, users)
    for user in users:
        client.execute_command("FOLLOW", user, (user + 1) % 20)
        model.follow(user, (user + 1) % 20)
        model.post(int(client.execute_command("TWEET.POST", user, "before", "KEY", "before")), user)
    # What is on its way then waits at its senders.
    assert_agrees(client, model)
    faults.set(free_megabytes=799)
    eventually(lambda: all("799 MiB left" in cluster.readiness(node) for node in ("node1", "node2")))
    writes = [("TWEET.POST", 1, "x"), ("FOLLOW", 1, 5), ("UNFOLLOW", 1, 2), ("USER.CREATE", "late"),
              ("USER.DELETE", 1), ("TWEET.DELETE", 1, 1)]
    for write in writes:
        error = error_of(client, *write)
        assert error.startswith("UNAVAILABLE the disk of node"), error
        assert "has 799 MiB left and 800 are kept free" in error
    assert counted(cluster, "node1", "rookery_node_disk_free_bytes") == 799 << 20
    # Users that "late" and the deletion would have changed are as they were, and so are all timelines.
    assert_agrees(client, model)
    faults.set(free_megabytes=850)
    # A little above the reserve is not enough: it would be gone with the next write.
    eventually(lambda: "850 MiB" in error_of(client, "TWEET.POST", 1, "x"))
    faults.set()
    tweet = eventually(lambda: tweet_or_none(client, 1, "after"))
    model.post(int(tweet), 1)
    eventually(lambda: "disk" not in cluster.readiness("node1") and "disk" not in cluster.readiness("node2"))
    for user in users:
        reply = client.execute_command("TWEET.POST", user, "last", "KEY", "last")
        model.post(int(reply), user)
    assert_agrees(client, model)


def test_a_node_that_is_back_from_an_old_backup_is_noticed(own):
    cluster = own(nodes=2, partitions=8)
    client = cluster.client()
    users = range(40)
    fill(client, users)
    for user in users:
        for other in (user + 1, user + 2, user + 3):
            client.execute_command("FOLLOW", user, other % 40)
    # The backup has all of the edges on both sides: what is lost of them is not told again.
    eventually(lambda: all(fields(user)["followers"] == 3 for user in client.execute_command("USER.GET", *users)))
    directory = cluster.directory / "node2"
    cluster.kill("node2")
    shutil.copytree(directory, cluster.directory / "backup")
    cluster.start("node2")
    client = cluster.client()
    for user in users:
        client.execute_command("TWEET.POST", user, "x")
    # Taken by node2, and noted by node1.
    eventually(lambda: counted(cluster, "node1", "rookery_partition_mail_waiting") == 0)
    cluster.kill("node2")
    shutil.rmtree(directory)
    shutil.copytree(cluster.directory / "backup", directory)
    with cluster.running("node2") as output:
        client = cluster.client()
        for user in users:
            eventually(lambda: served(client, "TWEET.POST", user, "after"))
        eventually(lambda: "mail goes on where one side lost entries" in output() + cluster.log("node1"))
        # Whether that matters is for an operator to decide. It serves, and what is written now arrives, both ways.
        last = {user: eventually(lambda: served(client, "TWEET.POST", user, "last")) for user in users}
        for user in users:
            eventually(lambda: {last[(user + step) % 40] for step in (1, 2, 3)}
                       <= set(client.execute_command("TIMELINE.HOME", user, "IDS", "COUNT", 200)[1]))


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def append_nonsense(log, partition, index):
    """Adds a whole record to a log, as docs/storage-format.md has it, that says nothing."""
    segment = sorted(log.iterdir())[-1]
    offset = int(segment.stem) + segment.stat().st_size
    payload = b"\xff" * 20
    head = struct.pack("<HQQ", partition, 1, index)
    body = struct.pack("<II", len(payload), crc32c(head + payload)) + head + payload
    header = struct.pack("<4sIIQQ", b"RKLB", len(body), 1, 0, offset)
    with segment.open("ab") as file:
        file.write(header + struct.pack("<I", crc32c(header)) + body)


def test_a_partition_that_cannot_be_recovered_stays_closed_and_the_others_serve(own):
    cluster = own(nodes=1, partitions=4)
    client = cluster.client()
    users = range(24)
    fill(client, users)
    partition = {user: partition_of(client.execute_command("TWEET.POST", user, "x")) for user in users}
    # Mail to the closed partition, and between others, is under way.
    for user in users:
        for other in users:
            if other != user:
                client.execute_command("FOLLOW", user, other)
    applied = eventually(lambda: counted(cluster, "node1", 'rookery_partition_log_applied{partition="2"}'))
    cluster.kill("node1")
    append_nonsense(cluster.directory / "node1" / "log", 2, int(applied) + 1)
    with cluster.running("node1") as output:
        eventually(lambda: "partition stopped" in output())
        broken = next(user for user in users if partition[user] == 2)
        sound = [user for user in users if partition[user] != 2]
        client = cluster.client()
        assert eventually(lambda: served(client, "TWEET.POST", sound[0], "after"))
        for words in (["TWEET.POST", broken, "x"], ["TIMELINE.HOME", broken, "IDS"]):
            assert eventually(lambda: error_of_or_none(client, *words)).startswith("UNAVAILABLE partition 2")
        tweet = client.execute_command("TWEET.POST", sound[0], "to all")
        for user in sound:
            eventually(lambda: tweet in client.execute_command("TIMELINE.HOME", user, "IDS")[1])


def test_too_much_mail_for_a_dead_node_refuses_writes_of_its_senders(own):
    cluster = own(nodes=2, partitions=4, sets=["partition.outbox=1000"])
    client = cluster.client()
    users = range(40)
    fill(client, users)
    for user in users:
        for other in users:
            if other != user:
                client.execute_command("FOLLOW", user, other)
    primaries = {p["partition"]: p["primary"] for p in cluster.client(protocol=3).execute_command("CLUSTER.PARTITIONS")}
    here = [user for user in users
            if primaries[partition_of(client.execute_command("TWEET.POST", user, "x"))] == "node1"]
    cluster.kill("node2")
    posted, refused = {}, []
    for number in range(400):
        pipeline = client.pipeline(transaction=False)
        for user in here:
            pipeline.execute_command("TWEET.POST", user, f"tweet {number}")
        for user, reply in zip(here, pipeline.execute(raise_on_error=False)):
            if isinstance(reply, Exception):
                refused.append(str(reply))
            else:
                posted.setdefault(user, []).append(reply)
        if len(refused) > 50:
            break
    assert refused and all("too much mail waits for partition" in text for text in refused), refused[:2]
    assert all(text.startswith("UNAVAILABLE partition") for text in refused)
    assert client.execute_command("TIMELINE.HOME", here[0], "IDS")
    cluster.start("node2")
    client = cluster.client()
    assert eventually(lambda: error_of_or_none(client, "TWEET.POST", here[0], "back") is None)
    away = next(user for user in users if user not in here)
    eventually(lambda: set(posted[here[0]]) <= set(pages(client, "TIMELINE.HOME", away, "IDS", count=200)))
