"""The contract of docs/commands.md, command by command."""

import pytest

from conftest import error_of, eventually, fields, pages


def home(client, user, *options):
    return client.execute_command("TIMELINE.HOME", user, "IDS", *options)[1]


def test_users(shared):
    client = shared.client(protocol=3)
    created = client.execute_command("USER.CREATE", "Grace_H", "ID", 501, "NAME", "Grace Hopper")
    assert created == {"id": "501", "username": "Grace_H", "name": "Grace Hopper", "bio": "",
                       "createdAt": created["createdAt"], "followers": 0, "following": 0, "tweets": 0}
    assert client.execute_command("USER.GET", 501, 502, "0501")[0] == created
    assert client.execute_command("USER.GET", 501, 502, "0501")[1] is None
    assert client.execute_command("USER.FIND", "grace_h") == "501"
    minted = client.execute_command("USER.CREATE", "minted")["id"]
    assert int(minted) > 2**40 and client.execute_command("USER.FIND", "MINTED") == minted
    updated = client.execute_command("USER.UPDATE", 501, "BIO", "amazing", "NAME", "G")
    assert (updated["bio"], updated["name"], updated["username"]) == ("amazing", "G", "Grace_H")


def test_renaming(shared):
    client = shared.client(protocol=3)
    client.execute_command("USER.CREATE", "before", "ID", 510)
    client.execute_command("USER.CREATE", "taken", "ID", 511)
    assert client.execute_command("USER.UPDATE", 510, "USERNAME", "BEFORE")["username"] == "BEFORE"
    assert error_of(client, "USER.UPDATE", 510, "USERNAME", "Taken", "BIO", "x").startswith("EXISTS")
    assert client.execute_command("USER.GET", 510)[0]["bio"] == ""
    assert client.execute_command("USER.UPDATE", 510, "USERNAME", "after", "BIO", "y")["username"] == "after"
    assert client.execute_command("USER.FIND", "after") == "510"
    eventually(lambda: client.execute_command("USER.FIND", "before") is None)
    eventually(lambda: fields(client.execute_command("USER.CREATE", "before", "ID", 512)))


def test_a_refused_id_releases_the_name(shared):
    client = shared.client()
    client.execute_command("USER.CREATE", "first520", "ID", 520)
    assert error_of(client, "USER.CREATE", "second520", "ID", 520) == "EXISTS user 520 is taken"
    assert client.execute_command("USER.FIND", "second520") is None
    assert fields(client.execute_command("USER.CREATE", "second520", "ID", 521))["id"] == "521"


def test_follows_and_their_lists(shared, users):
    client = shared.client()
    a, *others = users(30)
    for other in others:
        assert client.execute_command("FOLLOW", a, other) == 1
        assert client.execute_command("FOLLOW", a, other) == 0
    newest_first = [str(other) for other in reversed(others)]
    assert client.execute_command("FOLLOWING", a)[1] == newest_first[:20]
    assert pages(client, "FOLLOWING", a, count=7) == newest_first
    assert fields(client.execute_command("USER.GET", a)[0])["following"] == 29
    eventually(lambda: client.execute_command("FOLLOWERS", others[3])[1] == [str(a)])
    assert client.execute_command("UNFOLLOW", a, others[3]) == 1
    assert client.execute_command("UNFOLLOW", a, others[3]) == 0
    assert client.execute_command("FOLLOWS", a, others[3]) == 0
    eventually(lambda: client.execute_command("FOLLOWERS", others[3])[1] == [])
    eventually(lambda: fields(client.execute_command("USER.GET", others[3])[0])["followers"] == 0)


def test_the_first_follow_shows_old_tweets_at_once(shared, users):
    client = shared.client()
    a, b = users(2)
    posted = [client.execute_command("TWEET.POST", b, f"old {n}") for n in range(5)]
    client.execute_command("FOLLOW", a, b)
    assert home(client, a) == posted[::-1]
    client.execute_command("UNFOLLOW", a, b)
    assert home(client, a) == []
    client.execute_command("FOLLOW", a, b)
    assert home(client, a) == posted[::-1]


