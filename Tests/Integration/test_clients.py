"""Real Redis clients against the router."""

import contextlib
import re
import socket
import subprocess
import threading
import urllib.request
from concurrent import futures

import pytest
import redis

from conftest import error_of, eventually, fields, pages


def cli(cluster, *words, stdin=None):
    done = subprocess.run(["redis-cli", "-p", str(cluster.port), *words], input=stdin, capture_output=True, text=True,
                          timeout=300)
    return done.stdout


def test_redis_cli(shared, users):
    a, b = users(2)
    assert cli(shared, "ping") == "PONG\n"
    assert cli(shared, "follow", str(a), str(b)) == "1\n"
    assert cli(shared, "-3", "follows", str(a), str(b)) == "1\n"
    assert "alice" not in cli(shared, "USER.GET", str(a))
    assert "t%d" % a in cli(shared, "-3", "USER.GET", str(a))
    assert "post a tweet" in cli(shared, "COMMAND", "DOCS", "TWEET.POST").lower() or "Posts a tweet" in cli(
        shared, "COMMAND", "DOCS", "TWEET.POST")


def test_inline_commands(shared, users):
    (a,) = users(1)
    with socket.create_connection(("127.0.0.1", shared.port)) as connection:
        connection.sendall(b"PING\r\nTWEET.POST %d \"two words\" KEY 'k e y'\r\nPING \"x\\x41\"\n" % a)
        text = b""
        while text.count(b"\r\n") < 5:
            text += connection.recv(4096)
    assert text.startswith(b"+PONG\r\n$19\r\n")
    assert text.endswith(b"$2\r\nxA\r\n")


def test_a_client_that_closes_its_side_is_still_answered(shared, users):
    (a,) = users(1)
    with socket.create_connection(("127.0.0.1", shared.port)) as connection:
        connection.sendall(b"TWEET.POST %d x\r\n" % a * 2_000 + b"PING\r\n")
        connection.shutdown(socket.SHUT_WR)
        text = b""
        while more := connection.recv(65_536):
            text += more
    assert text.count(b"$19\r\n") == 2_000 and text.endswith(b"+PONG\r\n")


@pytest.mark.parametrize("ending", ["half-closed", "quit", "not our protocol"])
def test_the_last_answers_are_all_sent_to_a_client_that_reads_late(shared, users, ending):
    (a,) = users(1)
    client = shared.client()
    for number in range(200):
        client.execute_command("TWEET.POST", a, f"{number} " + "x" * 270)
    command = b"TIMELINE.USER %d COUNT 200\r\n" % a
    with socket.create_connection(("127.0.0.1", shared.port)) as connection:
        connection.sendall(command + b"PING\r\n")
        page = b""
        while not page.endswith(b"+PONG\r\n"):
            page += connection.recv(65_536)
        page = len(page) - len(b"+PONG\r\n")
    with socket.create_connection(("127.0.0.1", shared.port)) as connection:
        # Far more than the sockets hold, and asked for before anything is read.
        connection.sendall(command * 300)
        last = {"quit": b"QUIT\r\n", "not our protocol": b"*1\r\nx\r\n"}.get(ending, b"")
        connection.sendall(last)
        if ending == "half-closed":
            connection.shutdown(socket.SHUT_WR)
        eventually(lambda: any(int(one["omem"]) > 1 << 20 and int(one["tot-mem"]) > 1 << 20 for one in client.client_list()))
        received, tail = 0, b""
        while more := connection.recv(1 << 20):
            received += len(more)
            tail = (tail + more)[-200:]
    expected = {"quit": b"+OK\r\n", "half-closed": b""}.get(ending)
    if expected is None:
        assert b"-ERR Protocol error" in tail
    else:
        assert received == 300 * page + len(expected) and tail.endswith(expected)


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py(shared, users, protocol):
    a, b = users(2)
    client = shared.client(protocol=protocol)
    assert client.ping() is True
    assert client.echo("x") == "x"
    assert client.execute_command("FOLLOW", a, b) == 1
    tweet = client.execute_command("TWEET.POST", b, "hello")
    assert isinstance(tweet, str)
    read = fields(client.execute_command("TWEET.GET", tweet)[0])
    assert (read["id"], read["author"], read["text"], read["likes"]) == (tweet, str(b), "hello", 0)
    assert isinstance(client.execute_command("TWEET.GET", tweet)[0], dict if protocol == 3 else list)
    eventually(lambda: client.execute_command("TIMELINE.HOME", a, "IDS")[1] == [tweet])
    home = client.execute_command("TIMELINE.HOME", a)
    assert [fields(item)["text"] for item in home[1]] == ["hello"]
    assert client.execute_command("TWEET.GET", 1, tweet)[0] is None
    assert client.client_setname("me") and client.client_getname() == "me"
    assert client.client_id() > 0
    assert client.info("server")["redis_mode"] == "standalone"
    assert client.info("memory")["used_memory_rss"] > 1_000_000
    assert client.command_count() > 20


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_pipeline_of_20000_commands(shared, users, protocol):
    (a,) = users(1)
    pipeline = shared.client(protocol=protocol).pipeline(transaction=False)
    for number in range(10_000):
        pipeline.execute_command("ECHO", number)
        pipeline.execute_command("USER.GET", a)
    replies = pipeline.execute()
    assert replies[::2] == [str(number) for number in range(10_000)]
    assert all(fields(reply[0])["id"] == str(a) for reply in replies[1::2])


