internal import Model

/// Presences of authors in memory, as the entry being applied has them: every delivery asks for one.
struct PresenceCache {
    private static let limit = 200_000

    private var cached: [UserID: AuthorPresence] = [:]

    subscript(author: UserID) -> AuthorPresence? {
        get { cached[author] }
        set {
            // Any may go: it is read again when its author posts.
            if newValue != nil, cached.count >= PresenceCache.limit, let victim = cached.keys.first {
                cached[victim] = nil
            }
            cached[author] = newValue
        }
    }
}
