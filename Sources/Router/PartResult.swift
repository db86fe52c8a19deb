package import Model

/// What came of one part of a query.
package struct PartResult {
    package let result: Result<Answer, Refusal>
    /// Why tweets that are nil in the result may be there all the same; nil where they are gone.
    package let doubt: Refusal?

    package init(_ result: Result<Answer, Refusal>, doubt: Refusal? = nil) {
        self.result = result
        self.doubt = doubt
    }
}
