internal import Foundation

/// A directory that is removed with the value.
package final class TemporaryDirectory {
    package let path: String

    package init() throws {
        path = FileManager.default.temporaryDirectory.path + "/rookery-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// A directory of another name beside what is here, not created.
    package func fresh(_ name: String) -> String {
        path + "/\(name)-\(UUID().uuidString)"
    }
}