def test_own_posts_and_deletions_are_in_the_next_read(shared, users):
    client = shared.client()
    (a,) = users(1)
    for _ in range(20):
        tweet = client.execute_command("TWEET.POST", a, "mine")
        assert home(client, a)[0] == tweet
        assert client.execute_command("TWEET.DELETE", a, tweet) == 1
        assert tweet not in home(client, a)
        assert client.execute_command("TWEET.GET", tweet) == [None]
        assert client.execute_command("TWEET.DELETE", a, tweet) == 0


def test_replies_quotes_and_who_sees_them(shared, users):
    client = shared.client(protocol=3)
    reader, author, other = users(3)
    client.execute_command("FOLLOW", reader, author)
    parent = client.execute_command("TWEET.POST", other, "parent")
    reply = client.execute_command("TWEET.POST", author, "reply", "REPLYTO", parent)
    thread = client.execute_command("TWEET.POST", author, "thread", "REPLYTO", reply)
    quote = client.execute_command("TWEET.POST", author, "quote", "QUOTE", parent)
    mine = client.execute_command("TWEET.POST", reader, "mine")
    to_me = client.execute_command("TWEET.POST", author, "to you", "REPLYTO", mine)
    # Of different partitions' tweets in one millisecond, ids say which comes first.
    newest_first = lambda *tweets: sorted(tweets, key=int, reverse=True)
    eventually(lambda: home(client, reader) == newest_first(to_me, mine, quote, thread))
    client.execute_command("FOLLOW", reader, other)
    eventually(lambda: home(client, reader) == newest_first(to_me, mine, quote, thread, reply, parent))
    assert client.execute_command("TWEET.GET", reply)[0]["replyTo"] == parent
    assert client.execute_command("TWEET.GET", quote)[0]["quoteOf"] == parent
    eventually(lambda: client.execute_command("TWEET.GET", parent)[0]["replies"] == 1)
    client.execute_command("TWEET.DELETE", author, reply)
    eventually(lambda: client.execute_command("TWEET.GET", parent)[0]["replies"] == 0)


def test_pages_neither_skip_nor_repeat_while_tweets_arrive(shared, users):
    client = shared.client()
    reader, author = users(2)
    client.execute_command("FOLLOW", reader, author)
    posted = [client.execute_command("TWEET.POST", author, f"tweet {n}") for n in range(100)]
    eventually(lambda: home(client, reader, "COUNT", 1) == posted[-1:])
    seen, cursor = [], ""
    while True:
        reply = client.execute_command("TIMELINE.HOME", reader, "IDS", "COUNT", 7, "CURSOR", cursor)
        seen += reply[1]
        cursor = reply[0]
        if not cursor:
            break
        client.execute_command("TWEET.POST", author, "meanwhile")
    assert seen == posted[::-1]


def test_user_timelines_and_home_go_past_the_cap(shared, users):
    client = shared.client()
    (author,) = users(1)
    pipeline = client.pipeline(transaction=False)
    for number in range(1_000):
        pipeline.execute_command("TWEET.POST", author, f"tweet {number}")
    posted = pipeline.execute()
    assert pages(client, "TIMELINE.USER", author, "IDS", count=200) == posted[::-1]
    texts = [fields(tweet)["text"] for tweet in client.execute_command("TIMELINE.USER", author, "COUNT", 3)[1]]
    assert texts == ["tweet 999", "tweet 998", "tweet 997"]
    # A home timeline holds each author's newest 800.
    assert pages(client, "TIMELINE.HOME", author, "IDS", count=200) == posted[::-1][:800]


def test_since(shared, users):
    client = shared.client()
    reader, author = users(2)
    client.execute_command("FOLLOW", reader, author)
    first = client.execute_command("TWEET.POST", author, "first")
    eventually(lambda: home(client, reader) == [first])
    position = client.execute_command("TIMELINE.HOME", reader, "IDS")[2]
    assert home(client, reader, "SINCE", position) == []
    second = client.execute_command("TWEET.POST", author, "second")
    assert eventually(lambda: home(client, reader, "SINCE", position)) == [second]
    # After a change of edges everything is answered.
    client.execute_command("UNFOLLOW", reader, author)
    client.execute_command("FOLLOW", reader, author)
    assert home(client, reader, "SINCE", position) == [second, first]


