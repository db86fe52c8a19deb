import ArgumentParser
import ClusterLinks
import Logging
import Messages
import Model
import NIOCore
import NIOPosix
import Placement
import Settings
import Wire

/// Where the coordinator is, and what may talk to it.
struct CoordinatorOptions: ParsableArguments {
    @Option(name: .long, help: "The coordinator's host and port.")
    var coordinator: String = "127.0.0.1:7400"

    @Option(name: .long, help: "The cluster's secret, if it has one.")
    var secret: String = ""

    private var handshake: Handshake { Handshake(secret: secret, name: "rookery") }
    private var logger: Logger { Logger(label: "rookery") { _ in SwiftLogNoOpLogHandler() } }

    func ask(_ request: CoordinatorRequest) async throws -> Result<CoordinatorReply, Refusal> {
        guard let endpoint = Endpoint(coordinator) else { throw ValidationError("'\(coordinator)' is not host:port") }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let (handshake, logger) = (handshake, logger)
        let promise = loop.makePromise(of: Result<CoordinatorReply, Refusal>.self)
        loop.execute {
            let client = CoordinatorClient(
                eventLoop: loop,
                coordinator: endpoint,
                handshake: handshake,
                logger: logger
            )
            client.ask(request, within: .seconds(2)) { result in
                promise.succeed(result)
                client.close()
            }
        }
        return try await promise.futureResult.get()
    }

    /// Milliseconds.
    private static let longestSilence: UInt64 = 3_000

    /// The nodes that do well, as the coordinator has heard lately.
    func readyNodes() async throws -> Set<NodeID> {
        guard case .success(.health(let statuses)) = try await ask(.health) else {
            throw ValidationError("the coordinator does not say how the nodes do")
        }
        let ready = statuses.filter { status in
            status.health?.isReady ?? false
                && status.silentMilliseconds.map { $0 < CoordinatorOptions.longestSilence } ?? false
        }
        return Set(ready.map(\.node))
    }

    /// The map as it is now.
    func map() async throws -> PartitionMap { try await map(after: .map(newerThan: 0)) }

    /// The map that a request is answered with.
    func map(after request: CoordinatorRequest) async throws -> PartitionMap {
        switch try await ask(request) {
        case .success(.map(let map)): return map
        case .success(.refused(let refusal)), .failure(let refusal): throw ValidationError(refusal.message)
        case .success: throw ValidationError("the coordinator's answer cannot be understood")
        }
    }

    /// Asks the node that leads a partition.
    func askPrimary(of partition: PartitionID, _ request: NodeRequest, in map: PartitionMap) async throws {
        guard let primary = map.primary(of: partition) else {
            throw ValidationError("partition \(partition) has no primary")
        }
        // Whatever it answers, the map says what becomes of it.
        _ = try await ask(primary, request, in: map)
    }

    /// Asks a node of a map.
    func ask(
        _ node: NodeID,
        _ request: NodeRequest,
        in map: PartitionMap
    ) async throws -> Result<NodeReply, NodeFailure> {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let (handshake, logger) = (handshake, logger)
        let promise = loop.makePromise(of: Result<NodeReply, NodeFailure>.self)
        loop.execute {
            let links = NodeLinks(eventLoop: loop, handshake: handshake, logger: logger)
            links.follow(map)
            links.ask(node, request, deadline: .now() + .seconds(2)) { result in
                promise.succeed(result)
                links.close()
            }
        }
        return try await promise.futureResult.get()
    }

    /// Does something again and again until the map is as it should be.
    func wait(
        for what: String,
        seconds: Int,
        until isDone: (PartitionMap) -> Bool,
        meanwhile body: (PartitionMap) async throws -> Void = { _ in }
    ) async throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            let map = try await map()
            if isDone(map) { return }
            guard ContinuousClock.now < deadline else {
                throw ValidationError("not within \(seconds) s: \(what); give the command again to go on waiting")
            }
            try await body(map)
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}

extension PartitionMap {
    /// The node of a name.
    func node(named name: String) throws -> NodeID {
        guard let member = members.first(where: { $0.name == name }) else {
            throw ValidationError(
                "there is no node '\(name)'; there are \(members.map(\.name).joined(separator: ", "))"
            )
        }
        return member.id
    }

    func name(of node: NodeID) -> String { member(node)?.name ?? node.description }

    func configuration(of number: Int) throws -> (PartitionID, Configuration) {
        guard configurations.indices.contains(number) else {
            throw ValidationError("there is no partition \(number); there are \(configurations.count)")
        }
        return (PartitionID(UInt16(number)), configurations[number])
    }
}
