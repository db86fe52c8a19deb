internal import Foundation
package import Store

/// Whether the run before may have lost what it had acknowledged: it did not sync every write (`log.durability`), and the machine
/// stopped before it was ended.
///
/// A process that is killed leaves what it has written with the operating system. A machine that stops loses it, and has
/// another boot id afterwards. A device that goes away under a machine that stays is not noticed.
package struct UnsyncedRun {
    private static let file = "UNSYNCED"

    private let directory: DataDirectory
    /// Of the machine as it runs now; empty where nobody knows.
    private let boot: String

    package init(directory: DataDirectory) {
        self.directory = directory
        let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        boot = text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    }

    package func mayHaveLostWrites() throws(StoreError) -> Bool {
        guard let stored = try directory.file(UnsyncedRun.file), !stored.isEmpty else { return false }
        let before = String(decoding: stored, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        return before != boot || boot.isEmpty
    }

    /// To be called before anything is acknowledged that is not synced.
    package func begin() throws(StoreError) {
        try directory.replaceFile(UnsyncedRun.file, with: Array("\(boot.isEmpty ? "unknown" : boot)\n".utf8))
    }

    /// To be called when everything is synced.
    package func end() throws(StoreError) {
        guard try directory.file(UnsyncedRun.file)?.isEmpty == false else { return }
        try directory.replaceFile(UnsyncedRun.file, with: [])
    }
}
