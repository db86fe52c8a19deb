"""Real clusters for tests: started by scripts/cluster on free ports in temporary directories, ended by process id."""

import concurrent.futures as futures
import contextlib
import os
import re
import signal
import struct
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import redis

ROOT = Path(__file__).resolve().parents[2]


_notes = []


def note(text):
    """Shows a figure or a seed at the end of the run, whether tests pass or not."""
    _notes.append(text)


def pytest_terminal_summary(terminalreporter):
    for text in _notes:
        terminalreporter.write_line(text)


def thread_states(pid):
    """The states of a process's threads, as the kernel's letters."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        # It may have ended since.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            yield (thread / "stat").read_text().rpartition(")")[2].split()[0]


class Cluster:
    """A cluster that scripts/cluster runs."""

    def __init__(self, directory, nodes=3, partitions=16, replicas=1, sets=(), faults=None):
        self.directory = directory
        self.environment = {**os.environ, **(faults.environment if faults else {})}
        self._script("up", "--nodes", str(nodes), "--partitions", str(partitions), "--replicas", str(replicas), "--port", "0",
                     *[word for pair in sets for word in ("--set", pair)])

    def _script(self, command, *arguments):
        done = subprocess.run(
            [ROOT / "scripts" / "cluster", command, *arguments, "--data", str(self.directory)],
            capture_output=True, text=True, timeout=300, env=self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def env(self):
        lines = (self.directory / "cluster.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def port(self):
        return int(self.env["ROUTER_PORT"])

    def client(self, protocol=2, **options):
        return redis.Redis(port=self.port, protocol=protocol, decode_responses=True, socket_timeout=60, **options)

    def nodes(self):
        """The nodes' names."""
        return sorted(path.stem for path in self.directory.glob("node*.conf"))

    def kill(self, *names):
        """Kills processes at the same moment, as a power failure does, and reaps them."""
        pids = [int(self.env[f"{name.upper()}_PID"]) for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for name in names:
            self._script("kill", name)

    def pause(self, name):
        """Stops a process where it stands. The signal alone does not: threads that run take it in their own time."""
        pid = int(self.env[f"{name.upper()}_PID"])
        os.kill(pid, signal.SIGSTOP)
        eventually(lambda: set(thread_states(pid)) == {"T"})

    def resume(self, name):
        os.kill(int(self.env[f"{name.upper()}_PID"]), signal.SIGCONT)

    def start(self, *names):
        """Starts killed processes, all at once: one replica of several may have to wait for another to serve."""
        with futures.ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda name: self._script("start", name), names))

    def stop(self, name):
        """Ends a process as an operator does."""
        self._script("stop", name)

    def restart(self):
        self._script("restart")

    def down(self):
        self._script("down")

    @contextlib.contextmanager
    def running(self, name):
        """Runs a killed node that may never become ready; yields what reads its output."""
        log = self.directory / f"{name}.unready.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [ROOT / ".build" / "release" / "rookery-node", "--config", self.directory / f"{name}.conf"],
                stderr=output, env=self.environment)
        try:
            yield log.read_text
        finally:
            process.terminate()
            process.wait(20)

    def await_whole(self, seconds=240):
        """Waits until every partition has a primary and all its replicas."""
        client = self.client(protocol=3)
        factor = client.execute_command("CLUSTER.INFO")["replicationFactor"]
        eventually(lambda: all(
            partition["primary"] and len(partition["secondaries"]) == factor - 1
            for partition in client.execute_command("CLUSTER.PARTITIONS")), seconds)

    def primaries(self):
        """By partition, the name of its primary."""
        listed = self.client(protocol=3).execute_command("CLUSTER.PARTITIONS")
        return {partition["partition"]: partition["primary"] for partition in listed}

    def configure(self, name, **values):
        """Adds lines to a process's configuration; `_` stands for a dot."""
        with (self.directory / f"{name}.conf").open("a") as file:
            file.writelines(f"{key.replace('_', '.')} = {value}\n" for key, value in values.items())

    def _admin(self, name, path):
        try:
            port = self.env[f"{name.upper()}_ADMIN_PORT"]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as reply:
                return reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def readiness(self, name):
        """What a process says of itself."""
        return self._admin(name, "readyz")

    def metrics(self, name):
        return self._admin(name, "metrics")

    def gauges(self, name, metric):
        """What a node that runs says of each of its partitions."""
        try:
            found = re.findall(rf'^{metric}\{{partition="(\d+)"\}} (\S+)', self.metrics(name), re.MULTILINE)
        except OSError:
            return {}
        return {int(partition): float(value) for partition, value in found}

    def log(self, name):
        return (self.directory / f"{name}.log").read_text()


class Faults:
    """What is wrong with the machine that a cluster runs on, at the moment: see faults.c."""

    _fields = ("clock_seconds", "sync_milliseconds", "sync_fails", "store_full", "free_megabytes", "unreadable_node")

    def __init__(self, library, file):
        self._file = file
        self.environment = {"LD_PRELOAD": str(library), "ROOKERY_FAULTS": str(file)}
        self.set()

    def set(self, **faults):
        """These, and no others."""
        assert set(faults) <= set(self._fields)
        with open(self._file, "r+b" if self._file.exists() else "w+b") as file:
            file.write(struct.pack("6q", *(int(faults.get(name, 0)) for name in self._fields)))


@pytest.fixture(scope="session")
def faults_library(tmp_path_factory):
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run(["cc", "-Wall", "-Werror", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture
def faults(faults_library, tmp_path):
    return Faults(faults_library, tmp_path / "faults")


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """One cluster for all tests that do not hurt it. Each test uses user ids of its own."""
    cluster = Cluster(tmp_path_factory.mktemp("shared"))
    yield cluster
    cluster.down()


@pytest.fixture
def own(tmp_path):
    """Makes clusters for one test."""
    made = []

    def make(**options):
        cluster = Cluster.__new__(Cluster)
        # Known before it starts: what did start of one that cannot be made is ended too.
        made.append(cluster)
        cluster.__init__(tmp_path / f"cluster{len(made)}", **options)
        return cluster

    yield make
    for cluster in made:
        cluster.down()


_next_id = [1_000_000]


@pytest.fixture
def users(shared):
    """Creates so many users with ids that no other test has."""
    def make(count, **fields):
        client = shared.client()
        first = _next_id[0]
        _next_id[0] += count
        for user in range(first, first + count):
            client.execute_command("USER.CREATE", f"t{user}", "ID", user)
        return list(range(first, first + count))
    return make


def eventually(check, seconds=120):
    """Polls until `check` returns something true, and returns it. Its patience is that of a machine that others use too."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s; last: {value!r}"
        time.sleep(0.005)


def error_of(client, *words):
    """The error that a command answers."""
    with pytest.raises(redis.ResponseError) as caught:
        client.execute_command(*words)
    return str(caught.value)


def tweet_or_none(client, author, text):
    """The id of a new tweet, where it is taken."""
    try:
        return client.execute_command("TWEET.POST", author, text)
    except redis.ResponseError:
        return None


def pages(client, *command, count=50):
    """All items of a list, through its cursor."""
    items, cursor = [], ""
    while True:
        reply = client.execute_command(*command, "COUNT", count, "CURSOR", cursor)
        items += reply[1]
        cursor = reply[0]
        if not cursor:
            return items


def fields(reply):
    """A map as RESP2 and RESP3 clients see it."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2]))
