"""What networks and strangers send: nothing crashes, nothing is lost, everybody else is served."""

import functools
import os
import random
import re
import resource
import select
import socket
import ssl
import struct
import threading

import pytest

from conftest import error_of, eventually, note

SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))


def connected(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def answer(port, data, parts=1):
    """Sends bytes and returns what comes back until the server closes or is silent after a PING behind them."""
    with connected(port) as connection:
        size = max(1, len(data) // parts)
        try:
            for start in range(0, len(data), size):
                connection.sendall(data[start:start + size])
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        received = b""
        try:
            while chunk := connection.recv(65_536):
                received += chunk
        except ConnectionResetError:
            pass
        return received


def node_ports(cluster):
    names = [name for name in os.listdir(cluster.directory) if name.startswith("node") and name.endswith(".ready")]
    lines = [line for name in names for line in (cluster.directory / name).read_text().splitlines()]
    return [int(line.split("=")[1]) for line in lines if line.startswith("PORT=")]


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) << 10


def assert_serves(cluster, author):
    client = cluster.client()
    tweet = client.execute_command("TWEET.POST", author, "still here")
    assert client.execute_command("TWEET.GET", tweet)[0] is not None


MALFORMED = [
    (b"*1\r\n$1073741824\r\n", b"-ERR Protocol error: invalid bulk length"),
    (b"*1073741824\r\n", b"-ERR Protocol error: invalid multibulk length"),
    (b"*1\r\n$-2\r\n", b"-ERR Protocol error: invalid bulk length"),
    (b"*1\r\n:1\r\n", b"-ERR Protocol error: expected '$', got ':'"),
    (b"*1\r\n$4\r\nPINGxx", b"-ERR Protocol error: expected a line end"),
    (b"*" + b"9" * 40 + b"\r\n", b"-ERR Protocol error: invalid multibulk length"),
    (b"*-9223372036854775808\r\nPING\r\n", b"+PONG"),
    (b"x" * (1 << 20) + b"\r\n", b"-ERR Protocol error: too big inline request"),
    (b"\"open\r\n", b"-ERR Protocol error: unbalanced quotes"),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nPING\r\n\r\n", b"-ERR unknown command 'GET'"),
    (b"POST /api HTTP/1.1\r\nContent-Length: 6\r\n\r\nPING\r\n", b"-ERR this port speaks RESP, not HTTP"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"-ERR Protocol error: this port speaks RESP, not TLS"),
    (b"\x00" * 4_096 + b"\n", b"-ERR unknown command"),
    (b"\xff\xfe\xfd\n", b"-ERR unknown command"),
    (b"*2\r\n$4\r\nECHO\r\n$70000\r\n" + b"x" * 70_000 + b"\r\nPING\r\n", b"-ERR argument has 70000 bytes"),
]


@pytest.mark.parametrize("parts", [1, 3])
def test_malformed_commands(shared, users, parts):
    author, = users(1)
    for data, expected in MALFORMED:
        received = answer(shared.port, data, parts)
        assert received.startswith(expected), (data[:40], received[:80])
        # Nothing behind a request of HTTP is carried out.
        assert (b"+PONG" in received) == (b"+PONG" in expected or b"70000" in expected), (data[:40], received[-80:])
    assert_serves(shared, author)


def test_http_and_tls_spoken_to_every_port(shared, users):
    author, = users(1)
    ports = [shared.port, int(shared.env["COORDINATOR_PORT"]), *node_ports(shared)]
    assert len(ports) == 5
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for port in ports:
        with connected(port) as connection, pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(connection)
        answer(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert_serves(shared, author)


@pytest.mark.parametrize("name", ["coordinator", "node1", "router"])
def test_an_admin_port_keeps_little_for_who_does_not_read(shared, users, name):
    author, = users(1)
    port, pid = int(shared.env[f"{name.upper()}_ADMIN_PORT"]), int(shared.env[f"{name.upper()}_PID"])
    before = resident(pid)
    with connected(port) as greedy, pytest.raises(OSError):
        # Closed, or left waiting in the socket.
        for _ in range(1_000):
            greedy.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000)
    many = [connected(port) for _ in range(200)]
    for connection in many:
        connection.setblocking(False)
    eventually(lambda: sum(is_closed(connection) for connection in many) >= 200 - 64)
    for connection in many:
        connection.close()
    assert resident(pid) - before < 64 << 20
    for data in (b"\x16\x03\x01\x02\x00" + bytes(100), b"GET " + b"x" * 1_000_000, b"*1\r\n$4\r\nPING\r\n"):
        assert b"200 OK" not in answer(port, data)
    eventually(lambda: shared.readiness(name) == "ready\n")
    assert_serves(shared, author)


def is_closed(connection):
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_malformed_frames(own):
    cluster = own(nodes=2, partitions=4)
    cluster.client().execute_command("USER.CREATE", "steady", "ID", 1)
    random.seed(SEED)
    note(f"malformed frames: seed {SEED}")
    ports = [int(cluster.env["COORDINATOR_PORT"]), *node_ports(cluster)]
    pids = [int(cluster.env[name]) for name in ("NODE1_PID", "NODE2_PID", "COORDINATOR_PID")]
    before = [resident(pid) for pid in pids]
    hello = struct.pack("<BQ", 1, 0) + struct.pack("<IH", 0x4b4f4f52, 1)
    shapes = [
        struct.pack("<I", 1 << 30), struct.pack("<I", 0xffffffff), struct.pack("<I", 0), struct.pack("<I", 12),
        struct.pack("<II", 13, 0) + bytes(9), struct.pack("<II", 13 + len(hello) - 9, 1) + hello,
    ]
    for number in range(300):
        data = random.choice(shapes) + random.randbytes(random.randrange(200))
        for port in ports:
            received = answer(port, data, random.randrange(1, 5))
            assert len(received) < 4_096
    # A length that nothing follows keeps a connection and no memory.
    waiting = [connected(port) for port in ports for _ in range(50)]
    for connection in waiting:
        connection.sendall(struct.pack("<I", 64 << 20) + bytes(64))
    assert_serves(cluster, 1)
    for pid, size in zip(pids, before):
        assert resident(pid) - size < 128 << 20
    for connection in waiting:
        connection.close()
    for name in ("node1", "node2"):
        assert "ready" in cluster.readiness(name) or cluster.readiness(name) == "ok\n"


CRC32C = [functools.reduce(lambda crc, _: (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0), range(8), byte) for byte in range(256)]


def checksum(data):
    crc = 0xffffffff
    for byte in data:
        crc = (crc >> 8) ^ CRC32C[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def frame(kind, payload, number=1, crc=None):
    body = struct.pack("<BQ", kind, number) + payload
    return struct.pack("<II", 4 + len(body), checksum(body) if crc is None else crc) + body


def greeting(version, secret):
    text = secret.encode()
    return frame(1, struct.pack("<IH", 0x4b4f4f52, version) + bytes([len(text)]) + text + b"\x08stranger", 0)


def is_welcome(port, hello):
    with connected(port) as connection:
        connection.sendall(hello)
        received = b""
        while len(received) < 17 and (chunk := connection.recv(1_024)):
            received += chunk
        return received[8:9] == b"\x02"


def test_malformed_frames_behind_a_greeting(own):
    """What only those who know the cluster's secret can send: nobody else's connection is hurt by it."""
    cluster = own(nodes=2, partitions=4)
    cluster.client().execute_command("USER.CREATE", "steady", "ID", 1)
    rng = random.Random(SEED)
    note(f"malformed frames behind a greeting: seed {SEED}")
    ports = [int(cluster.env["COORDINATOR_PORT"]), *node_ports(cluster)]
    pids = [int(cluster.env[name]) for name in ("NODE1_PID", "NODE2_PID", "COORDINATOR_PID")]
    secret = (cluster.directory / "secret").read_text().strip()
    version = int(re.search(rb"ours is (\d+)", answer(ports[0], greeting(1, secret)))[1])
    hello = greeting(version, secret)
    assert all(is_welcome(port, hello) for port in ports)
    before = [resident(pid) for pid in pids]
    shapes = [
        lambda: struct.pack("<I", rng.choice([0, 12, (64 << 20) + 1, 1 << 30, 0xffffffff])),
        lambda: frame(3, rng.randbytes(40), crc=rng.randrange(1 << 32)),
        lambda: frame(rng.choice([0, 6, 7, 255]), b""),
        lambda: hello,
        lambda: frame(rng.choice([2, 4, 5]), rng.randbytes(rng.randrange(40)), rng.randrange(1 << 64)),
        # Requests of every kind with something, or nothing, where their fields should be.
        lambda: frame(3, bytes([rng.randrange(24)]) + rng.randbytes(rng.randrange(60)), rng.randrange(1 << 64)),
        lambda: frame(3, bytes([rng.randrange(24)]) + b"\xff" * rng.randrange(30)),
        lambda: frame(3, b"\x00" * rng.randrange(2_000)),
    ]
    for _ in range(400):
        data = hello + b"".join(rng.choice(shapes)() for _ in range(rng.randrange(1, 4)))
        for port in ports:
            # A map that is waited for may keep a connection for five seconds.
            with connected(port) as connection:
                connection.sendall(data[:rng.randrange(len(data) // 2, len(data) + 1)])
    # The largest length that is allowed, on many connections, and little of what it promises.
    waiting = [connected(port) for port in ports for _ in range(50)]
    for connection in waiting:
        connection.sendall(hello + struct.pack("<I", 64 << 20) + bytes(64))
    assert_serves(cluster, 1)
    for pid, size in zip(pids, before):
        assert resident(pid) - size < 128 << 20
    for connection in waiting:
        connection.close()
    assert all(is_welcome(port, hello) for port in ports)
    for name in ("node1", "node2"):
        assert "ready" in cluster.readiness(name) or cluster.readiness(name) == "ok\n"


def test_a_gigabyte_that_is_promised_is_not_reserved(shared, users):
    author, = users(1)
    pid = int(shared.env["ROUTER_PID"])
    before = resident(pid)
    # The largest claims that the protocol allows, on many connections, and a little of what they promise.
    waiting = [connected(shared.port) for _ in range(100)]
    for connection in waiting:
        connection.sendall(b"*1048576\r\n$536870912\r\n" + b"x" * 100_000)
    assert_serves(shared, author)
    assert resident(pid) - before < 64 << 20
    for connection in waiting:
        connection.close()


def test_5000_connections(shared, users):
    author, = users(1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))
    client = shared.client()
    began = client.info("clients")["connected_clients"]
    connections = []
    try:
        for _ in range(5_000):
            connections.append(connected(shared.port))
        for number, connection in enumerate(connections):
            connection.sendall(f"ECHO {number}\r\n".encode())
        for number, connection in enumerate(connections):
            expected = f"${len(str(number))}\r\n{number}\r\n".encode()
            received = b""
            while len(received) < len(expected):
                received += connection.recv(100)
            assert received == expected
        assert client.info("clients")["connected_clients"] > 5_000
        assert_serves(shared, author)
    finally:
        for connection in connections:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    eventually(lambda: client.info("clients")["connected_clients"] <= began + 8, 30)


def test_a_client_that_asks_without_end_keeps_nobody_waiting(shared, users):
    """Commands that the router answers itself, thousands in one packet: others are served before all of them are."""
    count = 12_000
    with connected(shared.port) as busy, connected(shared.port) as other:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        answered = 0

        def read():
            nonlocal answered
            while answered < count and (chunk := busy.recv(1 << 20)):
                answered += chunk.count(b"# Stats")
        reader = threading.Thread(target=read)
        reader.start()
        busy.sendall(b"INFO stats\r\n" * count)
        eventually(lambda: answered > 0)
        other.sendall(b"PING\r\n")
        assert other.recv(64) == b"+PONG\r\n"
        meanwhile = answered
        reader.join(120)
        assert not reader.is_alive() and answered == count
        note(f"another client was served after {meanwhile} of {count} answers")
        assert meanwhile < count // 4


def test_clients_that_vanish_in_the_middle_of_a_command(shared, users):
    author, = users(1)
    random.seed(SEED)
    command = b"*3\r\n$10\r\nTWEET.POST\r\n$7\r\n%d\r\n$4\r\ngone\r\n" % author
    client = shared.client()
    for number in range(1_000):
        connection = connected(shared.port)
        connection.sendall(command[:random.randrange(1, len(command))])
        if number % 2:
            # A reset instead of an end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert_serves(shared, author)
    # No part of a command has become a tweet.
    assert len(client.execute_command("TIMELINE.USER", author, "COUNT", 200, "IDS")[1]) == 1


def test_too_many_connections_are_refused_and_counted(own):
    cluster = own(nodes=1, partitions=1)
    cluster.configure("router", router_connections=20)
    cluster.kill("router")
    cluster.start("router")
    waiting = [connected(cluster.port) for _ in range(18)]
    for connection in waiting:
        connection.sendall(b"PING\r\n")
        assert connection.recv(7) == b"+PONG\r\n"
    more = [connected(cluster.port) for _ in range(10)]
    refusal = b"-ERR max number of clients reached\r\n"
    eventually(lambda: sum(select.select([one], [], [], 0)[0] != [] for one in more) >= 8)
    assert all(one.recv(100) == refusal for one in more if select.select([one], [], [], 0)[0])
    for connection in [*waiting, *more]:
        connection.close()
    client = cluster.client()
    eventually(lambda: ping(client))
    assert client.info("stats")["rejected_connections"] >= 8


def ping(client):
    try:
        return client.ping()
    except Exception:
        return False


def test_errors_never_show_what_was_sent_raw(shared):
    text = error_of(shared.client(), "x\r\n-ERR injected\x00\x1b[31m")
    assert "\r" not in text and "\n" not in text and "\x1b" not in text


def test_who_is_refused_again_and_again_does_not_fill_the_log(shared, users):
    """What one place logs is bounded, what was left out is counted, and the next line of that place says it."""
    author, = users(1)
    port = node_ports(shared)[0]
    name = next(name for name in shared.nodes() if f"PORT={port}\n" in (shared.directory / f"{name}.ready").read_text())
    left_out = "rookery_log_lines_left_out_total"

    def count():
        found = re.search(rf"^{left_out} (\S+)", shared.metrics(name), re.MULTILINE)
        return float(found.group(1)) if found else 0

    before, lines = count(), shared.log(name).count("connection refused")
    attempts = 0
    while count() == before:
        assert attempts < 100_000
        for _ in range(500):
            answer(port, b"\xff" * 64)
        attempts += 500
    assert shared.log(name).count("connection refused") - lines < attempts
    eventually(lambda: answer(port, b"\xff" * 64) is not None and "left-out-before" in shared.log(name))
    assert_serves(shared, author)
