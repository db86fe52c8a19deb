import ArgumentParser
import Launch
import Router
import Settings

/// `rookery-router`: the front of a cluster, for any Redis client.
@main
struct RouterMain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rookery-router",
        abstract: "Fronts a Rookery cluster: any Redis client can query it.",
        version: rookeryVersion
    )

    @OptionGroup var options: LaunchOptions

    func run() async throws {
        var reader = try options.reader()
        let settings = try RouterSettings(from: &reader)
        try reader.refuseUnknownKeys()
        if options.printConfig { return print(reader.printed) }
        let process = RunningProcess(name: "rookery-router", settings: settings.process, loops: settings.loops)
        try await RouterService(settings: settings, process: process).run()
    }
}
