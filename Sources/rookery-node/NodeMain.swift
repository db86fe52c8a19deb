import ArgumentParser
import Launch
import Node
import Settings

/// `rookery-node`: stores partitions and serves them.
@main
struct NodeMain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rookery-node",
        abstract: "Stores partitions of a Rookery cluster and serves them.",
        version: rookeryVersion
    )

    @OptionGroup var options: LaunchOptions

    func run() async throws {
        var reader = try options.reader()
        let settings = try NodeSettings(from: &reader)
        try reader.refuseUnknownKeys()
        if options.printConfig { return print(reader.printed) }
        let process = RunningProcess(name: "rookery-node", settings: settings.process, loops: settings.loops)
        try await NodeService(settings: settings, process: process).run()
    }
}
