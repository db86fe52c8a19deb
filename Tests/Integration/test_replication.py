"""Clusters with three replicas of every partition: what one node has is not lost with it."""

import collections
import concurrent.futures as futures
import contextlib
import random
import shutil
import subprocess
import threading
import time

import pytest
import redis
from conftest import ROOT, error_of, eventually, note, pages

SHORT_LOG = ["log.keep.megabytes=4", "log.segment.megabytes=1", "node.replication.megabytes=1"]


def everything(client, users):
    """What front ends can see of users."""
    found = {}
    for user in users:
        found[user] = (
            client.execute_command("USER.GET", user),
            pages(client, "FOLLOWING", user),
            pages(client, "FOLLOWERS", user),
            pages(client, "TIMELINE.USER", user, "IDS"),
            pages(client, "TIMELINE.HOME", user, "IDS"),
        )
    return found


def fill(client, users, tweets, rng):
    for user in users:
        client.execute_command("USER.CREATE", f"u{user}", "ID", user)
    for user in users:
        client.execute_command("FOLLOW", user, *rng.sample([other for other in users if other != user], 8))
    for first in range(0, tweets, 200):
        pipeline = client.pipeline(transaction=False)
        for number in range(first, first + 200):
            pipeline.execute_command("TWEET.POST", rng.choice(users), f"tweet {number} " + "x" * 250)
        pipeline.execute()


def settled(cluster, client, users):
    """What is to be seen once no mail is under way."""
    def waiting():
        """By partition that is served, how many letters its destinations have not been noted to have taken."""
        found = {}
        for name in cluster.nodes():
            serving = cluster.gauges(name, "rookery_partition_serving")
            mail = cluster.gauges(name, "rookery_partition_mail_waiting")
            found |= {partition: mail[partition] for partition, serves in serving.items() if serves}
        return found

    def quiet():
        # What the first look shows may be from before it.
        waiting()
        found = waiting()
        return found.keys() == cluster.primaries().keys() and not any(found.values())
    eventually(quiet, 30)
    return everything(client, users)


def assert_seen(client, users, expected):
    """That this is to be seen, at the latest when mail that is under way has arrived and primaries that are dead have others."""
    def is_seen():
        with contextlib.suppress(redis.ResponseError):
            return everything(client, users) == expected

    with contextlib.suppress(AssertionError):
        eventually(is_seen, 30)
    assert everything(client, users) == expected


def filled(cluster, count, tweets):
    """A cluster with so many users and tweets, a client of it, the users, and what is to be seen of them."""
    client = cluster.client()
    users = range(count)
    fill(client, users, tweets, random.Random(1))
    return cluster, client, users, settled(cluster, client, users)


@contextlib.contextmanager
def posting(cluster, users):
    """Somebody posts meanwhile; gives the replies, errors among them."""
    client, replies, ended = cluster.client(), [], threading.Event()

    def post():
        while not ended.is_set():
            try:
                replies.append(client.execute_command("TWEET.POST", random.choice(users), "meanwhile"))
            except redis.RedisError as error:
                replies.append(error)
    thread = threading.Thread(target=post)
    thread.start()
    try:
        yield replies
    finally:
        ended.set()
        thread.join()


def test_a_factor_needs_as_many_nodes(own):
    with pytest.raises(AssertionError, match="2 of 3 nodes have registered"):
        own(nodes=2, replicas=3, partitions=4)


@pytest.mark.parametrize("sets", [[], SHORT_LOG], ids=["from the log", "from a snapshot"])
def test_every_replica_can_take_over_that_was_filled_again(own, sets):
    seed = random.randrange(1 << 30)
    note(f"replicas filled again: seed {seed}")
    rng = random.Random(seed)
    cluster = own(replicas=3, partitions=8, sets=sets)
    client = cluster.client()
    users = range(40)
    fill(client, users, 20_000 if sets else 2_000, rng)
    before = settled(cluster, client, users)
    for name in ("node1", "node2", "node3"):
        # The others get its partitions, and it comes back as a stranger.
        cluster.stop(name)
        shutil.rmtree(cluster.directory / name)
        assert name not in cluster.primaries().values()
        assert_seen(client, users, before)
        client.execute_command("TWEET.POST", 0, f"without {name}")
        before = settled(cluster, client, users)
        cluster.start(name)
        cluster.await_whole()
    # Nobody has anything that was not filled again.
    assert_seen(client, users, before)
    logs = "".join(cluster.log(name) for name in ("node1", "node2", "node3"))
    assert ("snapshot taken in" in logs) == bool(sets)


