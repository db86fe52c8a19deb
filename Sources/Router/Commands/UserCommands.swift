internal import Messages
internal import Model
internal import Wire

/// `USER.*`
enum UserCommands {
    static let all: [CommandSpec] = [
        CommandSpec(
            "USER.CREATE",
            arity: -2,
            .users,
            isWrite: true,
            "username [ID id] [NAME text] [BIO text] [CREATEDAT milliseconds] [KEY token]",
            "Creates a user with a unique name"
        ) { arguments, context throws(Refusal) in
            _ = try context.requireLayout()
            let username = try Username(try arguments.text("username"))
            var id: UserID?
            var name: String?
            var bio = ""
            var createdAt: Milliseconds?
            var key: IdempotencyKey?
            try arguments.options { option, arguments throws(Refusal) in
                switch option {
                case "ID": id = try arguments.user()
                case "NAME": name = try TextRules.displayName(try arguments.text("name"))
                case "BIO": bio = try TextRules.bio(try arguments.text("bio"))
                case "CREATEDAT": createdAt = try arguments.time("CREATEDAT")
                case "KEY": key = try arguments.key()
                default: return false
                }
                return true
            }
            return .write(
                .createUser(
                    CreateUser(
                        username: username,
                        requestedID: id,
                        displayName: name,
                        bio: bio,
                        createdAt: createdAt,
                        key: key
                    )
                ),
                oneUser
            )
        },
        CommandSpec("USER.GET", arity: -2, .users, "id [id ...]", "Answers users, null for those who do not exist") {
            arguments,
            context throws(Refusal) in
            var users: [UserID] = []
            while arguments.remaining > 0 {
                users.append(try arguments.user())
            }
            return get(users, try context.requireLayout())
        },
        CommandSpec("USER.FIND", arity: 2, .users, "username", "Answers the id of the user with a name, or null") {
            arguments,
            context throws(Refusal) in
            let layout = try context.requireLayout()
            let name = try Username(try arguments.text("username")).folded
            let query = PartitionQuery(partition: layout.partition(ofFoldedName: name), query: .userNamed(name))
            return .read(query) { answer throws(Refusal) in
                guard case .userID(let user) = answer else { throw Plan.strangeAnswer }
                return .reply(user.map { .id($0.rawValue) } ?? .null)
            }
        },
        CommandSpec(
            "USER.UPDATE",
            arity: -2,
            .users,
            isWrite: true,
            "user [NAME text] [BIO text] [USERNAME name] [KEY token]",
            "Changes a user"
        ) { arguments, context throws(Refusal) in
            _ = try context.requireLayout()
            let user = try arguments.user()
            var name: String?
            var bio: String?
            var username: Username?
            var key: IdempotencyKey?
            try arguments.options { option, arguments throws(Refusal) in
                switch option {
                case "NAME": name = try TextRules.displayName(try arguments.text("name"))
                case "BIO": bio = try TextRules.bio(try arguments.text("bio"))
                case "USERNAME": username = try Username(try arguments.text("username"))
                case "KEY": key = try arguments.key()
                default: return false
                }
                return true
            }
            return .write(
                .updateUser(UpdateUser(user: user, displayName: name, bio: bio, username: username, key: key)),
                oneUser
            )
        },
        CommandSpec(
            "USER.DELETE",
            arity: -2,
            .users,
            isWrite: true,
            "user [KEY token]",
            "Deletes a user with their tweets and edges"
        ) { arguments, context throws(Refusal) in
            _ = try context.requireLayout()
            let user = try arguments.user()
            var key: IdempotencyKey?
            try arguments.options { option, arguments throws(Refusal) in
                guard option == "KEY" else { return false }
                key = try arguments.key()
                return true
            }
            return .write(.deleteUser(DeleteUser(user: user, key: key)), Replies.integer)
        },
    ]

    private static func oneUser(_ answer: Answer) throws(Refusal) -> RESPValue {
        guard case .users(let users) = answer, let first = users.first, let user = first else {
            throw Plan.strangeAnswer
        }
        return Replies.user(user)
    }

    private static func get(_ users: [UserID], _ layout: PartitionLayout) -> Plan {
        let groups = Scatter(users) { layout.partition(of: $0) }
        return .gather(groups.queries { .users($0) }) { results in
            .reply(
                .array(
                    groups.gather(results) { answer in
                        guard case .users(let users) = answer else { return nil }
                        return users.map { $0.map(Replies.user) ?? .null }
                    }
                )
            )
        }
    }
}