def test_keys_make_retries_safe(shared, users):
    client = shared.client()
    (a,) = users(1)
    tweet = client.execute_command("TWEET.POST", a, "once", "KEY", "k1")
    assert client.execute_command("TWEET.POST", a, "once", "KEY", "k1") == tweet
    assert home(client, a) == [tweet]
    assert error_of(client, "TWEET.POST", a, "other", "KEY", "k1").startswith("INVALID KEY")
    pipeline = client.pipeline(transaction=False)
    for _ in range(50):
        pipeline.execute_command("TWEET.POST", a, "at once", "KEY", "k2")
    assert len(set(pipeline.execute())) == 1
    # Whatever has become of what the command refers to.
    answer = client.execute_command("TWEET.POST", a, "answer", "REPLYTO", tweet, "KEY", "k4")
    client.execute_command("TWEET.DELETE", a, tweet)
    assert client.execute_command("TWEET.POST", a, "answer", "REPLYTO", tweet, "KEY", "k4") == answer
    assert error_of(client, "TWEET.POST", a, "new answer", "REPLYTO", tweet, "KEY", "k5").startswith("NOTFOUND")
    created = [fields(client.execute_command("USER.CREATE", "keyed", "KEY", "c"))["id"] for _ in range(3)]
    assert len(set(created)) == 1
    # Refusals are not remembered.
    assert error_of(client, "TWEET.POST", 999_999_999, "x", "KEY", "k3").startswith("NOTFOUND")
    client.execute_command("USER.CREATE", "late", "ID", 999_999_999)
    assert client.execute_command("TWEET.POST", 999_999_999, "x", "KEY", "k3")


def test_concurrent_creations_of_a_name(shared):
    pipeline = shared.client().pipeline(transaction=False)
    for number in range(50):
        pipeline.execute_command("USER.CREATE", "wanted", "ID", 530 + number)
    replies = pipeline.execute(raise_on_error=False)
    assert sum(not isinstance(reply, Exception) for reply in replies) == 1
    assert all("EXISTS" in str(reply) for reply in replies if isinstance(reply, Exception))


def test_deleting_a_user(shared, users):
    client = shared.client()
    victim, follower, followed = users(3)
    name = fields(client.execute_command("USER.GET", victim)[0])["username"]
    client.execute_command("FOLLOW", follower, victim)
    client.execute_command("FOLLOW", victim, followed)
    tweet = client.execute_command("TWEET.POST", victim, "bye")
    eventually(lambda: home(client, follower) == [tweet])
    assert client.execute_command("USER.DELETE", victim) == 1
    assert client.execute_command("USER.DELETE", victim) == 0
    assert client.execute_command("USER.GET", victim) == [None]
    assert client.execute_command("TWEET.GET", tweet) == [None]
    eventually(lambda: home(client, follower) == [])
    eventually(lambda: client.execute_command("FOLLOWING", follower)[1] == [])
    eventually(lambda: client.execute_command("FOLLOWERS", followed)[1] == [])
    eventually(lambda: client.execute_command("USER.FIND", name) is None)
    assert error_of(client, "FOLLOW", follower, victim) == f"NOTFOUND user {victim}"
    assert error_of(client, "USER.CREATE", "again", "ID", victim) == f"EXISTS user {victim} is taken"


