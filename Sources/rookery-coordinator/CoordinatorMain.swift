import ArgumentParser
import Coordinator
import Launch
import MapStorage
import NIOCore
import NIOPosix
import Observability
import Settings
import Store
import Wire

/// `rookery-coordinator`: holds the partition map.
@main
struct CoordinatorMain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rookery-coordinator",
        abstract: "Holds the partition map of a Rookery cluster.",
        version: rookeryVersion
    )

    @OptionGroup var options: LaunchOptions

    func run() async throws {
        var reader = try options.reader()
        let settings = try CoordinatorSettings(from: &reader)
        try reader.refuseUnknownKeys()
        if options.printConfig { return print(reader.printed) }

        let process = RunningProcess(name: "rookery-coordinator", settings: settings.process, loops: 1)
        let loop = process.group.next()
        let directory = try DataDirectory(path: settings.dataDirectory)
        let problems = ProblemBoard()
        let service = try await loop.submit {
            let service = try CoordinatorService(
                eventLoop: loop,
                store: MapStore(directory: directory),
                problems: problems,
                logger: process.logger
            )
            service.start()
            return NIOLoopBound(service, eventLoop: loop)
        }.get()
        let channel = try await FrameListener.bind(
            group: loop,
            host: settings.listen.host,
            port: settings.listen.port,
            handshake: Handshake(secret: settings.process.secret, name: "coordinator"),
            logger: process.logger
        ) { request, responder in
            service.value.handle(request, responder)
        }
        try await process.serve(ports: [("PORT", channel.localAddress?.port ?? 0)]) {
            Health(isReady: problems.summary == nil, detail: problems.summary ?? "")
        }
        try await channel.close()
    }
}
