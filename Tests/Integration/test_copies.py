"""Copies of clusters: `rookery dump`, and `rookery load` of what it wrote."""

import json
import subprocess

from conftest import ROOT, error_of, eventually, fields, pages

BIN = ROOT / ".build" / "release"


def dump(cluster, path):
    done = subprocess.run([BIN / "rookery", "dump", "--router", f"127.0.0.1:{cluster.port}", "--output", path],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stderr


def load(cluster, path):
    return subprocess.run(
        [BIN / "rookery", "load", "--router", f"127.0.0.1:{cluster.port}", "--dump", path, "--quiet"],
        capture_output=True, text=True, timeout=300)


def populate(client):
    """Users, edges and tweets of every kind that there is."""
    def run(*words):
        return client.execute_command(*words)
    for user in range(60):
        run("USER.CREATE", f"User{user}", "ID", user, "NAME", f"Näme \"{user}\"", "BIO", f"bio/{user}" if user % 2 else "")
    run("USER.UPDATE", 3, "USERNAME", "renamed", "BIO", "later")
    for user in range(60):
        run("FOLLOW", user, *[(user * step) % 61 for step in range(2, 9)
                              if (user * step) % 61 not in (user, 60)] or [(user + 1) % 60])
    run("FOLLOW", 5, 6)
    run("UNFOLLOW", 5, 6)
    tweets = [run("TWEET.POST", n % 60, f"tweet {n} 😀\n\"quoted\"") for n in range(240)]
    replies = [run("TWEET.POST", (n * 7) % 60, f"reply {n}", "REPLYTO", tweets[n]) for n in range(0, 120, 3)]
    for n, reply in enumerate(replies):
        run("TWEET.POST", (n * 11) % 60, "deeper", "REPLYTO", reply, "QUOTE", tweets[n])
    # A reply to a tweet that is gone, one to a tweet of somebody who is, and one that is gone itself.
    gone = run("TWEET.POST", 1, "soon gone")
    run("TWEET.POST", 2, "to what is gone", "REPLYTO", gone)
    run("TWEET.DELETE", 1, gone)
    run("TWEET.DELETE", int(fields(run("TWEET.GET", replies[0])[0])["author"]), replies[0])
    theirs = run("TWEET.POST", 59, "by one who leaves")
    run("TWEET.POST", 4, "to one who leaves", "REPLYTO", theirs)
    run("USER.DELETE", 59)
    return tweets + replies


def view(client, tweets):
    """All that front ends can see."""
    seen = {"tweets": client.execute_command("TWEET.GET", *tweets)}
    for user in range(60):
        found = client.execute_command("USER.GET", user)[0]
        seen[user] = found
        if found:
            seen[user, "name"] = client.execute_command("USER.FIND", fields(found)["username"])
            for what in ("FOLLOWING", "FOLLOWERS", "TIMELINE.USER"):
                seen[user, what] = pages(client, what, user)
            seen[user, "home"] = pages(client, "TIMELINE.HOME", user, "IDS", count=200)
    return seen


def test_a_dump_loads_back_to_an_equal_cluster(own, tmp_path):
    original = own(partitions=8)
    tweets = populate(original.client())
    # Replies are counted, and edges of who has left are taken apart, a little later.
    eventually(lambda: fields(original.client().execute_command("TWEET.GET", tweets[3])[0])["replies"] == 1)
    eventually(lambda: not [1 for user in range(59) if "59" in pages(original.client(), "FOLLOWING", user)])
    file = tmp_path / "dump.jsonl"
    assert dump(original, file).startswith("59 users, ")
    kinds = [next(iter(json.loads(line))) for line in file.read_text().splitlines()]
    assert kinds == sorted(kinds, key=["user", "follow", "tweet"].index)

    copy = own(nodes=2, partitions=8)
    done = load(copy, file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(kinds)} lines loaded" in done.stdout
    expected = view(original.client(), tweets)
    eventually(lambda: view(copy.client(), tweets) == expected)
    again = tmp_path / "again.jsonl"
    dump(copy, again)
    assert sorted(again.read_text().splitlines()) == sorted(file.read_text().splitlines())

    # A copy is a cluster like any other: its new ids are not those that came with the dump.
    new = copy.client().execute_command("TWEET.POST", 7, "new")
    assert int(new) > max(map(int, tweets))
    assert pages(copy.client(), "TIMELINE.USER", 7, "IDS")[0] == new
    # A note of one cluster says nothing of another.
    refused = load(original, file)
    assert refused.returncode == 1 and "is of a load into another cluster" in refused.stderr
    # Loaded once more, nothing changes.
    (tmp_path / "dump.jsonl.loaded").unlink()
    before = view(copy.client(), tweets)
    done = load(copy, file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert view(copy.client(), tweets) == before


def test_a_dump_into_a_slow_pipe_has_whole_lines(own, tmp_path):
    cluster = own(partitions=8)
    client = cluster.client()
    for user in range(200):
        client.execute_command("USER.CREATE", f"user{user}", "ID", user, "BIO", "b" * 100)
    for number in range(4_000):
        client.execute_command("TWEET.POST", number % 200, f"{number} " + "x" * 200)
    process = subprocess.Popen([BIN / "rookery", "dump", "--router", f"127.0.0.1:{cluster.port}"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # Read in pieces that end within lines, by one who is slower than the writers.
    text = b""
    while piece := process.stdout.read(5_000):
        text += piece
    assert process.wait() == 0
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == 4_200
    assert {int(line["tweet"]["text"].split()[0]) for line in lines if "tweet" in line} == set(range(4_000))


def test_a_dump_of_other_partitions_is_refused(own, tmp_path):
    original = own(nodes=1, partitions=8)
    populate(original.client())
    file = tmp_path / "dump.jsonl"
    dump(original, file)
    other = own(nodes=1, partitions=2)
    done = load(other, file)
    assert done.returncode == 1
    assert "it comes from another cluster with another number of partitions" in done.stderr


def test_restoring_checks_what_it_is_given(shared, users):
    client = shared.client()
    author, other = users(2)
    tweet = client.execute_command("TWEET.POST", author, "mine")
    assert client.execute_command("RESTORE.TWEET", tweet, author, "mine") == 0
    assert error_of(client, "RESTORE.TWEET", tweet, author, "another text").startswith("EXISTS tweet")
    assert error_of(client, "RESTORE.TWEET", tweet, 4_000_000, "x").startswith("NOTFOUND user 4000000")
    future = int(tweet) + (120_000 << 22)
    assert "has an id of the future" in error_of(client, "RESTORE.TWEET", future, author, "x")
    client.execute_command("TWEET.DELETE", author, tweet)
    assert client.execute_command("RESTORE.TWEET", tweet, author, "mine") == 0
    assert client.execute_command("TWEET.GET", tweet) == [None]
    assert client.execute_command("RESTORE.FOLLOW", author, other, 1_000_000) == 1
    assert client.execute_command("RESTORE.FOLLOW", author, other, 1_000_000) == 0
    assert error_of(client, "RESTORE.FOLLOW", author, other, "x").startswith("INVALID time 'x'")
    assert "syntax error" in error_of(client, "RESTORE.FOLLOW", author, other, 1, other)
    assert error_of(client, "DUMP.PARTITION", 99, "USERS").startswith("INVALID partition '99'")
    assert error_of(client, "DUMP.PARTITION", 0, "LIKES").startswith("INVALID 'LIKES'")
    cursors = [client.execute_command("DUMP.PARTITION", partition, "USERS", "COUNT", 1)[0] for partition in range(16)]
    partition, cursor = next((number, text) for number, text in enumerate(cursors) if text)
    assert error_of(client, "DUMP.PARTITION", partition ^ 1, "USERS", "CURSOR", cursor).startswith("CURSOR")
    assert error_of(client, "DUMP.PARTITION", partition, "TWEETS", "CURSOR", cursor).startswith("CURSOR")


def test_following_several_at_once(shared, users):
    client = shared.client()
    first, *others = users(12)
    for other in others:
        client.execute_command("TWEET.POST", other, f"by {other}")
    assert client.execute_command("FOLLOW", first, others[0]) == 1
    assert client.execute_command("FOLLOW", first, *others, others[3]) == len(others) - 1
    assert pages(client, "FOLLOWING", first) == [str(other) for other in reversed(others)]
    # Answered when all their lists are here.
    assert len(pages(client, "TIMELINE.HOME", first, "IDS")) == len(others)
    for words, what in [((others[0], first, 4_000_000), "NOTFOUND user 4000000"), ((others[0], first, others[0]), "INVALID")]:
        assert error_of(client, "FOLLOW", *words).startswith(what)
    assert pages(client, "FOLLOWING", others[0]) == []
    assert "at most 200 at once" in error_of(client, "FOLLOW", first, *range(1, 202))
