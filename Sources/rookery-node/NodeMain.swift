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

    @Flag(
        name: .long,
        help: "Check the data of a node that does not run, print what was found, and exit: 1 where it is damaged."
    )
    var verify = false

    func run() async throws {
        var reader = try options.reader()
        let settings = try NodeSettings(from: &reader)
        try reader.refuseUnknownKeys()
        if options.printConfig { return print(reader.printed) }
        if verify { return try verify(settings.dataDirectory) }
        let process = RunningProcess(name: "rookery-node", settings: settings.process, loops: settings.loops)
        try await NodeService(settings: settings, process: process).run()
    }

    private func verify(_ path: String) throws {
        let verification = try Verification(path: path)
        for line in verification.lines {
            print(line)
        }
        for problem in verification.problems {
            print("DAMAGED \(problem)")
        }
        guard verification.problems.isEmpty else { throw ExitCode.failure }
        print("nothing is damaged")
    }
}
