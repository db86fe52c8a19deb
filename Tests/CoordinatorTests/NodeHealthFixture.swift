import Messages

extension NodeHealth {
    /// What an idle node says.
    static let well = NodeHealth(isReady: true, problem: "")
    static let unwell = NodeHealth(isReady: false, problem: "disk")

    private init(isReady: Bool, problem: String) {
        self.init(
            isReady: isReady,
            problem: problem,
            durability: "always",
            partitions: 0,
            logBytes: 0,
            waitingLetters: 0,
            unappliedEntries: 0
        )
    }
}