def test_a_planned_restart_fails_no_request(own):
    cluster = own(replicas=3, partitions=8)
    client = cluster.client()
    users = range(24)
    for user in users:
        client.execute_command("USER.CREATE", f"u{user}", "ID", user)
    ending = threading.Event()
    times, errors, counts = [], [], dict.fromkeys(users, 0)

    def work(mine):
        own_client = cluster.client(single_connection_client=True)
        while not ending.is_set():
            for user in mine:
                began = time.monotonic()
                try:
                    own_client.execute_command("TWEET.POST", user, "x")
                    counts[user] += 1
                    own_client.execute_command("TIMELINE.HOME", user, "IDS", "COUNT", 5)
                except redis.RedisError as error:
                    errors.append(repr(error))
                times.append(time.monotonic() - began)
                time.sleep(0.002)
    threads = [threading.Thread(target=work, args=(users[first::4],)) for first in range(4)]
    for thread in threads:
        thread.start()
    for name in ("node1", "node2", "node3"):
        cluster.stop(name)
        cluster.start(name)
        cluster.await_whole()
    ending.set()
    for thread in threads:
        thread.join()
    times.sort()
    note(f"planned restarts of three nodes: {len(times)} posts with a read, none failed, p99 "
         f"{times[len(times) * 99 // 100] * 1000:.0f} ms, longest {times[-1] * 1000:.0f} ms")
    assert errors == []
    assert {user: len(pages(client, "TIMELINE.USER", user, "IDS", count=200)) for user in users} == counts


def patient_client_of(cluster, users):
    """A client who waits longer than any failover takes, and whose users are there."""
    client = cluster.client()
    client.execute_command("CLIENT", "DEADLINE", 25_000)
    for user in users:
        client.execute_command("USER.CREATE", f"u{user}", "ID", user)
    return client


def test_reads_of_a_primary_that_hangs_are_asked_of_the_next(own):
    cluster, users = own(replicas=3, partitions=4), range(12)
    client = patient_client_of(cluster, users)
    hanging = cluster.primaries()[0]
    cluster.pause(hanging)
    try:
        # They are under way when the others notice: nobody asks a second time, and the primary asked first never answers.
        pipeline = client.pipeline(transaction=False)
        for user in users:
            pipeline.execute_command("FOLLOWING", user)
        assert not any(isinstance(reply, Exception) for reply in pipeline.execute(raise_on_error=False))
        assert hanging not in cluster.primaries().values()
    finally:
        cluster.resume(hanging)


def test_a_read_stays_behind_its_users_write_to_a_primary_that_hangs(own):
    cluster, users = own(replicas=3, partitions=4), range(12)
    client = patient_client_of(cluster, users)
    hanging = cluster.primaries()[0]
    pipeline = client.pipeline(transaction=False)
    for user in users:
        pipeline.execute_command("TWEET.POST", user, "x")
        pipeline.execute_command("TIMELINE.USER", user, "IDS")
    cluster.pause(hanging)
    with futures.ThreadPoolExecutor(1) as pool:
        try:
            replies = pool.submit(pipeline.execute, raise_on_error=False)
            eventually(lambda: hanging not in cluster.primaries().values())
        finally:
            cluster.resume(hanging)
        replies = replies.result(30)
    posted = [(tweet, page) for tweet, page in zip(replies[::2], replies[1::2], strict=True)
              if not isinstance(tweet, Exception)]
    assert posted and all(str(tweet) in str(page) for tweet, page in posted)