@pytest.mark.parametrize("words, expected", [
    (["NOSUCH", "x"], "unknown command 'NOSUCH', with args beginning with: 'x' "),
    (["TWEET.POST", "1"], "wrong number of arguments for 'tweet.post' command"),
    (["USER.GET"], "wrong number of arguments for 'user.get' command"),
    (["FOLLOWING", "{user}", "COUNT"], "syntax error"),
    (["FOLLOWING", "{user}", "LIMIT", "5"], "syntax error"),
    (["FOLLOWING", "{user}", "COUNT", "5", "COUNT", "5"], "syntax error: COUNT is given twice"),
    (["TWEET.POST", "{user}", "x" * 281], "INVALID text has 281 characters, at most 280"),
    (["TWEET.POST", "{user}", b"\xff\xfe"], "INVALID text is not UTF-8"),
    (["TWEET.POST", "{user}", "x", "KEY", ""], "INVALID KEY has 0 bytes, 1 to 64 allowed"),
    (["USER.CREATE", "not a name"], "INVALID username must be 1 to 15 of A-Z a-z 0-9 _"),
    (["USER.GET", "abc"], "INVALID user id 'abc' is not a number from 0 to 9223372036854775807"),
    (["USER.GET", "9223372036854775808"],
     "INVALID user id '9223372036854775808' is not a number from 0 to 9223372036854775807"),
    (["FOLLOWING", "{user}", "COUNT", "201"], "INVALID COUNT '201' is not a number from 1 to 200"),
    (["FOLLOW", "{user}", "{user}"], "INVALID users cannot follow themselves"),
    (["FOLLOW", "{user}", "888888888"], "NOTFOUND user 888888888"),
    (["FOLLOW", "888888888", "{user}"], "NOTFOUND user 888888888"),
    (["UNFOLLOW", "{user}", "888888888"], "NOTFOUND user 888888888"),
    (["FOLLOWS", "{user}", "888888888"], "NOTFOUND user 888888888"),
    (["TIMELINE.HOME", "888888888"], "NOTFOUND user 888888888"),
    (["TIMELINE.USER", "888888888"], "NOTFOUND user 888888888"),
    (["TWEET.POST", "888888888", "x"], "NOTFOUND user 888888888"),
    (["TWEET.POST", "{user}", "x", "REPLYTO", "1"], "NOTFOUND tweet 1"),
    (["TWEET.POST", "{user}", "x", "QUOTE", "1"], "NOTFOUND tweet 1"),
    (["USER.UPDATE", "888888888", "BIO", "x"], "NOTFOUND user 888888888"),
    (["USER.UPDATE", "{user}", "BIO", "x" * 161], "INVALID bio has 161 characters, at most 160"),
    (["USER.DELETE", "888888888"], "NOTFOUND user 888888888"),
    (["TIMELINE.HOME", "{user}", "CURSOR", "nonsense"], "CURSOR not a cursor of this list"),
    (["TIMELINE.HOME", "{user}", "SINCE", "00ff"], "CURSOR not a cursor of this list"),
    (["SELECT", "1"], "DB index is out of range"),
    (["CLIENT", "DEADLINE", "0"], "INVALID deadline '0' is not a number from 1 to 60000"),
])
def test_errors_name_what_was_wrong(shared, users, words, expected):
    (user,) = users(1)
    words = [word if isinstance(word, bytes) else word.replace("{user}", str(user)) for word in words]
    assert error_of(shared.client(), *words) == expected


def test_forbidden_and_exists(shared, users):
    client = shared.client()
    author, *others = users(8)
    tweet = client.execute_command("TWEET.POST", author, "x")
    for other in others:
        assert error_of(client, "TWEET.DELETE", other, tweet) == f"FORBIDDEN tweet {tweet} is not by user {other}"
    assert client.execute_command("TWEET.DELETE", author, 12345) == 0
    assert error_of(client, "USER.CREATE", f"T{author}") == f"EXISTS username T{author} is taken"


def test_a_cursor_of_another_list_is_refused(shared, users):
    client = shared.client()
    a, b, *rest = users(6)
    for other in rest:
        client.execute_command("FOLLOW", a, other)
    cursor = client.execute_command("FOLLOWING", a, "COUNT", 1)[0]
    assert error_of(client, "FOLLOWERS", a, "CURSOR", cursor).startswith("CURSOR")
    assert error_of(client, "FOLLOWING", b, "CURSOR", cursor).startswith("CURSOR")


def test_the_limit_of_following(own):
    client = own(nodes=1, partitions=2, sets=["timeline.following=5"]).client()
    for user in range(8):
        client.execute_command("USER.CREATE", f"u{user}", "ID", user)
    for other in range(1, 6):
        client.execute_command("FOLLOW", 0, other)
    assert error_of(client, "FOLLOW", 0, 6) == "INVALID user 0 follows 5 users, at most 5"
    client.execute_command("UNFOLLOW", 0, 1)
    assert client.execute_command("FOLLOW", 0, 6) == 1
