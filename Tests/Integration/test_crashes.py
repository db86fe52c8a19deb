"""Real processes killed at random moments under load: nothing acknowledged is lost, no mail is lost or taken twice."""

import collections
import os
import random
import threading
import time
from concurrent import futures

import pytest
import redis

from conftest import eventually, fields, note
from social_model import SocialModel, assert_agrees, batches

ROUNDS = 20
# On a slow machine some are left out, and that is said.
FEWEST_ROUNDS, SECONDS = 6, 150
WRITES_OF_EACH_KIND = 2_000
BASE_USERS = 400
KINDS = ("create", "follow", "update", "rename", "post", "delete", "reply", "unfollow", "delete user")
RETRYABLE = ("UNAVAILABLE", "BUSY", "TIMEOUT")


class Writer:
    """Writes until acknowledged: an unknown outcome is retried, with its key where the command is not idempotent."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.client = cluster.client()
        self.acknowledged = collections.Counter()
        self.retried = 0

    def beside(self):
        """Another one, for another thread."""
        return Writer(self.cluster)

    def add(self, other):
        self.acknowledged += other.acknowledged
        self.retried += other.retried

    def write(self, kind, commands):
        """Replies to all commands. They must concern different things: retries change their order."""
        replies = [None] * len(commands)
        left = list(range(len(commands)))
        deadline = time.monotonic() + 240
        while left:
            assert time.monotonic() < deadline, f"{len(left)} writes are never acknowledged: {replies[left[0]]!r}"
            pipeline = self.client.pipeline(transaction=False)
            for index in left:
                pipeline.execute_command(*commands[index])
            try:
                answers = pipeline.execute(raise_on_error=False)
            except (redis.ConnectionError, redis.TimeoutError):
                self.client = self.cluster.client()
                time.sleep(0.02)
                continue
            failed = []
            for index, answer in zip(left, answers):
                if isinstance(answer, redis.ResponseError) and str(answer).startswith(RETRYABLE):
                    failed.append(index)
                replies[index] = answer
            self.acknowledged[kind] += len(left) - len(failed)
            self.retried += len(failed)
            left = failed
        for command, reply in zip(commands, replies):
            assert not isinstance(reply, Exception), (command, reply)
        return replies


def run_round(number, writer, model, rng):
    """At least so many acknowledged writes of every kind. Chains of them run beside each other, as they concern different things."""
    fresh = [100_000 + number * WRITES_OF_EACH_KIND + index for index in range(WRITES_OF_EACH_KIND)]
    create(writer, model, fresh)
    chains = [follow_and_unfollow, update_and_rename, post_and_delete]
    writers = [writer.beside() for _ in chains]
    seeds = [rng.random() for _ in chains]
    with futures.ThreadPoolExecutor(len(chains)) as pool:
        running = [pool.submit(chain, number, own, model, fresh, random.Random(seed))
                   for chain, own, seed in zip(chains, writers, seeds)]
        for chain, own in zip(running, writers):
            chain.result()
            writer.add(own)
    for chunk in batches(fresh, 500):
        writer.write("delete user", [("USER.DELETE", user, "KEY", f"d{user}") for user in chunk])
        for user in chunk:
            model.delete(user)


def create(writer, model, fresh):
    created = [("USER.CREATE", f"r{user}", "ID", user, "KEY", f"c{user}") for user in fresh]
    for chunk in batches(list(zip(fresh, created)), 500):
        writer.write("create", [command for _, command in chunk])
        for user, _ in chunk:
            model.create(user, f"r{user}")


def follow_and_unfollow(number, writer, model, fresh, rng):
    base, count = range(BASE_USERS), WRITES_OF_EACH_KIND
    edges = [(a, b) for a in base for b in rng.sample(fresh, 2)]
    while len(edges) < count:
        a, b = rng.sample(base, 2)
        if b not in model.following[a] and (a, b) not in edges:
            edges.append((a, b))
    for chunk in batches(edges, 500):
        for (a, b), reply in zip(chunk, writer.write("follow", [("FOLLOW", a, b) for a, b in chunk])):
            model.follow(a, b)
            assert reply in (0, 1)
    old = [(a, b) for a in base for b in model.following[a]]
    for chunk in batches(rng.sample(old, min(len(old), count)), 500):
        writer.write("unfollow", [("UNFOLLOW", a, b) for a, b in chunk])
        for a, b in chunk:
            model.unfollow(a, b)


def update_and_rename(number, writer, model, fresh, rng):
    updates = [(user, f"bio {number}.{index}") for index, user in enumerate(fresh)]
    for chunk in batches(updates, 500):
        writer.write("update", [("USER.UPDATE", user, "BIO", bio, "KEY", bio) for user, bio in chunk])
        for user, bio in chunk:
            model.update(user, bio)
    for chunk in batches(fresh, 500):
        writer.write("rename", [("USER.UPDATE", user, "USERNAME", f"n{user}", "KEY", f"n{user}") for user in chunk])
        for user in chunk:
            model.names[user] = f"n{user}"


def post_and_delete(number, writer, model, fresh, rng):
    base, count = range(BASE_USERS), WRITES_OF_EACH_KIND
    # A fifth of the tweets stays.
    posts = [(rng.choice(base), f"round {number} tweet {index}") for index in range(count * 5 // 4 + 50)]
    posted = []
    for chunk in batches(posts, 500):
        replies = writer.write("post", [("TWEET.POST", user, text, "KEY", text) for user, text in chunk])
        for (user, _), reply in zip(chunk, replies):
            model.post(int(reply), user)
            posted.append((int(reply), user))
    for chunk in batches(rng.sample(posted, count), 500):
        writer.write("delete", [("TWEET.DELETE", user, tweet) for tweet, user in chunk])
        for tweet, _ in chunk:
            model.delete_post(tweet)
    parents = [tweet for tweet, _ in posted if tweet in model.posts]
    # Half of them by users who are deleted further down, so that replies go away again.
    answers = [(rng.choice(fresh if index % 2 else base), rng.choice(parents), f"reply {number}.{index}")
               for index in range(count)]
    for chunk in batches(answers, 500):
        replies = writer.write(
            "reply", [("TWEET.POST", user, text, "REPLYTO", parent, "KEY", text) for user, parent, text in chunk])
        for (user, parent, _), reply in zip(chunk, replies):
            model.post(int(reply), user, parent)


@pytest.mark.parametrize("durability", ["always"])
def test_killed_nodes_lose_nothing(own, durability):
    seed = int(os.environ.get("ROOKERY_SEED", random.randrange(1 << 32)))
    note(f"killed nodes: ROOKERY_SEED={seed}")
    rng = random.Random(seed)
    # A small log, so that segments are removed while nodes are killed.
    cluster = own(sets=[f"log.durability={durability}", "log.segment.megabytes=1", "log.keep.megabytes=4"])
    writer = Writer(cluster)
    model = SocialModel()
    writer.write("base", [("USER.CREATE", f"base{user}", "ID", user, "KEY", f"b{user}") for user in range(BASE_USERS)])
    for user in range(BASE_USERS):
        model.create(user, f"base{user}")
    kills, fewest = collections.Counter(), []
    started = time.monotonic()
    for number in range(ROUNDS):
        if number >= FEWEST_ROUNDS and time.monotonic() - started > SECONDS:
            break
        ended = threading.Event()
        victims = rng.choice([["node1"], ["node2"], ["node3"], ["node1", "node2", "node3"], ["node1", "node2", "node3"],
                              ["router"], ["coordinator", "node2"]])
        pace = random.Random(rng.random())

        def hurt():
            while not ended.wait(pace.uniform(0.05, 0.5)):
                cluster.kill(*victims)
                kills["+".join(victims)] += 1
                ended.wait(pace.uniform(0.02, 0.3))
                cluster.start(*victims)

        hurting = threading.Thread(target=hurt)
        hurting.start()
        before = writer.acknowledged.copy()
        try:
            run_round(number, writer, model, rng)
        finally:
            ended.set()
            hurting.join()
        fewest.append(min((writer.acknowledged[kind] - before[kind], kind) for kind in KINDS))
        assert fewest[-1][0] >= WRITES_OF_EACH_KIND, fewest[-1]
        assert_agrees(cluster.client(), model)
    note(f"{len(fewest)} of {ROUNDS} rounds, {sum(writer.acknowledged.values())} acknowledged writes, {dict(writer.acknowledged)}, "
          f"the fewest of a kind in a round {min(fewest)}, {writer.retried} retried, killed {dict(kills)}")


def replies_around_a_crash(cluster, pipeline, rng):
    """The replies of a pipeline while all nodes are killed; they run again afterwards."""
    killer = threading.Timer(rng.uniform(0, 0.03), lambda: cluster.kill("node1", "node2", "node3"))
    killer.start()
    replies = pipeline.execute(raise_on_error=False)
    killer.join()
    cluster.start("node1", "node2", "node3")
    return replies


def test_a_creation_that_crashed_half_way_is_complete_or_free(own):
    rng = random.Random(5)
    cluster = own()
    for number in range(6):
        client = cluster.client()
        pipeline = client.pipeline(transaction=False)
        for index in range(400):
            pipeline.execute_command("USER.CREATE", f"half{number}x{index}", "ID", number * 1_000 + index)
        replies = replies_around_a_crash(cluster, pipeline, rng)
        client = cluster.client()

        def is_settled(index):
            """The name can be found, or taken by somebody else: never stuck."""
            name = f"half{number}x{index}"
            if client.execute_command("USER.FIND", name):
                return True
            try:
                client.execute_command("USER.CREATE", name, "ID", 500_000 + number * 1_000 + index)
            except redis.ResponseError as error:
                return str(error).startswith("EXISTS")
            return True

        for index, reply in enumerate(replies):
            eventually(lambda: is_settled(index))
            owner = eventually(lambda: client.execute_command("USER.FIND", f"half{number}x{index}"))
            if not isinstance(reply, Exception):
                assert owner == fields(reply)["id"]


def test_a_rename_that_crashed_half_way_is_complete_or_undone(own):
    rng = random.Random(6)
    cluster = own()
    client = cluster.client()
    users = range(300)
    for user in users:
        client.execute_command("USER.CREATE", f"u{user}", "ID", user)
    names = {user: f"u{user}" for user in users}
    for number in range(6):
        pipeline = client.pipeline(transaction=False)
        for user in users:
            pipeline.execute_command("USER.UPDATE", user, "USERNAME", f"u{user}x{number}")
        replies = replies_around_a_crash(cluster, pipeline, rng)
        client = cluster.client()

        def state(user):
            """Who has the old and the new name, once the user has one of them alone."""
            old, new = names[user], f"u{user}x{number}"
            username = fields(client.execute_command("USER.GET", user)[0])["username"]
            owners = {name: client.execute_command("USER.FIND", name) for name in (old, new)}
            other = new if username == old else old
            return username if owners[username] == str(user) and owners[other] is None else None

        for user, reply in zip(users, replies):
            username = eventually(lambda: state(user))
            if not isinstance(reply, Exception):
                assert username == f"u{user}x{number}"
            # A name that came free can be taken.
            other = f"u{user}x{number}" if username == names[user] else names[user]
            client.execute_command("USER.CREATE", other, "ID", 1_000 + number * 1_000 + user)
            names[user] = username


def test_a_dead_partition_is_unavailable_and_others_serve(own):
    cluster = own()
    client = cluster.client(protocol=3)
    for user in range(60):
        client.execute_command("USER.CREATE", f"u{user}", "ID", user)
    tweets = [client.execute_command("TWEET.POST", user, "x") for user in range(60)]
    for user in range(1, 60):
        client.execute_command("FOLLOW", 0, user)
    eventually(lambda: len(client.execute_command("TIMELINE.HOME", 0, "IDS", "COUNT", 200)[1]) == 60)
    primaries = {p["partition"]: p["primary"] for p in client.execute_command("CLUSTER.PARTITIONS")}
    home = primaries[int(client.execute_command("TWEET.POST", 0, "where")) >> 12 & 1023]
    victim = next(node for node in ("node1", "node2", "node3") if node != home)
    cluster.kill(victim)
    client.execute_command("CLIENT", "DEADLINE", 200)
    there = {user for user in range(60) if primaries[int(tweets[user]) >> 12 & 1023] != victim}
    assert 0 < len(there) < 60
    # Reads with several partitions are served, an error in place of what cannot be read.
    for reply, count in ((client.execute_command("USER.GET", *range(60)), 60),
                         (client.execute_command("TWEET.GET", *tweets), 60),
                         (client.execute_command("TIMELINE.HOME", 0, "COUNT", 200)[1], 61)):
        errors = [item for item in reply if isinstance(item, Exception)]
        assert len(reply) == count and len(errors) == 60 - len(there)
        assert all(str(error).startswith("UNAVAILABLE partition") for error in errors)
    lost = next(user for user in range(60) if user not in there)
    for words in (["TWEET.POST", lost, "x"], ["FOLLOW", lost, 0], ["TIMELINE.HOME", lost], ["USER.UPDATE", lost]):
        with pytest.raises(redis.ResponseError, match="^UNAVAILABLE partition"):
            client.execute_command(*words)
    assert client.execute_command("TWEET.POST", next(iter(there)), "still")
    info = client.execute_command("CLUSTER.INFO")
    assert eventually(lambda: client.execute_command("CLUSTER.INFO")["state"] == "degraded") and info["nodes"] == 3
    # The coordinator does not matter to reads and writes.
    cluster.kill("coordinator")
    assert client.execute_command("TWEET.POST", next(iter(there)), "still")
    cluster.start("coordinator", victim)
    client.execute_command("CLIENT", "DEADLINE", 5_000)
    assert client.execute_command("TWEET.POST", lost, "back")
