"""Random operations through a real three-node cluster, compared with a plain model."""

import os
import random

import pytest

from conftest import note
from social_model import SocialModel, assert_agrees

OPERATIONS = 6_000


@pytest.mark.parametrize("loops, operations", [(1, OPERATIONS), (3, OPERATIONS // 4)])
def test_everything_agrees_with_the_model(own, loops, operations):
    seed = int(os.environ.get("ROOKERY_SEED", random.randrange(1 << 32)))
    note(f"model with {loops} loops: ROOKERY_SEED={seed}")
    rng = random.Random(seed)
    # A low threshold, so that some authors are pulled and some pushed.
    client = own(sets=["timeline.pull.followers=4", f"node.loops={loops}"]).client()
    model = SocialModel()
    counts = {}
    next_user = 1

    def create():
        nonlocal next_user
        user = next_user
        next_user += 1
        client.execute_command("USER.CREATE", f"user{user}", "ID", user)
        model.create(user, f"user{user}")

    for _ in range(60):
        create()
    for step in range(operations):
        users = list(model.names)
        user, other = rng.sample(users, 2)
        kind = rng.choices(["follow", "unfollow", "post", "reply", "delete", "update", "rename", "read", "drop"],
                           [25, 8, 30, 8, 8, 4, 3, 13, 1])[0]
        counts[kind] = counts.get(kind, 0) + 1
        if kind == "follow":
            assert client.execute_command("FOLLOW", user, other) == model.follow(user, other)
        elif kind == "unfollow":
            assert client.execute_command("UNFOLLOW", user, other) == model.unfollow(user, other)
        elif kind == "post":
            model.post(int(client.execute_command("TWEET.POST", user, f"tweet {step}")), user)
        elif kind == "reply" and model.posts:
            parent = rng.choice(list(model.posts))
            model.post(int(client.execute_command("TWEET.POST", user, "reply", "REPLYTO", parent)), user, parent)
        elif kind == "delete" and model.posts:
            tweet = rng.choice(list(model.posts))
            author = model.posts[tweet][0]
            assert client.execute_command("TWEET.DELETE", author, tweet) == model.delete_post(tweet)
        elif kind == "update":
            client.execute_command("USER.UPDATE", user, "BIO", f"bio {step}")
            model.update(user, f"bio {step}")
        elif kind == "rename":
            client.execute_command("USER.UPDATE", user, "USERNAME", f"renamed{step}")
            model.names[user] = f"renamed{step}"
        elif kind == "read":
            client.execute_command("TIMELINE.HOME", user, "IDS")
        elif kind == "drop" and len(users) > 40:
            # Commands of others that name the user may still be under way in mail; the model has none.
            assert_agrees(client, model, [user])
            assert client.execute_command("USER.DELETE", user) == 1
            model.delete(user)
            create()
        if step % 1_500 == 1_499:
            assert_agrees(client, model)
    assert_agrees(client, model)
    note(f"model with {loops} loops: {counts}")
