"""What the error table promises when things go wrong, and what nodes refuse."""

import contextlib
import json
import os
import socket
import subprocess
import time

import pytest
import redis

from conftest import ROOT, Cluster, error_of, eventually, fields, pages

BIN = ROOT / ".build" / "release"


def fill(client, users=20):
    for user in range(users):
        client.execute_command("USER.CREATE", f"u{user}", "ID", user)


def test_timeout_says_that_the_outcome_is_unknown(own):
    cluster = own(nodes=1, partitions=4)
    client = cluster.client()
    fill(client)
    client.execute_command("CLIENT", "DEADLINE", 200)
    try:
        cluster.pause("node1")
        assert error_of(client, "TWEET.POST", 1, "x", "KEY", "k").startswith("TIMEOUT outcome unknown")
        assert error_of(client, "TIMELINE.HOME", 1).startswith("UNAVAILABLE partition")
    finally:
        cluster.resume("node1")
    client.execute_command("CLIENT", "DEADLINE", 5_000)
    tweet = client.execute_command("TWEET.POST", 1, "x", "KEY", "k")
    assert client.execute_command("TIMELINE.USER", 1, "IDS")[1] == [tweet]


def test_busy_is_answered_before_any_work(own):
    cluster = own(nodes=1, partitions=1, sets=["partition.inflight=16"])
    client = cluster.client()
    fill(client)
    pipeline = client.pipeline(transaction=False)
    for number in range(5_000):
        pipeline.execute_command("TWEET.POST", number % 20, f"tweet {number}")
    replies = pipeline.execute(raise_on_error=False)
    posted = [reply for reply in replies if not isinstance(reply, Exception)]
    refused = [str(reply) for reply in replies if isinstance(reply, Exception)]
    assert posted and refused and all(text.startswith("BUSY ") for text in refused)
    assert sum(len(pages(client, "TIMELINE.USER", user, "IDS", count=200)) for user in range(20)) == len(posted)


def test_a_router_without_a_cluster_says_so(own):
    cluster = own(nodes=1, partitions=1)
    config = cluster.directory / "router.conf"
    lines = config.read_text().replace("cluster.coordinator = 127.0.0.1:", "cluster.coordinator = 127.0.0.1:1 #")
    lonely = cluster.directory / "lonely.conf"
    lonely.write_text("\n".join(line.split("#")[0] for line in lines.split("\n"))
                      .replace("router.ready", "lonely.ready"))
    process = subprocess.Popen(
        [BIN / "rookery-router", "--config", lonely, "--set", "router.listen=127.0.0.1:0"],
        stderr=subprocess.DEVNULL)
    try:
        ready = cluster.directory / "lonely.ready"
        eventually(lambda: ready.exists())
        port = int(ready.read_text().split("PORT=")[1].split("\n")[0])
        client = redis.Redis(port=port, decode_responses=True)
        assert client.ping()
        assert error_of(client, "TWEET.POST", 1, "x") == "UNAVAILABLE the cluster is not initialized"
    finally:
        process.terminate()
        process.wait(20)


def test_a_client_that_never_reads_is_closed_and_one_that_vanishes_harms_nobody(own):
    cluster = own(nodes=1, partitions=1)
    config = cluster.directory / "router.conf"
    config.write_text(config.read_text() + "router.output.megabytes = 1\n")
    cluster.restart()
    client = cluster.client()
    fill(client, 1)
    for number in range(200):
        client.execute_command("TWEET.POST", 0, "x" * 280)
    with socket.create_connection(("127.0.0.1", cluster.port)) as greedy:
        greedy.sendall(b"TIMELINE.USER 0 COUNT 200\r\n" * 5_000)
        eventually(lambda: "its answers are not read" in cluster.log("router"))
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", cluster.port)) as vanishing:
            vanishing.sendall(b"*3\r\n$10\r\nTWEET.POST\r\n$1\r\n0\r\n$50\r\nhalf")
    assert client.ping()


