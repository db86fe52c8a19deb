internal import Foundation
internal import HostileInput

/// libFuzzer, which has a `main` of its own that this program does not use.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ feed: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// Which decoder is fed: libFuzzer's callback takes no context, so that it is a variable of the program.
private let decoder: Decoder = {
    let name = ProcessInfo.processInfo.environment["FUZZ_DECODER"] ?? ""
    guard let decoder = Decoder(rawValue: name) else {
        let known = Decoder.allCases.map(\.rawValue).joined(separator: " ")
        FileHandle.standardError.write(Data("FUZZ_DECODER must be one of: \(known)\n".utf8))
        exit(2)
    }
    return decoder
}()

/// What libFuzzer calls with every input, by this name.
@_cdecl("LLVMFuzzerTestOneInput")
func feed(_ bytes: UnsafePointer<UInt8>?, _ length: Int) -> Int32 {
    do {
        try decoder.feed(Array(UnsafeBufferPointer(start: bytes, count: length)))
    } catch {
        // What libFuzzer takes for a finding is a crash.
        fatalError("\(error)")
    }
    return 0
}

/// The entry point, by the name that the build gives to a program's `main`.
@_cdecl("fuzz_main")
func fuzzMain(
    _ count: Int32,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> Int32 {
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments, feed)
}
