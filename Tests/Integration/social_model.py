"""The product in plain collections, and its comparison with a cluster."""

import collections

from conftest import eventually, fields

CAP = 800


class SocialModel:
    """What everything must look like once all mail is delivered."""

    def __init__(self):
        self.names = {}
        self.bios = {}
        self.following = {}
        self.posts = {}
        self.authored = {}

    def create(self, user, name):
        self.names[user], self.bios[user] = name, ""
        self.following[user], self.authored[user] = [], []

    def update(self, user, bio):
        self.bios[user] = bio

    def delete(self, user):
        for gone in (self.names, self.bios, self.following):
            del gone[user]
        for tweet in self.authored.pop(user):
            self.posts.pop(tweet, None)
        for followed in self.following.values():
            if user in followed:
                followed.remove(user)

    def follow(self, user, other):
        if other in self.following[user]:
            return 0
        self.following[user].append(other)
        return 1

    def unfollow(self, user, other):
        if other not in self.following[user]:
            return 0
        self.following[user].remove(other)
        return 1

    def post(self, tweet, author, reply_to=None):
        self.posts[tweet] = (author, reply_to, self.posts[reply_to][0] if reply_to in self.posts else None)
        self.authored[author].append(tweet)

    def delete_post(self, tweet):
        return 0 if self.posts.pop(tweet, None) is None else 1

    def timeline(self, user):
        return sorted((tweet for tweet in self.authored[user] if tweet in self.posts), reverse=True)

    def home(self, reader):
        followed = set(self.following[reader])
        seen = []
        for author in followed | {reader}:
            for tweet in sorted(self.authored[author], reverse=True)[:CAP]:
                if tweet not in self.posts:
                    continue
                _, reply_to, other = self.posts[tweet]
                if author == reader or reply_to is None or other in (author, reader) or other in followed:
                    seen.append(tweet)
        return sorted(seen, reverse=True)

    def followers(self):
        inverse = {user: set() for user in self.names}
        for user, followed in self.following.items():
            for other in followed:
                inverse[other].add(user)
        return inverse


def batches(items, size):
    return [items[start:start + size] for start in range(0, len(items), size)]


def _all_pages(client, users, *command):
    """All pages of a list of many users, in pipelines."""
    items = {user: [] for user in users}
    cursors = {user: "" for user in users}
    while cursors:
        pipeline = client.pipeline(transaction=False)
        for user, cursor in cursors.items():
            pipeline.execute_command(command[0], user, *command[1:], "COUNT", 200, "CURSOR", cursor)
        replies = dict(zip(list(cursors), pipeline.execute()))
        for user, reply in replies.items():
            items[user] += [int(item) for item in reply[1]]
        cursors = {user: reply[0] for user, reply in replies.items() if reply[0]}
    return items


def differences(client, model, users=None):
    """What the cluster has otherwise than the model; empty where they agree."""
    users = sorted(model.names) if users is None else users
    followers = model.followers()
    found = []

    def compare(what, got, expected):
        for user in users:
            if got[user] != expected(user):
                found.append((what, user, got[user][:5], expected(user)[:5]))

    compare("following", _all_pages(client, users, "FOLLOWING"), lambda user: model.following[user][::-1])
    got = _all_pages(client, users, "FOLLOWERS")
    compare("followers", {user: sorted(items) for user, items in got.items()}, lambda user: sorted(followers[user]))
    compare("timeline", _all_pages(client, users, "TIMELINE.USER", "IDS"), model.timeline)
    compare("home", _all_pages(client, users, "TIMELINE.HOME", "IDS"), model.home)
    replies = collections.Counter(reply_to for _, reply_to, _ in model.posts.values() if reply_to)
    for chunk in batches(sorted(model.posts, reverse=True)[:2_000], 500):
        for tweet, reply in zip(chunk, client.execute_command("TWEET.GET", *chunk)):
            got = fields(reply)["replies"] if reply else None
            if got != replies[tweet]:
                found.append(("replies", tweet, got, replies[tweet]))
    for chunk in batches(users, 500):
        pipeline = client.pipeline(transaction=False)
        for user in chunk:
            pipeline.execute_command("USER.FIND", model.names[user])
        for user, owner in zip(chunk, pipeline.execute()):
            if owner != str(user):
                found.append(("owner of the name", user, owner, user))
        for user, reply in zip(chunk, client.execute_command("USER.GET", *chunk)):
            read = fields(reply) if reply else {}
            expected = (model.names[user], model.bios[user], len(followers[user]), len(model.following[user]),
                        len(model.timeline(user)))
            got = tuple(read.get(name) for name in ("username", "bio", "followers", "following", "tweets"))
            if got != expected:
                found.append(("user", user, got, expected))
    return found


def assert_agrees(client, model, users=None, seconds=120):
    """The cluster agrees with the model within some time, and then stays so."""
    last = [None]

    def check():
        last[0] = differences(client, model, users)
        return not last[0]

    try:
        eventually(check, seconds)
    except AssertionError:
        raise AssertionError(f"{len(last[0])} differences: {last[0][:5]}") from None
    assert not differences(client, model, users)