def test_a_pipeline_of_writes_takes_effect_in_order(shared, users):
    a, b, *_ = users(2)
    client = shared.client()
    # Each waits for the one before, and a disk may take its time.
    client.execute_command("CLIENT", "DEADLINE", 30_000)
    pipeline = client.pipeline(transaction=False)
    for _ in range(200):
        pipeline.execute_command("FOLLOW", a, b)
        pipeline.execute_command("FOLLOWS", a, b)
        pipeline.execute_command("UNFOLLOW", a, b)
        pipeline.execute_command("FOLLOWS", a, b)
    assert pipeline.execute() == [1, 1, 1, 0] * 200


@contextlib.contextmanager
def somebody_else(cluster, user):
    """Another client that reads all the time, so that nobody is alone."""
    client = cluster.client()
    client.execute_command("CLIENT", "DEADLINE", 30_000)
    has_begun, is_over = threading.Event(), threading.Event()

    def read():
        while not is_over.is_set():
            client.execute_command("TIMELINE.HOME", user)
            has_begun.set()

    with futures.ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        has_begun.wait(30)
        try:
            yield
        finally:
            is_over.set()
        reading.result()


def held_so_far(cluster):
    """How many commands have waited for their user's turn."""
    return int(re.search(r"^rookery_router_commands_held_total (\d+)", cluster.metrics("router"), re.MULTILINE)[1])


def test_a_user_who_waits_for_a_turn_reads_what_was_written_before(shared, users):
    """One user's pipeline beside somebody else: most of it waits for its turn in the router, and keeps its order."""
    author, other = users(2)
    client = shared.client()
    client.execute_command("CLIENT", "DEADLINE", 60_000)
    pipeline = client.pipeline(transaction=False)
    for _ in range(300):
        pipeline.execute_command("TWEET.POST", author, "in turn")
        pipeline.execute_command("TIMELINE.USER", author, "COUNT", 1, "IDS")
        pipeline.execute_command("USER.GET", other, author)
    before = held_so_far(shared)
    with somebody_else(shared, other):
        replies = pipeline.execute()
    assert held_so_far(shared) > before
    tweets, timelines, profiles = replies[::3], replies[1::3], replies[2::3]
    assert tweets == sorted(set(tweets), key=int)
    # A later post may be seen too: commands of one pipeline are under way together.
    assert all(int(page[1][0]) >= int(tweet) for tweet, page in zip(tweets, timelines))
    assert all(int(fields(found[1])["tweets"]) > number for number, found in enumerate(profiles))


