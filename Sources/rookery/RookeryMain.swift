import ArgumentParser
import Launch

/// `rookery`: the command-line tool.
@main
struct RookeryMain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rookery",
        abstract: "Administers, loads and measures a Rookery cluster.",
        version: rookeryVersion,
        subcommands: [ClusterCommand.self, LoadCommand.self, DumpCommand.self, BenchCommand.self]
    )
}
