"""What only an operator can decide: partitions that have lost a majority, a coordinator that has lost its map, and nodes that may
have lost what they had not synced. And a node that reaches its peers and not the coordinator."""

import concurrent.futures as futures
import contextlib
import random
import shutil
import socket
import threading

import redis
from conftest import eventually, pages, tweet_or_none
from test_replication import administer, assert_seen, fill, filled, posting, settled

NODES = ("node1", "node2", "node3")


@contextlib.contextmanager
def starting(cluster, *names):
    """Starts processes that do not serve before something else is done; waits until they serve in the end."""
    with futures.ThreadPoolExecutor(len(names)) as pool:
        started = [pool.submit(cluster.start, name) for name in names]
        eventually(lambda: all((cluster.directory / f"{name}.ready").exists() for name in names), 60)
        yield
        for one in started:
            one.result()


def identity(cluster, name):
    return (cluster.directory / name / "NODE").read_text().strip()


def empty(directory):
    shutil.rmtree(directory)
    directory.mkdir()


def done(cluster, *words):
    """Gives an operator's command until it is carried out."""
    return eventually(lambda: (found := administer(cluster, *words)).returncode == 0 and found.stdout, 60)


def test_what_has_lost_a_majority_is_forced(own):
    cluster, client, users, before = filled(own(replicas=3, partitions=4), 12, tweets=400)
    cluster.kill("node1", "node2")
    for name in ("node1", "node2"):
        shutil.rmtree(cluster.directory / name)
    without = "node3 has all that was acknowledged, and goes on without"
    asked = eventually(
        lambda: (found := administer(cluster, "force", "node3")).stdout.count(without) == 4 and found, 20)
    assert "nothing was changed" in asked.stderr and "WHAT" not in asked.stdout
    assert "is not there" in administer(cluster, "force", "node1", "--accept-loss").stderr
    assert "node3 is to lead 4 partitions" in done(cluster, "force", "node3", "--accept-loss")
    eventually(lambda: set(cluster.primaries().values()) == {"node3"}, 20)
    assert_seen(client, users, before)
    client.execute_command("TWEET.POST", 0, "alone")
    before = settled(cluster, client, users)
    assert "there is nothing to force" in administer(cluster, "force", "node3", "--accept-loss").stderr
    # Others come, empty, and are filled.
    cluster.start("node1", "node2")
    cluster.await_whole()
    cluster.kill("node3")
    eventually(lambda: "node3" not in cluster.primaries().values(), 20)
    assert_seen(client, users, before)


def test_a_map_that_is_lost_is_rebuilt(own):
    cluster, client, users, before = filled(own(replicas=3, partitions=4), 12, tweets=400)
    assert "there is nothing to rebuild" in administer(cluster, "rebuild").stderr
    with posting(cluster, users) as replies:
        cluster.kill("coordinator")
        empty(cluster.directory / "coordinator")
        cluster.start("coordinator")
        eventually(lambda: all("the coordinator's map is older" in cluster.log(name) for name in NODES), 20)
        assert "the coordinator has the map again" in done(cluster, "rebuild")
        eventually(lambda: len(replies) > 100, 20)
        eventually(lambda: administer(cluster, "lead", "0", "node2").returncode == 0, 20)
    # The primaries begin new epochs, for which they wait as after a claim: refused meanwhile, but nothing is lost.
    refused = [reply for reply in replies if not isinstance(reply, str)]
    assert all(str(reply).split(" ")[0] in ("UNAVAILABLE", "TIMEOUT") for reply in refused), refused
    before = settled(cluster, client, users)
    there = {tweet for user in users for tweet in pages(client, "TIMELINE.USER", user, "IDS")}
    assert there >= {reply for reply in replies if isinstance(reply, str)}
    # It decides again.
    cluster.kill("node1")
    eventually(lambda: set(cluster.primaries().values()) <= {"node2", "node3"}, 20)
    assert_seen(client, users, before)


def test_a_map_that_cannot_be_stored_is_stored_when_it_can_be(own):
    cluster, client, users, _ = filled(own(replicas=3, partitions=4), 12, tweets=400)
    obstacle = cluster.directory / "coordinator" / "map.new"
    obstacle.mkdir()
    refused = administer(cluster, "lead", "0", "node2" if cluster.primaries()[0] != "node2" else "node3", "--timeout", "2")
    assert refused.returncode != 0
    assert "map store: " in eventually(lambda: (said := cluster.readiness("coordinator")) != "ready\n" and said)
    assert "cannot create" in cluster.readiness("coordinator")
    # All are read, and written but the partition of which nobody knows who is to lead it.
    client.execute_command("CLIENT", "DEADLINE", 500)
    posted = [tweet_or_none(client, user, "meanwhile") for user in users]
    assert 0 < posted.count(None) < len(users)
    assert all(pages(client, "TIMELINE.USER", user, "IDS") for user in users)
    obstacle.rmdir()
    eventually(lambda: cluster.readiness("coordinator") == "ready\n", 10)
    for name in ("node2", "node3"):
        done(cluster, "lead", "0", name)
    # What it has stored is what it says.
    cluster.kill("coordinator")
    cluster.start("coordinator")
    assert cluster.primaries()[0] == "node3"
    assert all(tweet_or_none(client, user, "afterwards") for user in users)
    assert_seen(client, users, settled(cluster, client, users))