def test_a_turn_that_does_not_come_in_time_is_refused_and_nothing_done(shared, users):
    author, other = users(2)
    client = shared.client()
    client.execute_command("CLIENT", "DEADLINE", 20)
    pipeline = client.pipeline(transaction=False)
    for number in range(1_000):
        pipeline.execute_command("TWEET.POST", author, "turn %d" % number)
    with somebody_else(shared, other):
        replies = pipeline.execute(raise_on_error=False)
    failed = {number: str(reply) for number, reply in enumerate(replies) if isinstance(reply, redis.ResponseError)}
    refused = {number for number, text in failed.items() if text.startswith("BUSY the user has too many")}
    assert refused and all(failed[number].split()[0] in ("TIMEOUT", "UNAVAILABLE") for number in failed.keys() - refused)
    client.execute_command("CLIENT", "DEADLINE", 30_000)
    found = [int(fields(tweet)["text"].split()[1]) for tweet in pages(client, "TIMELINE.USER", author)]
    assert set(range(1_000)) - failed.keys() <= set(found) and not refused & set(found)
    assert len(found) == len(set(found))


def test_redis_benchmark(shared):
    client = shared.client()
    pipeline = client.pipeline(transaction=False)
    for user in range(100):
        pipeline.execute_command("USER.CREATE", f"bench{user}", "ID", user)
    pipeline.execute()
    # It gives up where it is refused as busy, as it may be on a machine that stands still for a moment.
    for _ in range(5):
        done = subprocess.run(
            ["redis-benchmark", "-p", str(shared.port), "-n", "20000", "-P", "16", "-c", "50", "-r", "100", "-q",
             "TIMELINE.HOME", "__rand_int__", "COUNT", "50", "IDS"],
            capture_output=True, text=True, timeout=300)
        if "Error from server: BUSY" not in done.stderr + done.stdout:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rror" not in done.stdout + done.stderr
    assert re.search(r"[\d.]+ requests per second", done.stdout)


def test_many_connections(shared):
    clients = []
    for _ in range(1_000):
        connection = socket.create_connection(("127.0.0.1", shared.port))
        connection.sendall(b"PING\r\n")
        clients.append(connection)
    for connection in clients:
        assert connection.recv(16) == b"+PONG\r\n"
        connection.close()


def test_hello_chooses_the_protocol_in_its_place(shared):
    with socket.create_connection(("127.0.0.1", shared.port)) as connection:
        connection.sendall(b"USER.GET 777777\r\nHELLO 3 SETNAME x\r\nUSER.GET 777777\r\nRESET\r\nUSER.GET 777777\r\nHELLO 9\r\n")
        text = b""
        while b"NOPROTO" not in text:
            text += connection.recv(4096)
    assert text.startswith(b"*1\r\n$-1\r\n%7\r\n")
    assert b"*1\r\n_\r\n+RESET\r\n*1\r\n$-1\r\n-NOPROTO" in text


def test_wrong_protocol_is_refused_and_framing_survives(shared):
    def talk(data):
        with socket.create_connection(("127.0.0.1", shared.port), timeout=60) as connection:
            connection.sendall(data)
            text = b""
            while True:
                more = connection.recv(4096)
                text += more
                if not more or text.endswith(b"+PONG\r\n"):
                    return text

    assert talk(b"*2\r\n$4\r\nECHO\r\n$70000\r\n" + b"x" * 70_000 + b"\r\nPING\r\n") == (
        b"-ERR argument has 70000 bytes, at most 65536\r\n+PONG\r\n")
    many = b"*1025\r\n" + b"$1\r\nx\r\n" * 1_025
    assert talk(many + b"PING\r\n") == b"-ERR command has 1025 arguments, at most 1024\r\n+PONG\r\n"
    assert talk(b"*1\r\n$x\r\n") == b"-ERR Protocol error: invalid bulk length\r\n"
    assert talk(b"*1\r\n:5\r\n") == b"-ERR Protocol error: expected '$', got ':'\r\n"
    assert talk(b"*1\r\n$99999999999\r\n") == b"-ERR Protocol error: invalid bulk length\r\n"
    assert talk(b'PING "x\r\n') == b"-ERR Protocol error: unbalanced quotes in request\r\n"


