/// Every command, by name.
struct CommandTable: Sendable {
    static let shared = CommandTable(
        UserCommands.all + FollowCommands.all + TweetCommands.all + TimelineCommands.all + ClusterCommands.all
            + CopyCommands.all
            + ConnectionCommands.all + ServerCommands.all
    )

    let specs: [CommandSpec]
    private let byName: [[UInt8]: CommandSpec]

    init(_ specs: [CommandSpec]) {
        self.specs = specs
        byName = Dictionary(specs.map { (Array($0.name.utf8), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The command of a name in any case.
    subscript(name: [UInt8]) -> CommandSpec? {
        if let exact = byName[name] { return exact }
        return byName[name.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) ? $0 - 32 : $0 }]
    }
}
