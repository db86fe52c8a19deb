package import Client
internal import Synchronization

/// What operations that were not served were told, by the first word of the error.
package final class Refusals: Sendable {
    private let byCode = Mutex<[String: Int]>([:])

    package init() {}

    package func note(_ error: String) {
        let code = String(error.prefix { $0 != " " && $0 != ":" })
        byCode.withLock { $0[code, default: 0] += 1 }
    }

    package func problem(_ result: Result<Outcome, ClientError>) -> String? {
        if case .failure(let error) = result { error.description } else { nil }
    }

    package var counts: [(code: String, count: Int)] {
        byCode.withLock { $0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
