import Model

/// The product in plain collections: what everything must look like once all mail is delivered.
struct SocialModel {
    struct Post {
        let id: TweetID
        let author: UserID
        let replyTo: TweetID?
        let replyToAuthor: UserID?
        var isDeleted = false
    }

    let cap: Int
    private(set) var users: Set<UserID> = []
    /// In the order of the follows.
    private(set) var following: [UserID: [UserID]] = [:]
    private(set) var posts: [TweetID: Post] = [:]
    private var postsByAuthor: [UserID: [TweetID]] = [:]

    init(cap: Int) {
        self.cap = cap
    }

    mutating func create(_ user: UserID) {
        users.insert(user)
    }

    mutating func delete(_ user: UserID) {
        users.remove(user)
        following[user] = nil
        for follower in following.keys {
            following[follower]?.removeAll { $0 == user }
        }
        for tweet in postsByAuthor[user] ?? [] {
            posts[tweet]?.isDeleted = true
        }
        postsByAuthor[user] = nil
    }

    mutating func follow(_ user: UserID, _ other: UserID) -> Bool {
        guard !(following[user] ?? []).contains(other) else { return false }
        following[user, default: []].append(other)
        return true
    }

    mutating func unfollow(_ user: UserID, _ other: UserID) -> Bool {
        guard let position = following[user]?.firstIndex(of: other) else { return false }
        following[user]?.remove(at: position)
        return true
    }

    mutating func post(_ post: Post) {
        posts[post.id] = post
        postsByAuthor[post.author, default: []].append(post.id)
    }

    mutating func deletePost(_ id: TweetID) -> Bool {
        guard posts[id]?.isDeleted == false else { return false }
        posts[id]?.isDeleted = true
        return true
    }

    func followers(of user: UserID) -> Set<UserID> {
        Set(following.filter { $0.value.contains(user) }.keys)
    }

    func posts(of user: UserID) -> [TweetID] {
        (postsByAuthor[user] ?? []).filter { posts[$0]?.isDeleted == false }.sorted(by: >)
    }

    /// An author's newest `cap` ever posted, the deleted among them.
    private func authorList(_ author: UserID) -> [TweetID] {
        Array((postsByAuthor[author] ?? []).sorted(by: >).prefix(cap))
    }

    /// What a reader sees: the author lists of everyone they follow and their own, newest first, less the deleted and
    /// the replies to people whom they do not follow.
    func home(_ reader: UserID) -> [TweetID] {
        let followed = Set(following[reader] ?? [])
        var visible = authorList(reader)
        for author in followed {
            visible.append(contentsOf: authorList(author).filter { isSeen($0, by: reader, following: followed) })
        }
        return visible.filter { posts[$0]?.isDeleted == false }.sorted(by: >)
    }

    private func isSeen(_ id: TweetID, by reader: UserID, following followed: Set<UserID>) -> Bool {
        guard let post = posts[id], let other = post.replyToAuthor, other != post.author, other != reader else {
            return true
        }
        return followed.contains(other)
    }

    func replies(to id: TweetID) -> Int {
        posts.values.count { $0.replyTo == id && !$0.isDeleted }
    }
}
