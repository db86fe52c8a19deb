internal import EventLoops
internal import Logging
internal import Model
internal import NIOCore
internal import Wire

/// One front end's connection: commands in, replies out in their order, with bounds on what is under way and what is
/// unread. Confined to its event loop.
final class ClientConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What only HTTP sends where a command's name belongs.
    private static let webWords = ["POST", "HOST:"]

    /// Answers are given to the socket, and counted against the limit of unread ones, in pieces of about this size.
    private static let largestWrite = 1 << 20
    /// Commands of one client are taken for so long at a time: then others are.
    private static let turn = TimeAmount.milliseconds(2)
    private static let commandsPerLook = 16
    /// A connection that is to end waits for its last answers to be read, while anything of them is read in so long.
    private static let patience = TimeAmount.seconds(30)

    private let router: LoopRouter
    private let logger: Logger
    private var session: ClientSession
    private var decoder = RESPCommandDecoder()
    private var input = ByteBuffer()
    private var replies = ReplyQueue()
    private var context: ChannelHandlerContext?
    private var isFlushScheduled = false
    private var isProcessing = false
    private var isReadWithheld = false
    /// Whether its turn is over, and the next one scheduled.
    private var isWaitingForTurn = false
    /// A description of all clients may be long: one at a time is made for each of them.
    private var isAskingAllLoops = false
    /// Nothing more is read: the connection ends when what is under way is answered.
    private var isEnding = false
    /// The client sends nothing more, and is still to be answered.
    private var isInputClosed = false
    /// Ended, but for answers that are unread.
    private var isLingering = false
    private var unsentBytes = 0
    /// Of the router's memory, as it was told.
    private(set) var heldBytes = 0
    private var isReleased = false
    private let began = NIODeadline.now()
    private var lastActive = NIODeadline.now()
    private var lastCommand = ""

    init(router: LoopRouter, session: ClientSession, logger: Logger) {
        self.router = router
        self.session = session
        self.logger = logger
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        router.add(self, id: session.id)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        router.remove(session.id)
        release()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            isInputClosed = true
            scheduleFlush()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("client connection failed", metadata: ["client": "\(session.id)", "error": "\(error)"])
        context.close(promise: nil)
    }

    // MARK: Reading

    /// Reads from the socket only while there is room for more commands.
    func read(context: ChannelHandlerContext) {
        if hasRoom {
            context.read()
        } else {
            isReadWithheld = true
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.writeBuffer(&bytes)
        }
        process()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        context.fireChannelReadComplete()
    }

    private var hasRoom: Bool {
        replies.hasRoom(limit: router.settings.pipeline, bytes: router.settings.outputBytes)
            && !isEnding && !isAskingAllLoops && !isWaitingForTurn
    }

    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        defer { isProcessing = false }
        let end = NIODeadline.now() + ClientConnection.turn
        var taken = 0
        while hasRoom, let event = decoder.next(&input) {
            switch event {
            case .command(let words): dispatch(words)
            case .refused(let text): replyAtOnce(unknown: text)
            case .broken(let text):
                replyAtOnce(unknown: text)
                isEnding = true
            }
            taken += 1
            if taken % ClientConnection.commandsPerLook == 0, .now() > end { waitForTurn() }
        }
        if input.readableBytes == 0 {
            // Keeps nothing of a large pipeline.
            input = ByteBuffer()
        } else if input.readableBytes * 4 < input.storageCapacity {
            input = ByteBuffer(buffer: input)
        } else {
            input.discardReadBytes()
        }
        if isEnding { input = ByteBuffer() }
        noteHeld()
    }

    /// Takes nothing more before the loop has looked at others' sockets.
    private func waitForTurn() {
        guard !isWaitingForTurn else { return }
        isWaitingForTurn = true
        router.loopTurns.add(.awaited) { _ in
            self.isWaitingForTurn = false
            self.flush()
        }
    }

    private func noteHeld() {
        let held = unsentBytes + input.storageCapacity + decoder.heldBytes + replies.waitingBytes
        guard held != heldBytes, !isReleased else { return }
        let difference = held - heldBytes
        heldBytes = held
        router.note(held: difference)
    }

    private func dispatch(_ words: [[UInt8]]) {
        guard let name = words.first else { return }
        lastActive = .now()
        guard let spec = CommandTable.shared[name] else {
            if ClientConnection.webWords.contains(Arguments.shown(name).uppercased()) { return refuseWebPage() }
            return replyAtOnce(unknown: unknownCommand(words))
        }
        lastCommand = spec.name
        guard session.isAuthenticated || spec.needsNoAuthentication else {
            let text = "NOAUTH Authentication required."
            router.noteRefused(spec.name, text)
            return replyAtOnce(.error(text))
        }
        let plan: Plan
        do throws(Refusal) {
            plan = try spec.plan(for: words, in: router.context())
        } catch {
            let reply = Replies.error(error)
            if case .error(let text) = reply { router.noteRefused(spec.name, text) }
            return replyAtOnce(reply)
        }
        run(plan, spec)
    }

    /// A browser can be made to send a form to any port, with commands in it: as Redis does, nothing of it is carried out.
    private func refuseWebPage() {
        logger.warning(
            "client closed: it speaks HTTP, perhaps for a web page that attacks this port",
            metadata: ["client": "\(session.id)", "address": "\(session.address)"]
        )
        replyAtOnce(.error("ERR this port speaks RESP, not HTTP"))
        isEnding = true
    }

    private func run(_ plan: Plan, _ spec: CommandSpec) {
        if case .session(let body) = plan {
            let number = replies.reserve(session.version)
            let value = body(&session)
            router.note(spec.name, began: lastActive, value)
            isEnding = isEnding || session.isClosing
            return reply(value, as: session.version, at: number)
        }
        let number = replies.reserve(session.version)
        let began = lastActive
        if case .clients(let filter, let answer) = plan {
            return run(answer(filter(session))) { value in
                self.router.note(spec.name, began: began, value)
                self.reply(value, at: number)
            }
        }
        let deadline = began + .milliseconds(session.deadlineMilliseconds)
        router.runner.run(
            plan,
            from: session.id,
            deadline: deadline,
            reads: session.reads,
            refuse: { self.refuse($0, spec, number) },
            reply: { value in
                self.router.note(spec.name, began: began, value)
                self.reply(value, at: number)
            }
        )
    }

    /// Answers a command for which nothing was done.
    private func refuse(_ refusal: Refusal, _ spec: CommandSpec, _ number: UInt64) {
        let value = Replies.error(refusal)
        if case .error(let text) = value { router.noteRefused(spec.name, text) }
        replies.refuse(value, at: number)
        afterReply()
    }

    /// Asks all loops; replies wait for it in their order like for any other command.
    private func run(_ action: ClientAction, _ completion: @escaping (RESPValue) -> Void) {
        guard let loop = context?.eventLoop else { return }
        let value: EventLoopFuture<RESPValue>
        switch action {
        case .list(let filter):
            value = router.roster.list(filter, on: loop).map { .verbatim($0.map(\.line).joined()) }
        case .kill(let filter, let answersCount):
            value = router.roster.kill(filter, by: session.id, on: loop).map { count in
                if answersCount { return .integer(Int64(count)) }
                return count > 0 ? .simple("OK") : .error("ERR No such client")
            }
        }
        isAskingAllLoops = true
        value.assumeIsolated().whenSuccess { value in
            self.isAskingAllLoops = false
            // Each is much work for all loops: one at a look.
            self.waitForTurn()
            completion(value)
        }
    }

    var description: ClientDescription {
        let now = NIODeadline.now()
        return ClientDescription(
            id: session.id,
            address: session.address,
            localAddress: context?.channel.localAddress?.text ?? "",
            ageSeconds: Int((now - began).nanoseconds / 1_000_000_000),
            idleSeconds: Int((now - lastActive).nanoseconds / 1_000_000_000),
            name: session.name,
            lastCommand: lastCommand.isEmpty ? "NULL" : lastCommand.lowercased(),
            version: session.version.rawValue,
            library: session.libraryName,
            libraryVersion: session.libraryVersion,
            deadlineMilliseconds: session.deadlineMilliseconds,
            unreadBytes: input.readableBytes + decoder.heldBytes,
            pending: replies.count,
            unsentBytes: unsentBytes + replies.waitingBytes,
            heldBytes: heldBytes
        )
    }

    /// Ends the connection at once; what is under way goes on without anybody to answer to.
    func kill() {
        context?.close(promise: nil)
    }

    /// Ends the connection at once, because clients hold too much and this one most.
    func evict() {
        logger.warning(
            "client closed: all hold too much memory, and it most",
            metadata: ["client": "\(session.id)", "address": "\(session.address)", "bytes": "\(heldBytes)"]
        )
        release()
        context?.close(promise: nil)
    }

    /// Whatever is held yet goes with the connection, and does not wait for commands that are under way.
    private func release() {
        input = ByteBuffer()
        decoder = RESPCommandDecoder()
        replies = ReplyQueue()
        router.note(held: -heldBytes)
        heldBytes = 0
        isReleased = true
    }

    private func unknownCommand(_ words: [[UInt8]]) -> String {
        let name = words.first.map(Arguments.shown) ?? ""
        let arguments = words.dropFirst().prefix(4).map { "'\(Arguments.shown($0))' " }.joined()
        return "ERR unknown command '\(name)', with args beginning with: \(arguments)"
    }

    private func replyAtOnce(_ value: RESPValue) {
        reply(value, at: replies.reserve(session.version))
    }

    private func replyAtOnce(unknown text: String) {
        router.noteUnknown(text)
        replyAtOnce(.error(text))
    }

    private func reply(_ value: RESPValue, as version: RESPVersion? = nil, at number: UInt64) {
        guard !isReleased else { return }
        replies.set(value, as: version, at: number)
        afterReply()
    }

    /// What nodes answer is encoded when the turn of the loop ends, so that what they are asked next does not wait for it. What is
    /// answered without them is encoded at once: it is bounded by nothing but its bytes.
    private func afterReply() {
        if isProcessing {
            replies.encode()
            noteHeld()
            // Much of it does not wait for the rest.
            if let context, replies.readyBytes >= ClientConnection.largestWrite { sendReady(context) }
        }
        scheduleFlush()
    }

    // MARK: Writing

    private func scheduleFlush() {
        guard !isFlushScheduled, let context else { return }
        isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute { self.flush() }
    }

    private func flush() {
        isFlushScheduled = false
        guard let context else { return }
        replies.encode()
        noteHeld()
        sendReady(context)
        if input.readableBytes > 0 { process() }
        if isEnding || isInputClosed && !isWaitingForTurn, replies.isEmpty { return end(context) }
        if isReadWithheld, hasRoom {
            isReadWithheld = false
            context.read()
        }
    }

    /// Ends the connection when its last answers have been read.
    private func end(_ context: ChannelHandlerContext) {
        if unsentBytes == 0 { return context.close(promise: nil) }
        guard !isLingering else { return }
        isLingering = true
        linger(context, unsentBytes)
    }

    private func linger(_ context: ChannelHandlerContext, _ before: Int) {
        context.eventLoop.assumeIsolated().scheduleTask(in: ClientConnection.patience) {
            guard let context = self.context else { return }
            if self.unsentBytes == before { return context.close(promise: nil) }
            self.linger(context, self.unsentBytes)
        }
    }

    private func sendReady(_ context: ChannelHandlerContext) {
        while let piece = replies.next(atMost: ClientConnection.largestWrite) { send(piece, context) }
    }

    private func send(_ output: ByteBuffer, _ context: ChannelHandlerContext) {
        let size = output.readableBytes
        unsentBytes += size
        guard unsentBytes <= router.settings.outputBytes else {
            logger.warning(
                "client closed: its answers are not read",
                metadata: ["client": "\(session.id)", "bytes": "\(unsentBytes)"]
            )
            release()
            return context.close(promise: nil)
        }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in
            self.unsentBytes -= size
            self.noteHeld()
            if self.isLingering, self.unsentBytes == 0 { self.context?.close(promise: nil) }
        }
        noteHeld()
        context.writeAndFlush(wrapOutboundOut(output), promise: promise)
    }

    /// Ends the connection when what is under way is answered.
    func drain() {
        isEnding = true
        scheduleFlush()
    }
}