def test_clients_that_hold_too_much_together_are_closed_those_that_hold_most_first(own):
    cluster = own(nodes=1, partitions=1)
    cluster.configure("router", router_clients_megabytes=16, router_keepalive_seconds=7)
    cluster.restart()
    client = cluster.client()
    fill(client, 1)
    modest = client.client_id()
    argument = b"$60000\r\n" + b"x" * 60_000 + b"\r\n"

    def evicted():
        return int(client.info("stats")["evicted_clients"])
    with contextlib.ExitStack() as open_ones:
        # Commands that are not complete, of ever more arguments.
        greedy = [open_ones.enter_context(socket.create_connection(("127.0.0.1", cluster.port))) for _ in range(30)]
        for count, one in enumerate(greedy, 1):
            one.sendall(b"*17\r\n" + argument * min(count, 16))
        eventually(evicted, 30)
        assert "all hold too much memory" in cluster.log("router")
        listed = subprocess.run(["ss", "-tnoH", f"sport = :{cluster.port}"], capture_output=True, text=True).stdout
        assert "timer:(keepalive," in listed, listed
        # Those that hold little are not among them, nor is who holds nothing.
        for one in greedy[:3]:
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(1)
        assert client.client_id() == modest
        assert client.execute_command("TWEET.POST", 0, "x")
    eventually(lambda: len(client.execute_command("CLIENT", "LIST").splitlines()) == 1)


def stop_and_damage(cluster, offset_from_end):
    cluster.kill("node1")
    segments = sorted((cluster.directory / "node1" / "log").iterdir())
    data = bytearray(segments[-1].read_bytes())
    data[len(data) - offset_from_end] ^= 0xFF
    segments[-1].write_bytes(bytes(data))
    return segments[-1]


