import Foundation

/// `microbenchmarks` lists the names; `microbenchmarks NAME TIMES` runs one so many times its own count.
@main
enum MicrobenchmarksMain {
    static func main() throws {
        let all = CodecBenchmarks.all + ListBenchmarks.all + PartitionBenchmarks.all
        let arguments = CommandLine.arguments.dropFirst()
        guard let name = arguments.first else {
            for one in all { print(one.name, one.count) }
            return
        }
        guard let chosen = all.first(where: { $0.name == name }),
            let times = arguments.dropFirst().first.flatMap({ Int($0) })
        else {
            FileHandle.standardError.write(Data("usage: microbenchmarks [NAME TIMES]\n".utf8))
            exit(2)
        }
        let body = try chosen.prepare()
        for number in 0..<(chosen.count * times) {
            try body(number)
        }
    }
}
