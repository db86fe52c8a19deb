/// Everything that reads bytes which a network, a disk or a user gave us: what fuzzing feeds, and what the tests feed
/// with all that fuzzing ever found interesting (`Fuzz/Corpora`).
///
/// Feeding checks more than that nothing crashes: a stream cut differently must read the same, and what was read must
/// be written and read again as the same value.
package enum Decoder: String, CaseIterable, Sendable {
    case clientCommands = "client-commands"
    case commandArguments = "command-arguments"
    case serverReplies = "server-replies"
    case frames
    case logRecords = "log-records"
    case logEntries = "log-entries"
    case messages
    case lists
    case cursors
    case configuration
    case loadLines = "load-lines"
    case replication
    case storeRecords = "store-records"

    /// - Throws: `Finding` where the decoder did something that it must not do.
    package func feed(_ bytes: [UInt8]) throws(Finding) {
        switch self {
        case .clientCommands: try Streams.clientCommands(bytes)
        case .commandArguments: try Words.commandArguments(bytes)
        case .serverReplies: try Streams.serverReplies(bytes)
        case .frames: try Streams.frames(bytes)
        case .logRecords: try Segments.feed(bytes)
        case .logEntries: try Values.logEntries(bytes)
        case .messages: try Values.messages(bytes)
        case .lists: try Values.lists(bytes)
        case .cursors: try Texts.cursors(bytes)
        case .configuration: try Texts.configuration(bytes)
        case .loadLines: try Texts.loadLines(bytes)
        case .replication: try Values.replication(bytes)
        case .storeRecords: try Records.feed(bytes)
        }
    }
}

/// What a decoder did wrong, in words.
package struct Finding: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }

    static func unless(_ holds: Bool, _ what: @autoclosure () -> String) throws(Finding) {
        if !holds { throw Finding(what()) }
    }
}
