import Model
import Partitions
import TestSupport
import Testing

/// A clock that steps: ids and entry times go on increasing, over restarts too, and timelines stay what they are.
@Suite struct ClockTests {
    private static let hour: Microseconds = 3_600 * 1_000_000

    @Test(arguments: [false, true])
    func idsIncreaseOverRestartsWhenTheClockSteps(isFlushed: Bool) throws {
        let cluster = try PartitionCluster(count: 2, settings: PartitionSettings())
        var model = SocialModel(cap: 800)
        let users = (1...6).map { UserID(UInt64($0)) }
        for user in users {
            let command = CreateUser(username: try Username("user\(user)"), requestedID: user, displayName: nil)
            _ = try cluster.run(.createUser(command)).get()
            model.create(user)
        }
        for user in users.dropFirst() {
            _ = try cluster.run(.follow(Follow(follower: users[0], author: user))).get()
            _ = model.follow(users[0], user)
        }
        var newest: [PartitionID: TweetID] = [:]
        func postByEveryone() throws {
            for user in users {
                guard case .success(.tweetID(let id)) = try cluster.run(.postTweet(PostTweet(author: user, text: "x")))
                else {
                    Issue.record("post refused")
                    continue
                }
                let partition = cluster.layout.partition(of: user)
                #expect(newest[partition].map { $0 < id } ?? true, "\(id) behind \(String(describing: newest))")
                #expect(Snowflake.partition(of: id.rawValue) == partition)
                newest[partition] = id
                model.post(SocialModel.Post(id: id, author: user, replyTo: nil, replyToAuthor: nil))
            }
        }
        for step in [0, -1, 24, -24, -1, 1] {
            cluster.time = Microseconds(Int64(cluster.time) + Int64(step) * Int64(Self.hour))
            try postByEveryone()
            let before = cluster.partitions.mapValues(\.lastTime)
            if isFlushed { try cluster.flush() }
            try cluster.crash()
            try postByEveryone()
            for (id, partition) in cluster.partitions {
                #expect(partition.lastTime > before[id] ?? 0)
            }
            try cluster.deliverEverything()
            for user in users {
                let query = HomeQuery(reader: user, count: 200, before: nil, since: nil)
                let home = try cluster.read(.home(query), in: cluster.layout.partition(of: user))
                guard case .success(.home(let page, _, _)) = home else {
                    Issue.record("\(home)")
                    continue
                }
                #expect(page.items == model.home(user))
            }
        }
    }
}
