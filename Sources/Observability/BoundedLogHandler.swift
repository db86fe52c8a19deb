package import Logging

/// Keeps what one place in the program logs within an allowance. What an operator asked for by naming a lower level, and what ends the
/// process, is always written.
package struct BoundedLogHandler: LogHandler {
    private var handler: any LogHandler
    private let allowance: LogAllowance

    /// - Parameter allowance: shared by all loggers of a process.
    package init(_ handler: any LogHandler, allowance: LogAllowance) {
        self.handler = handler
        self.allowance = allowance
    }

    package func log(event: LogEvent) {
        guard event.level >= .info, event.level < .critical else { return handler.log(event: event) }
        let place = LogAllowance.Place(file: event.file, line: event.line)
        guard case .written(let leftOut) = allowance.ask(place, now: .now) else { return }
        guard leftOut > 0 else { return handler.log(event: event) }
        var event = event
        event.metadata = (event.metadata ?? [:]).merging(["left-out-before": "\(leftOut)"]) { $1 }
        handler.log(event: event)
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { handler[metadataKey: key] }
        set { handler[metadataKey: key] = newValue }
    }

    package var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue }
    }

    package var metadataProvider: Logger.MetadataProvider? {
        get { handler.metadataProvider }
        set { handler.metadataProvider = newValue }
    }

    package var logLevel: Logger.Level {
        get { handler.logLevel }
        set { handler.logLevel = newValue }
    }
}
