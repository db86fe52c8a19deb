"""What scripts/chaos does to a cluster."""

import shutil
import signal
import subprocess
import sys
import threading
import time


class Faults:
    """What can be done to a cluster; each returns when it is undone and the cluster is whole again."""

    def __init__(self, cluster, random, seconds):
        self.cluster, self.random, self.seconds = cluster, random, seconds

    def any_node(self):
        return self.random.choice(self.cluster.nodes)

    def kill(self):
        name = self.any_node()
        self.cluster.kill(name)
        time.sleep(self.seconds)
        self.cluster.start(name)
        return name

    def bounce(self):
        """A node dies and is back at once, before anybody else takes its place."""
        name = self.any_node()
        self.cluster.kill(name)
        self.cluster.start(name)
        return name

    def pause(self):
        name = self.any_node()
        self.cluster.signal(name, signal.SIGSTOP)
        time.sleep(self.seconds)
        self.cluster.signal(name, signal.SIGCONT)
        return name

    def restart(self):
        """As an operator does: the node hands its partitions over first."""
        name = self.any_node()
        self.cluster.run("stop", name)
        self.cluster.start(name)
        return name

    def power(self):
        for name in self.cluster.nodes:
            self.cluster.signal(name, signal.SIGKILL)
        for name in self.cluster.nodes:
            self.cluster.run("kill", name)
        # None of them serves before a second one does.
        self.cluster.start(*self.cluster.nodes)
        return "all nodes"

    def coordinator(self):
        self.cluster.kill("coordinator")
        time.sleep(self.seconds)
        self.cluster.start("coordinator")
        return "coordinator"

    def _wipe(self, name):
        for inner in (self.cluster.directory / name).iterdir():
            shutil.rmtree(inner) if inner.is_dir() else inner.unlink()

    def lose(self):
        """A node loses its data directory and comes back as a stranger."""
        name = self.any_node()
        self.cluster.kill(name)
        self._wipe(name)
        time.sleep(self.seconds)
        self.cluster.start(name)
        return name

    def interrupt(self):
        """A node that has lost its data is killed while it is filled again, at any moment."""
        name = self.any_node()
        self.cluster.kill(name)
        self._wipe(name)
        for _ in range(3):
            starting = threading.Thread(target=self.cluster.try_start, args=(name,))
            starting.start()
            time.sleep(self.random.uniform(0.2, 3))
            self.cluster.kill(name)
            starting.join()
        self.cluster.start(name)
        return name

    def torn(self):
        """A node dies while it writes a record: of its log's last one only a part is there."""
        name = self.any_node()
        self.cluster.kill(name)
        was = self.cluster.identity(name)
        with max((self.cluster.directory / name / "log").iterdir()).open("ab") as file:
            file.write(self.random.randbytes(self.random.randrange(1, 200)))
        time.sleep(self.seconds / 5)
        self.cluster.start(name)
        if self.cluster.identity(name) != was:
            sys.exit(f"{name} is another one after a torn record")
        return name

    def damage(self):
        """Bytes in the middle of a node's log are not what was written: what may be missing of it has to be filled again."""
        name = self.any_node()
        self.cluster.kill(name)
        was, text = self.cluster.identity(name), self.cluster.directory / f"{name}.log"
        known = text.read_text().count("damage in the log is passed over")
        segment = max((self.cluster.directory / name / "log").iterdir(), key=lambda path: path.stat().st_size)
        with segment.open("r+b") as file:
            file.seek(segment.stat().st_size // 2)
            file.write(b"not what was written")
        time.sleep(self.seconds / 5)
        self.cluster.start(name)
        if self.cluster.identity(name) != was:
            sys.exit(f"{name} is another one, though only a part of its log is damaged")
        if text.read_text().count("damage in the log is passed over") == known:
            sys.exit(f"{name} has not noticed that its log is damaged")
        return name

    def disk(self):
        """The file system of a node has no space left."""
        name = self.any_node()
        filler = self.cluster.directory / name / "filler"
        free = shutil.disk_usage(filler.parent).free
        subprocess.run(["fallocate", "-l", str(free - (1 << 20)), filler], check=True)
        time.sleep(self.seconds)
        filler.unlink()
        return name

    def isolate(self):
        """A node that reaches nobody, and whom nobody hears."""
        name = self.any_node()
        self.cluster.cut(name, None)
        time.sleep(self.seconds)
        self.cluster.join(name, None)
        return name

    def cut(self):
        """Two nodes that do not reach each other."""
        one, other = self.random.sample(self.cluster.nodes, 2)
        self.cluster.cut(one, other)
        self.cluster.cut(other, one)
        time.sleep(self.seconds)
        self.cluster.join(one, other)
        self.cluster.join(other, one)
        return f"{one} and {other}"

    def oneway(self):
        """A node whose words do not reach another one, but the other's do reach it."""
        one, other = self.random.sample(self.cluster.nodes, 2)
        self.cluster.cut(one, other)
        time.sleep(self.seconds)
        self.cluster.join(one, other)
        return f"{one} to {other}"

    def flap(self):
        one, other = self.random.sample(self.cluster.nodes, 2)
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            self.cluster.cut(one, other)
            time.sleep(self.random.uniform(0.05, 0.8))
            self.cluster.join(one, other)
            time.sleep(self.random.uniform(0.05, 0.8))
        return f"{one} to {other}"

    # Each node has a small file system of its own.
    DISKS = ("disk",)
    NETWORK = ("isolate", "cut", "oneway", "flap")
    NAMES = ("kill", "bounce", "pause", "restart", "power", "coordinator", "lose", "interrupt", "torn", "damage", *DISKS, *NETWORK)
