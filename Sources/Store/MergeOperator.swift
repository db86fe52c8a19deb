internal import CRocksDB
internal import Glibc

/// Keeps a merge function alive while RocksDB holds a pointer to it.
private final class MergeBox: Sendable {
    let merge: MergeFunction

    init(_ merge: @escaping MergeFunction) {
        self.merge = merge
    }
}

/// RocksDB's merge operator around a Swift function. RocksDB owns and destroys it with the options.
func makeMergeOperator(_ merge: @escaping MergeFunction) -> OpaquePointer? {
    rocksdb_mergeoperator_create(
        Unmanaged.passRetained(MergeBox(merge)).toOpaque(),
        { state in
            if let state {
                Unmanaged<MergeBox>.fromOpaque(state).release()
            }
        },
        { state, _, _, existing, existingLength, operands, lengths, count, success, resultLength in
            let stored = existing.map { UnsafeRawBufferPointer(start: $0, count: existingLength) }
            return runMerge(state, stored, operands, lengths, count, success, resultLength)
        },
        { state, _, _, operands, lengths, count, success, resultLength in
            runMerge(state, nil, operands, lengths, count, success, resultLength)
        },
        { _, value, _ in free(UnsafeMutableRawPointer(mutating: value)) },
        { _ in mergeOperatorName.start }
    )
}

/// The name is stored in the database and checked when it is opened: it never changes.
private let mergeOperatorName = StaticCString("rookery.sorted-list.1")

/// Text with a stable address for C.
private struct StaticCString: @unchecked Sendable {
    // Safe to share: allocated once, never written again, never freed.
    let start: UnsafePointer<CChar>?

    init(_ text: String) {
        start = UnsafePointer(strdup(text))
    }
}

/// Calls the Swift function and hands the result to RocksDB in memory from `malloc`.
///
/// RocksDB requires a non-null result even of a failure.
private func runMerge(
    _ state: UnsafeMutableRawPointer?,
    _ existing: UnsafeRawBufferPointer?,
    _ operands: UnsafePointer<UnsafePointer<CChar>?>?,
    _ lengths: UnsafePointer<Int>?,
    _ count: Int32,
    _ success: UnsafeMutablePointer<UInt8>?,
    _ resultLength: UnsafeMutablePointer<Int>?
) -> UnsafeMutablePointer<CChar>? {
    var pieces: [UnsafeRawBufferPointer] = []
    pieces.reserveCapacity(Int(count))
    if let operands, let lengths {
        for index in 0..<Int(count) {
            pieces.append(UnsafeRawBufferPointer(start: operands[index], count: lengths[index]))
        }
    }
    let merged = state.flatMap { Unmanaged<MergeBox>.fromOpaque($0).takeUnretainedValue().merge(existing, pieces) }
    let bytes = merged ?? []
    let result = malloc(max(1, bytes.count))
    if let result {
        bytes.withUnsafeBytes { source in
            if let start = source.baseAddress {
                memcpy(result, start, source.count)
            }
        }
    }
    success?.pointee = merged == nil || result == nil ? 0 : 1
    resultLength?.pointee = bytes.count
    return result?.assumingMemoryBound(to: CChar.self)
}
