internal import Model

/// What clients use: each of these is linearizable by itself.
package enum ClientObject: Hashable, Comparable, Sendable {
    case register(UInt8)
    /// Whether a set has this element.
    case element(UInt8)
    /// A name that one owner at a time may have.
    case name(UInt8)
}

/// A command of clients that writes a register.
package struct RegisterWrite: Equatable, Sendable {
    package let key: UInt8
    /// No two writes have the same.
    package let value: UInt64

    package init(key: UInt8, value: UInt64) {
        self.key = key
        self.value = value
    }
}

/// A command of clients that adds an element to a set or removes it.
package struct SetEdit: Equatable, Sendable {
    package let element: UInt8
    package let adds: Bool

    package init(element: UInt8, adds: Bool) {
        self.element = element
        self.adds = adds
    }
}

/// A command of clients that takes a name, if nobody has it, or gives back what an owner has.
package struct NameClaim: Equatable, Sendable {
    package let name: UInt8
    package let owner: UInt64
    package let takes: Bool

    package init(name: UInt8, owner: UInt64, takes: Bool) {
        self.name = name
        self.owner = owner
        self.takes = takes
    }
}

package enum ClientOperation: Equatable, Sendable {
    case read(UInt8)
    case write(RegisterWrite)
    case contains(UInt8)
    case edit(SetEdit)
    case owner(of: UInt8)
    case claim(NameClaim)

    package var object: ClientObject {
        switch self {
        case .read(let key): .register(key)
        case .write(let write): .register(write.key)
        case .contains(let element): .element(element)
        case .edit(let edit): .element(edit.element)
        case .owner(let name): .name(name)
        case .claim(let claim): .name(claim.name)
        }
    }

    /// Whether it goes through the log.
    package var isWrite: Bool {
        switch self {
        case .write, .edit, .claim: true
        case .read, .contains, .owner: false
        }
    }

    /// What the operation does by itself, which is what all of them together must look like.
    ///
    /// - Parameter state: the object's: a register's value, whether an element is there, a name's owner; nil for none.
    package func apply(to state: inout UInt64?) -> ClientAnswer.Result {
        switch self {
        case .read, .owner: return .value(state)
        case .contains: return .found(state != nil)
        case .write(let write):
            state = write.value
            return .written
        case .edit(let edit):
            let hadElement = state != nil
            state = edit.adds ? 1 : nil
            return .changed(hadElement != edit.adds)
        case .claim(let claim) where claim.takes:
            let owner = state ?? claim.owner
            state = owner
            return .value(owner)
        case .claim(let claim):
            guard state == claim.owner else { return .changed(false) }
            state = nil
            return .changed(true)
        }
    }
}

/// What a client asks of a partition's primary.
package struct ClientRequest {
    let number: UInt64
    let partition: PartitionID
    let operation: ClientOperation
}

package struct ClientAnswer {
    package enum Result: Equatable, Sendable {
        /// Of a register, or a name's owner after the operation.
        case value(UInt64?)
        case written
        case found(Bool)
        /// Whether the operation has changed anything.
        case changed(Bool)
        /// Nothing was done.
        case refused
        /// Nobody knows whether it was done.
        case unknown
    }

    let number: UInt64
    let result: Result
}
