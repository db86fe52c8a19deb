internal import Foundation
internal import NIOCore
package import NIOPosix

extension ServerBootstrap {
    /// Lets the system ask clients that say nothing whether they are still there, and close connections of those that are not:
    /// who vanishes without a word, as a machine does that loses power, would keep its connection for good.
    ///
    /// - Parameter seconds: of silence before it asks, at most 32,767 (Linux refuses more); three questions without an answer,
    ///   a third as long apart, are the end. 0 for never.
    package func keepingAlive(seconds: Int) -> ServerBootstrap {
        guard seconds > 0 else { return self }
        let questions = 3
        let pause = max(1, seconds / questions)
        let options = [(TCP_KEEPIDLE, seconds), (TCP_KEEPINTVL, pause), (TCP_KEEPCNT, questions)]
        return options.reduce(childChannelOption(.socketOption(.so_keepalive), value: 1)) { bootstrap, option in
            bootstrap.childChannelOption(.tcpOption(NIOBSDSocket.Option(rawValue: option.0)), value: option.1)
        }
    }
}
