internal import Model

/// A tweet, in its author's partition. A deleted one stays as a mark without its text.
struct TweetRecord: Equatable {
    let author: UserID
    var text: String
    let replyTo: TweetID?
    let replyToAuthor: UserID?
    let quoteOf: TweetID?
    /// The size of the set of replies beside the record, changed only together with it.
    var replies: UInt64 = 0
    var isDeleted = false

    func view(_ id: TweetID) -> Tweet {
        Tweet(id: id, author: author, text: text, replyTo: replyTo, quoteOf: quoteOf, replies: replies)
    }
}

/// How many replies came before the tweet that they reply to, which may be restored yet.
struct ReplyCount: BinaryCodable {
    var value: UInt64

    init(value: UInt64) {
        self.value = value
    }

    func encode(into writer: inout BinaryWriter) {
        writer.writeVariable(value)
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        value = try reader.readVariable()
    }
}

extension TweetRecord: BinaryCodable {
    func encode(into writer: inout BinaryWriter) {
        writer.write(author)
        writer.write(text)
        writer.writeOptional(replyTo) { $0.write($1) }
        writer.writeOptional(replyToAuthor) { $0.write($1) }
        writer.writeOptional(quoteOf) { $0.write($1) }
        writer.writeVariable(replies)
        writer.write(isDeleted)
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        author = try reader.readUser()
        text = try reader.readString()
        replyTo = try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readTweet() }
        replyToAuthor = try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readUser() }
        quoteOf = try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readTweet() }
        replies = try reader.readVariable()
        isDeleted = try reader.readBool()
    }
}
