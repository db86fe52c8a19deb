internal import Model

extension Command {
    /// For metrics and logs.
    var name: String {
        switch self {
        case .createUser: "createUser"
        case .updateUser: "updateUser"
        case .deleteUser: "deleteUser"
        case .follow: "follow"
        case .unfollow: "unfollow"
        case .postTweet: "postTweet"
        case .deleteTweet: "deleteTweet"
        case .restoreTweet: "restoreTweet"
        case .receiveMail: "receiveMail"
        case .trimOutbox: "trimOutbox"
        case .continueDeletion: "continueDeletion"
        }
    }
}

extension Query {
    /// For metrics and logs.
    var name: String {
        switch self {
        case .users: "users"
        case .userNamed: "userNamed"
        case .following: "following"
        case .followers: "followers"
        case .follows: "follows"
        case .tweets: "tweets"
        case .existence: "existence"
        case .home: "home"
        case .userTimeline: "userTimeline"
        case .dump: "dump"
        }
    }
}
