/// The few things that the log asks of a file system: small enough for a test double that forgets every byte and
/// every directory entry that was not synced.
package protocol FileSystem: Sendable {
    /// The names in the directory, in no order.
    func names() throws(LogError) -> [String]
    /// Opens a file for appending and reading. A file that is created is durable only after `syncDirectory`.
    func open(_ name: String, create: Bool) throws(LogError) -> any AppendableFile
    func remove(_ name: String) throws(LogError)
    /// Makes creations and removals durable.
    func syncDirectory() throws(LogError)
}

/// A file that grows at its end. Used by one thread at a time.
package protocol AppendableFile: AnyObject {
    var size: UInt64 { get }
    func append(_ bytes: [UInt8]) throws(LogError)
    /// Writes bytes that are there once more, as they are: after a sync that failed, systems take for written what they never
    /// wrote, and later syncs write nothing of it.
    func rewrite(at offset: UInt64, _ bytes: [UInt8]) throws(LogError)
    /// Makes everything appended durable.
    func sync() throws(LogError)
    /// Reads up to `count` bytes; fewer only at the end of the file.
    func read(at offset: UInt64, count: Int) throws(LogError) -> [UInt8]
    func truncate(to size: UInt64) throws(LogError)
}
