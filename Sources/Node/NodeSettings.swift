package import Launch
package import Log
package import Partitions
package import Replication
package import Settings

/// The configuration of `rookery-node`.
package struct NodeSettings: Sendable {
    package static let name = SettingKey<String>.text("node.name", default: nil, "The node's name, for people: node1")
    package static let dataDirectory = SettingKey<String>.text(
        "node.data",
        default: nil,
        "The directory that holds the node's store and log"
    )
    package static let listen = SettingKey<Endpoint>.endpoint(
        "node.listen",
        default: "127.0.0.1:7500",
        "Where routers and other nodes connect"
    )
    package static let advertise = SettingKey<String>.text(
        "node.advertise",
        default: "",
        "The host that others reach this node at; the one listened on where empty"
    )
    package static let beaconPort = SettingKey<Int>.integer(
        "node.beacons.port",
        default: 0,
        in: 0...65_535,
        "Where other nodes' beacons come; 0 picks a free one"
    )
    package static let coordinator = SettingKey<Endpoint>.endpoint(
        "cluster.coordinator",
        default: "127.0.0.1:7400",
        "Where the coordinator is"
    )
    package static let zone = SettingKey<String>.text(
        "node.zone",
        default: "",
        "Replicas of a partition go to different zones; empty for none"
    )
    package static let weight = SettingKey<Int>.integer(
        "node.weight",
        default: 100,
        in: 1...1_000,
        "The node's share of the partitions relative to other nodes"
    )
    package static let loops = SettingKey<Int>.integer(
        "node.loops",
        default: 1,
        in: 1...64,
        "Event loop threads; each has its share of the partitions"
    )
    package static let durability = SettingKey<Durability>.choice(
        "log.durability",
        default: "always",
        expected: "always, never, or interval:<milliseconds>",
        "When a write counts as durable: synced each time, synced so often, or left to the operating system"
    ) { NodeSettings.durability($0) }
    package static let segmentMegabytes = SettingKey<Int>.integer(
        "log.segment.megabytes",
        default: 64,
        in: 1...1_024,
        "The size at which a log segment is closed"
    )
    package static let logMegabytes = SettingKey<Int>.integer(
        "log.keep.megabytes",
        default: 256,
        in: 4...65_536,
        "The size of the log at which the store is flushed and old segments go"
    )
    package static let logQueueMegabytes = SettingKey<Int>.integer(
        "log.queue.megabytes",
        default: 64,
        in: 1...4_096,
        "What may wait in memory for the log"
    )
    package static let logPatience = SettingKey<Int>.integer(
        "log.patience.seconds",
        default: 10,
        in: 1...600,
        "A log whose disk does not answer for so long has failed, where other nodes have copies; it takes nothing until a restart"
    )
    package static let cacheMegabytes = SettingKey<Int>.integer(
        "store.cache.megabytes",
        default: 256,
        in: 8...65_536,
        "The store's block cache"
    )
    package static let recordCacheMegabytes = SettingKey<Int>.integer(
        "node.records.megabytes",
        default: 512,
        in: 8...65_536,
        "Records of users and of who follows whom where that are kept in memory, over all partitions"
    )
    package static let tweetCacheMegabytes = SettingKey<Int>.integer(
        "node.tweets.megabytes",
        default: 128,
        in: 1...65_536,
        "Tweets that were read lately, kept in memory over all partitions"
    )
    package static let homeListCacheMegabytes = SettingKey<Int>.integer(
        "node.lists.megabytes",
        default: 128,
        in: 1...65_536,
        "Home lists that were read lately, kept in memory over all partitions"
    )
    package static let memtableMegabytes = SettingKey<Int>.integer(
        "store.memtable.megabytes",
        default: 64,
        in: 1...1_024,
        "One memtable of the store; up to three are held"
    )
    package static let listCap = SettingKey<Int>.integer(
        "timeline.cap",
        default: 800,
        in: 4...10_000,
        "References kept in an author's and in a home list; must be the same on all nodes"
    )
    package static let largestFollowing = SettingKey<Int>.integer(
        "timeline.following",
        default: 5_000,
        in: 1...100_000,
        "How many users one user may follow; must be the same on all nodes"
    )
    package static let pullThreshold = SettingKey<Int>.integer(
        "timeline.pull.followers",
        default: 4_096,
        in: 1...10_000_000,
        "Authors with more followers than this in a partition are pulled there, not pushed"
    )
    package static let idleSeconds = SettingKey<Int>.integer(
        "timeline.idle.seconds",
        default: 1_800,
        in: 1...1_000_000,
        "A home list that nobody has read for so long is dropped: its reader is pulled until the next read"
    )
    package static let homeLists = SettingKey<Int>.integer(
        "timeline.lists",
        default: 1_000_000,
        in: 1...100_000_000,
        "Home lists kept in one partition"
    )
    package static let tailEntries = SettingKey<Int>.integer(
        "timeline.tail",
        default: 64,
        in: 1...1_024,
        "Newest entries of a list kept in memory before they are written to the store together"
    )
    package static let largestTails = SettingKey<Int>.integer(
        "timeline.tails",
        default: 1_000_000,
        in: 1_000...100_000_000,
        "Such entries of all home lists of one partition, 24 to 48 bytes each; beyond, tails are written before they are full"
    )
    package static let inFlight = SettingKey<Int>.integer(
        "partition.inflight",
        default: 16_384,
        in: 16...1_000_000,
        "Requests of one partition that may be under way or waiting; more are refused as BUSY"
    )
    package static let outboxMessages = SettingKey<Int>.integer(
        "partition.outbox",
        default: 1_000_000,
        in: 1_000...100_000_000,
        "Messages that may wait for one partition that is away; beyond, writes of their sender are refused"
    )
    package static let replicationMegabytes = SettingKey<Int>.integer(
        "node.replication.megabytes",
        default: 64,
        in: 1...65_536,
        "Newest log entries kept in memory for the other replicas, over all partitions"
    )
    package static let diskReserveMegabytes = SettingKey<Int>.integer(
        "node.disk.reserve.megabytes",
        default: 256,
        in: 0...1_000_000,
        "Space of the data directory's file system that is kept free: with less, writes are refused and reads go on"
    )
    package static let slowMilliseconds = SettingKey<Int>.integer(
        "node.slow.milliseconds",
        default: 250,
        in: 1...60_000,
        "Requests that take longer are logged"
    )

    /// Arrivals in all partitions of a node before they are folded, about 100 bytes each, twice.
    private static let arrivals = 1 << 20

    package let process: ProcessSettings
    package let name: String
    package let dataDirectory: String
    package let listen: Endpoint
    package let advertisedHost: String
    package let beaconPort: Int
    package let coordinator: Endpoint
    package let zone: String
    package let weight: Int
    package let loops: Int
    package let durability: Durability
    package let segmentBytes: Int
    package let logBytes: UInt64
    package let logQueueBytes: Int
    package let logPatience: Duration
    package let cacheBytes: Int
    package let memtableBytes: Int
    package let recordCacheBytes: Int
    package let tweetCacheBytes: Int
    package let homeListCacheBytes: Int
    private let partitions: PartitionSettings
    package let idleMilliseconds: UInt64
    package let inFlight: Int
    package let outboxMessages: Int
    package let diskReserveBytes: UInt64
    package let slowMilliseconds: Int
    private let replicationBytes: Int

    package init(from reader: inout SettingsReader) throws(SettingsError) {
        process = try ProcessSettings(from: &reader)
        name = try reader.value(NodeSettings.name)
        dataDirectory = try reader.value(NodeSettings.dataDirectory)
        listen = try reader.value(NodeSettings.listen)
        let advertised = try reader.value(NodeSettings.advertise)
        advertisedHost = advertised.isEmpty ? listen.host : advertised
        beaconPort = try reader.value(NodeSettings.beaconPort)
        coordinator = try reader.value(NodeSettings.coordinator)
        zone = try reader.value(NodeSettings.zone)
        weight = try reader.value(NodeSettings.weight)
        loops = try reader.value(NodeSettings.loops)
        durability = try reader.value(NodeSettings.durability)
        segmentBytes = try reader.value(NodeSettings.segmentMegabytes) << 20
        logBytes = UInt64(try reader.value(NodeSettings.logMegabytes)) << 20
        logQueueBytes = try reader.value(NodeSettings.logQueueMegabytes) << 20
        logPatience = .seconds(try reader.value(NodeSettings.logPatience))
        cacheBytes = try reader.value(NodeSettings.cacheMegabytes) << 20
        memtableBytes = try reader.value(NodeSettings.memtableMegabytes) << 20
        recordCacheBytes = try reader.value(NodeSettings.recordCacheMegabytes) << 20
        tweetCacheBytes = try reader.value(NodeSettings.tweetCacheMegabytes) << 20
        homeListCacheBytes = try reader.value(NodeSettings.homeListCacheMegabytes) << 20
        var partitions = PartitionSettings()
        partitions.listCap = try reader.value(NodeSettings.listCap)
        partitions.largestFollowing = try reader.value(NodeSettings.largestFollowing)
        partitions.pullThreshold = try reader.value(NodeSettings.pullThreshold)
        partitions.largestHomeLists = try reader.value(NodeSettings.homeLists)
        partitions.tailEntries = try reader.value(NodeSettings.tailEntries)
        partitions.largestTails = try reader.value(NodeSettings.largestTails)
        self.partitions = partitions
        idleMilliseconds = UInt64(try reader.value(NodeSettings.idleSeconds)) * 1_000
        inFlight = try reader.value(NodeSettings.inFlight)
        outboxMessages = try reader.value(NodeSettings.outboxMessages)
        diskReserveBytes = UInt64(try reader.value(NodeSettings.diskReserveMegabytes)) << 20
        slowMilliseconds = try reader.value(NodeSettings.slowMilliseconds)
        replicationBytes = try reader.value(NodeSettings.replicationMegabytes) << 20
    }

    /// The settings of one of `count` partitions that share the node's memory.
    package func partition(amongst count: Int) -> PartitionSettings {
        var partition = partitions
        partition.recordCacheBytes = recordCacheBytes / max(1, count)
        partition.tweetCacheBytes = tweetCacheBytes / max(1, count)
        partition.homeListCacheBytes = homeListCacheBytes / max(1, count)
        partition.largestArrivals = min(partitions.largestArrivals, NodeSettings.arrivals / max(1, count))
        return partition
    }

    /// How the replicas of one of `count` partitions of a node behave.
    package func replication(factor: Int, amongst count: Int) -> ReplicationSettings {
        var replication = ReplicationSettings(replicationFactor: factor)
        replication.recentBytes = replicationBytes / max(1, count)
        return replication
    }

    /// The durability as an operator writes it.
    package var durabilityText: String {
        switch durability {
        case .always: "always"
        case .interval(let milliseconds): "interval:\(milliseconds)"
        case .never: "never"
        }
    }

    private static func durability(_ text: String) -> Durability? {
        switch text {
        case "always": return .always
        case "never": return .never
        default:
            guard text.hasPrefix("interval:"), let milliseconds = Int(text.dropFirst(9)),
                (1...60_000).contains(milliseconds)
            else { return nil }
            return .interval(milliseconds: milliseconds)
        }
    }
}
