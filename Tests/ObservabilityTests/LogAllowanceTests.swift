import Logging
import Observability
import Synchronization
import Testing

@Suite struct LogAllowanceTests {
    private let start = ContinuousClock.now
    private let place = LogAllowance.Place(file: "FrameServer.swift", line: 156)

    @Test func manyLinesAtOnceAreWrittenAndThenSomeInEachSecond() {
        let allowance = LogAllowance()
        for _ in 0..<LogAllowance.burst { #expect(allowance.ask(place, now: start) == .written(leftOut: 0)) }
        for _ in 0..<7 { #expect(allowance.ask(place, now: start) == .leftOut) }
        let later = start + .seconds(1)
        #expect(allowance.ask(place, now: later) == .written(leftOut: 7))
        for _ in 1..<LogAllowance.linesPerSecond { #expect(allowance.ask(place, now: later) == .written(leftOut: 0)) }
        #expect(allowance.ask(place, now: later) == .leftOut)
    }

    @Test func onePlaceTakesNothingFromAnother() {
        let allowance = LogAllowance()
        for _ in 0...LogAllowance.burst { _ = allowance.ask(place, now: start) }
        let other = LogAllowance.Place(file: place.file, line: place.line + 1)
        #expect(allowance.ask(place, now: start) == .leftOut)
        #expect(allowance.ask(other, now: start) == .written(leftOut: 0))
    }

    @Test func whatRestedMayAgainLogManyLinesAndNoMore() {
        let allowance = LogAllowance()
        for _ in 0...LogAllowance.burst { _ = allowance.ask(place, now: start) }
        let tomorrow = start + .seconds(86_400)
        let written = (0..<2 * LogAllowance.burst).count { _ in allowance.ask(place, now: tomorrow) != .leftOut }
        #expect(written == LogAllowance.burst)
    }

    @Test func loggersShareItAndSayWhatWasLeftOut() {
        let written = WrittenLines()
        let allowance = LogAllowance()
        let loggers = ["one", "two"].map { label in
            Logger(label: label) { _ in BoundedLogHandler(ListHandler(lines: written), allowance: allowance) }
        }
        func refuse(_ logger: Logger) { logger.warning("connection refused", metadata: ["peer": "x"]) }
        for number in 0...LogAllowance.burst { refuse(loggers[number % 2]) }
        #expect(written.count { $0 == "connection refused [\"peer\": x]" } >= LogAllowance.burst)
        let deadline = ContinuousClock.now + .seconds(60)
        while written.count(where: { $0.contains("left-out-before") }) == 0, ContinuousClock.now < deadline {
            refuse(loggers[0])
        }
        #expect(written.count { $0.contains("left-out-before") } > 0)
        for _ in 0..<2 * LogAllowance.burst { loggers[0].debug("asked for by its level") }
        #expect(written.count { $0.hasPrefix("asked") } == 2 * LogAllowance.burst)
    }
}

private final class WrittenLines: Sendable {
    private let lines = Mutex<[String]>([])

    func append(_ line: String) {
        lines.withLock { $0.append(line) }
    }

    func count(where matches: (String) -> Bool) -> Int {
        lines.withLock { $0.count { matches($0) } }
    }
}

private struct ListHandler: LogHandler {
    let lines: WrittenLines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(lines: WrittenLines) {
        self.lines = lines
    }

    func log(event: LogEvent) {
        lines.append("\(event.message) \(event.metadata ?? [:])")
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
}
