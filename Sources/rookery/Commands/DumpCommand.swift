import ArgumentParser
import BulkLoad
import Foundation
import LoadGenerator
import NIOCore
import NIOPosix
import Settings

/// `rookery dump`: writes everything that a cluster has.
struct DumpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Writes a cluster's users, follows and tweets as JSON lines.",
        discussion: """
            'rookery load --dump FILE' makes another cluster, with as many partitions, equal: ids, names, times, the order \
            of follows and what replies refer to are kept. Not in it: what was deleted, keys of retries. What is written while \
            the dump runs may be in it or not: let nobody write where the copy has to be exact.
            """
    )

    @OptionGroup var options: RouterOptions

    @Option(
        name: [.short, .long],
        help: "The file, which is there only when it is complete; standard output if absent."
    )
    var output: String?

    func run() async throws {
        let endpoint = try options.endpoint()
        let stream = try await CommandStream.connect(
            host: endpoint.host,
            port: endpoint.port,
            password: options.password,
            connections: 1,
            loop: MultiThreadedEventLoopGroup.singleton.next()
        )
        guard let output else { return report(try await ClusterDump(stream: stream, output: .standardOutput).write()) }
        let part = output + ".part"
        guard FileManager.default.createFile(atPath: part, contents: nil), let file = FileHandle(forWritingAtPath: part)
        else { throw ValidationError("\(part) cannot be created") }
        let summary = try await ClusterDump(stream: stream, output: file).write()
        try file.synchronize()
        try file.close()
        // How far an older dump of this name was loaded says nothing of this one.
        try? FileManager.default.removeItem(atPath: output + ".loaded")
        guard rename(part, output) == 0 else {
            throw ValidationError("\(part) cannot be renamed to \(output): \(String(cString: strerror(errno)))")
        }
        report(summary)
    }

    private func report(_ summary: ClusterDump.Summary) {
        let text = "\(summary.users) users, \(summary.follows) follows, \(summary.tweets) tweets\n"
        FileHandle.standardError.write(Data(text.utf8))
    }
}
