internal import Foundation
internal import Randomness

/// The graph that all workloads use: every user follows 20 to 200 others, drawn without replacement with probability
/// proportional to rank^-0.75, ranks being a seeded shuffle of the ids.
///
/// At 20,000 users: mean 110 followers, median about 55, 90th percentile about 180, 99th about 975, maximum about
/// 17,000.
package struct StandardGraph: Sendable {
    /// Whom each user follows.
    package let following: [[Int32]]
    package let followerCounts: [Int]

    /// - Parameters:
    ///   - users: their ids are 0 to `users` - 1.
    ///   - least, most: how many others each user follows.
    package init(users: Int, seed: UInt64 = 1, least: Int = 20, most: Int = 200) {
        var random = SeededGenerator(seed: seed)
        var byRank = Array(0..<users)
        byRank.shuffle(using: &random)
        let sampler = WeightedSampler.zipf(count: users, exponent: 0.75)
        var counts = [Int](repeating: 0, count: users)
        var following: [[Int32]] = []
        following.reserveCapacity(users)
        let least = min(least, users - 1)
        let most = min(most, users - 1)
        for user in 0..<users {
            let wanted = most > least ? Int.random(in: least...most, using: &random) : least
            var chosen: Set<Int32> = []
            while chosen.count < wanted {
                let other = byRank[sampler.draw(&random)]
                if other != user { chosen.insert(Int32(other)) }
            }
            for other in chosen {
                counts[Int(other)] += 1
            }
            following.append(chosen.sorted())
        }
        self.following = following
        followerCounts = counts
    }

    /// Who follows each user.
    var followers: [[Int32]] {
        var followers: [[Int32]] = Array(repeating: [], count: users)
        for (user, others) in following.enumerated() {
            for other in others {
                followers[Int(other)].append(Int32(user))
            }
        }
        return followers
    }

    /// All edges, the first of every user, then the second of every user: so that no user's follows wait in line.
    var interleavedEdges: [(follower: Int32, author: Int32)] {
        var pairs: [(follower: Int32, author: Int32)] = []
        pairs.reserveCapacity(edges)
        for (follower, authors) in interleavedFollows(together: 1) {
            for author in authors {
                pairs.append((follower, author))
            }
        }
        return pairs
    }

    /// The first so many edges of every user, then the next so many of every user.
    package func interleavedFollows(together: Int) -> [(follower: Int32, authors: ArraySlice<Int32>)] {
        var follows: [(follower: Int32, authors: ArraySlice<Int32>)] = []
        for position in stride(from: 0, to: following.map(\.count).max() ?? 0, by: together) {
            for (user, others) in following.enumerated() where position < others.count {
                follows.append((Int32(user), others[position..<min(others.count, position + together)]))
            }
        }
        return follows
    }

    package var users: Int { following.count }
    package var edges: Int { following.reduce(0) { $0 + $1.count } }

    /// Who posts how often: 0.1 below 10 followers, else 1 + log10(followers).
    package var postWeights: [Double] {
        followerCounts.map { $0 < 10 ? 0.1 : 1 + log10(Double($0)) }
    }

    /// The value below which a share of the follower counts lies.
    package func followerPercentile(_ share: Double) -> Int {
        let sorted = followerCounts.sorted()
        return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
}

func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