def test_authentication(own):
    cluster = own(nodes=1, partitions=1)
    config = cluster.directory / "router.conf"
    config.write_text(config.read_text() + "router.password = sesame\n")
    cluster.restart()
    plain = cluster.client()
    assert "Authentication required" in str(pytest.raises(redis.AuthenticationError, plain.ping).value)
    wrong = cluster.client(password="x")
    with pytest.raises(redis.AuthenticationError, match="invalid username-password pair"):
        wrong.ping()
    with socket.create_connection(("127.0.0.1", cluster.port)) as connection:
        connection.sendall(b"PING\r\nAUTH wrong\r\nAUTH sesame\r\nPING\r\n")
        text = b""
        while not text.endswith(b"+PONG\r\n"):
            text += connection.recv(4096)
    lines = text.split(b"\r\n")
    assert lines[0].startswith(b"-NOAUTH ") and lines[1].startswith(b"-WRONGPASS ") and lines[2:4] == [b"+OK", b"+PONG"]
    for protocol in (2, 3):
        assert cluster.client(password="sesame", protocol=protocol).ping()
    info = cluster.client(password="sesame").info("everything")
    assert info["errorstat_WRONGPASS"]["count"] >= 2 and info["cmdstat_auth"]["failed_calls"] >= 2


def test_admin_ports(shared):
    def get(port, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return answer.read().decode()

    def usage(port, what):
        lines = (line.split() for line in get(port, "/metrics").splitlines())
        return next(float(words[1]) for words in lines if words[0] == f"rookery_process_{what}")

    shared.client().execute_command("USER.GET", 1)
    for name in ("COORDINATOR", "ROUTER", "NODE1", "NODE2", "NODE3"):
        port = shared.env[f"{name}_ADMIN_PORT"]
        assert get(port, "/healthz") == "ok\n"
        assert get(port, "/readyz") == "ready\n"
        assert 0 < usage(port, "allocated_bytes") < usage(port, "resident_bytes")
        eventually(lambda: usage(port, "processor_seconds") > 0)
    # Gauges of partitions are written by their loops after the first look.
    get(shared.env["NODE1_ADMIN_PORT"], "/metrics")
    node = eventually(lambda: (lambda text: text if "partition_log_applied" in text else None)(
        get(shared.env["NODE1_ADMIN_PORT"], "/metrics")))
    for name in ("rookery_node_request_seconds_bucket", "rookery_log_sync_seconds_count", "rookery_log_batch_records",
                 "rookery_partition_log_applied", "rookery_partition_mail_waiting", "rookery_rocksdb_block_cache_usage",
                 "rookery_partition_deliveries_materialized", "rookery_partition_home_reads_list",
                 "rookery_partition_home_reads_computed", "rookery_log_queue_bytes"):
        assert name in node, name
    router = get(shared.env["ROUTER_ADMIN_PORT"], "/metrics")
    assert 'rookery_router_commands_total{command="USER.GET"}' in router
    assert "rookery_router_connections " in router


def test_cluster_commands(shared):
    client = shared.client(protocol=3)
    info = client.execute_command("CLUSTER.INFO")
    assert (info["state"], info["partitions"], info["durability"]) == ("ok", 16, "always")
    assert [node["name"] for node in client.execute_command("CLUSTER.NODES")] == ["node1", "node2", "node3"]
    # What other tests have left is done in a moment, and said.
    eventually(lambda: all(node["waitingLetters"] == node["unappliedEntries"] == 0
                           for node in client.execute_command("CLUSTER.NODES")))
    partitions = client.execute_command("CLUSTER.PARTITIONS")
    assert {partition["primary"] for partition in partitions} == {"node1", "node2", "node3"}


def test_two_clusters_do_not_collide(shared, own):
    other = own(nodes=1, partitions=4)
    assert other.port != shared.port
    other.client().execute_command("USER.CREATE", "only_there", "ID", 5)
    assert shared.client().execute_command("USER.FIND", "only_there") is None


def test_a_graceful_end_answers_what_is_under_way(own):
    cluster = own(nodes=1, partitions=4)
    client = cluster.client()
    client.execute_command("USER.CREATE", "a", "ID", 1)
    posted = [client.execute_command("TWEET.POST", 1, f"tweet {n}") for n in range(50)]
    cluster.restart()
    assert pages(cluster.client(), "TIMELINE.USER", 1, "IDS") == posted[::-1]
    assert "ended" in cluster.log("node1")
