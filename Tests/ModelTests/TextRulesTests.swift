import Model
import Testing

@Suite struct TextRulesTests {
    private func weightIsAtMostTheLimit(_ text: String) -> Bool { (try? TextRules.tweet(text)) != nil }

    @Test func latinWeighsOneAndOthersTwo() {
        #expect(weightIsAtMostTheLimit(String(repeating: "a", count: 280)))
        #expect(!weightIsAtMostTheLimit(String(repeating: "a", count: 281)))
        #expect(weightIsAtMostTheLimit(String(repeating: "日", count: 140)))
        #expect(!weightIsAtMostTheLimit(String(repeating: "日", count: 141)))
    }

    @Test func anEmojiSequenceWeighsTwo() {
        for emoji in ["😀", "👩‍👩‍👧‍👧", "🇩🇪", "👍🏽", "1️⃣", "❤️"] {
            #expect(weightIsAtMostTheLimit(String(repeating: emoji, count: 140)), "\(emoji)")
            #expect(!weightIsAtMostTheLimit(String(repeating: emoji, count: 141)), "\(emoji)")
        }
    }

    @Test func aURLWeighsTwentyThree() {
        let url = "https://example.org/" + String(repeating: "x", count: 300)
        #expect(weightIsAtMostTheLimit(url + " " + String(repeating: "a", count: 256)))
        #expect(!weightIsAtMostTheLimit(url + " " + String(repeating: "a", count: 257)))
        // The full stop behind it counts by itself.
        #expect(weightIsAtMostTheLimit(url + ". " + String(repeating: "a", count: 255)))
        #expect(!weightIsAtMostTheLimit(url + ". " + String(repeating: "a", count: 256)))
        // Not one: no host, or inside a word.
        #expect(!weightIsAtMostTheLimit("https://" + String(repeating: "x", count: 280)))
        #expect(!weightIsAtMostTheLimit("xhttps://example.org/" + String(repeating: "x", count: 280)))
    }

    @Test func hostileTextsAreRefusedWithoutMuchWork() {
        let starts = String(repeating: "http://", count: 9_300)
        #expect(throws: Refusal.invalid("text has 65100 bytes, at most 8192")) { try TextRules.tweet(starts) }
        #expect(throws: Refusal.self) { try TextRules.tweet(String(repeating: "http://", count: 1_170)) }
        // One long URL.
        #expect(weightIsAtMostTheLimit(String(repeating: "http://a.b.", count: 744)))
    }

    /// Hosts that are none, each with a dot, and runs that end without a host's dot: were each read to the text's end, this would take minutes.
    @Test(.timeLimit(.minutes(1)), arguments: ["http://-.", "http://a/.", "http://.a", "http://a.b "])
    func whatOnlyBeginsLikeURLsIsWeighedInOneGo(start: String) {
        let text = String(repeating: start, count: 8_192 / start.utf8.count)
        for _ in 0..<1_000 {
            #expect(throws: Refusal.self) { try TextRules.tweet(text) }
        }
    }

    /// What a text is stored as is accepted again, so that copies can be made.
    @Test func whatIsAcceptedIsAcceptedAgain() throws {
        let marked = "❤️" + String(repeating: "\u{344}", count: 15)
        #expect(throws: Refusal.invalid("text has a character with more than 30 marks")) {
            try TextRules.tweet(marked + "\u{301}")
        }
        #expect(throws: Refusal.invalid("text has a character with more than 30 marks")) {
            try TextRules.tweet("a" + String(repeating: "\u{301}", count: 4_000))
        }
        #expect(throws: Refusal.invalid("name has a character with more than 30 marks")) {
            try TextRules.displayName("a" + String(repeating: "\u{301}", count: 31))
        }
        // Each of the marks becomes two.
        #expect(try TextRules.tweet(marked).unicodeScalars.count == 32)
        // No emoji has so many: all of them count.
        #expect(throws: Refusal.self) { try TextRules.tweet(String(repeating: marked, count: 9)) }
        #expect(throws: Refusal.self) { try TextRules.tweet(String(repeating: marked, count: 130)) }
        // A URL in a text with other letters, and one that a mark follows.
        #expect(weightIsAtMostTheLimit("日 https://example.org/" + String(repeating: "x", count: 300) + " 日"))
        #expect(weightIsAtMostTheLimit("https://example.org/x\u{301}日"))
        for text in [marked, "❤️ e\u{301}", "👩🏽‍🤝‍👩🏿", "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}"] {
            let once = try TextRules.tweet(text)
            #expect(try TextRules.tweet(once) == once)
        }
        #expect(throws: Refusal.invalid("name has 1200 bytes, at most 800")) {
            try TextRules.displayName(String(repeating: "e\u{301}", count: 400))
        }
    }

    @Test func textIsNormalized() throws {
        #expect(try TextRules.tweet("e\u{301}").unicodeScalars.count == 1)
        #expect(weightIsAtMostTheLimit(String(repeating: "e\u{301}", count: 280)))
    }

    @Test func errorsSayWhatIsAllowed() {
        #expect(throws: Refusal.invalid("text has 281 characters, at most 280")) {
            try TextRules.tweet(String(repeating: "a", count: 281))
        }
        #expect(throws: Refusal.invalid("text is empty")) { try TextRules.tweet("  \n") }
        #expect(throws: Refusal.invalid("name has 51 characters, at most 50")) {
            try TextRules.displayName(String(repeating: "é", count: 51))
        }
        #expect(throws: Refusal.invalid("bio has 161 characters, at most 160")) {
            try TextRules.bio(String(repeating: "a", count: 161))
        }
    }

    @Test(arguments: ["", "sixteen_letters_", "sp ace", "ü", "a-b"])
    func usernamesOutsideTheRuleAreRefused(_ name: String) {
        #expect(throws: Refusal.self) { try Username(name) }
    }

    @Test func usernamesAreUniqueWithoutCase() throws {
        #expect(try Username("Fifteen_Letter1").folded == "fifteen_letter1")
    }
}