def node_output(cluster):
    done = subprocess.run([BIN / "rookery-node", "--config", cluster.directory / "node1.conf"],
                          capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def test_a_damaged_log_is_refused_with_its_place(own):
    cluster = own(nodes=1, partitions=4)
    client = cluster.client()
    fill(client)
    for number in range(50):
        client.execute_command("TWEET.POST", 1, f"tweet {number}")
    segment = stop_and_damage(cluster, offset_from_end=2_000)
    code, output = node_output(cluster)
    assert code != 0
    assert segment.name in output and "damaged at offset" in output and "partition" in output


def test_a_torn_tail_is_cut_off_with_a_warning(own):
    cluster = own(nodes=1, partitions=4)
    client = cluster.client()
    fill(client)
    tweet = client.execute_command("TWEET.POST", 1, "kept")
    cluster.kill("node1")
    segment = sorted((cluster.directory / "node1" / "log").iterdir())[-1]
    with segment.open("ab") as file:
        file.write(b"RKLB torn")
    cluster.start("node1")
    assert "torn log tail" in cluster.log("node1")
    assert cluster.client().execute_command("TIMELINE.USER", 1, "IDS")[1] == [tweet]


def test_a_data_directory_is_used_once_and_other_formats_are_refused(own):
    cluster = own(nodes=1, partitions=1)
    code, output = node_output(cluster)
    assert code != 0 and "is in use by another process" in output
    cluster.kill("node1")
    own_format = (cluster.directory / "node1" / "FORMAT").read_text()
    for other in ("99", "1"):
        (cluster.directory / "node1" / "FORMAT").write_text(other + "\n")
        code, output = node_output(cluster)
        assert code != 0 and f"has format {other}; this version reads format {own_format.strip()}" in output
    (cluster.directory / "node1" / "FORMAT").write_text(own_format)
    cluster.start("node1")


def test_processes_check_their_configuration(own):
    cluster = own(nodes=1, partitions=1)
    for flag, expected in (
            ("nonsense.key=1", "unknown configuration key nonsense.key (--set)"),
            ("log.durability=sometimes", "expected always, never, or interval:<milliseconds>"),
            ("node.loops=0", "configuration key node.loops has the value '0' (--set); expected 1 to 64")):
        done = subprocess.run([BIN / "rookery-node", "--config", cluster.directory / "node1.conf", "--set", flag],
                              capture_output=True, text=True, timeout=300)
        assert done.returncode != 0 and expected in done.stderr, done.stderr
    printed = subprocess.run([BIN / "rookery-node", "--config", cluster.directory / "node1.conf", "--print-config"],
                             env={**os.environ, "ROOKERY_NODE_LOOPS": "2"}, capture_output=True, text=True).stdout
    assert "node.loops = 2" in printed and "(ROOKERY_NODE_LOOPS)" in printed and "cluster.secret = (hidden)" in printed
    for program in ("rookery", "rookery-node", "rookery-router", "rookery-coordinator"):
        assert subprocess.run([BIN / program, "--version"], capture_output=True, text=True).stdout == "0.1.0\n"
        assert "USAGE" in subprocess.run([BIN / program, "--help"], capture_output=True, text=True).stdout


def test_a_stranger_is_not_let_in(own):
    cluster = own(nodes=1, partitions=1)
    done = subprocess.run(
        [BIN / "rookery", "cluster", "init", "--coordinator", f"127.0.0.1:{cluster.env['COORDINATOR_PORT']}",
         "--secret", "wrong", "--timeout", "1"], capture_output=True, text=True, timeout=300)
    assert done.returncode != 0
    assert "wrong cluster secret" in cluster.log("coordinator")


@pytest.mark.parametrize("durability", ["interval:20", "never"])
def test_relaxed_durability_is_shown_and_survives_the_processes_death(own, durability):
    cluster = own(nodes=1, partitions=4, sets=[f"log.durability={durability}"])
    client = cluster.client(protocol=3)
    fill(client)
    posted = [client.execute_command("TWEET.POST", 1, f"tweet {number}") for number in range(200)]
    assert eventually(lambda: client.execute_command("CLUSTER.INFO")["durability"]) == durability
    cluster.kill("node1")
    cluster.start("node1")
    assert pages(cluster.client(), "TIMELINE.USER", 1, "IDS", count=200) == posted[::-1]


def test_load(own, tmp_path):
    cluster = own(partitions=8)
    follows = tmp_path / "follows.tsv"
    follows.write_text("# a comment\n" + "".join(f"{a}\t{b}\n" for a in range(40) for b in range(40) if a != b)
                       + "7\t7\nnonsense\n\n5\n")
    tweets = tmp_path / "tweets.jsonl"
    tweets.write_text("".join(json.dumps({"author": n % 40, "text": f"tweet {n}"}) + "\n" for n in range(400))
                      + '{"author": 1}\n' + json.dumps({"author": 1, "text": "x" * 300}) + "\n")

    def load():
        return subprocess.run(
            [BIN / "rookery", "load", "--router", f"127.0.0.1:{cluster.port}", "--follows", follows, "--tweets", tweets,
             "--quiet"], capture_output=True, text=True, timeout=300)

    done = load()
    assert done.returncode == 1
    assert "1560 lines loaded, 0 done before, 3 with errors" in done.stdout
    assert "follows.tsv:1562: INVALID users cannot follow themselves" in done.stderr
    assert "follows.tsv:1563: expected 'follower<TAB>followee', found 'nonsense'" in done.stderr
    assert "tweets.jsonl:401: expected a JSON object" in done.stderr
    assert "tweets.jsonl:402: INVALID text has 300 characters" in done.stderr
    client = cluster.client()
    assert len(pages(client, "FOLLOWING", 3)) == 39
    eventually(lambda: len(pages(client, "TIMELINE.HOME", 3, "IDS", count=200)) == 400)
    # Again, as after an interruption: nothing is done twice, and what was wrong still is.
    done = load()
    assert "done before" in done.stdout and "3 lines had errors when they were loaded before" in done.stdout
    assert done.returncode == 1
    (tmp_path / "tweets.jsonl.loaded").unlink()
    (tmp_path / "follows.tsv.loaded").unlink()
    assert "1560 lines loaded" in load().stdout
    assert len(pages(client, "TIMELINE.USER", 3, "IDS")) == 10
    assert fields(client.execute_command("USER.GET", 3)[0])["followers"] == 39
    # A bad line takes none of its user's others out of their order.
    lines = [(1_000, 2_000 + number) for number in range(150)]
    lines[5] = (1_000, 1_000)
    follows.write_text("".join(f"{a}\t{b}\n" for a, b in lines))
    done = load()
    assert done.returncode == 1
    assert "follows.tsv has changed since" in done.stderr and "remove it to load the file from its first line" in done.stderr
    (tmp_path / "follows.tsv.loaded").unlink()
    assert "149 lines loaded, 0 done before, 1 with errors" in load().stdout
    assert pages(client, "FOLLOWING", 1_000, count=50) == [str(b) for _, b in reversed(lines) if b != 1_000]
    # A file that has grown goes on, and a line that cannot be held stops none behind it.
    with follows.open("a") as file:
        file.write("x" * (2 << 20) + "\n1000\t5000\n")
    done = load()
    assert "follows.tsv:151: longer than 1048576 bytes" in done.stderr
    assert "1 lines loaded, 150 done before" in done.stdout
    assert pages(client, "FOLLOWING", 1_000, count=1)[0] == "5000"


def test_a_load_keeps_the_order_of_a_users_lines_where_the_cluster_is_busy(own, tmp_path):
    cluster = own(nodes=1, partitions=1, sets=["partition.inflight=16"])
    authors, each = 100, 12
    tweets = tmp_path / "tweets.jsonl"
    tweets.write_text("".join(json.dumps({"author": author, "text": f"tweet {number}"}) + "\n"
                              for number in range(each) for author in range(authors)))
    done = subprocess.run(
        [BIN / "rookery", "load", "--router", f"127.0.0.1:{cluster.port}", "--tweets", tweets, "--quiet"],
        capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    client = cluster.client(protocol=3)
    assert client.info("errorstats")["errorstat_BUSY"]["count"] > 0
    for author in range(authors):
        tweets = client.execute_command("TIMELINE.USER", author, "COUNT", 50)[1]
        assert [tweet["text"] for tweet in tweets] == [f"tweet {number}" for number in reversed(range(each))]


def test_bench_checks_what_it_measures(own, tmp_path):
    cluster = own(partitions=8)
    figures = tmp_path / "figures.json"
    done = subprocess.run(
        [BIN / "rookery", "bench", "--router", f"127.0.0.1:{cluster.port}", "--users", "300", "--posts", "300",
         "--pages", "2000", "--operations", "20000", "--seconds", "0.5", "--json", figures],
        capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    names = {(figure["workload"], figure["figure"]) for figure in json.loads(figures.read_text())["figures"]}
    assert ("fanout", "deliveries") in names and ("home", "pages of ids") in names
    assert ("posts", "half of most p99") in names
    assert ("mixed", "half of most, post to visible p99") in names


def test_every_microbenchmark_runs():
    """scripts/check --bench counts their instructions, which takes minutes."""
    program = BIN / "microbenchmarks"
    listed = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    assert listed
    for name in listed[::2]:
        done = subprocess.run([program, name, "1"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{name}: {done.stderr[:500]}"


def test_a_loaded_cluster_reads_as_it_should_before_and_after_a_restart(tmp_path):
    """A small run of scripts/size: its figures are another matter, what it finds in every home is not."""
    done = subprocess.run([ROOT / "scripts" / "size", "--users", "2000", "--edges", "24000", "--out", tmp_path / "size.json"],
                          capture_output=True, text=True, timeout=300, env={**os.environ, "ROOKERY_BIN": str(BIN)})
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "size.json").read_text())
    assert figures["wrongBeforeRestart"] == figures["wrongHomesBeforeRestart"] == 0


def test_bench_in_turn_with_redis(own, tmp_path):
    """Every workload that has an opponent, small, with the answers of both sides checked."""
    cluster = own(nodes=1, partitions=4)
    # In Debian's redis-tools the server's program has another name, and does what it is called by.
    program = tmp_path / "redis-server"
    program.symlink_to("/usr/bin/redis-check-rdb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""], cwd=tmp_path,
                              stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: is_listening(port))
        figures = tmp_path / "figures.json"
        endpoint = f"127.0.0.1:{port}"
        done = subprocess.run(
            [BIN / "rookery", "bench", "fanout", "home", "mixed", "twip", "twip-sweep", "retwis", "death-star",
             "celebrity", "--router", f"127.0.0.1:{cluster.port}", "--against", f"redis={endpoint}", "--users", "300",
             "--posts", "200", "--pages", "400", "--operations", "2000", "--rate", "200", "--seconds", "0.3",
             "--celebrity-followers", "300", "--json", figures], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        found = json.loads(figures.read_text())
        compared = {row["workload"] for row in found["figures"] if set(row["medians"]) == {"rookery", "redis"}}
        assert compared >= {"fanout", "home", "mixed", "twip", "twip-sweep", "retwis", "death-star", "celebrity"}
        assert "in memory only" in done.stdout and "synced to disk before the acknowledgement" in done.stdout
    finally:
        server.terminate()
        server.wait(20)
    wrong = subprocess.run([BIN / "rookery", "bench", "--against", "mysql=127.0.0.1:1"], capture_output=True, text=True)
    assert wrong.returncode != 0 and "expected NAME=HOST:PORT" in wrong.stderr


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_cluster_commands_of_the_tool(own):
    cluster = own(nodes=3, partitions=8)
    status = subprocess.run([ROOT / "scripts" / "cluster", "status", "--data", cluster.directory],
                            capture_output=True, text=True, timeout=300).stdout
    assert "node3 runs as" in status and "durability         always" in status
    table = subprocess.run([BIN / "rookery", "cluster", "partitions", "--router", f"127.0.0.1:{cluster.port}"],
                           capture_output=True, text=True, timeout=300).stdout.splitlines()
    assert len(table) == 9 and table[0].split() == ["partition", "epoch", "primary", "secondaries", "learners"]