def test_an_old_map_is_not_followed_and_replaced_by_what_nodes_remember(own):
    cluster, client, users, _ = filled(own(replicas=3, partitions=4), 12, tweets=400)
    old = (cluster.directory / "coordinator" / "map").read_bytes()
    for name in ("node2", "node3"):
        done(cluster, "lead", "0", name)
    client.execute_command("TWEET.POST", 0, "under a later epoch")
    before = settled(cluster, client, users)
    # Nodes that start know nothing but what they remember.
    cluster.kill("coordinator", *NODES)
    (cluster.directory / "coordinator" / "map").write_bytes(old)
    cluster.start("coordinator")
    with starting(cluster, *NODES):
        eventually(lambda: all("the coordinator's map is older" in cluster.log(name) for name in NODES), 20)
        done(cluster, "rebuild")
    cluster.await_whole()
    assert_seen(client, users, before)
    done(cluster, "lead", "0", "node1")


def test_a_map_that_is_lost_with_everything_stopped_is_rebuilt(own):
    cluster, client, users, before = filled(own(replicas=3, partitions=4), 12, tweets=400)
    cluster.kill("coordinator", *NODES)
    empty(cluster.directory / "coordinator")
    cluster.start("coordinator")
    with starting(cluster, "node1", "node2"):
        asked = eventually(
            lambda: "nothing was changed" in (found := administer(cluster, "rebuild")).stderr and "2 nodes" in found.stdout
            and found, 20)
        assert "absent, or come back as another node: node3" in asked.stdout
        with starting(cluster, "node3"):
            done(cluster, "rebuild")
    cluster.await_whole()
    assert_seen(client, users, before)


def stop_machine(cluster, *names):
    """As if the machines of nodes had stopped: nobody can make a test forget what the system has, but the boot changes."""
    cluster.kill(*names)
    for name in names:
        note = cluster.directory / name / "UNSYNCED"
        assert note.read_text().strip()
        note.write_text("another boot\n")


def test_nodes_that_may_have_lost_writes_are_filled_again(own):
    cluster, client, users, before = filled(
        own(replicas=3, partitions=4, sets=["log.durability=interval:1000"]), 12, tweets=400)
    was = identity(cluster, "node1")
    # A process that is killed has lost nothing.
    cluster.kill("node1")
    cluster.start("node1")
    assert identity(cluster, "node1") == was
    stop_machine(cluster, "node1")
    cluster.start("node1")
    assert identity(cluster, "node1") != was and "is filled again as another one" in cluster.log("node1")
    cluster.await_whole()
    assert_seen(client, users, before)
    # All of them: nobody is a member any more, and somebody has to say who is believed.
    stop_machine(cluster, *NODES)
    with starting(cluster, *NODES):
        asked = eventually(
            lambda: (found := administer(cluster, "force", "node2", "--accept-loss")).stdout.count("no member is ready") == 4
            and found, 20)
        assert "needs --without-members" in asked.stderr
        done(cluster, "force", "node2", "--accept-loss", "--without-members")
    cluster.await_whole()
    assert_seen(client, users, before)


def posts(client, user):
    with contextlib.suppress(redis.ResponseError):
        return client.execute_command("TWEET.POST", user, "without node2")


class Proxy:
    """What stands between a node and the coordinator, and can stop carrying anything without closing anything."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.carries = threading.Event()
        self.carries.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self.listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.target))
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.carries.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.carries.set()
        self.listener.close()


def test_a_node_that_reaches_only_its_peers_asks_through_them(own):
    cluster = own(replicas=3, partitions=4)
    client, users = cluster.client(), range(12)
    fill(client, users, 200, random.Random(1))
    proxy = Proxy(int(cluster.env["COORDINATOR_PORT"]))
    try:
        cluster.stop("node1")
        path = cluster.directory / "node1.conf"
        lines = [line for line in path.read_text().splitlines() if not line.startswith("cluster.coordinator")]
        path.write_text("\n".join([*lines, f"cluster.coordinator = 127.0.0.1:{proxy.port}"]) + "\n")
        cluster.start("node1")
        cluster.await_whole()
        for partition in range(4):
            done(cluster, "lead", str(partition), "node1")
        proxy.carries.clear()
        # The primary of everything has to leave it out, and cannot ask by itself.
        cluster.kill("node2")
        acknowledged = {user: eventually(lambda: posts(client, user), 30) for user in users}
        assert set(cluster.primaries().values()) == {"node1"}
        # The coordinator hears that it lives, and so nobody takes its place.
        cluster.start("node2")
        cluster.await_whole()
        for user, tweet in acknowledged.items():
            assert tweet in pages(client, "TIMELINE.USER", user, "IDS")
    finally:
        proxy.close()
