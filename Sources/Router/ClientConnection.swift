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
    /// Nothing more is read: the connection ends when what is under way is answered.
    private var isEnding = false
    /// The client sends nothing more, and is still to be answered.
    private var isInputClosed = false
    private var unsentBytes = 0

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

    private var hasRoom: Bool { replies.count < router.settings.pipeline && !isEnding }

    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        defer { isProcessing = false }
        while hasRoom, let event = decoder.next(&input) {
            switch event {
            case .command(let words): dispatch(words)
            case .refused(let text): replyAtOnce(.error(text))
            case .broken(let text):
                replyAtOnce(.error(text))
                isEnding = true
            }
        }
        if input.readableBytes == 0 {
            // Keeps nothing of a large pipeline.
            input = ByteBuffer()
        } else {
            input.discardReadBytes()
        }
        if isEnding { input = ByteBuffer() }
    }

    private func dispatch(_ words: [[UInt8]]) {
        guard let name = words.first else { return }
        guard let spec = CommandTable.shared[name] else { return replyAtOnce(unknownCommand(words)) }
        guard session.isAuthenticated || spec.needsNoAuthentication else {
            return replyAtOnce(.error("NOAUTH Authentication required."))
        }
        guard spec.accepts(count: words.count) else {
            return replyAtOnce(.error("ERR wrong number of arguments for '\(spec.name.lowercased())' command"))
        }
        var arguments = Arguments(words)
        let plan: Plan
        do throws(Refusal) {
            plan = try spec.plan(&arguments, router.context())
        } catch {
            router.noteRefused(spec.name)
            return replyAtOnce(Replies.error(error))
        }
        run(plan, spec)
    }

    private func run(_ plan: Plan, _ spec: CommandSpec) {
        if case .session(let body) = plan {
            let number = replies.reserve(session.version)
            let value = body(&session)
            replies.set(value, as: session.version, at: number)
            isEnding = isEnding || session.isClosing
            return scheduleFlush()
        }
        let number = replies.reserve(session.version)
        let began = NIODeadline.now()
        router.runner.run(plan, deadline: began + .milliseconds(session.deadlineMilliseconds)) { value in
            self.router.note(spec.name, began: began, value)
            self.replies.set(value, at: number)
            self.scheduleFlush()
        }
    }

    private func unknownCommand(_ words: [[UInt8]]) -> RESPValue {
        let name = words.first.map(Arguments.shown) ?? ""
        let arguments = words.dropFirst().prefix(4).map { "'\(Arguments.shown($0))' " }.joined()
        return .error("ERR unknown command '\(name)', with args beginning with: \(arguments)")
    }

    private func replyAtOnce(_ value: RESPValue) {
        let number = replies.reserve(session.version)
        replies.set(value, at: number)
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
        var output = context.channel.allocator.buffer(capacity: 1_024)
        while let (value, version) = replies.next() {
            output.write(value, as: version)
        }
        if output.readableBytes > 0 { send(output, context) }
        if input.readableBytes > 0 { process() }
        if isEnding || isInputClosed, replies.isEmpty {
            return context.close(promise: nil)
        }
        if isReadWithheld, hasRoom {
            isReadWithheld = false
            context.read()
        }
    }

    private func send(_ output: ByteBuffer, _ context: ChannelHandlerContext) {
        let size = output.readableBytes
        unsentBytes += size
        guard unsentBytes <= router.settings.outputBytes else {
            logger.warning(
                "client closed: its answers are not read",
                metadata: ["client": "\(session.id)", "bytes": "\(unsentBytes)"]
            )
            return context.close(promise: nil)
        }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in self.unsentBytes -= size }
        context.writeAndFlush(wrapOutboundOut(output), promise: promise)
    }

    /// Ends the connection when what is under way is answered.
    func drain() {
        isEnding = true
        scheduleFlush()
    }
}
