"""What operators do with Redis's tools: CLIENT LIST and KILL, INFO."""

import threading

import pytest
import redis

from conftest import error_of, eventually, pages


def described(client, **options):
    return {int(one["id"]): one for one in client.client_list(**options)}


@pytest.mark.parametrize("protocol", [2, 3])
def test_client_list(shared, protocol):
    one = shared.client(protocol, client_name="lister")
    other = shared.client(client_name="other")
    own, theirs = one.client_id(), other.client_id()
    found = described(one)
    assert found[own]["name"] == "lister" and found[own]["cmd"] == "client"
    assert found[theirs]["name"] == "other" and found[theirs]["flags"] == "N" and found[theirs]["db"] == "0"
    assert found[theirs]["addr"].startswith("127.0.0.1:") and int(found[theirs]["age"]) >= 0
    assert set(described(one, client_id=[theirs])) == {theirs}
    assert set(described(one, _type="normal")) >= {own, theirs}
    assert found[own]["laddr"] == f"127.0.0.1:{shared.port}"
    assert int(one.client_info()["id"]) == own
    assert not described(one, _type="replica") and not described(one, _type="pubsub")
    assert "Unknown client type 'nobody'" in error_of(one, "CLIENT", "LIST", "TYPE", "nobody")
    assert int(found[own]["tot-mem"]) >= 0
    assert "is not a number" in error_of(one, "CLIENT", "LIST", "ID", "x")
    other.close()
    eventually(lambda: theirs not in described(one))


def test_client_kill(shared):
    killer = shared.client()
    victims = [shared.client() for _ in range(3)]
    ids = [victim.client_id() for victim in victims]
    address = described(killer)[ids[0]]["addr"]
    assert killer.execute_command("CLIENT", "KILL", address) == "OK"
    assert killer.execute_command("CLIENT", "KILL", "ID", ids[1]) == 1
    assert killer.execute_command("CLIENT", "KILL", "ID", ids[1]) == 0
    assert "No such client" in error_of(killer, "CLIENT", "KILL", "127.0.0.1:1")
    left = described(killer)
    assert ids[0] not in left and ids[1] not in left and ids[2] in left
    # By everything that Redis 7 knows, all of which must hold.
    address = left[ids[2]]["addr"]
    assert killer.execute_command("CLIENT", "KILL", "ADDR", "127.0.0.1:1", "ID", ids[2]) == 0
    assert killer.execute_command("CLIENT", "KILL", "USER", "nobody", "ID", ids[2]) == 0
    assert killer.execute_command("CLIENT", "KILL", "MAXAGE", 3_600) == 0
    assert killer.execute_command("CLIENT", "KILL", "LADDR", "127.0.0.1:1", "ID", ids[2]) == 0
    everything = ("ADDR", address, "LADDR", left[ids[2]]["laddr"], "USER", "default", "TYPE", "normal", "MAXAGE", 1)
    eventually(lambda: killer.execute_command("CLIENT", "KILL", *everything) == 1)
    assert ids[2] not in described(killer)
    # Not itself, unless told so; and then with an answer.
    own = killer.client_id()
    assert killer.execute_command("CLIENT", "KILL", "ID", own) == 0
    assert killer.execute_command("CLIENT", "KILL", "ID", own, "SKIPME", "NO") == 1
    assert killer.client_id() != own
    assert "syntax error" in error_of(killer, "CLIENT", "KILL", "ID", 1, "SKIPME", "MAYBE")


def test_a_killed_client_harms_nobody(shared, users):
    """A client is killed in the middle of a pipeline of writes: what it began is done, once, and others go on."""
    author, = users(1)
    victim, other = shared.client(), shared.client()
    number = victim.client_id()
    stop = threading.Event()

    def post():
        with pytest.raises(redis.ConnectionError):
            while not stop.is_set():
                pipeline = victim.pipeline(transaction=False)
                for _ in range(200):
                    pipeline.execute_command("TWEET.POST", author, "killed")
                # A machine that is slow refuses some of so many: they are not what is asked about here.
                pipeline.execute(raise_on_error=False)
                # redis-py would connect again by itself.
                if victim.client_id() != number:
                    raise redis.ConnectionError()

    thread = threading.Thread(target=post)
    thread.start()
    eventually(lambda: int(other.execute_command("USER.GET", author)[0][15]) > 300)
    assert other.execute_command("CLIENT", "KILL", "ID", number) == 1
    thread.join(20)
    stop.set()
    assert not thread.is_alive()
    # What was taken is there once, and nothing comes behind it.
    tweets = pages(other, "TIMELINE.USER", author, "IDS")
    assert len(tweets) == len(set(tweets)) > 300


def test_info(shared, users):
    client = shared.client()
    author, = users(1)
    client.execute_command("TWEET.POST", author, "x")
    error_of(client, "TWEET.POST", author)
    error_of(client, "TWEET.POST", 1 << 62, "nobody")
    error_of(client, "NO.SUCH", "x")
    plain = client.info()
    assert plain["redis_mode"] == "standalone" and plain["role"] == "master" and plain["tcp_port"] == shared.port
    assert plain["connected_clients"] >= 1 and plain["maxclients"] == 10_000
    assert plain["used_memory_rss"] > 1 << 20 and plain["used_memory_peak"] >= plain["used_memory_rss"]
    assert 1 << 18 < plain["used_memory"] < plain["used_memory_rss"] and plain["mem_allocator"] == "jemalloc"
    assert plain["total_commands_processed"] > 1
    eventually(lambda: client.info("cpu")["used_cpu_user"] + client.info("cpu")["used_cpu_sys"] > 0)
    assert plain["errorstat_ERR"]["count"] >= 2 and plain["errorstat_NOTFOUND"]["count"] >= 1
    assert "cmdstat_tweet.post" not in plain
    assert client.client_id() > 0 and client.info("commandstats")["cmdstat_client"]["calls"] >= 1
    everything = client.info("everything")
    posts = everything["cmdstat_tweet.post"]
    assert posts["calls"] >= 2 and posts["rejected_calls"] >= 1 and posts["failed_calls"] >= 1
    assert posts["usec"] > 0 and posts["usec_per_call"] > 0
    assert set(client.info("clients")) == {"connected_clients", "maxclients", "blocked_clients"}
    assert client.info("nonsense") == {}
    # A rate is measured every second.
    eventually(lambda: client.info("stats")["instantaneous_ops_per_sec"])