def test_two_of_three_serve_and_one_alone_does_not(own):
    cluster = own(replicas=3, partitions=4)
    client = cluster.client()
    client.execute_command("USER.CREATE", "alice", "ID", 1)
    cluster.kill("node1")
    client.execute_command("CLIENT", "DEADLINE", 5_000)
    assert client.execute_command("TWEET.POST", 1, "two are enough")
    eventually(lambda: "node1" not in cluster.primaries().values())
    cluster.kill("node2")
    client.execute_command("CLIENT", "DEADLINE", 3_000)
    assert error_of(client, "TWEET.POST", 1, "one is not", "KEY", "k").split(" ")[0] in ("UNAVAILABLE", "TIMEOUT")
    threads = [threading.Thread(target=cluster.start, args=(name,)) for name in ("node1", "node2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cluster.await_whole()
    client.execute_command("TWEET.POST", 1, "one is not", "KEY", "k")
    texts = [tweet["text"] for tweet in cluster.client(protocol=3).execute_command("TIMELINE.USER", 1)[1]]
    assert texts == ["one is not", "two are enough"]


def test_chaos(tmp_path):
    """A short round of what scripts/chaos does to a cluster."""
    done = subprocess.run(
        [ROOT / "scripts" / "chaos", "--rounds", "8", "--seconds", "3", "--faults",
         "kill,pause,coordinator,lose,torn,damage,power,kill",
         "--partitions", "8"],
        capture_output=True, text=True, timeout=300)
    for line in done.stdout.splitlines():
        note(f"chaos: {line}")
    assert done.returncode == 0, done.stdout + done.stderr


def administer(cluster, *words):
    return subprocess.run(
        [ROOT / ".build" / "release" / "rookery", "cluster", *map(str, words), "--coordinator",
         f"127.0.0.1:{cluster.env['COORDINATOR_PORT']}", "--secret", (cluster.directory / "secret").read_text().strip()],
        capture_output=True, text=True, timeout=300)


def served(cluster, command):
    """How many requests of a kind each node has answered."""
    found = {}
    for node in ("node1", "node2", "node3"):
        text = cluster.metrics(node)
        found[node] = sum(float(line.split()[-1]) for line in text.splitlines()
                          if line.startswith("rookery_node_requests_total") and f'command="{command}"' in line)
    return found


def test_reads_of_any_member_are_not_further_behind_than_stated(own):
    cluster, client, users, expected = filled(own(replicas=3, partitions=4), 12, tweets=200)
    elsewhere = cluster.client(single_connection_client=True)
    assert elsewhere.execute_command("READ", "ANY") == "OK"
    # What is acknowledged is seen everywhere a second later, by each read that begins then, whoever answers it.
    acknowledged = time.monotonic()
    before = served(cluster, "userTimeline")
    rounds = 0
    while rounds < 6:
        is_promised = time.monotonic() - acknowledged > 1.1
        for user in users:
            seen = pages(elsewhere, "TIMELINE.HOME", user, "IDS"), pages(elsewhere, "TIMELINE.USER", user, "IDS")
            assert not is_promised or seen == (expected[user][4], expected[user][3])
        rounds += is_promised
    after = served(cluster, "userTimeline")
    primaries = {cluster.primaries()[partition] for partition in range(4)}
    assert all(after[node] > before[node] for node in after), (before, after, primaries)

    for number in range(3):
        tweet = client.execute_command("TWEET.POST", 1, f"seen {number}")
        acknowledged = time.monotonic()
        rounds = 0
        while rounds < 6:
            is_promised = time.monotonic() - acknowledged > 1.1
            seen = elsewhere.execute_command("TIMELINE.USER", 1, "IDS")[1]
            assert not is_promised or tweet in seen
            rounds += is_promised

    assert "syntax error" in error_of(elsewhere, "READ", "ELSEWHERE")
    assert elsewhere.execute_command("READ", "PRIMARY") == "OK"
    tweet = elsewhere.execute_command("TWEET.POST", 2, "at once")
    for _ in range(6):
        assert tweet in elsewhere.execute_command("TIMELINE.USER", 2, "IDS")[1]


def test_pages_do_not_wait_for_the_texts_of_a_primary_that_is_gone(own):
    cluster, client, users, _ = filled(own(replicas=3, partitions=4), 12, tweets=200)
    expected = {user: client.execute_command("TIMELINE.HOME", user, "COUNT", 200)[1] for user in users}
    primaries = list(cluster.primaries().values())
    victim = min(set(primaries), key=primaries.count)

    def read(user):
        began = time.monotonic()
        try:
            page = client.execute_command("TIMELINE.HOME", user, "COUNT", 200)[1]
        except redis.ResponseError:
            return None  # The page itself was the victim's to make, or its maker's lease is over.
        assert page == expected[user]
        return time.monotonic() - began

    took = []
    # There is less than a second for it, which a busy machine may miss.
    for _ in range(3):
        # Paused, it answers nothing, and its connections stay.
        try:
            cluster.pause(victim)
            with futures.ThreadPoolExecutor(len(users)) as pool:
                took = [seconds for seconds in pool.map(read, users) if seconds is not None]
        finally:
            cluster.resume(victim)
        if took:
            break
        settled(cluster, client, users)
    note(f"{len(took)} of {len(users)} pages in {max(took, default=0):.2f} s")
    assert took


def test_a_node_that_was_restarted_leads_again(own):
    cluster, _, users, _ = filled(own(replicas=3, partitions=8), 16, tweets=200)
    cluster.stop("node1")
    cluster.start("node1")
    eventually(lambda: all(len(listed["secondaries"]) == 2
                           for listed in cluster.client(protocol=3).execute_command("CLUSTER.PARTITIONS")), 30)
    assert "node1" not in cluster.primaries().values()
    planned = administer(cluster, "balance", "--dry-run")
    assert planned.returncode == 0 and "node1" not in cluster.primaries().values()
    with posting(cluster, users) as replies:
        done = administer(cluster, "balance")
    assert done.returncode == 0, done.stderr
    assert planned.stdout.splitlines()[0] in done.stdout
    assert sorted(collections.Counter(cluster.primaries().values()).values()) == [2, 3, 3]
    assert replies and all(isinstance(reply, str) for reply in replies), replies
    assert administer(cluster, "balance", "--dry-run").stdout == ""


@pytest.mark.parametrize("fault, sign", [({"sync_milliseconds": 20_000}, "its disk has not answered"), ({"sync_fails": 1}, "the log failed")],
                         ids=["hangs", "does not sync"])
def test_a_primary_whose_disk_fails_is_replaced(own, faults, fault, sign):
    cluster, client, users, before = filled(own(replicas=3, partitions=8, sets=["log.patience.seconds=1"]), 16, tweets=200)
    cluster.stop("node1")
    cluster.environment.update(faults.environment)
    cluster.start("node1")
    eventually(lambda: all(len(listed["secondaries"]) == 2
                           for listed in cluster.client(protocol=3).execute_command("CLUSTER.PARTITIONS")), 30)
    done = administer(cluster, "balance")
    assert done.returncode == 0, done.stderr
    assert "node1" in cluster.primaries().values()
    faults.set(**fault)

    def posted(user):
        try:
            return client.execute_command("TWEET.POST", user, "meanwhile", "KEY", f"hang {user}")
        except redis.RedisError:
            return None
    began = time.monotonic()
    tweets = {user: eventually(lambda user=user: posted(user), 30) for user in users}
    note(f"a primary's disk fails ({sign}): written again after {time.monotonic() - began:.1f} s")
    assert "node1" not in cluster.primaries().values()
    assert sign in cluster.log("node1")
    # Nor is it given back anything: not by balancing, and not where nobody has written.
    done = administer(cluster, "balance")
    assert done.returncode == 0 and "node1" not in cluster.primaries().values(), done.stderr
    eventually(lambda: all("node1" not in listed["secondaries"]
                           for listed in cluster.client(protocol=3).execute_command("CLUSTER.PARTITIONS")), 30)
    cluster.kill("node1")
    faults.set()
    cluster.start("node1")
    after = settled(cluster, client, users)
    for user in users:
        assert after[user][3] == [tweets[user], *before[user][3]]


def test_replicas_hold_the_same(own):
    """After everything that users do, all replicas have applied the same entries to the same effect."""
    seed = random.randrange(1 << 30)
    note(f"replicas compared: seed {seed}")
    rng = random.Random(seed)
    cluster = own(replicas=3, partitions=4, sets=["timeline.pull.followers=4", *SHORT_LOG])
    client = cluster.client()
    users = range(40)
    fill(client, users, 1_000, rng)
    tweets = {}
    for number in range(3_000):
        user = rng.choice(users)
        other = rng.choice([one for one in users if one != user])
        match rng.randrange(10):
            case 0: client.execute_command("UNFOLLOW", user, other)
            case 1: client.execute_command("FOLLOW", user, other)
            case 2: client.execute_command("TIMELINE.HOME", user, "IDS")
            case 3: client.execute_command("USER.UPDATE", user, "USERNAME", f"n{number}")
            case 4 if tweets.get(user): client.execute_command("TWEET.DELETE", user, tweets[user].pop())
            case _:
                tweet = client.execute_command("TWEET.POST", user, f"tweet {number}", "KEY", f"k{number}")
                tweets.setdefault(user, []).append(tweet)
        if number in (1_000, 2_000):
            name = f"node{number // 1_000}"
            cluster.stop(name)
            if number == 2_000:
                shutil.rmtree(cluster.directory / name)
            cluster.start(name)
            cluster.await_whole()
    client.execute_command("USER.DELETE", 7)
    settled(cluster, client, [user for user in users if user != 7])

    def states():
        found = {}
        for name in ("node1", "node2", "node3"):
            for line in cluster.metrics(name).splitlines():
                if line.startswith(("rookery_partition_log_applied{", "rookery_partition_checksum{")):
                    key, value = line.rsplit(" ", 1)
                    found.setdefault(key, set()).add(value)
        return found

    def same():
        found = states()
        return len(found) == 8 and all(len(values) == 1 for values in found.values())
    eventually(same, 20)
    # The nodes ask each other too.
    for partition, name in cluster.primaries().items():
        agreed = f'rookery_partition_agreements{{partition="{partition}"}} '
        eventually(lambda: any(line.startswith(agreed) and float(line.split(" ")[1]) >= 2
                               for line in cluster.metrics(name).splitlines()), 20)
    for name in ("node1", "node2", "node3"):
        assert "differ" not in cluster.readiness(name) + cluster.log(name)
