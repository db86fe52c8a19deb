/// Why a connection cannot be used any more.
package enum ClientError: Error, Equatable, Sendable, CustomStringConvertible {
    case protocolViolation(String)
    case disconnected(String)
    /// The server answered an error, in its words.
    case refused(String)

    package var description: String {
        switch self {
        case .protocolViolation(let what): "the server's answer is not RESP: \(what)"
        case .disconnected(let why): "connection lost: \(why)"
        case .refused(let text): text
        }
    }
}
