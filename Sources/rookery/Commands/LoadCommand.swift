import ArgumentParser
import BulkLoad
import Foundation
import LoadGenerator
import NIOCore
import NIOPosix
import Settings

/// `rookery load`: brings follow edges and tweets from files into a cluster.
struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Loads follow edges, tweets and dumps from files.",
        discussion: """
            Edges are lines of 'follower<TAB>followee'. Tweets are JSON lines with "author" and "text", and optionally
            "replyTo" and "quote". A dump is what 'rookery dump' wrote. Users that edges or tweets name are created with the
            name u<id in base 36> unless they exist.
            The cluster ends as if every line had been one command. An interrupted load goes on where it was when the
            same command is given again: what is done is noted beside each file in <file>.loaded.
            """
    )

    @OptionGroup var options: RouterOptions

    @Option(name: .long, help: "A file of 'follower<TAB>followee' lines.")
    var follows: String?

    @Option(name: .long, help: "A file of JSON lines, one tweet each.")
    var tweets: String?

    @Option(name: .long, help: "A file that 'rookery dump' wrote, of a cluster with as many partitions.")
    var dump: String?

    @Option(name: .long, help: "Connections to the router.")
    var connections: Int = 8

    @Flag(name: .long, help: "Do not create users: lines that name an unknown one are errors.")
    var noUsers = false

    @Flag(name: .long, help: "No progress bar.")
    var quiet = false

    func validate() throws {
        guard follows != nil || tweets != nil || dump != nil else {
            throw ValidationError("give --follows, --tweets or --dump")
        }
        guard (1...1_000).contains(connections) else { throw ValidationError("--connections must be 1 to 1,000") }
    }

    func run() async throws {
        let endpoint = try options.endpoint()
        let stream = try await CommandStream.connect(
            host: endpoint.host,
            port: endpoint.port,
            password: options.password,
            connections: connections,
            loop: MultiThreadedEventLoopGroup.singleton.next()
        )
        var loader = BulkLoader(stream: stream, createsUsers: !noUsers, progress: quiet ? nil : ProgressBar.show)
        var problems: [LineProblem] = []
        var hadErrors = false
        for (path, kind) in [(dump, BulkLoader.Kind.dump), (follows, .follows), (tweets, .tweets)] {
            guard let path else { continue }
            let summary = try await loader.load(path, kind)
            print(
                "\(path): \(summary.loaded) lines loaded, \(summary.skipped) done before, "
                    + "\(summary.problems.count) with errors, \(Int(summary.rate)) lines/s"
            )
            if summary.gone > 0 {
                print("\(path): \(summary.gone) lines left out: they name users or tweets that are not in the dump")
            }
            if summary.earlierProblems > 0 {
                print("\(path): \(summary.earlierProblems) lines had errors when they were loaded before")
                hadErrors = true
            }
            problems.append(contentsOf: summary.problems)
        }
        for problem in problems.prefix(20) {
            FileHandle.standardError.write(Data("\(problem)\n".utf8))
        }
        if problems.count > 20 {
            FileHandle.standardError.write(Data("and \(problems.count - 20) more\n".utf8))
        }
        if hadErrors || !problems.isEmpty { throw ExitCode.failure }
    }
}

/// A line on standard error that shows how far a file is.
enum ProgressBar {
    static let show: @Sendable (String, Int, Int) -> Void = { path, done, total in
        let width = 40
        let filled = total > 0 ? min(width, done * width / total) : width
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        let end = done >= total ? "\n" : ""
        FileHandle.standardError.write(Data("\r[\(bar)] \(done)/\(total) \(path)\(end)".utf8))
    }
}
